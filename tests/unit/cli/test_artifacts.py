"""`tocsin artifacts`, on a running program and on what a stopped one left."""

from __future__ import annotations

import json
import subprocess
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.cli.test_leaks import DRIVER, NODE, Page
from tests.unit.cli.watched_program import BOTH, ENOUGH_S

from tocsin import AlertCategory, AlertConfig, AlertRule, AlertSeverity, AlertSystem
from tocsin.cli.artifact_text import shown_lines
from tocsin.cli.flame import flame_page, speedscope_profile, threads_page, threads_profile
from tocsin.cli.flame.page import script as flame_script
from tocsin.cli.flame.threads import spans

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.unit.cli.conftest import Result

HEAD: dict[str, Any] = {
    "id": "a1-stacks", "kind": "stacks", "at": "2026-01-01T00:00:05Z", "program": "orders", "pid": 7, "alert_id": "a1",
    "alert_title": "cpu-high", "rule": "cpu-high", "action": "stacks:2s", "format": "tocsin-artifact/1",
}  # fmt: skip
STACKS: dict[str, Any] = HEAD | {
    "samples": 9, "from_s": -4.0, "to_s": 4.0, "left_out": 0,
    "frames": [["/x/a.py", 3, "leaf"], ["/x/m.py", 9, "main"], ["/x/b.py", 5, "</script><b>"]],
    "stacks": [[0, 1], [2, 1]],
    "threads": [
        {"name": "MainThread", "ident": 1, "runs": [[-4.0, 2, 0], [-1.0, 4, 1], [3.0, 2, 0]]},
        {"name": "worker", "ident": 2, "runs": [[-4.0, 1, 1]]},
    ],
}  # fmt: skip
HEAP: dict[str, Any] = HEAD | {
    "id": "a1-heap", "kind": "heap", "tier": "sampling", "interval_bytes": 131072.0, "live_bytes": 300.0, "at_s": 400.0,
    "frames": [["/x/a.py", 3, "leaf"], ["/x/m.py", 9, "main"]],
    "stacks": [{"frames": [0, 1], "bytes": 200, "samples": 2}, {"frames": [], "bytes": 10, "samples": 1}],
    "stacks_left_out": 0, "bytes_left_out": 0, "remarks": [],
    "difference": {
        "from_s": 120.0, "to_s": 400.0, "warm": True, "before_bytes": 100, "now_bytes": 300, "sites_left_out": 0,
        "sites": [
            {"file": "/x/a.py", "line": 3, "function": "leaf", "before_bytes": 50, "now_bytes": 200,
             "gained_bytes": 150, "low_bytes": -20, "high_bytes": 320, "samples": 2},
            {"file": "/x/m.py", "line": 9, "function": "main", "before_bytes": 50, "now_bytes": 0, "gained_bytes": -50,
             "low_bytes": -90, "high_bytes": -10, "samples": 0},
        ],
    },
}  # fmt: skip


@pytest.fixture
def ringing(place: Path) -> Iterator[tuple[AlertSystem, Path]]:
    """A program whose alert has captured the stacks."""
    rule = AlertRule(
        "high", AlertCategory.GENERAL, AlertSeverity.WARNING, 10, metric="app.level", actions=("stacks:200ms",)
    )
    config = AlertConfig(
        name="orders", state_dir=place / "state", channels=[], rules=[rule], default_rules=False, control=True,
        check_interval=0.05, memory={"enabled": False}, artifacts={"min_free": 1},
    )  # fmt: skip
    system = AlertSystem(config, sensors=()).start()
    captured = threading.Event()
    system.alert_changed.connect(lambda alert: captured.set() if alert.trace[-1].what == "acted" else None)
    system.record("app.level", 99.0)
    assert captured.wait(ENOUGH_S)
    yield system, place / "state"
    system.stop(ENOUGH_S)


@BOTH
def test_artifacts_are_listed_shown_and_exported(
    ringing: tuple[AlertSystem, Path], call: Callable[..., Result], where: str, tmp_path: Path
) -> None:
    system, state = ringing
    [alert] = system.open_alerts()
    options = ["--name", "orders"]
    if where == "stopped":
        assert system.stop(ENOUGH_S)
        options = ["--state-dir", str(state)]
    artifact = f"{alert.id}-stacks"

    listed = call("artifacts", "list", *options)
    assert (listed.code, listed.err) == (0, "")
    assert artifact in listed.out
    assert f"high (alert {alert.id}) of orders" in listed.out
    [plain] = json.loads(call("artifacts", "list", "--json", *options).out)["artifacts"]
    assert (plain["id"], plain["kind"], plain["rule"], plain["reason"]) == (artifact, "stacks", "high", "")
    assert plain["bytes"] == (state / "artifacts" / f"{artifact}.json").stat().st_size

    shown = call("artifacts", "show", artifact, *options)
    assert shown.code == 0
    assert "MainThread:" in shown.out
    whole = json.loads(call("artifacts", "show", artifact, "--json", *options).out)
    assert whole == json.loads((state / "artifacts" / f"{artifact}.json").read_bytes())

    files = [tmp_path / name for name in ("flame.html", "profile.json", "plain.json")]
    result = call(
        "artifacts", "export", artifact, *options, "--flame", files[0], "--speedscope", files[1], "--json", files[2]
    )
    assert (result.code, result.out) == (0, "")
    assert files[0].read_text("utf-8").startswith("<!doctype html>")
    assert json.loads(files[1].read_bytes())["profiles"][0]["unit"] == "seconds"
    assert json.loads(files[2].read_bytes()) == whole

    explained = call("explain", alert.id, *options)
    assert f"kept as {artifact}" in explained.out.replace("\n" + " " * 22, " ")


def test_a_bare_call_lists(ringing: tuple[AlertSystem, Path], call: Callable[..., Result]) -> None:
    result = call("artifacts")
    assert (result.code, result.err) == (0, "")
    assert "-stacks" in result.out


def test_without_anything_captured_there_is_nothing_to_list(program: Any, call: Callable[..., Result]) -> None:
    result = call("artifacts", "list", *program.where("running"))
    assert (result.code, result.out) == (0, "nothing was captured yet\n")
    result = call("artifacts", "show", "a1-heap", "--name", "orders")
    assert result.code == 1
    assert "no artifact has the id 'a1-heap'; `tocsin artifacts list` shows" in result.err


def test_an_export_needs_a_file_to_write_to(program: Any, call: Callable[..., Result]) -> None:
    result = call("artifacts", "export", "a1", *program.where("running"))
    assert result.code == 2
    assert "name at least one of --flame FILE" in result.err


def test_an_artifact_that_is_broken_is_said_to_be(program: Any, call: Callable[..., Result]) -> None:
    options = program.where("stopped")
    folder = program.state / "artifacts"
    folder.mkdir()
    (folder / "a1-heap.json").write_text('{"id": "a1')
    listed = call("artifacts", "list", *options)
    assert listed.code == 0
    assert "a1-heap" in listed.out
    assert "cannot be read: no artifact, or only a part of one" in listed.out.replace("\n    ", " ")
    shown = call("artifacts", "show", "a1-heap", *options)
    assert (shown.code, shown.out) == (1, "")
    assert "only a part of one" in shown.err


def test_time_is_counted_until_a_thread_is_seen_elsewhere() -> None:
    main, worker = STACKS["threads"]
    assert list(spans(STACKS, main)) == [(0, 3.0, 2), (1, 4.0, 4), (0, 2.0, 2)]
    assert list(spans(STACKS, worker)) == [(1, 1.0, 1)]


def test_stacks_become_a_profile_a_thread_in_the_order_of_time() -> None:
    found = threads_profile(STACKS)
    assert [profile["name"] for profile in found["profiles"]] == ["MainThread", "worker"]
    main = found["profiles"][0]
    assert (main["type"], main["unit"], main["startValue"], main["endValue"]) == ("sampled", "seconds", 0, 9.0)
    assert main["samples"] == [[1, 0], [1, 2], [1, 0]]  # the outermost first
    assert main["weights"] == [3.0, 4.0, 2.0]
    assert found["shared"]["frames"][0] == {"name": "leaf", "file": "/x/a.py", "line": 3}
    assert found["name"] == "Stacks of orders (pid 7)"
    json.dumps(found)


def test_the_page_of_stacks_has_threads_below_the_whole_and_its_data_cannot_break_out() -> None:
    page = Page(threads_page(STACKS))
    assert page.loads == []
    data, _ = page.scripts
    found = json.loads(data)
    assert found["frames"][2][2] == "</script><b>"
    assert [frame[2] for frame in found["frames"][3:]] == ["thread MainThread", "thread worker"]
    seen = {(tuple(stack["frames"]), stack["bytes"], stack["samples"]) for stack in found["stacks"]}
    assert seen == {((0, 1, 3), 5.0, 4), ((2, 1, 3), 4.0, 4), ((2, 1, 4), 1.0, 1)}
    assert found["subtitle"] == "9 looks from 4 s before 'cpu-high' rang to 4 s after; 2026-01-01T00:00:05Z"


@pytest.mark.skipif(NODE is None, reason="node is not here to run the page's script")
def test_the_page_of_stacks_speaks_of_seconds(tmp_path: Path) -> None:
    assert NODE is not None
    driver = tmp_path / "driver.js"
    driver.write_text(DRIVER, "utf-8")
    data = Page(threads_page(STACKS)).scripts[0]
    script = tmp_path / "script.js"
    script.write_text(flame_script(), "utf-8")
    done = subprocess.run(
        [NODE, str(driver), str(script), data], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["all"][:3] == ["all threads (10 s)", "thread MainThread (9 s)", "main  /x/m.py:9 (9 s)"]
    assert seen["detail"] == "leaf  /x/a.py:3: 5 s, 50 % of all, 4 samples, 5 s seen in this line itself"
    assert seen["lines"][0][0] == "5 s"


def test_a_heap_becomes_the_page_and_the_profile_that_leaks_writes() -> None:
    assert "Heap of orders" in flame_page(HEAP, "orders", "now")
    assert speedscope_profile(HEAP, "orders")["profiles"][0]["weights"] == [200, 10]


def test_a_heap_is_shown_with_what_it_gained() -> None:
    assert list(shown_lines(HEAP, 120)) == [
        "heap of orders (pid 7), 2026-01-01T00:00:05Z",
        "taken by stacks:2s when this rang: cpu-high, rule cpu-high, alert a1",
        "",
        "300 B alive in Python, seen by sampling",
        "What it gained since the program had warmed up, 4.67 min before (95 % interval):",
        "  +150 B (-20 B to +320 B)  /x/a.py:3 in leaf",
        "What holds most now, by the program's own line:",
        "  200 B  /x/a.py:3 in leaf",
        "  10 B  code that is not known",
    ]
    assert "There is no earlier heap to compare it with." in list(shown_lines(HEAP | {"difference": None}, 120))


def test_stacks_are_shown_by_thread() -> None:
    assert list(shown_lines(STACKS, 120))[3:] == [
        "9 looks at all threads, from 4 s before it rang to 4 s after",
        "MainThread:",
        "  5 s  /x/a.py:3 in leaf",
        "  4 s  /x/b.py:5 in </script><b>",
        "worker:",
        "  1 s  /x/b.py:5 in </script><b>",
    ]
