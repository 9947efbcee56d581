"""The command: no shell, no secrets in its environment, and an end that is kept."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.peers.notices import FIRING, HOSTILE, a_notice, hostile

from tocsin import CommandAlertChannel, ConfigError, DeliveryError, SystemClock
from tocsin.channels.document import document

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = [sys.executable, "-S", "-E", "-c"]
POSIX = pytest.mark.skipif(os.name != "posix", reason="needs sessions of processes")


def run(program: str, *arguments: str, **options: Any) -> None:
    CommandAlertChannel([*PYTHON, program, *arguments], **options).deliver(FIRING)


def failure(program: str, **options: Any) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        run(program, **options)
    return caught.value


def test_it_gets_the_notice_on_its_standard_input(tmp_path: Path) -> None:
    run("import sys; open(sys.argv[1], 'w').write(sys.stdin.read())", str(tmp_path / "told"))
    assert json.loads((tmp_path / "told").read_text()) == json.loads(json.dumps(document(FIRING)))


def test_a_large_notice_is_handed_over_though_nobody_reads_it() -> None:
    big = a_notice(*[hostile(HOSTILE["long"]).alerts[0]] * 100)
    for program in ("pass", "import sys; sys.stdin.read()"):
        began_s = SystemClock().now().mono_s
        CommandAlertChannel([*PYTHON, program], deadline=60).deliver(big)  # raises if it is not taken
        assert SystemClock().now().mono_s - began_s < 60


def test_its_environment_holds_what_programs_need_and_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_TOKEN", "canary")
    monkeypatch.setenv("PAGER_TEAM", "orders")
    told = tmp_path / "told"
    run(
        "import json, os, sys; json.dump(dict(os.environ), open(sys.argv[1], 'w'))", str(told),
        pass_environment=["PAGER_TEAM", "NOT_SET"],
    )  # fmt: skip
    found = json.loads(told.read_text())
    assert found["PATH"] == os.environ["PATH"]
    assert found["PAGER_TEAM"] == "orders"
    assert "canary" not in told.read_text()
    assert "NOT_SET" not in found


def test_arguments_are_not_looked_at_by_a_shell(tmp_path: Path) -> None:
    told = tmp_path / "told"
    run("import sys; open(sys.argv[1], 'w').write(sys.argv[2])", str(told), "$(id); `id` > x | y && z *")
    assert told.read_text() == "$(id); `id` > x | y && z *"


def test_its_output_does_not_become_the_programs_own(capfd: pytest.CaptureFixture[str]) -> None:
    run("import sys; print('out'); print('err', file=sys.stderr)")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("status", "permanent"), [(1, False), (75, False), (64, True), (77, True), (78, True)])
def test_how_it_ends_says_whether_to_try_again(status: int, *, permanent: bool) -> None:
    error = failure(f"raise SystemExit({status})")
    assert error.permanent is permanent
    assert str(error) == f"command: the command ended with status {status}"


@POSIX
def test_a_signal_that_ends_it_is_told() -> None:
    assert str(failure("import os; os.kill(os.getpid(), 9)")) == "command: the command ended with signal 9"


@POSIX
def test_when_it_is_late_it_is_ended_with_all_that_it_has_started(tmp_path: Path) -> None:
    # Whoever lives holds the pipe open; when all are gone, reading it comes to its end.
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    child = "import sys, threading; p = open(sys.argv[1], 'w'); print('here', file=p, flush=True); "
    child += "threading.Event().wait(600)"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-S', '-c', {child!r}, sys.argv[1]])"
    with pytest.raises(DeliveryError, match="the command took more than 2 s") as caught:
        run(program, str(pipe), deadline=2)
    assert not caught.value.permanent
    os.set_blocking(reading, True)
    with os.fdopen(reading, "rb") as told:
        assert told.read() == b"here\n"


@POSIX
def test_a_process_that_it_leaves_behind_does_not_keep_it_waiting() -> None:
    began_s = SystemClock().now().mono_s
    run("import subprocess, sys; subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(20)'])")
    assert SystemClock().now().mono_s - began_s < 20


def test_a_program_that_is_not_there_is_permanent(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match=r"No such file or directory|cannot find") as caught:
        CommandAlertChannel([str(tmp_path / "nowhere")]).deliver(FIRING)
    assert caught.value.permanent


@pytest.mark.parametrize(
    ("options", "where"),
    [({"argv": "page canary"}, "argv"), ({"argv": []}, "argv"), ({"argv": ["a", 5]}, "argv"), ({"argv": [""]}, "argv"),
     ({"argv": ["a"], "pass_environment": ["A=canary"]}, "pass_environment"),
     ({"argv": ["a"], "deadline": 0}, "deadline")],
)  # fmt: skip
def test_a_wrong_option_is_refused_at_once(options: dict[str, Any], where: str) -> None:
    with pytest.raises(ConfigError) as caught:
        CommandAlertChannel(**options)
    assert [problem.key for problem in caught.value.problems] == [where]
    if where == "argv":
        assert "canary" not in str(caught.value)
