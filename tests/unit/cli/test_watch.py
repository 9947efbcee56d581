from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tocsin.cli.watch import PROGRAM
from tocsin.config.place import default_state_dir

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Result

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX")

# A rule that every machine breaks at once.
RINGS = """
default_rules = false
[[rule]]
name = "machine-is-on"
category = "general"
metric = "system.memory.limit"
threshold = "1 MB"
recommendations = ["Switch it off"]
"""


def test_a_quiet_watch_prints_nothing_and_ends_by_itself(call: Callable[..., Result], place: Path) -> None:
    (place / "tocsin.toml").write_text("default_rules = false")
    assert call("watch", "--for", "200ms", "--interval", "50ms") == (0, "", "")


def test_an_alert_is_one_line_and_the_exit_code_1(call: Callable[..., Result], place: Path) -> None:
    (place / "rings.toml").write_text(RINGS)
    result = call("watch", "--for", "500ms", "--interval", "50ms", "--config", "rings.toml")
    assert (result.code, result.err) == (1, "")
    [line] = result.out.splitlines()
    assert " WARNING firing machine-is-on: " in line


def test_for_programs_an_alert_is_one_json_object_a_line(call: Callable[..., Result], place: Path) -> None:
    (place / "tocsin.toml").write_text(RINGS)
    result = call("watch", "--for", "500ms", "--interval", "50ms", "--json")
    alert = json.loads(result.out)
    assert (alert["rule"], alert["state"]) == ("machine-is-on", "firing")


def test_a_process_is_watched_until_it_ends(call: Callable[..., Result], place: Path) -> None:
    rule = RINGS.replace("system.memory.limit", "process.memory.usage")
    (place / "tocsin.toml").write_text(rule)
    # It ends on its own account, so that the watch has to notice.
    program = subprocess.Popen([sys.executable, "-c", "import threading; threading.Event().wait(1)"])
    try:
        result = call("watch", "--pid", program.pid, "--interval", "50ms", "--for", "60s")
    finally:
        program.wait(60)
    assert result.code == 1
    assert "machine-is-on" in result.out
    assert f"process {program.pid} has ended" in result.err


def test_a_process_that_does_not_exist_is_named(call: Callable[..., Result]) -> None:
    result = call("watch", "--pid", 2**22 + 1)
    assert (result.code, result.out) == (3, "")
    assert "no process has the id 4194305" in result.err
    assert call("watch", "--pid", 0).code == 2


@pytest.mark.parametrize(
    "words", [["--for", "soon"], ["--interval", "5 MB"], ["--for", "-3s"], ["--config", "no.toml"]]
)
def test_a_wrong_option_is_a_usage_error(call: Callable[..., Result], words: list[str]) -> None:
    result = call("watch", *words)
    assert (result.code, result.out) == (2, "")


def test_switched_off_there_is_nothing_to_watch(call: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_DISABLED", "1")
    assert call("watch", "--for", "1s").code == 2


def test_what_still_fires_is_shown_by_the_next_watch_and_can_be_asked_for_in_between(
    call: Callable[..., Result], place: Path
) -> None:
    (place / "tocsin.toml").write_text(RINGS)
    first = call("watch", "--for", "500ms", "--interval", "50ms", "--json")
    state = default_state_dir(PROGRAM)
    left = call("alerts", "--state-dir", state, "--json")
    again = call("watch", "--for", "500ms", "--interval", "50ms", "--json")

    alert, same = json.loads(first.out), json.loads(again.out)
    assert alert["id"] == same["id"] == json.loads(left.out)["alerts"][0]["id"]
    assert same["state"] == "firing"
    assert (first.code, again.code) == (1, 1)


def test_of_a_single_process_nothing_is_kept(call: Callable[..., Result], place: Path) -> None:
    (place / "tocsin.toml").write_text(RINGS)
    call("watch", "--for", "300ms", "--interval", "50ms", "--pid", os.getpid())

    state = default_state_dir(PROGRAM)
    assert state is not None
    assert not state.exists()


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_watch_is_ended_by_the_user_without_complaint(place: Path, number: signal.Signals) -> None:
    (place / "tocsin.toml").write_text(RINGS)
    words = [sys.executable, "-m", "tocsin", "watch", "--interval", "50ms"]
    watch = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert watch.stdout is not None
    assert "machine-is-on" in watch.stdout.readline()
    watch.send_signal(number)
    _, err = watch.communicate(timeout=60)
    assert (watch.returncode, err) == (1, "")


@posix
def test_a_watch_ends_when_nobody_reads_it_any_more(place: Path) -> None:
    flapping = RINGS.replace("threshold", 'for = "0s"\nthreshold')
    (place / "tocsin.toml").write_text(
        flapping + '\n[[rule]]\nname = "later"\nmetric = "system.memory.limit"\nthreshold = "1 MB"\nfor = "500ms"\n'
    )
    words = [sys.executable, "-m", "tocsin", "watch", "--interval", "50ms", "--for", "60s"]
    watch = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert watch.stdout is not None
    assert watch.stdout.readline()
    watch.stdout.close()
    assert watch.stderr is not None
    assert watch.stderr.read() == ""
    watch.stderr.close()
    assert watch.wait(60) == 0


@posix
@pytest.mark.parametrize("interrupt", [False, True], ids=["ends-by-itself", "ctrl-c"])
def test_on_a_terminal_a_table_is_drawn_and_the_screen_given_back(place: Path, interrupt: bool) -> None:
    import pty

    (place / "tocsin.toml").write_text(RINGS)
    words = [sys.executable, "-m", "tocsin", "watch", "--interval", "100ms", "--pid", str(os.getpid())]
    primary, secondary = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
    words += ["--for", "60s" if interrupt else "1s"]
    watch = subprocess.Popen(words, stdin=secondary, stdout=secondary, stderr=secondary, env=environment)
    os.close(secondary)
    screen = b""
    while part := read_terminal(primary):
        screen += part
        if interrupt and screen.count(b"CPU of the program") > 2:
            watch.send_signal(signal.SIGINT)
            interrupt = False
    os.close(primary)
    assert watch.wait(60) == 1
    assert screen.count(b"\x1b[?1049h") == screen.count(b"\x1b[?1049l") == 1
    last = screen.decode().rpartition("\x1b[?1049l")[2]
    assert "CPU of the machine" in last
    assert "memory of the program" in last
    assert "machine-is-on" in last
    assert "Ctrl-C" not in last


def read_terminal(primary: int) -> bytes:
    try:
        return os.read(primary, 65536)
    except OSError:  # Linux says so when the last one has closed the terminal
        return b""
