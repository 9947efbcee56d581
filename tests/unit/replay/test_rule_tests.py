"""Rule tests in TOML: what passes, what differs and how it is told, and what is refused with its line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tocsin.errors import ConfigError
from tocsin.replay.rule_tests.read import read_tests
from tocsin.replay.rule_tests.run import run_test

if TYPE_CHECKING:
    from pathlib import Path

    from tocsin.replay.rule_tests.run import Failure, Result

RULE = """
[[rule]]
name = "deep"
metric = "app.depth"
threshold = 50
for = "20s"
"""
TEST = """
[[test]]
name = "it rings"
every = "10s"
series = { "app.depth" = "1x2 99x7 1" }
"""


def read(folder: Path, body: str, *, rule: str = RULE, test: str = TEST) -> list[Result]:
    path = folder / "rules_test.toml"
    path.write_text(rule + test + body, encoding="utf-8")
    return [run_test(one) for one in read_tests(path)]


def result(folder: Path, body: str, *, rule: str = RULE, test: str = TEST) -> Result:
    [found] = read(folder, body, rule=rule, test=test)
    return found


def expect(at: str, **parts: str) -> str:
    return f'[[test.expect]]\nat = "{at}"\n' + "".join(f"{name} = {value}\n" for name, value in parts.items())


def failure(folder: Path, body: str, *, rule: str = RULE, test: str = TEST) -> Failure:
    [found] = result(folder, body, rule=rule, test=test).failures
    return found


COURSE = (
    expect("20s", verdicts='{ deep = "ok" }', alerts="[]", notices="[]")
    + expect("40s", verdicts='{ deep = "bad" }', alerts='["pending deep"]', notices="[]")
    + expect("50s", alerts='["firing deep"]', notices='["firing deep to console"]')
    + expect("110s", alerts="[]", notices='["resolved deep"]')
)


def test_the_course_of_an_alert_is_as_expected(tmp_path: Path) -> None:
    assert result(tmp_path, COURSE).passed


@pytest.mark.parametrize(
    ("found", "changed"),
    [
        ('{ deep = "ok" }', '{ deep = "bad" }'),
        ('"pending deep"', '"firing deep"'),
        ('alerts = ["firing deep"]', "alerts = []"),
        ('"firing deep to console"', '"firing deep to slack"'),
        ('["resolved deep"]', "[]"),
        ('["resolved deep"]', '["resolved deep", "resolved deep"]'),
        ("threshold = 50", "threshold = 100"),
        ('for = "20s"', 'for = "21s"'),
        ("99x7", "99x8"),
    ],
)  # fmt: skip
def test_each_part_of_it_can_fail(found: str, changed: str, tmp_path: Path) -> None:
    whole = RULE + TEST + COURSE
    assert found in whole
    assert not result(tmp_path, whole.replace(found, changed), rule="", test="").passed


def test_a_difference_says_what_is_missing_what_is_there_and_how_it_came_about(tmp_path: Path) -> None:
    found = failure(tmp_path, expect("50s", alerts='["pending deep"]'))
    assert (found.at_s, found.what, found.line) == (50.0, "alerts", 12)
    assert found.missing == ["pending deep"]
    assert found.unexpected == ["firing deep (warning, 99)"]
    assert found.way == [
        "30s deep: pending: 99 is above 50 for 20 s",
        "50s deep: firing: 99 is above 50 for 20 s",
        "50s deep: told: console: it began to fire",
    ]


def test_a_verdict_that_differs_is_told_by_its_rule(tmp_path: Path) -> None:
    found = failure(tmp_path, expect("0s", verdicts='{ deep = "error" }'))
    assert (found.missing, found.unexpected) == (["deep: error"], ["deep: ok"])


def test_a_rule_without_series_has_no_verdict(tmp_path: Path) -> None:
    found = failure(tmp_path, expect("0s", verdicts='{ deep = "ok" }'), test=TEST.replace("app.depth", "app.other"))
    assert found.unexpected == ["deep: it watches no series"]


SERIES = """
[[test]]
name = "two queues"
[test.series]
'app.depth{queue="a"}' = "1"
'app.depth{queue="b"}' = "99x30"
"""


def test_rules_on_several_series_are_told_apart_by_labels(tmp_path: Path) -> None:
    right = expect("0s", verdicts="""{ 'deep{queue="a"}' = "ok", 'deep{queue="b"}' = "bad" }""",
                   alerts='[{ title = "deep", labels = { queue = "b" }, value = 99 }]')  # fmt: skip
    assert result(tmp_path, right, test=SERIES).passed
    both = failure(tmp_path, expect("0s", verdicts='{ deep = "ok" }'), test=SERIES)
    assert both.unexpected == ['deep{queue="b"}: bad']


def test_who_names_more_chooses_first(tmp_path: Path) -> None:
    twice = SERIES.replace('"1"', '"88x30"')
    body = expect("20s", alerts='["firing deep", { state = "firing", title = "deep", value = 88 }]')
    assert result(tmp_path, body, test=twice).passed
    assert result(tmp_path, body.replace("88", "99"), test=twice).passed


def test_silences_and_maintenance_hold_for_the_readings_of_their_time(tmp_path: Path) -> None:
    for kind in ("silence", "maintenance"):
        order = f'[[test.{kind}]]\nat = "50s"\nfor = "30s"\nmatchers = ["rule=deep"]\n'
        body = (
            order
            + expect("70s", alerts=f'[{{ title = "deep", held = "{kind}" }}]', notices="[]")
            + expect("80s", notices='["firing deep"]')
        )
        assert result(tmp_path, body).passed, kind


def test_an_acknowledgement_and_an_event_come_behind_the_readings_of_their_time(tmp_path: Path) -> None:
    body = (
        '[[test.ack]]\nat = "50s"\ntitle = "deep"\nby = "jo"\n'
        '[[test.event]]\nat = "60s"\ntitle = "odd"\nsource = "app"\nlevel = "critical"\ncount = 5\n'
        + expect("50s", alerts='[{ title = "deep", acknowledged_by = "jo" }]', notices='["firing deep"]')
        + expect("60s", alerts='["firing deep", { title = "odd", severity = "critical", count = 5 }]',
                 notices='["firing odd"]')
        + expect("9min", notices='["resolved deep", { kind = "digest", held_back = 4 }]', alerts="[]")
    )  # fmt: skip
    assert result(tmp_path, body).passed


def test_to_acknowledge_what_does_not_fire_is_a_failure(tmp_path: Path) -> None:
    found = failure(tmp_path, '[[test.ack]]\nat = "40s"\ntitle = "deep"\n' + expect("1min", alerts="[]"))
    assert (found.what, found.missing, found.unexpected) == (
        "ack", ["firing deep"], ["pending deep (warning, 99)"],
    )  # fmt: skip


def test_notices_wait_for_the_next_expectation_that_speaks_of_them(tmp_path: Path) -> None:
    body = expect("50s", alerts='["firing deep"]') + expect("110s", notices='["firing deep", "resolved deep"]')
    assert result(tmp_path, body).passed


def test_the_wall_clock_is_set_for_windows_that_go_by_it(tmp_path: Path) -> None:
    window = '[[maintenance]]\nname = "night"\ncron = "0 22 * * *"\nduration = "1h"\n'
    night = 'start = "2026-01-05T22:00:00Z"\n'
    body = expect("100s", notices="[]")
    assert result(tmp_path, body, rule=night + RULE + window).passed
    assert not result(tmp_path, body, rule=RULE + window).passed


def test_rules_of_another_file_are_tried_without_its_secrets(tmp_path: Path) -> None:
    (tmp_path / "tocsin.toml").write_text(
        f'default_rules = false\n{RULE}\n[[channel]]\ntype = "slack"\nurl = "env:NO"\n'
    )
    named = 'rules = "tocsin.toml"\n'
    assert result(tmp_path, COURSE.replace("to console", "to slack"), rule=named).passed


def test_a_test_ends_at_the_first_time_that_differs(tmp_path: Path) -> None:
    body = expect("50s", alerts="[]", notices="[]") + expect("60s", alerts="[]")
    found = result(tmp_path, body).failures
    assert [(one.at_s, one.what) for one in found] == [(50.0, "alerts"), (50.0, "notices")]


@pytest.mark.parametrize(
    ("found", "changed", "words"),
    [
        ("[[test]]", "[[tests]]", ":8: tests: found an unknown key"),
        ('name = "it rings"\n', "", ":8: test[0].name: found nothing, expected a name"),
        ("every", "evry", "test[0].evry: found an unknown key, expected a key of a test (did you mean 'every'?)"),
        ('every = "10s"', 'every = "0s"', ":10: test[0].every"),
        ("1x2 99x7 1", "1x2 99y7 1", "test[0].series.'app.depth': found '99y7', expected readings such as"),
        ('"app.depth" =', '"app depth" =', "expected a metric"),
        ('[[test.expect]]\nat = "20s"', "[[test.expect]]", "test[0].expect[0].at: found nothing"),
        ('"20s"\nverdicts', '"20 cm"\nverdicts', "test[0].expect[0].at"),
        ('at = "40s"', 'at = "10s"', 'test[0].expect[1].at: found "10s", expected a time not before'),
        ('deep = "ok"', 'deap = "ok"', "expect[0].verdicts.deap: found no such rule, expected the name of a rule"),
        ('deep = "ok"', 'deep = "fine"', "expected one of ok, bad, no_data, error"),
        ('"pending deep"', '"rings deep"', 'expect[1].alerts[0]: found "rings deep", expected a state'),
        ('"resolved deep"', '"resolved"', "expected a kind (firing, resolved, digest) and titles"),
        ('["pending deep"]', '[{ severity = "bad" }]', "expect[1].alerts[0].severity"),
        ('["pending deep"]', "[{ }]", "found an empty table"),
        ("threshold = 50", 'threshold = "50 MB"', "rule[0].threshold"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_file_is_told_with_its_place(found: str, changed: str, words: str, tmp_path: Path) -> None:
    whole = RULE + TEST + COURSE
    assert found in whole
    with pytest.raises(ConfigError) as caught:
        result(tmp_path, whole.replace(found, changed, 1), rule="", test="")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "test[0].expect: found nothing, expected what is to follow: [[test.expect]]"),
        ('[[test.expect]]\nat = "1s"\n', "test[0].expect[0]: found nothing, expected verdicts, alerts or notices"),
        ('[[test.silence]]\nat = "1s"\n' + expect("1s", alerts="[]"), "test[0].silence[0].for: found nothing"),
        ('[[test.event]]\nat="1s"\ntitle="x"\nlevel="odd"\n' + expect("1s", alerts="[]"), "event[0].level"),
    ],
)
def test_a_test_that_could_not_fail_is_refused(body: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, body)
    assert words in str(caught.value)


def test_a_file_holds_its_rules_or_names_them(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="rules: found beside rule, expected either"):
        read(tmp_path, COURSE, rule='rules = "tocsin.toml"\n' + RULE)
    with pytest.raises(ConfigError, match=r"tocsin\.toml: file: found no file at this path"):
        read(tmp_path, COURSE, rule='rules = "tocsin.toml"\n')
