"""`[[maintenance]]` and `[[inhibition]]`, from a file and from arguments."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tocsin import AlertConfig, ConfigError
from tocsin.config import load_config
from tocsin.model.matching import Matcher
from tocsin.model.orders import Inhibition, Maintenance
from tocsin.model.schedule import Recurrence

if TYPE_CHECKING:
    from pathlib import Path

FILE = """\
storm_after = 0
inhibition_wait = "2s"

[[maintenance]]
name = "backup"
matchers = ["component=db"]
cron = "0 22 * * sun"
duration = "2h"
zone = "Europe/Berlin"
comment = "weekly"

[[maintenance]]
name = "move"
starts = 2026-01-31T22:00:00Z
ends = "2026-02-01T02:00:00+00:00"

[[inhibition]]
source = ["rule=database-down"]
target = "component=orders"
equal = ["host"]
"""
WEEKLY = Maintenance(
    name="backup", matchers=(Matcher("component", "=", "db"),), comment="weekly",
    recurrence=Recurrence(cron="0 22 * * sun", duration_s=7200.0, zone="Europe/Berlin"),
)  # fmt: skip
MOVE = Maintenance(
    name="move",
    starts_at=datetime(2026, 1, 31, 22, tzinfo=UTC),
    ends_at=datetime(2026, 2, 1, 2, tzinfo=UTC),
)
EFFECT = Inhibition(
    source=(Matcher("rule", "=", "database-down"),), target=(Matcher("component", "=", "orders"),), equal=("host",)
)


def load(text: str, folder: Path) -> AlertConfig:
    path = folder / "tocsin.toml"
    path.write_text(text, encoding="utf-8")
    return load_config(path)


def messages(text: str, folder: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(text, folder)
    return [str(problem).removeprefix(f"{folder}/tocsin.toml:") for problem in caught.value.problems]


def test_a_file_says_what_the_room_of_alerts_is_told(tmp_path: Path) -> None:
    settings = load(FILE, tmp_path).alert_settings()

    assert settings.maintenance == (WEEKLY, MOVE)
    assert settings.inhibitions == (EFFECT,)
    assert (settings.storm_after, settings.inhibition_wait_s) == (0, 2.0)


def test_objects_and_tables_are_taken_alike() -> None:
    table = {"name": "backup", "matchers": ["component=db"], "cron": "0 22 * * sun", "duration": "2h",
             "zone": "Europe/Berlin", "comment": "weekly"}  # fmt: skip
    effect = {"source": ["rule=database-down"], "target": ["component=orders"], "equal": ["host"]}
    given = AlertConfig(maintenance=[table, MOVE], inhibition=[effect])

    assert given == AlertConfig(maintenance=[WEEKLY, MOVE], inhibition=[EFFECT])
    assert pickle.loads(pickle.dumps(given)) == given  # noqa: S301 - our own
    assert copy.deepcopy(given).replace(name="") == given


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ('cron = "0 22 * * *"\nduration = "1h"', ["1: maintenance[0].name: found nothing, expected a name"]),
        ('name = "a"', ["1: maintenance[0]: found a window without a time, expected starts and ends, or cron and"]),
        ('name = "a"\ncron = "0 22 * * *"', ["1: maintenance[0].duration: found nothing, expected a value"]),
        ('name = "a"\nstarts = "2026-01-31T22:00:00Z"', ["1: maintenance[0].ends: found nothing, expected a value"]),
        (
            'name = "a"\nstarts = "2026-01-31T22:00:00Z"\nends = "2026-01-31T21:00:00Z"',
            ['4: maintenance[0].ends: found "2026-01-31T21:00:00Z", expected a time behind starts'],
        ),
        (
            'name = "a"\nstarts = 2026-01-31T22:00:00\nends = "tomorrow"',
            [
                "3: maintenance[0].starts: found 2026-01-31T22:00:00, expected a time with its zone, such as",
                '4: maintenance[0].ends: found "tomorrow", expected a time with its zone, such as',
            ],
        ),
        (
            'name = "a"\nstarts = "2026-01-31T22:00:00Z"\ncron = "0 22 * * *"',
            ["4: maintenance[0].cron: found starts and cron, expected either starts and ends, or cron and duration"],
        ),
        (
            'name = "a"\ncron = "0 25 * * *"\nduration = "1h"\nmatch = []',
            [
                "3: maintenance[0].cron: found \"0 25 * * *\", expected a cron expression: hour: found '25'",
                "5: maintenance[0].match: found an unknown key, expected a key of a maintenance window (did you mean",
            ],
        ),
    ],
)
def test_a_mistake_in_a_window_has_its_line_and_its_words(lines: str, found: list[str], tmp_path: Path) -> None:
    told = messages(f"[[maintenance]]\n{lines}\n", tmp_path)
    assert len(told) == len(found)
    for message, beginning in zip(told, found, strict=True):
        assert message.startswith(beginning)


def test_windows_have_names_that_differ(tmp_path: Path) -> None:
    one = '[[maintenance]]\nname = "a"\ncron = "@daily"\nduration = "1h"\n'
    assert messages(one * 2, tmp_path) == [
        "6: maintenance[1].name: found a second window named 'a', expected names that differ"
    ]


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ("equal = []", ["source: found nothing, expected at least one matcher", "target: found nothing"]),
        (
            'source = "category=memory_leek"\ntarget = "a=b"',
            ['source: found "category=memory_leek", expected category'],
        ),
        ('source = []\ntarget = "a=b"', ["source: found nothing, expected at least one matcher"]),
        ('source = "a=b"\ntarget = "a=c"\nequals = "a"', ["equals: found an unknown key"]),
    ],
)
def test_a_mistake_in_an_inhibition_is_told_in_words(lines: str, found: list[str], tmp_path: Path) -> None:
    told = [message.partition("inhibition[0].")[2] for message in messages(f"[[inhibition]]\n{lines}\n", tmp_path)]
    assert len(told) == len(found)
    for message, beginning in zip(told, found, strict=True):
        assert message.startswith(beginning)


@pytest.mark.parametrize("key", ["maintenance", "inhibition"])
def test_a_table_of_which_there_may_be_several_has_two_brackets(key: str, tmp_path: Path) -> None:
    [message] = messages(f"[{key}]\n", tmp_path)
    assert f"in a file [[{key}]]" in message


def test_a_name_that_is_nearly_a_facts_is_a_remark() -> None:
    from tocsin import ConsoleAlertChannel, Routed

    window = {"name": "w", "matchers": ["componnet=db"], "cron": "@daily", "duration": "1h"}
    effect = {"source": ["rule=a"], "target": ["severity=info", "host=b"], "equal": ["label.componet"]}
    channel = Routed(ConsoleAlertChannel(), match="categroy=x", group_by=["rule", "device"])
    config = AlertConfig(maintenance=[window], inhibition=[effect], channels=[channel])

    assert config.warnings == (
        "channel 'console': 'categroy' is taken for a label; did you mean 'category'? If not, write 'label.categroy'",
        "maintenance 'w': 'componnet' is taken for a label; did you mean 'component'? If not, write 'label.componnet'",
    )


@pytest.mark.parametrize("value", [3, [3], [None], "x", [{"name": 3}], [{3: 4}]])
@pytest.mark.parametrize("key", ["maintenance", "inhibition"])
def test_odd_arguments_are_mistakes_and_no_tracebacks(key: str, value: Any) -> None:
    with pytest.raises(ConfigError):
        AlertConfig(**{key: value})
