"""Starting the workload, with or without the shim between it and the kernel."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.journal.database import connect
from tocsin.journal.writer import FILE

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[2]


class NoShim(Exception):
    """The shim cannot be built here; says why."""


def build_shim(folder: Path) -> Path:
    """Compile shim.c into a folder.

    Raises: NoShim: without a compiler, or where libraries are not preloaded (not Linux).
    """
    compiler = shutil.which("cc") or shutil.which("gcc")
    if sys.platform != "linux" or compiler is None:
        raise NoShim("needs Linux and a C compiler")
    built = folder / "shim.so"
    source = Path(__file__).with_name("shim.c")
    files = [os.fspath(built), os.fspath(source)]
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", *files, "-ldl", "-lpthread"], check=True)
    return built


def start(
    folder: Path, *options: str, environment: dict[str, str] | None = None, workload: str = "workload"
) -> subprocess.Popen[str]:
    """Start a workload on a folder."""
    words = [sys.executable, "-m", f"tests.crash.{workload}", os.fspath(folder), *options]
    around = os.environ | (environment or {})
    return subprocess.Popen(words, cwd=ROOT, env=around, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def acknowledged(lines: Iterable[str]) -> set[str]:
    """The ids of the alerts that were acknowledged; a line that was cut short does not count."""
    return {f"a{line.split()[1]}" for line in lines if line.startswith("ack ") and line.endswith("\n")}


def lost(folder: Path, acked: set[str], *, named_by: str = "id") -> set[str]:
    """Which acknowledged alerts are not there, or lack their transition or notice, once the journal is opened again."""
    connection = connect(folder / FILE)
    try:
        whole = connection.execute(
            "SELECT id, json_extract(body, '$.title') FROM alerts WHERE id IN (SELECT alert_id FROM transitions) "
            "AND id IN (SELECT alert_id FROM notice_alerts JOIN notices ON notices.id = notice_id)"
        )
        return acked - {row[0 if named_by == "id" else 1] for row in whole}
    except sqlite3.Error:
        return acked
    finally:
        connection.close()
