"""Let the N-th open, write or sync fail: the program never sees an exception, and all is on disk in the end."""

from __future__ import annotations

import errno
import os
import tempfile
from itertools import product
from pathlib import Path

from tests.crash.programs import acknowledged, build_shim, lost, start

ERRORS = {
    "open": [errno.EMFILE, errno.ENOSPC, errno.EINTR],
    "write": [errno.EIO, errno.ENOSPC, errno.EINTR],
    "fsync": [errno.EIO, errno.ENOSPC, errno.EINTR],
}
ALERTS = 30


def run(n: int, *, step: int = 1) -> dict[str, int]:
    """Fail each call up to the `n`-th (every `step`-th of them), once, with each error.

    Raises: NoShim: where the shim cannot be built.
    """
    found = {"runs": 0, "felt": 0, "raised": 0, "lost": 0, "unfinished": 0}
    with tempfile.TemporaryDirectory() as name:
        shim = build_shim(Path(name))
        for kind, errors in ERRORS.items():
            for number, error in product(range(1, n + 1, step), errors):
                folder = Path(name) / f"{kind}-{number}-{error}"
                _run_once(found, shim, folder, f"{kind}:{number}:{error}")
    return found


def _run_once(found: dict[str, int], shim: Path, folder: Path, fail: str) -> None:
    folder.mkdir()
    around = {"LD_PRELOAD": os.fspath(shim), "CRASH_FOLDER": os.fspath(folder), "CRASH_FAIL": fail}
    program = start(folder, "--alerts", str(ALERTS), environment=around)
    said, complaint = program.communicate()
    found["runs"] += 1
    found["felt"] += "said " in said  # a journal that noticed nothing proves nothing
    everything = {f"a{number}" for number in range(ALERTS)} | acknowledged(said.splitlines(keepends=True))
    if program.returncode or complaint:
        found["raised"] += 1
    elif not said.endswith("done \n"):
        found["unfinished"] += 1
    elif lost(folder, everything):
        found["lost"] += 1
