from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Result

WRONG = """\
cpu_treshold = 85
check_interval = "often"
"""


def test_init_writes_a_configuration_that_check_finds_right(call: Callable[..., Result], place: Path) -> None:
    result = call("init")
    assert result.code == 0
    assert "Next: tocsin check tocsin.toml" in result.out
    checked = call("check")
    assert checked.code == 0
    assert checked.out.startswith("tocsin.toml: ok: ")
    assert "rules, 1 channel" in checked.out
    assert (place / "tocsin.toml").is_file()


def test_init_never_overwrites_unless_forced(call: Callable[..., Result], place: Path) -> None:
    mine = place / "tocsin.toml"
    mine.write_text('name = "mine"')
    result = call("init")
    assert result.code == 2
    assert "--force" in result.err
    assert mine.read_text() == 'name = "mine"'
    assert call("init", "--force").code == 0
    assert mine.read_text() != 'name = "mine"'


def test_init_takes_a_folder_or_a_file(call: Callable[..., Result], place: Path) -> None:
    assert call("init", place / "other.toml").code == 0
    (place / "deep").mkdir()
    assert call("init", place / "deep").code == 0
    assert (place / "other.toml").read_bytes() == (place / "deep" / "tocsin.toml").read_bytes()


def test_init_says_why_it_cannot_write(call: Callable[..., Result], place: Path) -> None:
    result = call("init", place / "missing" / "tocsin.toml")
    assert (result.code, result.out) == (2, "")
    assert "cannot be written" in result.err


def test_check_names_every_mistake_with_its_line(call: Callable[..., Result], place: Path) -> None:
    (place / "tocsin.toml").write_text(WRONG)
    result = call("check", "tocsin.toml")
    assert (result.code, result.out) == (2, "")
    assert "tocsin.toml:1: " in result.err
    assert "tocsin.toml:2: " in result.err
    assert "2 problems" in result.err
    assert "Traceback" not in result.err


def test_check_speaks_json(call: Callable[..., Result], place: Path) -> None:
    (place / "tocsin.toml").write_text(WRONG)
    result = call("check", "--json")
    found = json.loads(result.out)
    assert (result.code, found["ok"], len(found["problems"])) == (2, False, 2)
    (place / "tocsin.toml").write_text("")
    found = json.loads(call("check", "--json").out)
    assert found["ok"]
    assert found["rules"] > 5


def test_check_warns_of_a_rule_that_nothing_measures_and_still_calls_it_right(
    call: Callable[..., Result], place: Path
) -> None:
    (place / "tocsin.toml").write_text('[[rule]]\nname = "x"\nmetric = "process.memry.usage"\nthreshold = 1\n')
    result = call("check")
    assert result.code == 0
    assert "warning: rule 'x'" in result.err


def test_check_of_nothing_is_a_usage_error(call: Callable[..., Result], place: Path) -> None:
    assert "tocsin init" in call("check").err
    assert call("check").code == 2
    missing = call("check", place / "missing.toml")
    assert missing.code == 2
    assert "Traceback" not in missing.err
