"""`--web` of run and watch, and the verb that prints the link again."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from tocsin.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Result
    from tests.unit.cli.watched_program import Program

PROGRAM = """
import sys
print("up", flush=True)
sys.stdin.read()
"""


def test_a_program_that_is_run_with_web_prints_its_link_and_the_verb_prints_it_again(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "tocsin.toml").write_text("[web]\nport = 0\n")
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "tocsin", "run", "--web", "--name", "shown", "program.py"]
    program = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert program.stdin is not None
    assert program.stdout is not None
    assert program.stderr is not None
    try:
        found = re.search(r"the page is at (http://127\.0\.0\.1:\d+/\?token=\S+)", program.stderr.readline())
        assert found is not None
        assert program.stdout.readline() == "up\n"
        again = [sys.executable, "-m", "tocsin", "web", "--name", "shown", "--json"]
        told = subprocess.run(again, env=environment, capture_output=True, text=True, check=True, timeout=30)
        assert json.loads(told.stdout) == {"url": found[1]}

        base, _, token = found[1].partition("/?token=")
        request = urllib.request.Request(f"{base}/api/v1/session", headers={"Authorization": f"Bearer {token}"})  # noqa: S310 - our own
        with urllib.request.urlopen(request, timeout=30) as reply:  # noqa: S310 - as above
            assert json.load(reply)["program"] == "shown"
    finally:
        program.communicate("", timeout=30)
    assert program.returncode == 0


def test_a_program_without_a_page_is_told_how_to_have_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tocsin import AlertConfig, AlertSystem

    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with (
        AlertSystem(AlertConfig(name="dark", channels=[], control=True, default_rules=False), sensors=[]),
        pytest.raises(SystemExit) as ended,
    ):
        main(["web", "--name", "dark"])
    assert ended.value.code == 1
    assert "tocsin run --web" in capsys.readouterr().err


def test_without_the_extra_run_says_how_to_install_it_before_the_program_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import importlib.util

    whole = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "uvicorn" else whole(name, *rest)
    )
    (tmp_path / "program.py").write_text("print('ran')")
    with pytest.raises(SystemExit) as ended:
        main(["run", "--web", str(tmp_path / "program.py")])
    assert ended.value.code == 2
    assert "pip install 'tocsin[web]'" in capsys.readouterr().err


def test_a_watch_of_the_machine_prints_its_link(tmp_path: Path) -> None:
    (tmp_path / "tocsin.toml").write_text("default_rules = false\n[web]\nport = 0\n")
    command = [sys.executable, "-m", "tocsin", "watch", "--web", "--for", "100ms"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0
    assert re.search(r"the page is at http://127\.0\.0\.1:\d+/\?token=", done.stderr)


# -- what a program left


def test_what_a_program_left_is_served_until_it_is_ended(program: Program, place: Path) -> None:
    alert_id = program.emit("Disk full", "critical")
    where = program.where("stopped")
    command = [sys.executable, "-m", "tocsin", "web", *where, "--port", "0"]
    served = subprocess.Popen(command, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert served.stdout is not None
    assert served.stderr is not None
    try:
        assert re.match(
            r"tocsin: orders does not run: at \d{4}-.* UTC it ended in order; this shows", served.stderr.readline()
        )
        base, _, token = served.stdout.readline().strip().partition("/?token=")
        found = _asked(base, token, "alerts?since_s=3600")
        assert [alert["id"] for alert in found["alerts"]] == [alert_id]
        assert _asked(base, token, "session")["left"]["how"] == "ended in order"
    finally:
        served.send_signal(signal.SIGINT)
        served.communicate(timeout=30)
    assert served.returncode == 0


def test_of_a_program_that_runs_the_link_to_its_own_page_is_printed(
    program: Program, call: Callable[..., Result]
) -> None:
    from tocsin.web import serve

    server = serve(program.system, port=0)
    _wrote_itself_down(program)
    found = call("web", "--state-dir", program.state)
    assert (found.code, found.out.strip()) == (0, server.url)
    assert "runs; this is its own page" in found.err


def test_a_program_that_runs_without_a_page_is_shown_from_its_journal(program: Program, place: Path) -> None:
    program.emit("Disk full", "critical")
    _wrote_itself_down(program)
    command = [sys.executable, "-m", "tocsin", "web", "--state-dir", str(program.state), "--port", "0", "--json"]
    served = subprocess.Popen(command, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert served.stdout is not None
    assert served.stderr is not None
    try:
        assert "runs, without a page; this shows what its journal holds" in served.stderr.readline()
        base, _, token = json.loads(served.stdout.readline())["url"].partition("/?token=")
        assert _asked(base, token, "session")["left"]["runs"]
        assert _asked(base, token, "alerts")["alerts"][0]["title"] == "Disk full"
    finally:
        served.send_signal(signal.SIGTERM)
        served.communicate(timeout=30)
    assert served.returncode == 0


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--state-dir", "here"], 1, "there is no journal here; name the folder that holds journal.db"),
        (["--state-dir", "here", "--pid", "1"], 2, "--pid and --name choose one that runs"),
        (["--port", "8000"], 2, "--port goes with --state-dir"),
    ],
)
def test_what_makes_no_sense_is_refused(call: Callable[..., Result], options: list[str], code: int, words: str) -> None:
    found = call("web", *options)
    assert found.code == code
    assert words in found.err


def _asked(base: str, token: str, path: str) -> Any:
    request = urllib.request.Request(f"{base}/api/v1/{path}", headers={"Authorization": f"Bearer {token}"})  # noqa: S310 - our own
    with urllib.request.urlopen(request, timeout=30) as reply:  # noqa: S310 - as above
        return json.load(reply)


def _wrote_itself_down(program: Program) -> None:
    """Its account of itself is on disk as soon as it has made a pass."""
    from tocsin.system.lastrun import record

    assert program.system.flush()
    found = record.read(program.state)
    assert found is not None
    if not found.start_ticks:
        pytest.skip("whether a process is the same one cannot be told here")
