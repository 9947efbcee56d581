"""`tocsin test`, as CI calls it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Result

    Command = Callable[..., Result]

FILE = """
[[rule]]
name = "deep"
metric = "app.depth"
threshold = 50

[[test]]
name = "it rings"
series = { "app.depth" = "1 99" }
[[test.expect]]
at = "1s"
alerts = ["firing deep"]

[[test]]
name = "it is told"
series = { "app.depth" = "1 99" }
[[test.expect]]
at = "1s"
notices = ["firing deep"]
"""


def test_all_that_pass_are_listed_and_the_code_is_0(call: Command, place: Path) -> None:
    (place / "t.toml").write_text(FILE)
    result = call("test", "t.toml")
    assert (result.code, result.err) == (0, "")
    assert result.out == "t.toml:7: ok: it rings\nt.toml:14: ok: it is told\n2 tests, all ok\n"
    assert call("test", "--quiet", "t.toml").out == "2 tests, all ok\n"


def test_what_differs_is_shown_and_the_code_is_1(call: Command, place: Path) -> None:
    (place / "t.toml").write_text(FILE.replace("threshold = 50", "threshold = 100"))
    result = call("test", "t.toml")
    assert result.code == 1
    assert result.out.splitlines() == [
        "t.toml:7: FAILED: it rings",
        "  at 1s (line 10), alerts:",
        "    - firing deep",
        "t.toml:14: FAILED: it is told",
        "  at 1s (line 17), notices:",
        "    - firing deep",
        "2 tests, 2 FAILED",
    ]


def test_json_says_the_same(call: Command, place: Path) -> None:
    (place / "t.toml").write_text(FILE.replace('notices = ["firing deep"]', "notices = []"))
    result = call("test", "--json", "t.toml")
    answer = json.loads(result.out)
    assert (result.code, answer["passed"], answer["failed"]) == (1, 1, 1)
    [rings, told] = answer["tests"]
    assert (rings["name"], rings["passed"], rings["failures"]) == ("it rings", True, [])
    [failure] = told["failures"]
    assert (failure["at_s"], failure["what"], failure["missing"]) == (1.0, "notices", [])
    assert failure["unexpected"] == ["firing deep to console (warning, it began to fire)"]


def test_wrong_files_are_all_told_and_none_is_run(call: Command, place: Path) -> None:
    (place / "a.toml").write_text(FILE.replace("threshold = 50", "threshold = 'deep'"))
    (place / "b.toml").write_text("[[test]]\n")
    (place / "c.toml").write_text(FILE)
    result = call("test", "a.toml", "b.toml", "c.toml", "d.toml")
    assert (result.code, result.out) == (2, "")
    for words in ("a.toml:5: rule[0].threshold", "b.toml:1: test[0].name", "d.toml: file: found no file"):
        assert words in result.err


def test_a_file_must_be_named(call: Command) -> None:
    assert call("test").code == 2
