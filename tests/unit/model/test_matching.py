"""Matchers: which alerts are meant."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.model.alert import PerformanceAlert
from tocsin.model.levels import AlertCategory, AlertSeverity
from tocsin.model.matching import FACTS, Matcher, all_match, check_pattern, facts_of, parse_matcher

ALERT = PerformanceAlert(
    "Disk full", "99 %", AlertSeverity.CRITICAL, AlertCategory.DISK_IO, rule="disk-full", source="disk-full",
    component="orders", labels={"path": "/var", "rule": "odd"}, fingerprint="f1", id="a1",
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("title=Disk full", True), ("severity=critical", True), ("severity=warning", False),
        ("category=disk_io", True), ("component!=orders", False), ("path=/var", True), ('path="/var"', True),
        ("path=~/v.*", True), ("path=~/v", False), ("path!~/v", True), ("path!~/v.*", False),
        ("missing=", True), ("missing!=x", True), ("missing=~.*", True), ("missing=~.+", False),
        ("rule=disk-full", True), ("label.rule=odd", True), ("id=a1", True), (" path = /var ", True),
    ],
)  # fmt: skip
def test_a_matcher_looks_at_facts_and_labels(text: str, matches: bool) -> None:
    assert parse_matcher(text).matches(facts_of(ALERT)) is matches


def test_every_fact_that_is_named_can_be_matched() -> None:
    assert set(FACTS) <= facts_of(ALERT).keys()


def test_all_matchers_must_agree_and_none_mean_everything() -> None:
    facts = facts_of(ALERT)
    assert all_match([parse_matcher("path=/var"), parse_matcher("component=orders")], facts)
    assert not all_match([parse_matcher("path=/var"), parse_matcher("component=cart")], facts)
    assert all_match([], facts)


@pytest.mark.parametrize("text", ["", "path", "path~x", "=x", "1a=b", "path=~(", "path=~" + "a" * 300])
def test_what_is_no_matcher_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|regular expression|characters"):
        parse_matcher(text)


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(a|aa)+$", "(a*)*", "((ab)*c)*", "([a-z]+){5,}", r"(a)(\1+)+", "a*a*a*a*b"]
)
def test_a_pattern_that_could_take_for_ever_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="for ever"):
        check_pattern(pattern)


@pytest.mark.parametrize("pattern", ["", "a+b*", "(foo|bar)-.*", "[a-z]{3}", "(ab){4}", "(?i)db-[0-9]+", "(?=a)a.*"])
def test_a_usual_pattern_is_taken(pattern: str) -> None:
    check_pattern(pattern)
    assert re.compile(pattern).pattern == pattern


@given(
    st.sampled_from(["=", "!="]), st.text(max_size=30), st.from_regex(r"[A-Za-z_][A-Za-z0-9_.]{0,10}", fullmatch=True)
)
def test_a_matcher_that_is_written_out_is_read_as_the_same(operator: str, value: str, name: str) -> None:
    matcher = Matcher(name, operator, value)
    assert parse_matcher(str(matcher)) == matcher


@given(st.text(max_size=40))
def test_whatever_is_typed_is_read_or_refused(text: str) -> None:
    try:
        matcher = parse_matcher(text)
    except ValueError:
        return
    assert matcher.matches(facts_of(ALERT)) in {True, False}
