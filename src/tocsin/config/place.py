"""Where a program's state is kept when its configuration does not say."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Final

VARIABLE: Final = "TOCSIN_STATE_DIR"


def default_state_dir(program: str) -> Path | None:
    """The folder for the state of a program, by its name, where this platform keeps such things.

    `TOCSIN_STATE_DIR` names another place for the folders of all programs; empty, it asks for memory only.

    Returns: a path that need not exist; None for memory only, also where there is no home.
    """
    chosen = os.environ.get(VARIABLE)
    if chosen is not None:
        return Path(chosen) / file_safe(program) if chosen else None
    base = _base()
    return None if base is None else base / "tocsin" / file_safe(program)


def file_safe(name: str) -> str:
    """The name as it may stand in a path: letters, digits, `.`, `_` and `-`; at most 40."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name)[:40].strip("._-") or "python"


def _base() -> Path | None:
    try:
        if sys.platform == "win32":
            local = os.environ.get("LOCALAPPDATA", "")
            return Path(local) if local else Path.home() / "AppData" / "Local"
        if sys.platform == "darwin":
            return Path.home() / "Library" / "Application Support"
        asked = os.environ.get("XDG_STATE_HOME", "")
        return Path(asked) if asked and Path(asked).is_absolute() else Path.home() / ".local" / "state"
    except RuntimeError:  # no home is to be found
        return None
