"""Real programs that really leak: the alert names the line, the rate and the container."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tocsin.memory import hook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.skipif(hook.load()[0] is None, reason=f"the heap hook is not there: {hook.load()[1]}"),
    pytest.mark.skipif(sys.platform != "linux", reason="Linux"),
]

CONFIG = """
name = "leaky"
dynamic_interval = false
self_budget = "20 %"
[memory]
interval = "16 KiB"
snapshot = "500ms"
"""
# It leaks until its standard input is closed, and ends with a code of its own.
LEAKY = """
import os, sys, threading, time

SESSIONS = {}


def login(number):
    SESSIONS[number] = bytearray(4000)  # the line


def work():
    over = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    number = 0
    while not over.wait(0.005) and number < 20_000:  # a test in vain ends by itself
        login(number)
        number += 1


FORK
sys.exit(7)
"""
LINE = next(number for number, text in enumerate(LEAKY.splitlines(), start=1) if "# the line" in text)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder to be in, with a configuration, and sockets of the test's own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "run"))
    monkeypatch.delenv("TOCSIN_DISABLED", raising=False)
    (tmp_path / "tocsin.toml").write_text(CONFIG, "utf-8")


def program(folder: Path, work: str = "work()") -> str:
    path = folder / "leaky.py"
    path.write_text(LEAKY.replace("FORK", work), "utf-8")
    return path.name


def run(*words: str) -> subprocess.Popen[str]:
    tocsin = [sys.executable, "-m", "tocsin", "run"]
    return subprocess.Popen([*tocsin, *words], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def leaky(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    with run(program(tmp_path)) as running:
        yield running
        running.kill()


def leak_told(running: subprocess.Popen[str]) -> str:
    """The line that tells of the leak."""
    assert running.stderr is not None
    return next(line for line in running.stderr if " firing memory-leak" in line)


def test_a_leak_is_told_with_line_rate_and_container(leaky: subprocess.Popen[str]) -> None:
    told = leak_told(leaky)

    assert "Memory leak detected in leaky" in told
    assert re.search(rf"leaky\.py:{LINE} in login, grows by [\d,.]+ MB/hour \([\d,.]+ to [\d,.]+\)", told), told
    assert "← global __main__.SESSIONS" in told
    asked = [sys.executable, "-m", "tocsin", "leaks", "--json", "--flame", "heap.html", "--speedscope", "heap.json"]
    answer = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert answer.returncode == 1, answer.stderr
    [site] = [site for site in json.loads(answer.stdout)["sites"] if site["state"] == "confirmed"]
    assert (site["line"], site["function"], site["component"]) == (LINE, "login", "leaky")
    assert site["rate_low"] < site["rate_mb_per_hour"] < site["rate_high"]
    assert site["retained_by"][-1] == "global __main__.SESSIONS"
    with open("heap.json", encoding="utf-8") as file:  # noqa: PTH123 - in the folder of the test
        profile = json.load(file)
    assert any(frame["name"] == "login" and frame["line"] == LINE for frame in profile["shared"]["frames"])
    leaky.communicate("")
    assert leaky.returncode == 7


def test_at_the_exit_the_analysis_is_printed_and_the_exit_code_is_the_programs(tmp_path: Path) -> None:
    running = run("--leaks", program(tmp_path))
    told = leak_told(running)
    assert f":{LINE} in login" in told
    _, err = running.communicate("")
    assert running.returncode == 7
    assert "1 leak is confirmed" in err
    assert f"leaky.py:{LINE} in login, leaky" in err
    assert "held by" in err
    assert max(map(len, err.partition("leaky (pid")[2].splitlines())) <= 80


def test_a_program_that_ends_at_once_is_analysed_too(tmp_path: Path) -> None:
    running = run("--leaks", program(tmp_path))
    _, err = running.communicate("")
    assert running.returncode == 7
    assert "no leak is confirmed" in err
    assert "Traceback" not in err


@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX")
def test_a_forked_child_is_watched_again(tmp_path: Path) -> None:
    work = "child = os.fork()\nif child:\n    os.waitpid(child, 0)\nelse:\n    work()"
    running = run(program(tmp_path, work))
    told = leak_told(running)
    assert f"leaky.py:{LINE} in login" in told
    running.communicate("")
    assert running.returncode == 7


def test_a_disabled_tocsin_hooks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_DISABLED", "1")
    path = tmp_path / "asks.py"
    path.write_text("import sys\nprint('tocsin.memory._heap' in sys.modules, file=sys.stderr)\n", "utf-8")
    _, err = run("--leaks", path.name).communicate("")
    assert err == "False\n"
