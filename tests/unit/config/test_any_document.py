"""Whatever stands in a file, it is a configuration or a `ConfigError` that can be read."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from tocsin.config import TEMPLATE, AlertConfig, load_config
from tocsin.errors import ConfigError

DOCUMENT = re.sub(r"(?m)^#(?=\S)", "", TEMPLATE)
LINES = [line for line in DOCUMENT.splitlines() if line and not line.startswith("#")]
VALUES = [
    *(
        "5",
        "-1",
        "0.85",
        "nan",
        "inf",
        "1e400",
        "0xFF",
        "9" * 400,
        "true",
        "1979-05-27",
        "07:32:00",
        "1979-05-27T07:32:00Z",
    ),
    *('""', '"x"', '"85 %"', '"50 ms"', '"5 MB/s"', '"avg"', '"\\u0000"', '"{0}"', '"{value"', "'~x/y'"),
    *("[]", "[1]", '["a"]', "[[1]]", "{}", "{ a = 1 }", "[{ name = 1 }]"),
]
KEYS = [match[1] for line in LINES if (match := re.match(r"([\w-]+) =", line))]
HEADERS = [
    "[[rule]]",
    "[[channel]]",
    "[rule]",
    "[channel]",
    "[memory]",
    "[components]",
    "[rule.labels]",
    "[name]",
    "[[x.y]]",
    "[[memory]]",
]

statements = st.builds(
    "{} = {}".format, st.sampled_from([*KEYS, "unknown", '"a b"', "labels.a"]), st.sampled_from(VALUES)
)


def outcome(content: bytes) -> AlertConfig | ConfigError:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tocsin.toml"
        path.write_bytes(content)
        try:
            config = load_config(path)
        except ConfigError as error:
            found = error
        else:
            assert config.replace() == config
            return config
    assert found.problems
    for problem in found.problems:
        where, _, line = problem.where.partition(".toml")
        assert f"{where}.toml" == str(path)
        assert int(line.removeprefix(":") or 1) <= content.count(b"\n") + 1
        assert problem.key
        assert problem.found
        assert problem.expected
        assert "\n" not in str(problem)
        assert len(problem.found) < 200
    return found


@given(st.lists(st.one_of(statements, st.sampled_from(LINES), st.sampled_from(HEADERS)), max_size=12))
@example(["[rule]", "[[channel]]"])
def test_any_statements_in_any_order(lines: list[str]) -> None:
    assert isinstance(outcome("\n".join(lines).encode()), AlertConfig | ConfigError)


@given(st.data())
def test_the_template_with_some_values_exchanged(data: st.DataObject) -> None:
    lines = DOCUMENT.splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        number = data.draw(
            st.sampled_from([number for number, line in enumerate(lines) if re.match(r"[\w-]+ =", line)])
        )
        lines[number] = f"{lines[number].split(' =')[0]} = {data.draw(st.sampled_from(VALUES))}"
    assert isinstance(outcome("\n".join(lines).encode()), AlertConfig | ConfigError)


@given(st.data())
def test_the_template_with_bytes_cut_out_put_in_or_exchanged(data: st.DataObject) -> None:
    content = bytearray(DOCUMENT.encode())
    for _ in range(data.draw(st.integers(1, 5))):
        start = data.draw(st.integers(0, len(content)))
        content[start : start + data.draw(st.integers(0, 8))] = data.draw(
            st.binary(max_size=4) | st.sampled_from([b'"', b"]", b"[[", b"\n", b"="])
        )
    assert isinstance(outcome(bytes(content)), AlertConfig | ConfigError)


@given(st.binary(max_size=60))
def test_any_bytes(content: bytes) -> None:
    assert isinstance(outcome(content), AlertConfig | ConfigError)
