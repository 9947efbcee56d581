"""What a person sees and does: alerts come by themselves, orders reach the program, and the page outlives a restart."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from playwright.sync_api import expect
from tests.browser.conftest import Program, fired, ready

from tocsin import AlertCategory, AlertRule, AlertSeverity, runbooks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.browser.conftest import House, Visit

    Opened = Callable[..., Visit]

GONE = [r"ERR_CONNECTION_REFUSED", r"ERR_INCOMPLETE_CHUNKED_ENCODING", r"ERR_EMPTY_RESPONSE", r"ERR_CONNECTION_RESET"]


def test_an_alert_appears_within_two_seconds_of_firing_without_a_reload(house: House, visit: Opened) -> None:
    page = ready(visit(house.server.url).page)
    page.evaluate("window.stayed = true")
    expect(page.get_by_role("heading", name="Nothing fires")).to_be_visible()
    began_s = time.monotonic()
    fired(house, "disk is full")
    page.get_by_role("link", name="disk is full").wait_for()
    assert time.monotonic() - began_s < 2.0
    assert page.evaluate("window.stayed")
    assert page.title().startswith("(1) shown")

    [alert] = house.system.open_alerts()
    house.system.resolve(alert.fingerprint)
    expect(page.get_by_role("heading", name="Nothing fires")).to_be_visible()


def test_the_token_does_not_stay_in_the_address(house: House, visit: Opened) -> None:
    page = ready(visit(house.server.url).page)
    assert "token" not in page.url


def test_an_alert_is_taken_care_of_by_keyboard_alone(house: House, visit: Opened) -> None:
    fired(house, "disk is full", component="storage")
    page = ready(visit(house.server.url).page)
    page.get_by_role("link", name="disk is full").wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the content"
    page.keyboard.press("Enter")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Acknowledge":
            break
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    dialog.wait_for()
    assert page.evaluate("document.activeElement.tagName") == "INPUT"
    page.keyboard.type("ada")
    page.keyboard.press("Tab")
    page.keyboard.type("cleaning up")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(page.get_by_text("taken care of by ada: cleaning up")).to_be_visible()

    [alert] = house.system.open_alerts()
    assert alert.acknowledgement is not None
    assert (alert.acknowledgement.by, alert.acknowledgement.comment) == ("ada", "cleaning up")


def test_a_dialog_ends_with_escape_and_gives_the_focus_back(house: House, visit: Opened) -> None:
    fired(house, "disk is full")
    page = ready(visit(house.server.url).page)
    button = page.get_by_role("button", name="Acknowledge")
    button.click()
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(button).to_be_focused()


def test_a_silence_from_an_alert_shows_what_it_matches_and_holds_back_what_comes(house: House, visit: Opened) -> None:
    fired(house, "disk is full", component="storage")
    seen = visit(house.server.url)
    seen.expected.append("400")  # a matcher that is none
    page = ready(seen.page)
    page.get_by_role("button", name="Silence…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("It holds back 1 open alert:")).to_be_visible()
    matchers = dialog.get_by_label("Matchers, one a line")
    matchers.fill("component=nothing")
    expect(dialog.get_by_text("It matches no open alert.")).to_be_visible()
    matchers.fill("no matcher")
    expect(dialog.locator(".preview")).to_contain_text("no matcher")
    matchers.fill("component=storage")
    expect(dialog.get_by_text("It holds back 1 open alert:")).to_be_visible()
    dialog.get_by_role("button", name="Silence").click()
    expect(page.get_by_role("link", name="1 silence in force")).to_be_visible()

    [silence] = house.system.silences()
    assert [str(matcher) for matcher in silence.matchers] == ['component="storage"']
    assert house.system.flush()
    told = len(house.channel.alerts)
    fired(house, "disk is slow", component="storage")
    page.get_by_role("link", name="disk is slow").wait_for()
    assert house.system.flush()
    assert len(house.channel.alerts) == told
    expect(page.get_by_text("held back: silence").first).to_be_visible()


def test_an_order_of_the_command_line_appears_by_itself(house: House, visit: Opened) -> None:
    fired(house, "disk is full")
    page = ready(visit(house.server.url).page)
    page.get_by_role("link", name="disk is full").wait_for()
    [alert] = house.system.open_alerts()
    house.system.acknowledge(alert.id, by="grace")
    expect(page.get_by_text("taken care of by grace")).to_be_visible()
    house.system.silence("component=x", for_s=60)
    expect(page.get_by_role("link", name="1 silence in force")).to_be_visible()


def test_after_a_restart_of_the_server_the_page_goes_on_by_itself(house: House, visit: Opened) -> None:
    seen = visit(house.server.url)
    seen.expected.extend(GONE)
    page = ready(seen.page)
    house.system.stop()
    page.get_by_text("connection lost").wait_for()
    house.system.start()
    fired(house, "while it was away")
    page.get_by_role("link", name="while it was away").wait_for()
    ready(page)
    page.get_by_role("button", name="Acknowledge").click()
    page.get_by_role("dialog").get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_text("taken care of by somebody")).to_be_visible()


def test_a_script_in_every_field_of_an_alert_stays_a_text(house: House, visit: Opened) -> None:
    script = '<img src=x onerror="window.harmed=1"><script>window.harmed=1</script>'
    house.system.emit(
        script, script, "critical", script, component=script, labels={"where": script}, recommendations=[script]
    )
    house.system.flush()
    [alert] = house.system.open_alerts()
    house.system.acknowledge(alert.id, by=script, comment=script)
    page = ready(visit(house.server.url).page)
    for path in ("now", f"alerts/{alert.id}", "history", "rules"):
        page.goto(f"{house.server.base}/#/{path}")
        if path != "rules":
            page.get_by_text("window.harmed=1").first.wait_for()
    assert page.evaluate("window.harmed") is None
    assert page.locator("img").count() == 1, "the bell, and no other picture"


def test_an_alert_tells_what_it_is_what_to_do_and_who_was_told(house: House, visit: Opened) -> None:
    house.system.record("queue.depth", 99.0)
    page = ready(visit(house.server.url).page)
    page.get_by_role("link", name="queue-deep").click()
    expect(page.get_by_role("heading", name="queue-deep", level=1)).to_be_visible()
    expect(page.get_by_text("Look who feeds the queue")).to_be_visible()
    expect(page.get_by_role("heading", name="Why you were, or were not, told")).to_be_visible()
    expect(page.get_by_text("recording was", exact=False).first).to_be_visible()
    expect(page.locator(".uplot canvas").first).to_be_visible()


def test_the_runbook_of_a_default_rule_is_read_beside_its_alert(house: House, visit: Opened) -> None:
    rule = AlertRule("cpu-high", AlertCategory.GENERAL, AlertSeverity.WARNING, 50, metric="own.load")
    house.system.add_rule(rule)
    house.system.record("own.load", 99.0)
    house.system.record("queue.depth", 99.0)
    page = ready(visit(house.server.url).page)
    page.get_by_role("link", name="queue-deep").click()
    expect(page.get_by_text("Look who feeds the queue")).to_be_visible()
    expect(page.get_by_text("tocsin runbook")).to_have_count(0)
    page.get_by_role("link", name="← Now").click()
    page.get_by_role("link", name="cpu-high").click()
    page.get_by_text("tocsin runbook cpu-high").click()
    expect(page.get_by_text("## What to look at")).to_be_visible()
    for line in filter(None, runbooks.text("cpu-high").splitlines()):
        expect(page.locator("details pre")).to_contain_text(line)


def test_counts_are_filters(house: House, visit: Opened) -> None:
    fired(house, "one", "critical")
    fired(house, "two", "info")
    page = ready(visit(house.server.url).page)
    page.get_by_role("link", name="two").wait_for()
    page.get_by_role("button", name="1 critical").click()
    expect(page.get_by_role("link", name="two")).to_be_hidden()
    expect(page.get_by_role("link", name="one")).to_be_visible()


def test_history_is_searched_and_its_address_can_be_shared(house: House, visit: Opened) -> None:
    fired(house, "needle")
    fired(house, "straw")
    page = ready(visit(house.server.url).page)
    page.goto(f"{house.server.base}/#/history")
    page.get_by_label("Search").fill("needl")
    expect(page.get_by_role("link", name="straw")).to_be_hidden()
    expect(page).to_have_url(re.compile(r"#/history\?q=needl$"))
    page.reload()
    expect(page.get_by_role("link", name="needle")).to_be_visible()
    expect(page.get_by_role("link", name="straw")).to_be_hidden()


def test_a_rule_is_switched_off_and_a_channel_is_tried(house: House, visit: Opened) -> None:
    page = ready(visit(f"{house.server.url}").page)
    page.goto(f"{house.server.base}/#/rules")
    page.get_by_role("button", name="Switch off queue-deep").click()
    expect(page.get_by_role("button", name="Switch on queue-deep")).to_be_visible()
    assert not house.system.rules[0].enabled
    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_text("delivered in")).to_be_visible()


def test_a_changed_threshold_is_tried_on_the_past_before_it_is_lived_by(tmp_path: Path, visit: Opened) -> None:
    (tmp_path / "program.py").write_text("import sys\nprint('up', flush=True)\nsys.stdin.read()\n")
    (tmp_path / "tocsin.toml").write_text('state_dir = "state"\n[web]\nport = 0\n')
    live_a_while(tmp_path / "state")
    program = Program(["run", "--web", "program.py"], tmp_path)
    try:
        seen = visit(program.url)
        seen.expected.extend(GONE)
        page = ready(seen.page)
        page.goto(f"{program.url.partition('/?')[0]}/#/rules")
        page.get_by_role("button", name="Try cpu-high").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Threshold, with its unit").fill("20 %")
        dialog.get_by_label("For how many seconds").fill("5")
        dialog.get_by_role("button", name="Try it").click()
        expect(dialog.get_by_role("heading", name="As it stands 0 times")).to_be_visible()
        expect(dialog.get_by_role("heading", name="Changed 1 time")).to_be_visible()
        dialog.get_by_role("button", name="Judge by it until the program ends").click()
        expect(dialog).to_be_hidden()
        expect(page.get_by_role("row", name=re.compile("cpu-high")).first).to_contain_text("> 20 %")
    finally:
        program.end()


def live_a_while(folder: Path) -> None:
    """Ten minutes up to now, in one of which the machine's CPU is half busy."""
    from datetime import UTC, datetime, timedelta

    from tocsin.clock import VirtualClock
    from tocsin.testing import ScriptedSensor, system_for_tests

    clock = VirtualClock(start=datetime.now(UTC) - timedelta(seconds=600))
    script = [0.05] * 200 + [0.5] * 60 + [0.05]
    system, _ = system_for_tests(
        sensors=[ScriptedSensor("system.cpu.utilization", script)], clock=clock, state_dir=folder
    )
    for _ in range(590):
        clock.advance(1.0)
        system._core.one_pass()
    assert system.stop(30.0)


def test_who_may_only_look_is_shown_no_buttons(house: House, visit: Opened) -> None:
    fired(house, "disk is full")
    page = ready(visit(house.server.reading_url).page)
    page.get_by_role("link", name="disk is full").wait_for()
    expect(page.get_by_text("looking only")).to_be_visible()
    assert page.get_by_role("button", name="Acknowledge").count() == 0


def test_without_the_token_the_page_says_where_the_link_is(house: House, visit: Opened) -> None:
    seen = visit(house.server.base)
    seen.expected.append("401")
    expect(seen.page.get_by_text("tocsin web")).to_be_visible()


# -- while the program's own loop is blocked

BLOCKER = """
import asyncio, sys, time

def hold_everybody_up():
    time.sleep(3)

async def main():
    print("up", flush=True)
    while True:
        await asyncio.sleep(0.5)
        hold_everybody_up()

asyncio.run(main())
"""


def test_the_page_goes_on_answering_while_the_programs_loop_is_blocked_and_shows_the_line(
    tmp_path: Path, visit: Opened
) -> None:
    (tmp_path / "blocker.py").write_text(BLOCKER)
    program = Program(["run", "--web", "blocker.py"], tmp_path)
    try:
        seen = visit(program.url)
        seen.expected.extend(GONE)
        page = ready(seen.page)
        page.get_by_role("link", name="event-loop-blocked").first.wait_for(timeout=60_000)
        page.get_by_role("link", name="event-loop-blocked").first.click()
        expect(page.get_by_text("in hold_everybody_up: time.sleep(3)").first).to_be_visible()
        page.goto(f"{program.url.partition('/?')[0]}/#/runtime")
        expect(page.locator("pre", has_text="in hold_everybody_up: time.sleep(3)")).to_be_visible()
        # Six questions in a row, each answered while the loop stands still nearly all the time.
        took = page.evaluate("""async () => {
            const times = [];
            for (let n = 0; n < 6; n += 1) {
                const began = performance.now();
                await (await fetch("api/v1/status")).json();
                times.push(performance.now() - began);
                await new Promise((done) => setTimeout(done, 400));
            }
            return Math.max(...times);
        }""")
        assert took < 2000
    finally:
        program.end()
