from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tocsin import cli
from tocsin.errors import ConfigError, ControlError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.cli.conftest import Result


def test_help_lists_every_verb_without_loading_any(spawn: Callable[..., Result]) -> None:
    code = "import atexit, sys, tocsin.cli\natexit.register(lambda: print(sorted(sys.modules), file=sys.stderr))\n"
    code += "tocsin.cli.main(['--help'])"
    result = spawn("-c", code)
    assert result.code == 0
    for verb in cli.VERBS:
        assert f"  {verb}" in result.out
    for heavy in ("rich", "tocsin.config", "tocsin.system", "asyncio", "psutil", "tocsin.cli.run"):
        assert f"'{heavy}'" not in result.err
    assert max(map(len, result.out.splitlines())) <= 80


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_has_help_that_fits_80_columns(call: Callable[..., Result], verb: str) -> None:
    result = call(verb, "--help")
    assert result.code == 0
    assert "Usage: tocsin " + verb in result.out
    assert max(map(len, result.out.splitlines())) <= 80


def test_the_version_names_tocsin_and_python(call: Callable[..., Result]) -> None:
    assert call("--version").out.startswith("tocsin 0.")


def test_a_mistyped_verb_is_answered_with_the_nearest(call: Callable[..., Result]) -> None:
    result = call("stauts")
    assert result.code == 2
    assert "did you mean 'status'?" in result.err


def test_an_unknown_option_is_a_usage_error(call: Callable[..., Result]) -> None:
    assert call("--verbose").code == 2
    assert call("status", "--verbose").code == 2


def test_without_a_word_the_help_is_shown(call: Callable[..., Result]) -> None:
    result = call()
    assert "Commands:" in result.out + result.err


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ConfigError("wrong"), 2, "tocsin: wrong"),
        (ControlError("no such program"), 3, "tocsin: no such program"),
        (StoreError("disk full"), 1, "tocsin: disk full"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_an_error_becomes_its_exit_code_and_never_a_traceback(
    call: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, message: str
) -> None:
    def fail(*_args: object, **_named: object) -> None:
        raise error

    monkeypatch.setattr("tocsin.cli.cli.make_context", fail)
    result = call("status")
    assert (result.code, result.err.strip()) == (code, message)


def test_a_reader_that_has_enough_is_no_error() -> None:
    doctor = subprocess.Popen(
        [sys.executable, "-m", "tocsin", "doctor"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert doctor.stdout is not None
    doctor.stdout.close()
    _, err = doctor.communicate(timeout=60)
    assert (doctor.returncode, err) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_one_line() -> None:
    with Path("/dev/full").open("wb") as full:
        doctor = subprocess.run(
            [sys.executable, "-m", "tocsin", "doctor"], stdout=full, stderr=subprocess.PIPE, timeout=60, check=False
        )
    assert doctor.returncode == 1
    assert doctor.stderr == b"tocsin: the output could not be written: No space left on device\n"


@pytest.mark.skipif(os.name != "posix", reason="POSIX")
def test_without_an_output_there_is_no_traceback() -> None:
    words = f"exec {shlex.quote(sys.executable)} -m tocsin doctor >&-"
    done = subprocess.run(["sh", "-c", words], stderr=subprocess.PIPE, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
