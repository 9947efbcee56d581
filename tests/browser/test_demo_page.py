"""The page on the real demo under real load: what a newcomer sees, and whether everybody can use it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from playwright.sync_api import expect
from tests.browser.conftest import AXE, ENOUGH_MS, PICTURES, Program, ready

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page
    from tests.browser.conftest import Visit

    Opened = Callable[..., Visit]

VIEWS = ("now", "history", "memory", "runtime", "rules")
LEAK = re.compile(r"misbehaving_service\.py:65")
SUITS: dict[str, tuple[str, int]] = {
    "light": ("light", 1280), "dark": ("dark", 1280), "narrow": ("light", 360), "wide": ("dark", 2200),
}  # fmt: skip


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    program = Program(["demo"], tmp_path_factory.mktemp("demo"))
    yield program
    program.end()


def at(demo: Program, view: str) -> str:
    return f"{demo.url.partition('/?')[0]}/#/{view}"


def test_a_newcomer_sees_the_leak_alert_within_thirty_seconds_and_its_line(demo: Program, visit: Opened) -> None:
    page = ready(visit(demo.url).page)
    card = page.locator(".alert", has=page.get_by_role("link", name="memory-leak"))
    expect(card.get_by_text(LEAK)).to_be_visible(timeout=60_000)
    page.goto(at(demo, "memory"))
    expect(page.get_by_text(LEAK).first).to_be_visible(timeout=ENOUGH_MS)
    expect(page.get_by_text("leaks", exact=True)).to_be_visible()


def test_memory_names_what_keeps_the_leak_and_draws_it_by_line_over_time(demo: Program, visit: Opened) -> None:
    page = ready(visit(demo.url).page)
    page.goto(at(demo, "memory"))
    row = page.get_by_role("row").filter(has_text=LEAK)
    expect(row.get_by_text("global __main__.SESSIONS")).to_be_visible(timeout=60_000)
    expect(row.get_by_text(re.compile(r"MB/h \(\S+ to \S+\)"))).to_be_visible()
    survivors = page.locator(".panel", has=page.get_by_role("heading", name="What lives, by line"))
    expect(survivors.locator(".legend li").first).to_contain_text(LEAK)
    expect(survivors.locator("canvas")).to_be_visible()


def test_the_flame_graph_is_searched_zoomed_and_walked_by_keyboard(demo: Program, visit: Opened) -> None:
    page = ready(visit(demo.url).page)
    page.goto(at(demo, "memory"))
    leak = page.get_by_role("treeitem", name=LEAK).last
    leak.wait_for(timeout=60_000)
    page.get_by_label("Search").fill(":65")
    expect(leak).to_have_class(re.compile("hit"))
    page.get_by_role("treeitem", name="all that lives").focus()
    page.keyboard.press("ArrowDown")
    focused = page.locator(":focus")
    expect(focused).to_have_attribute("aria-level", "2")
    page.keyboard.press("Enter")
    expect(page.get_by_role("treeitem", name="all that lives")).to_have_class(re.compile("dim"))
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Show all")).to_be_hidden()


def test_two_moments_of_the_heap_are_compared_and_one_is_saved_for_speedscope(demo: Program, visit: Opened) -> None:
    page = ready(visit(demo.url).page)
    page.goto(at(demo, "memory"))
    page.get_by_role("button", name="Remember this moment").click()
    expect(page.get_by_text("Remembered.")).to_be_visible()
    expect(async_growth(page)).to_be_visible(timeout=60_000)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save for speedscope").click()
    assert download.value.suggested_filename == "misbehaving-service-heap.speedscope.json"
    profile = json.loads(Path(download.value.path()).read_text("utf-8"))
    [live] = profile["profiles"]
    assert live["endValue"] == sum(live["weights"]) > 0
    names = [frame["file"] for frame in profile["shared"]["frames"]]
    assert any(name.endswith("misbehaving_service.py") for name in names)
    assert max(frame for sample in live["samples"] for frame in sample) < len(names)


def async_growth(page: Page) -> Any:
    """The row of the leak among what changed; the heap is looked at until it grew."""
    row = page.get_by_role("region", name="What changed").get_by_role("row").filter(has_text=LEAK)
    for _ in range(20):
        page.get_by_role("button", name="Look again").click()
        page.wait_for_timeout(500)
        if row.filter(has_text="+").count():
            break
    return row


def test_runtime_tells_what_threads_do_how_late_loops_are_and_what_watching_costs(demo: Program, visit: Opened) -> None:
    page = ready(visit(demo.url).page)
    page.goto(at(demo, "runtime"))
    expect(page.locator("summary", has_text="MainThread")).to_be_visible()
    expect(page.get_by_text("a core").first).to_be_visible()
    lags = page.locator(".panel", has=page.get_by_role("heading", name="Loop main"))
    lags.locator("td.number").first.wait_for(timeout=60_000)
    counts = [int(cell) for cell in lags.locator("td.number").all_inner_texts()]
    assert sum(counts) > 0
    expect(page.locator(".panel", has_text="The dearest sensors").locator("th").first).to_be_visible()


def test_an_acknowledgement_from_the_page_is_what_the_command_line_shows(demo: Program, visit: Opened) -> None:
    page = ready(visit(demo.url).page)
    page.get_by_role("link", name="process-cpu-high").wait_for(timeout=60_000)
    card = page.locator(".alert", has=page.get_by_role("link", name="process-cpu-high"))
    card.get_by_role("button", name="Acknowledge").click()
    page.get_by_label("Your name").fill("ada")
    page.get_by_role("dialog").get_by_role("button", name="Acknowledge").click()
    expect(card.get_by_text("taken care of by ada")).to_be_visible()
    assert "ada" in demo.ask("alerts", "--name", "misbehaving-service", "--json")


@pytest.fixture(scope="module")
def alert(demo: Program) -> str:
    """The view of the alert of the blocked event loop."""
    found = json.loads(demo.ask("alerts", "--name", "misbehaving-service", "--json"))
    return next(f"alerts/{one['id']}" for one in found["alerts"] if one["title"] == "event-loop-blocked")


@pytest.mark.parametrize("view", [*VIEWS, "alert"])
def test_every_view_in_every_suit_can_be_used_by_everybody(demo: Program, visit: Opened, alert: str, view: str) -> None:
    page = ready(visit(demo.url).page)
    page.goto(at(demo, alert if view == "alert" else view))
    page.locator("main h1").first.wait_for(state="attached")
    PICTURES.mkdir(parents=True, exist_ok=True)
    for suit, (scheme, width) in SUITS.items():
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of two words
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function(
            "() => [...document.querySelectorAll('.chart')].every((one) => one.querySelector('canvas'))"
        )
        page.screenshot(path=PICTURES / f"{view}-{suit}.png", full_page=True, animations="disabled", scale="css")
        wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider <= 0, f"{view} is wider than the screen in {suit}"
        assert suit == "wide" or faults(page, contrast=suit in {"light", "dark"}) == [], f"{view} in {suit}"


def faults(page: Page, *, contrast: bool) -> list[tuple[str, list[str]]]:
    """What axe-core finds serious. The colours are the same in each width, so they are looked at once."""
    if not AXE.is_file():
        return []
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text("utf-8"))
    rules = {"color-contrast": {"enabled": contrast}}
    found = page.evaluate("(rules) => axe.run(document, {resultTypes: ['violations'], rules})", rules)
    return [
        (one["id"], [node["html"][:120] for node in one["nodes"][:3]])
        for one in found["violations"]
        if one["impact"] in {"serious", "critical"}
    ]
