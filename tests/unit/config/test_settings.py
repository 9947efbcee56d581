from __future__ import annotations

import copy
import math
import pickle
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.alerts.settings import AlertSettings, Route
from tocsin.config import AlertConfig
from tocsin.config.table import SETTINGS
from tocsin.errors import ConfigError
from tocsin.memory.settings import MemorySettings
from tocsin.model.levels import AlertCategory, AlertSeverity
from tocsin.model.rule import AlertRule


def rule(name: str, threshold: float = 50) -> AlertRule:
    return AlertRule(name, AlertCategory.CPU_USAGE, AlertSeverity.INFO, threshold)


def messages(**arguments: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        AlertConfig(**arguments)
    return [str(problem) for problem in caught.value.problems]


def test_the_defaults_need_no_argument() -> None:
    config = AlertConfig()

    assert config.check_interval == 1.0
    assert (config.cpu_threshold, config.memory_threshold, config.buffer_threshold) == (85.0, 90.0, 80.0)
    assert config.storage_latency_threshold == 100.0
    assert (config.suppress_after, config.suppress_window, config.event_ttl) == (3, 60.0, 300.0)
    assert (config.channels, config.state_dir, config.control) == (None, None, None)
    assert repr(config) == "AlertConfig()"


@pytest.mark.parametrize("name", SETTINGS)
def test_every_default_is_right_has_a_reason_and_an_example(name: str) -> None:
    setting = SETTINGS[name]

    assert AlertConfig(**{name: setting.default}) == AlertConfig()
    assert setting.reason
    assert setting.example


@pytest.mark.parametrize(
    ("arguments", "attribute", "value"),
    [
        ({"check_interval": 2}, "check_interval", 2.0),
        ({"check_interval": "500 ms"}, "check_interval", 0.5),
        ({"check_interval": "3"}, "check_interval", 3.0),
        ({"check_interval": 0.05}, "check_interval", 0.05),
        ({"check_interval": "1 h"}, "check_interval", 3600.0),
        ({"cpu_threshold": "29 %"}, "cpu_threshold", 29.0),
        ({"cpu_threshold": "85"}, "cpu_threshold", 85.0),
        ({"cpu_threshold": "0.07 %"}, "cpu_threshold", 0.07),
        ({"cpu_threshold": "0 %"}, "cpu_threshold", 0.0),
        ({"cpu_threshold": 100}, "cpu_threshold", 100.0),
        ({"storage_latency_threshold": "0.029 s"}, "storage_latency_threshold", 29.0),
        ({"storage_latency_threshold": 0.5}, "storage_latency_threshold", 0.5),
        ({"state_dir": "state"}, "state_dir", Path("state")),
        ({"state_dir": Path("state")}, "state_dir", Path("state")),
        ({"rules": iter([rule("a")])}, "rules", (rule("a"),)),
        ({"components": {"cache": "app.cache"}}, "components", {"cache": ("app.cache",)}),
        ({"memory": {}}, "memory_interval_bytes", 131072),
        ({"memory": {"interval": "1 MiB"}}, "memory_interval_bytes", 2**20),
        ({"memory": {"interval": 4096}}, "memory_interval_bytes", 4096),
        ({"memory": {"enabled": False}}, "memory_settings", MemorySettings(enabled=False)),
        (
            {"memory": {"snapshot": "1s", "tier": "rss only"}},
            "memory_settings",
            MemorySettings(snapshot_s=1.0, tier="rss only"),
        ),
        ({"control": False}, "control", False),
        ({"error_backoff": "2s"}, "error_backoff", 2.0),
    ],
)
def test_a_value_is_brought_into_its_one_form(arguments: dict[str, Any], attribute: str, value: object) -> None:
    assert getattr(AlertConfig(**arguments), attribute) == value


INTERVAL = "a time such as 1 (second) or '500 ms', from 50 ms to 1 h. Example: check_interval=\"1s\""
PERCENTAGE = "a percentage such as 85 or '85 %'"
LATENCY = "a time such as 100 (milliseconds) or '100 ms'"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"cpu_threshold": 0.85},
            (
                "cpu_threshold: found 0.85, expected a percentage: write 85 or '85 %'; "
                "to mean less than one percent write '0.85 %'. Example: cpu_threshold=85"
            ),
        ),
        (
            {"cpu_threshold": "0.85"},
            (
                "cpu_threshold: found '0.85', expected a percentage: write 85 or '85 %'; "
                "to mean less than one percent write '0.85 %'. Example: cpu_threshold=85"
            ),
        ),
        (
            {"memory_threshold": 1},
            (
                "memory_threshold: found 1, expected a percentage: write 100 or '100 %'; "
                "to mean one percent write '1 %'. Example: memory_threshold=90"
            ),
        ),
        (
            {"buffer_threshold": 0},
            (
                "buffer_threshold: found 0, expected a percentage: "
                "to mean less than one percent write '0 %'. Example: buffer_threshold=80"
            ),
        ),
        (
            {"cpu_threshold": 101},
            f"cpu_threshold: found 101, expected {PERCENTAGE}, of 100 % or less. Example: cpu_threshold=85",
        ),
        (
            {"cpu_threshold": "-1 %"},
            f"cpu_threshold: found '-1 %', expected {PERCENTAGE}, of 0 % or more. Example: cpu_threshold=85",
        ),
        ({"cpu_threshold": True}, f"cpu_threshold: found True, expected {PERCENTAGE}. Example: cpu_threshold=85"),
        ({"cpu_threshold": None}, f"cpu_threshold: found None, expected {PERCENTAGE}. Example: cpu_threshold=85"),
        (
            {"cpu_threshold": math.nan},
            f"cpu_threshold: found nan, expected {PERCENTAGE}, a finite number. Example: cpu_threshold=85",
        ),
        ({"cpu_threshold": "50 ms"}, f"cpu_threshold: found '50 ms', expected {PERCENTAGE}. Example: cpu_threshold=85"),
        (
            {"cpu_threshold": "50 parsecs"},
            (
                f"cpu_threshold: found '50 parsecs', expected {PERCENTAGE}; "
                "'50 parsecs' has the unknown unit 'parsecs'. Example: cpu_threshold=85"
            ),
        ),
        (
            {"storage_latency_threshold": "5 MB"},
            f"storage_latency_threshold: found '5 MB', expected {LATENCY}. Example: storage_latency_threshold=100",
        ),
        (
            {"storage_latency_threshold": -1},
            (
                f"storage_latency_threshold: found -1, expected {LATENCY}, of 0 ms or more. Example: "
                f"storage_latency_threshold=100"
            ),
        ),
        ({"check_interval": 0.01}, f"check_interval: found 0.01, expected {INTERVAL}"),
        ({"check_interval": "2 h"}, f"check_interval: found '2 h', expected {INTERVAL}"),
        ({"check_interval": "85 %"}, f"check_interval: found '85 %', expected {INTERVAL}"),
        ({"name": 5}, 'name: found 5, expected a text of one line. Example: name="orders-api"'),
        ({"name": "a\nb"}, "name: found 'a\\nb', expected a text of one line. Example: name=\"orders-api\""),
        ({"default_rules": 1}, "default_rules: found 1, expected True or False. Example: default_rules=True"),
        (
            {"control": "yes"},
            "control: found 'yes', expected True or False, or None for automatic. Example: control=True",
        ),
        (
            {"suppress_after": 0},
            "suppress_after: found 0, expected a whole number from 1 to 1_000_000. Example: suppress_after=3",
        ),
        (
            {"suppress_after": 2.5},
            "suppress_after: found 2.5, expected a whole number from 1 to 1_000_000. Example: suppress_after=3",
        ),
        ({"rate_limit": 0}, "rate_limit: found 0, expected a number above 0. Example: rate_limit=30"),
        ({"rate_limit": "30"}, "rate_limit: found '30', expected a number above 0. Example: rate_limit=30"),
        (
            {"state_dir": ""},
            (
                "state_dir: found '', expected the path of a folder, or None to keep all in memory. Example: "
                'state_dir=".tocsin"'
            ),
        ),
        ({"rules": 5}, "rules: found 5, expected a list of AlertRule. Example: rules=[AlertRule(…)]"),
        ({"rules": "cpu"}, "rules: found 'cpu', expected a list of AlertRule. Example: rules=[AlertRule(…)]"),
        ({"rules": [5]}, "rules[0]: found 5, expected an AlertRule. Example: rules=[AlertRule(…)]"),
        (
            {"rules": [rule("a"), rule("a")]},
            "rules[1].name: found a second rule named 'a', expected names that differ",
        ),
        (
            {"components": {"cache": 5}},
            (
                'components.cache: found 5, expected a list of module names. Example: components={"cache": '
                '["app.cache.*"]}'
            ),
        ),
        (
            {"components": ["cache"]},
            (
                "components: found ['cache'], expected a table of module names. "
                'Example: components={"cache": ["app.cache.*"]}'
            ),
        ),
        (
            {"memory": {"intervall": 5}},
            (
                "memory.intervall: found an unknown key, expected one of enabled, interval, snapshot, tier "
                "(did you mean 'interval'?)"
            ),
        ),
        (
            {"memory": {"interval": "5 ms"}},
            (
                "memory.interval: found '5 ms', expected a size such as '128 KiB', of 1 byte or more. "
                'Example: memory={"interval": "128 KiB"}'
            ),
        ),
        (
            {"cpu_treshold": 85},
            "cpu_treshold: found an unknown key, expected a setting of AlertConfig (did you mean 'cpu_threshold'?)",
        ),
        ({"zzz": 85}, "zzz: found an unknown key, expected a setting of AlertConfig"),
    ],
)
def test_a_mistake_says_where_what_and_how_it_would_be_right(arguments: dict[str, Any], message: str) -> None:
    assert messages(**arguments) == [f"AlertConfig: {message}"]


def test_all_mistakes_are_named_at_once() -> None:
    found = messages(cpu_threshold=0.85, check_interval=0, cpu_treshold=1, rules=[5, 6], control=3)

    assert [message.split(": ")[1] for message in found] == [
        "check_interval", "cpu_threshold", "rules[0]", "rules[1]", "control", "cpu_treshold",
    ]  # fmt: skip


def test_a_config_error_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="cpu_threshold"):
        AlertConfig(cpu_threshold=0.85)


def test_arguments_by_position_are_refused_by_python_itself() -> None:
    with pytest.raises(TypeError):
        AlertConfig(85)  # type: ignore[call-arg,arg-type]


def test_equal_settings_are_equal_however_they_are_written() -> None:
    assert AlertConfig(cpu_threshold="85 %", check_interval="1000 ms") == AlertConfig(
        cpu_threshold=85, check_interval=1
    )
    assert AlertConfig(cpu_threshold=86) != AlertConfig()
    assert AlertConfig() != "AlertConfig()"


def test_a_config_cannot_be_changed() -> None:
    config = AlertConfig()

    with pytest.raises(AttributeError, match=r"config\.replace\(cpu_threshold=…\)"):
        config.cpu_threshold = 5
    with pytest.raises(AttributeError):
        del config.cpu_threshold
    with pytest.raises(AttributeError):
        config.more = 5
    with pytest.raises(TypeError):
        config.components["more"] = ()  # type: ignore[index]


def test_what_is_done_later_to_an_argument_changes_nothing() -> None:
    modules, parts, rules = ["app.a"], dict[str, Any](), [rule("a")]
    parts["cache"] = modules
    config = AlertConfig(components=parts, rules=rules)
    modules.append("app.b")
    parts.clear()
    rules.clear()

    assert config.components == {"cache": ("app.a",)}
    assert len(config.rules) == 1


def test_replace_changes_what_is_named_and_checks_again() -> None:
    config = AlertConfig(cpu_threshold="0.5 %", channels=[print], components={"a": ["b"]}, check_interval="2s")

    assert config.replace() == config
    assert config.replace(cpu_threshold=70) == AlertConfig(
        cpu_threshold=70, channels=[print], components={"a": ["b"]}, check_interval=2
    )
    with pytest.raises(ConfigError, match="did you mean 'name'"):
        config.replace(nam="x")


def test_copies_and_pickles_are_equal() -> None:
    config = AlertConfig(cpu_threshold="0.5 %", components={"a": ["b"]}, rules=[rule("a")])

    assert copy.copy(config) == copy.deepcopy(config) == pickle.loads(pickle.dumps(config)) == config  # noqa: S301 - its own


def test_the_representation_shows_what_differs_from_the_defaults() -> None:
    config = AlertConfig(cpu_threshold=70, rules=[rule("a")], channels=[print], memory={"interval": 5})

    assert repr(config) == "AlertConfig(cpu_threshold=70.0, rules=['a'], channels=['print'], memory={'interval': 5})"


def test_a_broken_representation_of_a_value_is_not_ours_to_raise() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError("broken")

    assert messages(name=Broken())[0].startswith("AlertConfig: name: found <Broken that cannot be shown>, expected")


def test_an_int_of_more_digits_than_python_prints_is_only_a_mistake() -> None:
    assert "found <int that cannot be shown>" in messages(suppress_after=10**5000)[0]


def test_a_long_value_is_cut_to_one_line() -> None:
    [message] = messages(rate_limit="x\n" * 1000)

    assert "\n" not in message
    assert len(message) < 200


@pytest.mark.parametrize(
    ("argv", "program"),
    [
        (["/srv/orders/main.py"], "main"),
        (["orders"], "orders"),
        (["/srv/orders/__main__.py", "serve"], "orders"),
        (["-c"], "python"),
        (["-m"], "python"),
        ([""], "python"),
        ([], "python"),
    ],
)
def test_the_program_is_named_after_the_way_it_was_started(
    argv: list[str], program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", argv)

    assert AlertConfig().program == program
    assert AlertConfig(name="mine").program == "mine"


@pytest.mark.parametrize(
    ("cpu_threshold", "history", "threshold"),
    [
        (85, [40, 60], 70.0),
        (60, [40, 60], 60.0),
        (85, [], 85.0),
        ("0.5 %", [], 0.5),
    ],
)
@pytest.mark.parametrize("metric", ["cpu", "system.cpu.utilization"])
def test_the_dynamic_threshold_never_exceeds_the_static_one(
    metric: str, cpu_threshold: float | str, history: list[float], threshold: float
) -> None:
    assert AlertConfig(cpu_threshold=cpu_threshold).get_dynamic_threshold(metric, history) == threshold


@pytest.mark.parametrize(
    ("metric", "threshold"),
    [
        ("memory", 90.0),
        ("system.memory.utilization", 90.0),
        ("storage_latency", 100.0),
        ("tocsin.storage.probe.duration", 100.0),
        ("buffer", 80.0),
        ("tocsin.buffer.utilization", 80.0),
    ],
)
def test_each_of_the_four_metrics_has_a_dynamic_threshold(metric: str, threshold: float) -> None:
    assert AlertConfig().get_dynamic_threshold(metric) == threshold


@pytest.mark.parametrize("metric", ["cpus", "", "process.memory.usage", None, 5, []])
def test_an_unknown_metric_has_no_dynamic_threshold(metric: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        AlertConfig().get_dynamic_threshold(metric)

    [problem] = caught.value.problems
    assert problem.expected.startswith("one of cpu, memory, storage_latency, buffer, system.cpu.utilization")
    assert problem.expected.endswith("(did you mean 'cpu'?)") == (metric == "cpus")


def test_the_default_rules_carry_the_thresholds_of_the_config() -> None:
    rules = {rule.name: rule for rule in AlertConfig(cpu_threshold="0.5 %", storage_latency_threshold=20).all_rules()}

    assert rules["cpu-high"].limit == 0.005
    assert rules["memory-high"].limit == 0.9
    assert rules["storage-latency-high"].limit == 0.02
    assert rules["buffer-high"].limit == 0.8


def test_a_rule_is_added_to_the_defaults_or_replaces_its_namesake() -> None:
    defaults = AlertConfig().all_rules()
    found = AlertConfig(rules=[rule("mine"), rule("cpu-high", 42)]).all_rules()

    assert [one.name for one in found] == [*(one.name for one in defaults), "mine"]
    assert found[0].limit == 0.42


def test_without_default_rules_there_are_only_those_of_the_user() -> None:
    assert AlertConfig(default_rules=False, rules=[rule("mine")]).all_rules() == (rule("mine"),)
    assert AlertConfig(default_rules=False).all_rules() == ()


def test_the_room_of_alerts_gets_its_settings() -> None:
    routes = (Route(channel="console"),)
    config = AlertConfig(suppress_after=5, suppress_window="30s", event_ttl=60, max_open_alerts=7, history_size=8)

    assert config.alert_settings(routes) == AlertSettings(
        routes=routes, suppress_after=5, suppress_window_s=30.0, event_ttl_s=60.0, max_open=7, history_size=8
    )
    assert AlertConfig().alert_settings() == AlertSettings()


def test_a_rule_on_a_metric_that_nothing_measures_is_warned_about() -> None:
    own = AlertRule("own", "general", "info", 5, metric="orders.open")  # type: ignore[arg-type]
    typo = AlertRule("typo", "general", "info", 5, metric="system.cpu.utilisation")  # type: ignore[arg-type]

    assert AlertConfig(rules=[own, typo]).warnings == (
        "rule 'typo': nothing measures 'system.cpu.utilisation' (did you mean 'system.cpu.utilization'?)",
    )


def test_what_a_rule_says_of_learning_and_does_not_learn_is_warned_about() -> None:
    said = {"sensitivity": 2, "min_change": 3, "early": False}
    static = AlertRule("static", "general", "info", 5, metric="orders.open", **said)  # type: ignore[arg-type]
    sigma = AlertRule("sigma", "general", "info", 5, metric="orders.open", adjust="sigma", early=False)  # type: ignore[arg-type]
    learns = AlertRule("learns", "general", "info", 5, metric="orders.open", adjust="both", **said)  # type: ignore[arg-type]

    found = [warning.partition(" has no effect")[0] for warning in AlertConfig(rules=[static, sigma, learns]).warnings]
    assert found == [
        "rule 'static': sensitivity",
        "rule 'static': min_change",
        "rule 'static': early",
        "rule 'sigma': early",
    ]


_texts = st.text(alphabet="a1 %.sé~\n\0", max_size=6)
_scalars = st.one_of(
    st.sampled_from([None, True, False, 10**400, Decimal(85), "85 %", "1s", "50 ms", b"85", print, int, AlertConfig]),
    st.integers(),
    st.floats(),
    _texts,
)
_values = _scalars | st.lists(_scalars, max_size=3) | st.dictionaries(_texts, _scalars | st.lists(_texts), max_size=3)


@given(st.dictionaries(st.sampled_from([*SETTINGS, "unknown"]), _values, max_size=5))
def test_whatever_the_arguments_are_it_is_a_config_or_a_config_error(arguments: dict[str, Any]) -> None:
    try:
        config = AlertConfig(**arguments)
    except ConfigError:
        return
    assert config.replace() == config
    assert 0 <= config.cpu_threshold <= 100
    assert config.all_rules() is not None
