"""What the views tell beside open alerts: bands, budgets, digests, queues; and what may be done there."""

from __future__ import annotations

import queue
import re
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from playwright.sync_api import expect
from tests.browser.conftest import House, fired, ready

from tocsin import AlertCategory, AlertCondition, AlertRule, AlertSeverity
from tocsin.model.notice import NoticeKind
from tocsin.testing import RecordingChannel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.browser.conftest import Visit

    Opened = Callable[..., Visit]

CPU = "process.cpu.utilization"
UNUSUAL = AlertRule(
    "cpu-unusual", AlertCategory.GENERAL, AlertSeverity.INFO, condition=AlertCondition.ANOMALOUS, metric=CPU,
    min_change="10 %",
)  # fmt: skip
HIGH = AlertRule("cpu-high", AlertCategory.GENERAL, AlertSeverity.WARNING, "80 %", metric=CPU)


def test_a_chart_shows_what_was_expected_and_where_its_rules_ring(house: House, visit: Opened) -> None:
    house.system.add_rule(UNUSUAL)
    house.system.add_rule(HIGH)
    while house.system._core.engine.learners.charted({CPU}) == []:
        house.system.flush()
    page = ready(visit(house.server.url).page)
    panel = page.locator(".panel", has=page.get_by_role("heading", name="CPU of the program"))
    expect(panel.locator(".legend")).to_contain_text(re.compile(r"expected \d+(\.\d+)? % \(.+ to .+\)"))
    expect(panel.locator(".legend")).to_contain_text("warning 80 %")
    with_band = panel.locator("canvas").evaluate("(canvas) => canvas.toDataURL()")
    page.evaluate("window.tocsin.state.bands.clear(); window.tocsin.touch()")
    expect(panel.locator(".legend")).not_to_contain_text("expected")
    page.wait_for_function("(old) => document.querySelector('.panel canvas').toDataURL() !== old", arg=with_band)


def test_an_alert_is_drawn_with_the_band_of_its_time(house: House, visit: Opened) -> None:
    house.system.add_rule(UNUSUAL)
    house.system.add_rule(AlertRule("cpu-low", AlertCategory.GENERAL, AlertSeverity.INFO, "1 %", metric=CPU))
    page = ready(visit(house.server.url).page)
    page.get_by_role("link", name="cpu-low").click()
    around = page.locator(".panel.wide")
    expect(around.locator("canvas")).to_be_visible()
    expect(around.locator(".legend")).to_contain_text("expected")
    expect(around.locator(".legend")).to_contain_text("info 1 %")


def test_a_rule_shows_its_budget_and_why_it_is_quiet(house: House, visit: Opened) -> None:
    house.system.add_rule(UNUSUAL)
    house.system.add_rule(HIGH)
    page = ready(visit(house.server.url).page)
    page.goto(f"{house.server.base}/#/rules")
    unusual = page.get_by_role("row").filter(has_text="cpu-unusual")
    expect(unusual).to_contain_text("1 false alarms a week allowed")
    expect(unusual).to_contain_text("never")
    expect(page.get_by_role("row").filter(has_text="cpu-high")).to_contain_text("not above 80 %")


def test_a_digest_opens_into_its_members_and_is_found_by_their_names(tmp_path: Path, visit: Opened) -> None:
    found = House(state_dir=tmp_path / "state", suppress_after=1, suppress_window="1s")
    try:
        for _ in range(4):
            fired(found, "disk is full", "warning")
        page = ready(visit(found.server.url).page)
        while not any(notice.kind is NoticeKind.DIGEST for notice in found.channel.notices):
            page.wait_for_timeout(50)
        page.goto(f"{found.server.base}/#/history")
        digest = page.locator(".notices li.panel").filter(has_text="digest to recording")
        expect(digest.locator("summary")).to_contain_text("3 occurrences held back")
        digest.locator("summary").click()
        expect(digest.get_by_role("link", name="disk is full")).to_be_visible()
        expect(digest.locator(".members")).to_contain_text(re.compile("× 3.*firing, began"))
        page.get_by_label("Search").fill("disk is")
        expect(digest).to_be_visible()
        page.get_by_label("Search").fill("something else")
        expect(page.get_by_text("No notice fits.")).to_be_visible()
        page.get_by_label("Search").fill("")
        page.get_by_label("State").select_option("resolved")
        expect(page).to_have_url(re.compile(r"#/history\?state=resolved$"))
        expect(page.get_by_text("No alert fits.")).to_be_visible()
        page.context.close()
    finally:
        found.system.stop()


def test_a_channel_that_fails_shows_its_error_and_keeps_what_it_gave_up(tmp_path: Path, visit: Opened) -> None:
    broken = RecordingChannel("pager", fail_with=ValueError("the pager is out of paper"))
    found = House(state_dir=tmp_path / "state", channels=[broken])
    try:
        fired(found, "disk is full")
        assert found.system.flush() is not None
        page = ready(visit(found.server.url).page)
        page.goto(f"{found.server.base}/#/rules")
        card = page.locator("li.panel", has=page.get_by_role("heading", name="pager"))
        expect(card.get_by_text("the pager is out of paper").first).to_be_visible()
        expect(card.locator("dd").nth(2)).not_to_have_text("0")
        page.context.close()  # before the server, so that nobody misses it
    finally:
        found.system.stop()


def test_buffers_are_shown_by_how_full_they_are(house: House, visit: Opened) -> None:
    orders: queue.Queue[int] = queue.Queue(10)
    for number in range(9):
        orders.put(number)
    house.system.buffers.track("orders", orders, 10)
    page = ready(visit(house.server.url).page)
    page.goto(f"{house.server.base}/#/runtime")
    row = page.get_by_role("row").filter(has_text="orders")
    expect(row).to_contain_text("90 %")
    expect(row.locator("progress")).to_have_class("warning")


def test_who_may_only_look_tries_no_channel_and_switches_no_rule(house: House, visit: Opened) -> None:
    page = ready(visit(house.server.reading_url).page)
    page.goto(f"{house.server.base}/#/rules")
    page.get_by_role("heading", name="recording").wait_for()
    assert page.get_by_role("button", name=re.compile("Switch|Send|silence", re.IGNORECASE)).count() == 0
