from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.config.mistakes import Path, dotted
from tocsin.config.toml_lines import TomlLines

DOCUMENT = '''\
# A comment with a [table] and a key = "value"
name = "orders"  # not "this"
threshold = "# no comment"

"quoted key" = 1
'literal.key' = 2
a.b."c.d" = 3

text = """
[not-a-table]
name = "not a key"
escaped \\""" still inside
"""
two_quotes = """"quoted"""""
literal = \'\'\'
[[rule]]
\'\'\'
list = [
  "a", # ] not the end
  [1, 2],
  { x = 1, y.z = 2 },
]
inline = { first = 1, second = { third = "}" } }
date = 1979-05-27 07:32:00

[table]
key = 1

[table.inner]
key = 2

[[rule]]
name = "one"
labels.device = "sda"

[rule.more]
key = 3

[[rule]]
name = "two"

  [[rule.step]]
  key = 4

  [[rule.step]]
  key = 5

[after . "the dots"]
key = 6
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("name",), 2),
        (("threshold",), 3),
        (("quoted key",), 5),
        (("literal.key",), 6),
        (("a", "b", "c.d"), 7),
        (("a", "b"), 7),
        (("text",), 9),
        (("two_quotes",), 14),
        (("literal",), 15),
        (("list",), 18),
        (("list", 0), 19),
        (("list", 1, 1), 20),
        (("list", 2, "y", "z"), 21),
        (("inline", "second", "third"), 23),
        (("date",), 24),
        (("table", "key"), 27),
        (("table", "inner"), 29),
        (("table", "inner", "key"), 30),
        (("rule",), 32),
        (("rule", 0), 32),
        (("rule", 0, "name"), 33),
        (("rule", 0, "labels", "device"), 34),
        (("rule", 0, "more", "key"), 37),
        (("rule", 1), 39),
        (("rule", 1, "name"), 40),
        (("rule", 1, "step", 0, "key"), 43),
        (("rule", 1, "step", 1, "key"), 46),
        (("after", "the dots", "key"), 49),
    ],
)
def test_each_value_has_its_line(path: Path, line: int) -> None:
    assert TomlLines(DOCUMENT).line(path) == line


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("rule", 1, "threshold"), 39),
        (("rule", 0, "more", "nothing"), 36),
        (("rule", 7), 32),
        (("table", "inner", "deeper", 0), 29),
        (("nowhere",), 1),
        ((), 1),
    ],
)
def test_what_is_missing_stands_at_its_nearest_parent(path: Path, line: int) -> None:
    assert TomlLines(DOCUMENT).line(path) == line


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("name",), '"orders"'),
        (("list", 1), "[1, 2]"),
        (("date",), "1979-05-27 07:32:00"),
        (("inline", "second"), '{ third = "}" }'),
        (("table",), ""),
        (("nowhere",), ""),
    ],
)
def test_each_value_is_shown_as_it_is_written(path: Path, text: str) -> None:
    assert TomlLines(DOCUMENT).text(path) == text


def test_windows_line_ends_count_once() -> None:
    assert TomlLines(DOCUMENT.replace("\n", "\r\n")).line(("rule", 1, "step", 1, "key")) == 46


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("rule", 0, "threshold"), "rule[0].threshold"),
        (("components", "session-cache", 1), "components.session-cache[1]"),
        (("components", "a b"), "components.'a b'"),
        ((), ""),
    ],
)
def test_a_path_is_written_as_a_person_reads_it(path: Path, text: str) -> None:
    assert dotted(path) == text


def test_every_value_of_the_document_is_found() -> None:
    assert missing(DOCUMENT) == []


def missing(document: str) -> list[str]:
    """The paths of all values that the index does not know."""
    lines = TomlLines(document)
    return [dotted(path) for path, value in walk(tomllib.loads(document), ()) if not known(lines, path, value)]


def known(lines: TomlLines, path: Path, value: Any) -> bool:
    text = lines.text(path)
    if isinstance(value, (dict, list)) and not text:
        return path in lines._places
    # What stands there, read alone, is the value.
    return bool(tomllib.loads(f"value = {text}")["value"] == value)


def walk(value: Any, path: Path) -> Any:
    if path:
        yield path, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from walk(one, (*path, key))


# Documents that are valid by the way they are made.

bare_keys = st.text(alphabet="abcXYZ09_-", min_size=1, max_size=4)
free_text = st.text(alphabet=st.sampled_from("ab \"'\\[]{}#=,.\n\té€"), max_size=8)
quoted = st.one_of(
    free_text.map(
        lambda text: (
            '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t") + '"'
        )
    ),
    free_text.filter(lambda text: "'" not in text and "\n" not in text).map(lambda text: f"'{text}'"),
)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"""', '""\\"')


blocks = st.one_of(
    free_text.map(lambda text: f'"""{_escaped(text.rstrip(chr(34)))}"""'),
    free_text.filter(lambda text: "''" not in text).map(lambda text: f"'''\n{text.rstrip(chr(39))}'''"),
)
scalars = st.one_of(
    quoted, blocks, st.sampled_from(["1", "-1.5e3", "true", "inf", "0x1F", "1979-05-27", "1979-05-27 07:32:00"])
)
spaces = st.sampled_from(["", " ", "\t ", "  "])
gaps = st.sampled_from(["", " ", "\n", ' # ], } = "\n', "\n\n\t"])


@st.composite
def array(draw: st.DrawFn, inner: st.SearchStrategy[str]) -> str:
    items = [draw(gaps) + item + draw(gaps) for item in draw(st.lists(inner, max_size=3))]
    return "[" + ",".join(items) + draw(st.sampled_from([",", ""] if items else [""])) + draw(gaps) + "]"


@st.composite
def inline_table(draw: st.DrawFn, inner: st.SearchStrategy[str]) -> str:
    keys = draw(st.lists(bare_keys, max_size=3, unique=True))
    return "{" + ",".join(f"{draw(spaces)}{key}{draw(spaces)}={draw(spaces)}{draw(inner)} " for key in keys) + "}"


values = st.recursive(scalars, lambda inner: array(inner) | inline_table(inner), max_leaves=5)


@st.composite
def statements(draw: st.DrawFn) -> str:
    keys = draw(st.lists(bare_keys, max_size=3, unique=True))
    lines = [f"{draw(spaces)}{key}{draw(spaces)}={draw(spaces)}{draw(values)}{draw(spaces)}" for key in keys]
    return "\n".join(draw(st.sampled_from(["", '# [x] = "\n', "\n"])) + line for line in lines) + "\n"


@st.composite
def documents(draw: st.DrawFn) -> str:
    text = draw(statements())
    for number in range(draw(st.integers(0, 3))):
        header = draw(
            st.sampled_from(
                [f"[t{number}]", f"[ t{number} . in ]", "[[many]]", f"[['q.{number}']]", f'[t{number}."x\\u0041"]']
            )
        )
        text += f"{header} # comment\n{draw(statements())}"
    return text


@given(documents())
def test_in_any_document_every_value_is_found_where_it_stands(document: str) -> None:
    assert missing(document) == []


@given(st.text(alphabet="abc01 \"'\\[]{}#=,.\n\r\té", max_size=60))
def test_no_text_confuses_the_scanner_into_an_error(text: str) -> None:
    assert TomlLines(text).line(("a", 0, "b")) >= 1


def test_a_very_deep_document_ends_the_scan_and_nothing_else() -> None:
    assert TomlLines("name = 1\ndeep = " + "[" * 100_000).line(("name",)) == 1
