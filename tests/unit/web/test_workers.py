"""One page for all processes of a program, with real forks: who serves, what it shows, and who serves next."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import tocsin
from tocsin.web.keys import kept_token
from tocsin.web.turn import Turn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")

TOKEN = "a-token-of-the-tests"
ENOUGH_S = 30.0
# A server of workers in the manner of gunicorn: each worker does what a line from the test says, and answers in a line.
SERVER = """
import json, os, sys
import tocsin
from tocsin.web import server
server.TURN_EVERY_S = 0.05

PRELOAD = sys.argv[1] == "preload"
def watch():
    config = tocsin.AlertConfig(
        name="shop", state_dir="state", channels=[], default_rules=False, memory={"enabled": False},
        check_interval=0.05, web={"port": 0, "token": "a-token-of-the-tests"},
    )
    return tocsin.watch(config, web=True)

if PRELOAD:
    bell = watch()
def work(number, heard):
    global bell
    if not PRELOAD:
        bell = watch()
    while line := heard.readline():
        what = json.loads(line)
        if what == "emit":
            found = tocsin.emit(f"from worker {number}", "m", "critical", "s", durable=True).id
        elif what == "page":
            found = [os.getpid(), bell.page_url()]
        elif what == "silences":
            found = [one.author for one in bell.silences()]
        elif what == "acknowledged":
            found = [one.acknowledgement.by for one in bell.open_alerts() if one.acknowledgement]
        print(json.dumps(found), flush=True)
    bell.stop()
    os._exit(0)

workers = []
for number in range(3):
    heard, tell = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(tell)
        for _, other in workers:
            os.close(other)
        work(number, os.fdopen(heard))
    os.close(heard)
    workers.append((pid, tell))
print(json.dumps([pid for pid, _ in workers]), flush=True)
while line := sys.stdin.readline():
    number, what = json.loads(line)
    if number == "page":
        print(json.dumps([os.getpid(), bell.page_url() if PRELOAD else ""]), flush=True)
    else:
        os.write(workers[number][1], json.dumps(what).encode() + b"\\n")
for pid, tell in workers:
    os.close(tell)
for pid, tell in workers:
    os.waitpid(pid, 0)
"""


class Shop:
    """A server with three workers."""

    def __init__(self, folder: Path, how: str) -> None:
        (folder / "server.py").write_text(SERVER)
        environment = {
            **os.environ,
            "XDG_RUNTIME_DIR": str(folder),
            "PYTHONPATH": str(Path(tocsin.__file__).parents[1]),
        }
        self.process = subprocess.Popen(
            [sys.executable, "server.py", how], cwd=folder, env=environment, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.pids: list[int] = self._heard()

    def ask(self, number: int | str, what: str = "") -> Any:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([number, what]) + "\n")
        self.process.stdin.flush()
        return self._heard()

    def page_of(self, number: int) -> str:
        return str(self.ask(number, "page")[1])

    def _heard(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def end(self) -> str:
        return self.process.communicate(timeout=ENOUGH_S)[1]


def asked(url: str, method: str, path: str, body: Any = None) -> Any:
    base, _, token = url.partition("/?token=")
    with closing(http.client.HTTPConnection(base.removeprefix("http://"), timeout=ENOUGH_S)) as connection:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        connection.request(method, f"/api/v1/{path}", None if body is None else json.dumps(body), headers)
        with connection.getresponse() as reply:
            found = json.load(reply)
            assert reply.status == 200, found
            return found


def until(look: Callable[[], Any]) -> Any:
    """What a look gives, as soon as it is something; for what another process does in its own time."""
    until_s = time.monotonic() + ENOUGH_S
    while not (found := look()):
        assert time.monotonic() < until_s
        time.sleep(0.02)
    return found


@pytest.fixture(params=["each for itself", "preload"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    found = Shop(tmp_path, request.param)
    yield found
    if found.process.poll() is None:
        found.end()


def url_of(shop: Shop) -> str:
    """The one link that all of them give."""
    urls = {until(partial(shop.page_of, number)) for number in range(3)}
    assert len(urls) == 1
    return str(urls.pop())


def test_one_process_serves_and_all_name_its_page(shop: Shop) -> None:
    url = url_of(shop)
    assert asked(url, "GET", "session")["program"] == "shop"
    said = shop.end()
    assert said.count("the page is at") >= 1
    assert {line.rpartition("the page is at ")[2] for line in said.splitlines() if "the page is at" in line} == {url}


def test_the_page_shows_what_rings_in_each_process_and_takes_orders_for_it(shop: Shop) -> None:
    url = url_of(shop)
    ids = [shop.ask(number, "emit") for number in range(3)]
    shown = asked(url, "GET", "alerts")["alerts"]
    assert {alert["title"] for alert in shown} == {"from worker 0", "from worker 1", "from worker 2"}
    for number, alert_id in enumerate(ids):
        assert asked(url, "GET", f"alerts/{alert_id}")["alert"]["title"] == f"from worker {number}"
        asked(url, "POST", f"alerts/{alert_id}/acknowledge", {"by": "ann"})
        assert shop.ask(number, "acknowledged") == ["ann"]

    placed = asked(url, "POST", "silences", {"matchers": ["component=db"], "for_s": 600, "author": "ann"})
    assert "not_told" not in placed
    assert [shop.ask(number, "silences") for number in range(3)] == [["ann"]] * 3
    assert "not_told" not in asked(url, "DELETE", f"silences/{placed['silence']['id']}")
    assert [shop.ask(number, "silences") for number in range(3)] == [[]] * 3


def test_when_the_process_that_serves_is_killed_another_one_does(tmp_path: Path) -> None:
    shop = Shop(tmp_path, "each for itself")
    before = url_of(shop)
    serving = json.loads((tmp_path / "state" / "page.json").read_text())["pid"]
    number = shop.pids.index(serving)
    os.kill(serving, signal.SIGKILL)
    rest = [one for one in range(3) if one != number]

    after = until(lambda: next((url for one in rest if (url := shop.page_of(one)) not in {"", before}), ""))
    assert asked(after, "GET", "session")["program"] == "shop"
    assert json.loads((tmp_path / "state" / "page.json").read_text())["pid"] in {shop.pids[one] for one in rest}
    shop.end()


# The parent ends, and the child goes on, as a daemon does.
ORPHAN = """
import os, sys, time
import tocsin
from tocsin.web import server
server.TURN_EVERY_S = 0.05
config = tocsin.AlertConfig(
    name="shop", state_dir="state", channels=[], default_rules=False, memory={"enabled": False}, check_interval=0.05,
    web={"port": 0, "token": "a-token-of-the-tests"},
)
bell = tocsin.watch(config, web=True)
before = bell.page_url()
if os.fork():
    print(before, flush=True)
    os._exit(0)
while (url := bell.page_url()) in {"", before}:
    time.sleep(0.02)
print(url, flush=True)
sys.stdin.read()
bell.stop()
os._exit(0)
"""


def test_when_the_parent_ends_its_forked_child_serves(tmp_path: Path) -> None:
    (tmp_path / "daemon.py").write_text(ORPHAN)
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "PYTHONPATH": str(Path(tocsin.__file__).parents[1])}
    program = subprocess.Popen(
        [sys.executable, "daemon.py"], cwd=tmp_path, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert program.stdout is not None
    before = program.stdout.readline().strip()
    after = program.stdout.readline().strip()
    assert after not in {"", before}
    assert asked(after, "GET", "session")["program"] == "shop"
    program.communicate(timeout=ENOUGH_S)


def test_a_turn_is_taken_once_given_back_and_not_inherited(tmp_path: Path) -> None:
    one, other = Turn(tmp_path), Turn(tmp_path)
    assert one.take()
    assert one.take()
    assert not other.take()
    one.announce("http://127.0.0.1:1")
    assert (one.elsewhere(), other.elsewhere()) == ("", "http://127.0.0.1:1")
    child = os.fork()
    if not child:
        one.after_fork()
        os._exit(0 if not one.take() and one.may_come() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    one.give()
    assert other.elsewhere() == ""
    assert other.take()
    other.give()


def test_a_turn_that_is_waited_for_costs_no_descriptors(tmp_path: Path) -> None:
    one, other = Turn(tmp_path), Turn(tmp_path)
    assert one.take()
    before = _next_descriptor()
    assert not any(other.take() for _ in range(50))
    assert _next_descriptor() == before
    one.give()


def _next_descriptor() -> int:
    found = os.dup(0)
    os.close(found)
    return found


def test_without_a_state_directory_a_forked_child_never_serves() -> None:
    turn = Turn(None)
    assert turn.take()
    child = os.fork()
    if not child:
        os._exit(0 if not turn.may_come() and not turn.take() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_processes_that_begin_at_once_have_one_token(tmp_path: Path) -> None:
    heard, tell = os.pipe()
    leash, hold = os.pipe()
    children = []
    for _ in range(8):
        child = os.fork()
        if not child:
            os.close(hold)
            os.read(leash, 1)
            os.write(tell, kept_token(tmp_path).encode() + b"\n")
            os._exit(0)
        children.append(child)
    os.close(leash)
    os.close(hold)  # they all begin
    for child in children:
        os.waitpid(child, 0)
    tokens = os.read(heard, 10_000).split()
    os.close(heard)
    os.close(tell)
    assert (len(tokens), len(set(tokens))) == (8, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["page-token"]
