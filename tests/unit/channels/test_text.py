"""Text in its forms: whatever stands in an alert, nobody obeys it, and it has an end."""

from __future__ import annotations

import html as parser
import unicodedata
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.peers.notices import ALERT, AT, FIRING, GROUP, HOSTILE, RESOLVED, a_notice, hostile

from tocsin import PagerDutyChannel
from tocsin.channels.email.html import html_body
from tocsin.channels.email.plain import plain_body
from tocsin.channels.slack.blocks import message
from tocsin.channels.text import html, label_name, line, paragraph, slack, token, visible
from tocsin.channels.wording import headline, late
from tocsin.model.readings import TRUNCATED

ANY = st.text(st.characters(codec=None, exclude_categories=()), max_size=400)
NOT_TEXT = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def odd(text: str) -> set[str]:
    return {char for char in text if unicodedata.category(char) in NOT_TEXT}


@given(ANY, st.integers(10, 100))
def test_a_line_is_one_line_of_text_within_its_bound(text: str, limit: int) -> None:
    found = line(text, limit)
    assert odd(found) == set()
    assert len(found) <= limit
    assert found.encode() is not None  # every encoding that knows all of Unicode can carry it


@given(ANY, st.integers(10, 100))
def test_a_paragraph_keeps_nothing_but_its_line_breaks(text: str, limit: int) -> None:
    found = paragraph(text, limit)
    assert odd(found) <= {"\n"}
    assert len(found) <= limit


@given(ANY)
def test_html_is_text_to_whoever_parses_it(text: str) -> None:
    quoted = html(text)
    assert not set('<>"') & set(quoted)
    assert parser.unescape(quoted) == paragraph(text)


@given(ANY, st.integers(10, 100))
def test_slack_finds_nothing_to_obey_and_no_escape_is_cut_in_half(text: str, limit: int) -> None:
    found = slack(text, limit)
    assert not set("<>`") & set(found)
    assert len(found) <= limit
    assert found.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "").count("&") == 0


@given(ANY)
def test_a_token_can_stand_in_any_header_and_is_the_same_again(text: str) -> None:
    found = token(text)
    assert 1 <= len(found) <= 64
    assert found.isascii()
    assert found.replace("-", "").replace("_", "").isalnum() or set(found) <= {"-", "_"}
    assert found == token(text) == token(found)


@given(ANY)
def test_a_label_has_a_name_that_prometheus_allows(text: str) -> None:
    found = label_name(text)
    assert found.isidentifier()
    assert found.isascii()


def test_what_is_not_text_is_shown() -> None:
    assert visible("a\r\n\x1b[31m\u202eb\x00") == r"a\r\n\x1b[31m\u202eb\x00"
    assert line("plain – ünïcode ✓") == "plain – ünïcode ✓"
    assert paragraph("a\r\nb\tc\rd") == "a\nb    c\\rd"


@pytest.mark.parametrize("function", [line, paragraph, html, slack])
def test_what_is_too_long_ends_in_a_mark(function: object) -> None:
    assert callable(function)
    found = function("x" * 1_000_000, 50)
    assert found == "x" * (50 - len(TRUNCATED)) + TRUNCATED
    assert function("x" * 50, 50) == "x" * 50


def test_objects_that_are_no_text_become_one() -> None:
    class Odd:
        def __str__(self) -> str:
            raise RuntimeError

    class Mine(str):
        __slots__ = ()

        def __len__(self) -> int:
            raise RuntimeError

    assert line(5) == "5"
    assert line(Odd()) == "<Odd that cannot be shown>"
    assert line(Mine("a\n")) == r"a\n"


# -- subjects


def test_a_headline_is_short_and_says_most() -> None:
    assert headline(FIRING) == "[CRITICAL] memory-high: 91 %, threshold 85 % (orders)"
    assert headline(RESOLVED) == "[RESOLVED] memory-high: 80 % at the end, threshold 85 % (orders)"
    assert headline(GROUP) == "[CRITICAL] 2 alerts: memory-high, Payment refused"


@pytest.mark.parametrize("what", HOSTILE)
def test_a_headline_stays_one_short_line(what: str) -> None:
    notice = hostile(HOSTILE[what])
    for found in (headline(notice), headline(a_notice(*notice.alerts * 9))):
        assert odd(found) == set()
        assert len(found) <= 120


# -- late


@pytest.mark.parametrize("seconds", [-3600, 0, 59])
def test_a_notice_that_comes_in_time_has_no_word_about_it(seconds: float) -> None:
    assert late(FIRING, AT + timedelta(seconds=seconds)) == late(FIRING, None) == ""


def test_a_notice_that_comes_late_says_so_in_every_form_that_people_read() -> None:
    now = AT + timedelta(minutes=20)
    words = "This comes 20 min late: it was to be told at 2026-01-01 10:00:00 UTC."
    assert late(FIRING, now) == words
    assert words in plain_body(FIRING, now)
    assert words in html_body(FIRING, now)
    assert words in message(FIRING, now)["blocks"][0]["text"]["text"]
    event = PagerDutyChannel("k" * 32)._event(ALERT, FIRING, now)
    assert event["payload"]["custom_details"]["late"] == words


# -- the document that a mail program shows


class Elements(HTMLParser):
    """Notes which elements and attributes there are."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen |= {tag, *(f"@{name}" for name, _ in attrs)}
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]


OURS = {
    "html", "head", "meta", "title", "body", "h2", "h3", "p", "pre", "table", "tr", "td", "ul", "li", "hr", "a",
    "@lang", "@charset", "@style", "@href",
}  # fmt: skip


@given(ANY)
def test_no_text_makes_an_element_or_attribute_in_a_mail(text: str) -> None:
    found = Elements()
    found.feed(html_body(hostile(text)))
    assert found.seen <= OURS
    assert all(link.startswith(("https://", "http://")) for link in found.links)


@pytest.mark.parametrize("what", HOSTILE)
def test_no_hostile_text_makes_one_either(what: str) -> None:
    found = Elements()
    found.feed(html_body(hostile(HOSTILE[what])))
    assert found.seen <= OURS
    assert found.links == []
