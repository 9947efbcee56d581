"""`tocsin leaks`: the table, the files it writes, and its exit codes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tocsin.cli.flame import flame_page, speedscope_profile
from tocsin.cli.flame.page import script as flame_script
from tocsin.control import ControlServer
from tocsin.memory_alerts.table import lines_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.unit.cli.conftest import Result

SITE: dict[str, Any] = {
    "file": str(Path.cwd() / "app" / "sessions.py"), "line": 48, "function": "login", "component": "sessions",
    "kind": "python", "live_bytes": 12.4e6, "samples": 97, "rate_mb_per_hour": 51.2, "rate_low": 40.1,
    "rate_high": 62.3, "survivor_age_s": 14.0, "state": "confirmed",
    "retained_by": ["dict[len 62]", "global app.SESSIONS"],
    "seconds_to_limit": 7200.0, "reason": "it goes on", "bounded_by": "",
}  # fmt: skip
REPORT: dict[str, Any] = {
    "rss_mb": 132.0, "live_mb": 61.0, "arena_mb": 70.0, "limit_mb": 8000.0, "growth_rate_mb_per_s": 0.5,
    "efficiency_score": 0.71,
    "sites": [{"name": "a.py:3 in f", "live_mb": 9.0, "live_low_mb": 8.0, "live_high_mb": 10.0}],
    "components": [{"name": "sessions", "live_mb": 12.0, "live_low_mb": 11.0, "live_high_mb": 13.0}],
}  # fmt: skip
LEAKS: dict[str, Any] = {
    "pid": 1, "enabled": True, "tier": "sampling", "snapshots": 36, "observed_s": 180.0, "remarks": [],
    "growth_rate_mb_per_hour": 51.2, "sites": [SITE], "sites_left_out": 0, "report": REPORT,
}  # fmt: skip
HEAP: dict[str, Any] = {
    "pid": 1, "at_s": 1.0, "tier": "sampling", "interval_bytes": 131072.0, "live_bytes": 300.0,
    "frames": [["/x/a.py", 3, "leaf"], ["/x/m.py", 9, "main"], ["/x/b.py", 5, "</script><b>"]],
    "stacks": [
        {"frames": [0, 1], "bytes": 200, "samples": 2},
        {"frames": [2, 1], "bytes": 90, "samples": 1},
        {"frames": [], "bytes": 10, "samples": 1},
    ],
    "stacks_left_out": 4, "bytes_left_out": 5000, "remarks": [],
}  # fmt: skip


@pytest.fixture
def serve() -> Iterator[Callable[..., None]]:
    """A program that answers."""
    servers = []

    def serve(leaks: dict[str, Any], heap: dict[str, Any] | None = None) -> None:
        answers = {"leaks": leaks, "heap": heap or HEAP}
        server = ControlServer("orders", lambda request: answers[request["command"]])
        server.start()
        servers.append(server)

    yield serve
    for server in servers:
        server.stop()


def quiet(**changes: Any) -> dict[str, Any]:
    return {**LEAKS, "sites": [], "growth_rate_mb_per_hour": None, **changes}


def test_a_confirmed_leak_is_a_row_with_its_line_and_holder_and_makes_the_exit_code_1(
    call: Callable[..., Result], serve: Callable[..., None]
) -> None:
    serve(LEAKS)
    result = call("leaks")
    assert (result.code, result.err) == (1, "")
    assert f"orders (pid {os.getpid()}): its heap is sampled; looked at 36 times in 3 min" in result.out
    assert "1 leak is confirmed, together 51.2 MB/hour:" in result.out
    row = next(line for line in result.out.splitlines() if line.startswith("confirmed"))
    assert row.split() == ["confirmed", "51.2", "40.1", "to", "62.3", "12.4", "MB", "14", "s", "2", "h"]
    assert "app/sessions.py:48 in login, sessions" in result.out
    assert "held by dict[len 62] ← global app.SESSIONS" in result.out


def test_the_table_fits_eighty_columns() -> None:
    long = {**SITE, "retained_by": ["dict[len 48,211]", "attribute _cache of application.sessions.Store"] * 3}
    for line in lines_of({**LEAKS, "sites": [long] * 3, "remarks": ["word " * 40]}, "orders (pid 1)"):
        assert len(line) <= 80, line


def test_a_program_that_does_not_leak_is_told_and_the_exit_code_is_0(
    call: Callable[..., Result], serve: Callable[..., None]
) -> None:
    serve(quiet())
    result = call("leaks")
    assert result.code == 0
    assert "no leak is confirmed" in result.out
    assert "resident 132 MB, alive in Python 61 MB" in result.out
    assert "9 MB  (8 MB to 10 MB)" in result.out


def test_sites_come_in_the_order_of_what_is_thought_of_them_and_few_that_are_only_watched() -> None:
    sites = [
        {**SITE, "state": state, "line": n}
        for n, state in enumerate(["watch"] * 9 + ["bounded", "suspected", "confirmed"])
    ]
    text = "\n".join(lines_of({**LEAKS, "sites": sites, "sites_left_out": 3}, "orders"))
    assert re.findall(r"(?m)^(confirmed|suspected|bounded|watch) ", text) == [
        "confirmed",
        "suspected",
        "bounded",
        *["watch"] * 5,
    ]
    assert "and 7 more that are watched" in text


def test_without_the_hook_the_tier_and_the_reason_are_told(
    call: Callable[..., Result], serve: Callable[..., None]
) -> None:
    serve(quiet(tier="rss only", remarks=["blocks are not sampled: it was not built"]))
    result = call("leaks")
    assert "its heap is not seen (tier: rss only), so no line can be named" in " ".join(result.out.split())
    assert "note: blocks are not sampled: it was not built" in result.out


def test_a_program_whose_configuration_switches_memory_off_says_so() -> None:
    text = "\n".join(lines_of(quiet(enabled=False, tier="rss only"), "orders"))
    assert "note: memory is switched off in its configuration ([memory] enabled)" in text


def test_control_characters_of_a_program_are_shown_and_not_obeyed() -> None:
    evil = {**SITE, "function": "\x1b[31mred", "retained_by": ["a\nb"]}
    text = "\n".join(lines_of({**LEAKS, "sites": [evil]}, "orders"))
    assert "\x1b" not in text
    assert "\\x1b[31mred" in text


def test_a_program_can_read_it(call: Callable[..., Result], serve: Callable[..., None]) -> None:
    serve(LEAKS)
    result = call("leaks", "--json")
    assert json.loads(result.out) == LEAKS
    assert result.code == 1


def test_nobody_to_ask_is_exit_code_3(call: Callable[..., Result]) -> None:
    assert call("leaks").code == 3


# -- files


def test_a_flame_graph_and_a_profile_are_written(
    call: Callable[..., Result], serve: Callable[..., None], tmp_path: Path
) -> None:
    serve(quiet())
    page, profile = tmp_path / "heap.html", tmp_path / "heap.json"
    result = call("leaks", "--flame", page, "--speedscope", profile)
    assert (result.code, result.out) == (0, "")
    assert "3 stacks (4 small ones left out); open it in a browser" in result.err
    assert page.read_text("utf-8").startswith("<!doctype html>")
    assert json.loads(profile.read_text("utf-8"))["profiles"][0]["unit"] == "bytes"
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {"heap.html", "heap.json"}


def test_a_file_that_cannot_be_written_is_told(
    call: Callable[..., Result], serve: Callable[..., None], tmp_path: Path
) -> None:
    serve(quiet())
    result = call("leaks", "--flame", tmp_path / "nowhere" / "heap.html")
    assert result.code == 2
    assert "cannot be written" in result.err


def test_a_heap_that_nobody_saw_cannot_be_drawn(
    call: Callable[..., Result], serve: Callable[..., None], tmp_path: Path
) -> None:
    serve(quiet(), {**HEAP, "stacks": [], "tier": "rss only", "remarks": ["it was not built"]})
    result = call("leaks", "--flame", tmp_path / "heap.html")
    assert result.code == 1
    assert "has no heap to draw (tier: rss only): it was not built" in result.err
    assert not (tmp_path / "heap.html").exists()


def test_the_profile_keeps_the_format_of_speedscope() -> None:
    found = speedscope_profile(HEAP, "orders (pid 1)")
    [profile] = found["profiles"]
    assert profile["type"] == "sampled"
    assert profile["samples"] == [[1, 0], [1, 2], []]  # the outermost first
    assert profile["weights"] == [200, 90, 10]
    assert (profile["startValue"], profile["endValue"]) == (0, 300)
    assert found["shared"]["frames"][0] == {"name": "leaf", "file": "/x/a.py", "line": 3}
    assert found["name"] == "Heap of orders (pid 1), 4 small stacks left out"
    assert found["$schema"].endswith("file-format-schema.json")


class Page(HTMLParser):
    """What a browser would load, and the texts of its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.scripts: list[str] = []
        self.policy = ""
        self._in_script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.loads += [str(found[name]) for name in ("src", "href", "srcset", "data") if name in found]
        if found.get("http-equiv") == "Content-Security-Policy":
            self.policy = str(found["content"])
        self._in_script = tag == "script"
        if self._in_script:
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.scripts[-1] += data


def test_the_page_loads_nothing_and_its_data_cannot_break_out() -> None:
    text = flame_page(HEAP, "orders <1>", "2026-01-01T00:00:00+00:00")
    page = Page(text)
    assert page.loads == []
    assert page.policy.startswith("default-src 'none'")
    assert not re.search(r"https?://|@import|url\(", text)
    data, script = page.scripts
    assert json.loads(data)["frames"][2][2] == "</script><b>"
    assert json.loads(data)["title"] == "Heap of orders <1>"
    assert "4 small stacks with 5 kB are left out" in json.loads(data)["subtitle"]
    assert script.strip() == flame_script().strip()


NODE = shutil.which("node")
DRIVER = r"""
const fs = require("fs"), vm = require("vm");
class Part {
  constructor(tag) {
    Object.assign(this, { tag, children: [], classes: new Set(), style: {}, dataset: {}, attributes: {}, heard: {} });
    this.value = "";
  }
  get classList() { return { toggle: (name, on) => (on ? this.classes.add(name) : this.classes.delete(name)) }; }
  set className(name) { this.classes = new Set([name]); }
  set textContent(text) { this.text = text; this.children = []; }
  get textContent() { return this.text; }
  get tBodies() { return [this]; }
  get clientWidth() { return 1000; }
  insertRow() { const row = new Part("tr"); this.children.push(row); return row; }
  insertCell() { return this.insertRow(); }
  append(part) { this.children.push(part); part.parent = this; }
  setAttribute(name, value) { this.attributes[name] = value; }
  addEventListener(kind, hear) { (this.heard[kind] ||= []).push(hear); }
  closest() { return this; }
  focus() { page.activeElement = this; }
  fire(kind, event) {
    for (const hear of this.heard[kind] || []) hear({ target: this, preventDefault() {}, ...event });
  }
}
const parts = {};
const page = new Part("document");
page.getElementById = (id) => (parts[id] ||= new Part(id));
page.createElement = (tag) => new Part(tag);
page.documentElement = new Part("html");
parts.data = new Part("data"); parts.data.text = process.argv[3];
const world = { document: page, addEventListener() {}, matchMedia: () => ({ matches: false }), console };
vm.runInNewContext(fs.readFileSync(process.argv[2], "utf8"), world);
const graph = parts.graph, seen = {};
const names = () => graph.children.map((part) => part.textContent);
const boxAt = (name) => graph.children.find((part) => part.textContent.startsWith(name));
const widthOf = (name) => Math.round(parseFloat(/width:([\d.]+)/.exec(boxAt(name).style.cssText)[1]));
seen.all = names(); seen.main = widthOf("main"); seen.leaf = widthOf("leaf");
const textOf = (cell) => cell.textContent ?? cell.children[0].textContent;
seen.lines = parts.lines.children.map((row) => row.children.map(textOf));
parts.search.value = "A.PY"; parts.search.fire("input");
seen.found = parts.found.textContent;
seen.hits = graph.children.filter((part) => part.classes.has("hit")).map((part) => part.textContent);
graph.heard.click[0]({ target: boxAt("leaf") });
seen.zoomed = names(); seen.wide = widthOf("leaf"); seen.focused = page.activeElement.textContent;
graph.heard.focusin[0]({ target: boxAt("leaf") }); seen.detail = parts.detail.textContent;
seen.path = parts.path.children.map((part) => part.textContent);
page.fire("keydown", { key: "Escape" }); seen.out = names().length;
page.fire("keydown", { key: "Escape" });
graph.heard.keydown[0]({ key: "ArrowDown", target: boxAt("all"), preventDefault() {} });
seen.down = page.activeElement.textContent;
graph.heard.keydown[0]({ key: "ArrowDown", target: boxAt("main"), preventDefault() {} });
graph.heard.keydown[0]({ key: "ArrowRight", target: boxAt("leaf"), preventDefault() {} });
seen.right = page.activeElement.textContent;
page.fire("keydown", { key: "/" }); seen.searching = page.activeElement.tag;
parts.theme.fire("click"); seen.theme = page.documentElement.dataset.theme;
console.log(JSON.stringify(seen));
"""


@pytest.mark.skipif(NODE is None, reason="node is not here to run the page's script")
def test_the_picture_can_be_zoomed_searched_and_walked_by_keys(tmp_path: Path) -> None:
    assert NODE is not None
    driver = tmp_path / "driver.js"
    driver.write_text(DRIVER, "utf-8")
    data = Page(flame_page(HEAP, "orders", "now")).scripts[0]
    script = tmp_path / "script.js"
    script.write_text(flame_script(), "utf-8")
    done = subprocess.run(
        [NODE, str(driver), str(script), data], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)

    assert seen["all"] == [
        "all that lives (300 B)",
        "main  /x/m.py:9 (290 B)",
        "leaf  /x/a.py:3 (200 B)",
        "</script><b>  /x/b.py:5 (90 B)",
    ]
    assert (seen["main"], seen["leaf"]) == (97, 67)  # percent of the width
    assert seen["lines"] == [
        ["200 B", "66.7 %", "2", "/x/a.py:3 in leaf"],
        ["90 B", "30 %", "1", "/x/b.py:5 in </script><b>"],
    ]
    assert seen["found"] == "200 B, 66.7 %"
    assert seen["hits"] == ["leaf  /x/a.py:3 (200 B)"]
    assert (len(seen["zoomed"]), seen["wide"]) == (3, 100)
    assert seen["focused"].startswith("leaf")
    assert seen["path"] == ["all", "\u203a", "main", "\u203a", "leaf"]
    assert seen["detail"] == "leaf  /x/a.py:3: 200 B, 66.7 % of all, 2 samples, 200 B allocated by this line itself"
    assert seen["out"] == 4
    assert seen["down"].startswith("main")
    assert seen["right"].startswith("</script>")
    assert (seen["searching"], seen["theme"]) == ("search", "dark")
