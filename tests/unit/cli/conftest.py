from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests.unit.cli.watched_program import ENOUGH_S, Program

import tocsin
from tocsin import cli

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SOURCE = Path(tocsin.__file__).parents[1]


class Result(NamedTuple):
    code: int
    out: str
    err: str


Command = "Callable[..., Result]"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be in, sockets of the test's own, and a Tocsin that subprocesses find."""
    (tmp_path / "run").mkdir(mode=0o700)
    (tmp_path / "here").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "run"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "run"))
    monkeypatch.setenv("PYTHONPATH", str(SOURCE))
    for variable in ("TOCSIN_DISABLED", "NO_COLOR", "FORCE_COLOR", "PYTHONWARNINGS"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Call a command in this process."""

    def call(*args: object) -> Result:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main([str(arg) for arg in args])
        captured = capfd.readouterr()
        assert isinstance(ended.value.code, int)
        return Result(ended.value.code, captured.out, captured.err)

    return call


@pytest.fixture
def spawn() -> Callable[..., Result]:
    """Run a program in a process of its own, to its end."""

    def spawn(*args: object, stdin: str = "", **env: str) -> Result:
        done = subprocess.run(
            [sys.executable, *map(str, args)],
            input=stdin, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **env},
        )  # fmt: skip
        return Result(done.returncode, done.stdout, done.stderr)

    return spawn


@pytest.fixture
def program(place: Path) -> Iterator[Program]:
    """A running program with a journal."""
    program = Program(place / "state")
    yield program
    program.system.stop(ENOUGH_S)
