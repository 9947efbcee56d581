from __future__ import annotations

from pathlib import Path

import pytest

from tocsin.config import AlertConfig, ChannelSpec, find_config, load_config
from tocsin.config.document import MAX_BYTES
from tocsin.errors import ConfigError
from tocsin.model.levels import AlertCategory, AlertCondition, AlertSeverity
from tocsin.model.rule import AlertRule

SAMPLE = """\
name = "orders-api"
check_interval = "1s"
false_alarms_per_week = 1

[[rule]]
name = "memory-high"
metric = "process.memory.usage"
condition = "greater_than"        # less_than, equals, not_equals, anomalous, will_exceed
threshold = "650 MB"
clear = "600 MB"
for = "30s"
window = "10s"
aggregate = "avg"
severity = "warning"              # info, warning, critical
category = "memory_threshold"
component = "orders"
recommendations = ["Look at tocsin leaks", "Raise the container limit only after that"]

[[channel]]
type = "console"
severity = "warning"              # and worse

[components]
session-cache = ["app.sessions", "app.cache.*"]

[memory]
interval = "128 KiB"
"""

RULE = '[[rule]]\nname = "r"\nmetric = "process.memory.usage"\nthreshold = "650 MB"\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(text: str | bytes, name: str = "tocsin.toml") -> AlertConfig:
    Path(name).write_bytes(text.encode() if isinstance(text, str) else text)
    return load_config(name)


def messages(text: str | bytes, name: str = "tocsin.toml") -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(text, name)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.usefixtures("folder")
def test_the_sample_of_the_documentation_is_read() -> None:
    config = load(SAMPLE)

    assert config == AlertConfig(
        name="orders-api",
        check_interval=1,
        rules=[
            AlertRule(
                "memory-high",
                AlertCategory.MEMORY_THRESHOLD,
                AlertSeverity.WARNING,
                "650 MB",
                AlertCondition.GREATER_THAN,
                metric="process.memory.usage",
                clear_threshold="600 MB",
                for_s=30.0,
                window_s=10.0,
                aggregate="avg",
                component="orders",
                recommendations=("Look at tocsin leaks", "Raise the container limit only after that"),
            )
        ],
        channels=[ChannelSpec("console", severity=AlertSeverity.WARNING)],
        components={"session-cache": ["app.sessions", "app.cache.*"]},
        memory={"interval": "128 KiB"},
    )


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("text", ["", "# nothing\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf# nothing\r\n"])
def test_an_empty_file_means_the_defaults(text: str | bytes) -> None:
    assert load(text) == AlertConfig()


@pytest.mark.usefixtures("folder")
def test_a_byte_order_mark_and_windows_line_ends_are_no_mistake() -> None:
    assert load(b'\xef\xbb\xbfname = "a"\r\n\r\ncpu_threshold = "70 %"\r\n') == AlertConfig(name="a", cpu_threshold=70)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("lines", "category"),
    [
        ('metric = "system.cpu.utilization"', AlertCategory.CPU_USAGE),
        ('metric = "tocsin.eventloop.lag"', AlertCategory.APPLICATION_LATENCY),
        ('metric = "process.memory.usage"', AlertCategory.MEMORY_THRESHOLD),
        ('metric = "process.memory.usage"\naggregate = "avg"', AlertCategory.MEMORY_THRESHOLD),
        ('metric = "process.memory.usage"\naggregate = "rate"', AlertCategory.MEMORY_GROWTH),
        ('metric = "system.network.errors"', AlertCategory.NETWORK_IO),
        ('metric = "orders.open"', AlertCategory.GENERAL),
        ('category = "disk_io"', AlertCategory.DISK_IO),
        ('metric = "orders.open"\ncategory = "disk_io"', AlertCategory.DISK_IO),
    ],
)
def test_a_rule_without_a_category_has_that_of_its_metric(lines: str, category: AlertCategory) -> None:
    [rule] = load(
        f'[[rule]]\nname = "r"\nthreshold = 55\n{lines}'.replace("55", "'1 MB/s'" if "rate" in lines else "55")
    ).rules

    assert rule.category is category
    assert rule.severity is AlertSeverity.WARNING


@pytest.mark.usefixtures("folder")
def test_every_key_of_a_rule_reaches_its_field() -> None:
    text = """\
[[rule]]
name = "r"
metric = "system.disk.io"
condition = "less_than"
threshold = "5 MB/s"
clear = "6 MB/s"
for = "1 min"
keep_firing_for = 90
window = "2 min"
aggregate = "rate"
severity = 3
category = "disk_io"
component = "orders"
labels = { device = "sda", direction = "write" }
recommendations = "Look"
message = "Only {value}"
runbook_url = "https://wiki.example/disk"
owner = "team"
enabled = false
no_data = "alert"
on_error = "alert"
"""
    [rule] = load(text).rules

    assert rule == AlertRule(
        "r", AlertCategory.DISK_IO, AlertSeverity.CRITICAL, "5 MB/s", AlertCondition.LESS_THAN, False,
        metric="system.disk.io", clear_threshold="6 MB/s", for_s=60.0, keep_firing_for_s=90.0, window_s=120.0,
        aggregate="rate", component="orders", labels={"device": "sda", "direction": "write"},
        recommendations=("Look",), message="Only {value}", runbook_url="https://wiki.example/disk", owner="team",
        no_data="alert", on_error="alert",
    )  # fmt: skip


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        # Settings.
        (
            "\n\ncpu_threshold = 0.85 # low",
            (
                ":3: cpu_threshold: found 0.85, expected a percentage: write 85 or '85 %'; "
                "to mean less than one percent write '0.85 %'. Example: cpu_threshold = 85"
            ),
        ),
        (
            'check_intervall = "1s"',
            ":1: check_intervall: found an unknown key, expected a setting (did you mean 'check_interval'?)",
        ),
        ("rules = []", ":1: rules: found an unknown key, expected a setting (did you mean [[rule]]?)"),
        ("[[channels]]", ":1: channels: found an unknown key, expected a setting (did you mean [[channel]]?)"),
        ("slack_token = 5", ":1: slack_token: found an unknown key, expected a setting"),
        ("default_rules = 1", ":1: default_rules: found 1, expected true or false. Example: default_rules = true"),
        ("control = 'x'", ":1: control: found 'x', expected true or false. Example: control = true"),
        ("name = 1979-05-27", ':1: name: found 1979-05-27, expected a text of one line. Example: name = "orders-api"'),
        (
            "rate_limit = nan",
            ":1: rate_limit: found nan, expected a number above 0, a finite number. Example: rate_limit = 30",
        ),
        (
            "history_size = 1_000_000_000",
            (
                ":1: history_size: found 1_000_000_000, expected a whole number from 1 to 1_000_000. Example: "
                "history_size = 100"
            ),
        ),
        (
            "state_dir = 5",
            ':1: state_dir: found 5, expected the path of a folder. Example: state_dir = ".tocsin"',
        ),
        # The tables of settings.
        ("memory = 5", ':1: memory: found 5, expected a table of settings. Example: memory = {"interval" = "128 KiB"}'),
        (
            '[memory]\n\ninterval = "5 ms"',
            (
                ":3: memory.interval: found \"5 ms\", expected a size such as '128 KiB', of 1 byte or more. "
                'Example: memory = {"interval" = "128 KiB"}'
            ),
        ),
        (
            "[memory]\nintervall = 5",
            ":2: memory.intervall: found an unknown key, expected one of interval (did you mean 'interval'?)",
        ),
        (
            "[components]\ncache = [\n  5,\n]",
            (
                ":2: components.cache: found [ 5, ], expected a list of module names. "
                'Example: components = {"cache" = ["app.cache.*"]}'
            ),
        ),
        # Rules.
        ("[rule]", ":1: rule: found a table, expected two brackets, since there may be several. Example: [[rule]]"),
        ("rule = 5", ":1: rule: found 5, expected two brackets, since there may be several. Example: [[rule]]"),
        ("rule = [\n5]", ":2: rule[0]: found 5, expected a table. Example: [[rule]]"),
        (
            '[[rule]]\nmetric = "process.memory.usage"\nthreshold = "650 MB"',
            ':1: rule[0].name: found nothing, expected a name. Example: name = "memory-high"',
        ),
        (
            '[[rule]]\nname = "r"\nmetric = "process.memory.usage"',
            ':1: rule[0].threshold: found nothing, expected a threshold. Example: threshold = "650 MB"',
        ),
        (
            '[[rule]]\nname = "r"\nthreshold = 5',
            (
                ":1: rule[0].metric: found '', expected a metric, since category general has none of its own. "
                'Example: metric = "process.memory.usage"'
            ),
        ),
        (
            '[[rule]]\nname = "r"\nmetric = "process.memory.usage"\nthreshold = "50 ms"',
            (
                ":4: rule[0].threshold: found \"50 ms\", expected a size such as '650 MB', "
                'since process.memory.usage is in By. Example: threshold = "650 MB"'
            ),
        ),
        (
            f'{RULE}clear = "700 MB"',
            (
                ":5: rule[0].clear: found \"700 MB\", expected a value at or below the threshold '650 MB'. "
                'Example: clear = "600 MB"'
            ),
        ),
        (
            f'{RULE}for = "30 MB"',
            (
                ":5: rule[0].for: found \"30 MB\", expected a time such as 1 (second) or '500 ms', from 0 s to 366 d. "
                'Example: for = "30s"'
            ),
        ),
        (
            f"{RULE}for_s = 30",
            ":5: rule[0].for_s: found an unknown key, expected a key of a rule (did you mean 'for'?)",
        ),
        (
            f"{RULE}clear_threshold = 30",
            ":5: rule[0].clear_threshold: found an unknown key, expected a key of a rule (did you mean 'clear'?)",
        ),
        (
            f"{RULE}severty = 30",
            ":5: rule[0].severty: found an unknown key, expected a key of a rule (did you mean 'severity'?)",
        ),
        (
            f"{RULE}level = 3",
            ":5: rule[0].level: found an unknown key, expected a key of a rule (did you mean 'severity'?)",
        ),
        (
            f'{RULE}severity = "fatal"',
            ':5: rule[0].severity: found "fatal", expected info, warning or critical. Example: severity = "warning"',
        ),
        (
            f"{RULE}severity = true",
            ':5: rule[0].severity: found true, expected info, warning or critical. Example: severity = "warning"',
        ),
        (
            f'{RULE}condition = "greater_then"',
            (
                ':5: rule[0].condition: found "greater_then", expected one of greater_than, less_than, equals, '
                "not_equals, "
                "anomalous, will_exceed (did you mean 'greater_than'?). Example: condition = \"greater_than\""
            ),
        ),
        (
            f'{RULE}condition = "anomalous"',
            (
                ':5: rule[0].condition: found "anomalous", expected a condition that is built: greater_than, '
                "less_than, "
                'equals, not_equals. Example: condition = "greater_than"'
            ),
        ),
        (
            f"{RULE}labels.device = 5",
            ':5: rule[0].labels.device: found 5, expected a text. Example: labels = {"device" = "sda"}',
        ),
        (
            f"{RULE}labels = 5",
            ':5: rule[0].labels: found 5, expected a table of texts. Example: labels = {"device" = "sda"}',
        ),
        (
            f"{RULE}recommendations = [1]",
            (
                ':5: rule[0].recommendations: found [1], expected a list of texts. Example: recommendations = ["Look '
                'at what grew"]'
            ),
        ),
        (f"{RULE}enabled = 0", ":5: rule[0].enabled: found 0, expected true or false. Example: enabled = true"),
        (
            f'{RULE}message = "{{value"',
            (
                ':5: rule[0].message: found "{value", expected a text whose braces hold a plain name, or are doubled. '
                'Example: message = "Memory is {value}, beyond {threshold}"'
            ),
        ),
        (
            f"{RULE}runbook_url = 5",
            ':5: rule[0].runbook_url: found 5, expected a text. Example: runbook_url = "https://wiki.example/memory"',
        ),
        (f"{RULE}\n{RULE}", ":7: rule[1].name: found a second rule named 'r', expected names that differ"),
        # Channels.
        (
            "[channel]",
            ":1: channel: found a table, expected two brackets, since there may be several. Example: [[channel]]",
        ),
        (
            '[[channel]]\nseverity = "warning"',
            ':1: channel[0].type: found nothing, expected the kind of channel. Example: type = "console"',
        ),
        ("[[channel]]\ntype = 5", ':2: channel[0].type: found 5, expected a text. Example: type = "console"'),
        (
            '[[channel]]\ntype = "slack"\nurl = "env:NOWHERE"',
            (
                ":3: channel[0].url: found env:NOWHERE, expected the environment variable NOWHERE to be set; "
                "set it before the program starts, or write file:PATH"
            ),
        ),
        (
            '[[channel]]\ntype = "consol"',
            (
                ":2: channel[0].type: found \"consol\", expected a kind of channel (did you mean 'console'?), one of "
                "console, slack, email, webhook, alertmanager, pagerduty, apprise, file, command, plugin. "
                'Example: type = "console"'
            ),
        ),
        (
            '[[channel]]\ntype = "console"\nseverity = "warnin"',
            (
                ':3: channel[0].severity: found "warnin", expected info, warning or critical (did you mean '
                "'warning'?). "
                'Example: severity = "warning"'
            ),
        ),
        (
            '[[channel]]\ntype = "console"\ncolour = true',
            (
                ":3: channel[0].colour: found an unknown key, expected one of type, name, severity, stream, color "
                "(did you mean 'color'?)"
            ),
        ),
        (
            '[[channel]]\ntype = "console"\ncolor = "red"',
            ':3: channel[0].color: found "red", expected true or false. Example: color = false',
        ),
        (
            '[[channel]]\ntype = "console"\n[[channel]]\ntype = "console"',
            (
                ":3: channel[1]: found a second channel named 'console', expected names that differ. "
                'Example: name = "console-2"'
            ),
        ),
        (
            '[[channel]]\ntype = "console"\n[[channel]]\ntype = "console"\nname = "console"',
            (
                ":5: channel[1].name: found a second channel named 'console', expected names that differ. "
                'Example: name = "console-2"'
            ),
        ),
    ],
)
def test_a_mistake_has_its_line_its_words_and_an_example(text: str, message: str) -> None:
    assert messages(text) == [f"tocsin.toml{message}"]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'name = "a"\ncpu_threshold = 85 %',
            (
                ":2: syntax: found what TOML does not allow: Expected newline or end of document after a "
                "statement (column 20), "
                'expected one key on a line; numbers with a unit need quotes. Example: cpu_threshold = "85 %"'
            ),
        ),
        (
            "\nname = orders",
            (
                ":2: syntax: found what TOML does not allow: Invalid value (column 8), "
                'expected a value; text and numbers with a unit need quotes. Example: threshold = "650 MB"'
            ),
        ),
        (
            "name = 'a'\nname = 'b'\n",
            (
                ":2: syntax: found what TOML does not allow: Cannot overwrite a value (column 11), "
                "expected each key once in its table"
            ),
        ),
        (
            "[memory]\n[memory]\n",
            (
                ":2: syntax: found what TOML does not allow: Cannot declare ('memory',) twice (column 8), "
                "expected each table once; every further rule begins with [[rule]]. Example: [[rule]]"
            ),
        ),
        (
            "name\n",
            (
                ":1: syntax: found what TOML does not allow: Expected '=' after a key in a key/value pair (column 5), "
                'expected an equals sign between key and value. Example: name = "orders-api"'
            ),
        ),
        (
            'a = 1\n\nname = "orders',
            (
                ":3: syntax: found what TOML does not allow: Unterminated string (at the end of the file), "
                'expected quotes at both ends of a text. Example: name = "orders-api"'
            ),
        ),
    ],
)
def test_what_is_not_toml_is_told_in_tomllibs_words_with_a_hint(text: str, message: str) -> None:
    assert messages(text) == [f"tocsin.toml{message}"]


@pytest.mark.usefixtures("folder")
def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    text = """\
name = 5
[[rule]]
name = "a"
metric = "process.memory.usage"
threshold = "50 ms"
severity = "bad"
[[channel]]
type = "slack"
severity = 9
[[channel]]
type = "console"
severity = "loud"
colour = 5
[memory]
interval = 0
[[rule]]
threshold = 5
colour = 1
"""
    assert [message.split(": ")[:2] for message in messages(text)] == [
        ["tocsin.toml:1", "name"],
        ["tocsin.toml:5", "rule[0].threshold"],
        ["tocsin.toml:6", "rule[0].severity"],
        ["tocsin.toml:7", "channel[0].url"],
        ["tocsin.toml:9", "channel[0].severity"],
        ["tocsin.toml:12", "channel[1].severity"],
        ["tocsin.toml:13", "channel[1].colour"],
        ["tocsin.toml:15", "memory.interval"],
        ["tocsin.toml:16", "rule[1].name"],
        ["tocsin.toml:16", "rule[1].metric"],
        ["tocsin.toml:18", "rule[1].colour"],
    ]


def test_a_missing_file_is_told_with_what_to_do(folder: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config("tocsin.toml")

    assert (
        str(caught.value)
        == "tocsin.toml: file: found no file at this path, expected a TOML file; `tocsin init` writes one"
    )


def test_a_folder_is_no_file(folder: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(folder)

    assert (
        str(caught.value) == f"{folder}: file: found a folder, expected a TOML file. Example: {folder / 'tocsin.toml'}"
    )


@pytest.mark.parametrize("path", ["\0", "x" * 5000])
def test_an_impossible_path_is_no_traceback(path: str) -> None:
    with pytest.raises(ConfigError, match="a file that cannot be read"):
        load_config(path)


@pytest.mark.usefixtures("folder")
def test_what_is_not_utf_8_is_told_with_its_line() -> None:
    assert messages(b'\nname = "caf\xe9"') == [
        "tocsin.toml:2: file: found the byte 0xe9, expected UTF-8 text; save the file as UTF-8"
    ]
    assert messages('name = "a"'.encode("utf-16"))[0].startswith("tocsin.toml:1: file: found the byte 0xff")


@pytest.mark.usefixtures("folder")
def test_a_huge_file_is_refused_before_it_is_read() -> None:
    assert messages(b"#" * (MAX_BYTES + 1)) == [
        "tocsin.toml: file: found more than 1 MiB, expected a TOML file of settings"
    ]


@pytest.mark.usefixtures("folder")
def test_endless_nesting_and_endless_numbers_are_mistakes_too() -> None:
    assert messages("name = " + "[" * 100_000)[0].startswith(
        "tocsin.toml: file: found lists or tables within one another"
    )
    assert messages("name = " + "9" * 5_000)[0].startswith(
        "tocsin.toml: syntax: found what TOML does not allow: Exceeds"
    )


def test_paths_in_a_file_are_relative_to_it(folder: Path) -> None:
    (folder / "etc").mkdir()

    assert load('state_dir = "state"', "etc/tocsin.toml").state_dir == Path("etc/state")
    assert load(f"state_dir = '{folder / 'abs'}'", "etc/tocsin.toml").state_dir == folder / "abs"


def test_an_unknown_home_is_a_mistake(folder: Path) -> None:
    assert "the home that '~' stands for is not known" in messages('state_dir = "~no-such-user-here/state"')[0]


def test_a_console_alone_gives_no_reason_to_warn(folder: Path) -> None:
    assert load('[[channel]]\ntype = "console"').warnings == ()


@pytest.mark.usefixtures("folder")
def test_a_pyproject_file_holds_the_settings_in_a_table_of_its_own() -> None:
    own = "[tool.tocsin]\ncpu_threshold = 70\n"
    text = f"[project]\nname = 5\n\n{own}\n[[tool.tocsin.rule]]\nname = 'r'\nmetric = 'a.b'\nthreshold = 5\n"
    config = load(text, "pyproject.toml")

    assert config.cpu_threshold == 70.0
    assert [rule.name for rule in config.rules] == ["r"]


@pytest.mark.usefixtures("folder")
def test_a_mistake_in_a_pyproject_file_has_its_whole_key() -> None:
    text = "[tool.tocsin]\n[[tool.tocsin.rule]]\nname = 'r'\nmetric = 'a.b'\nthreshold = true\n"

    assert messages(text, "pyproject.toml")[0].startswith(
        "pyproject.toml:5: tool.tocsin.rule[0].threshold: found true,"
    )


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("text", ["", "[tool]\n", "[tool.other]\n", "tool = 5\n", "[tool]\ntocsin = 5"])
def test_a_pyproject_file_without_the_table_is_a_mistake(text: str) -> None:
    assert messages(text, "pyproject.toml") == [
        "pyproject.toml: tool.tocsin: found no such table, expected a table [tool.tocsin]"
    ]


def test_the_own_file_is_found_before_pyproject(folder: Path) -> None:
    assert find_config(folder) is None

    (folder / "pyproject.toml").write_text("[project]\nname = 'x'  # not [tool.tocsin]\n")
    assert find_config(folder) is None

    (folder / "pyproject.toml").write_text("[tool . tocsin]\n")
    assert find_config(folder) == folder / "pyproject.toml"
    assert find_config() == Path("pyproject.toml")

    (folder / "pyproject.toml").write_text("[[tool.tocsin.rule]]\n")
    assert find_config(folder) == folder / "pyproject.toml"

    (folder / "tocsin.toml").write_text("")
    assert find_config(folder) == folder / "tocsin.toml"


def test_parents_are_not_searched(folder: Path) -> None:
    (folder / "tocsin.toml").write_text("")
    (folder / "below").mkdir()

    assert find_config(folder / "below") is None
    assert find_config(folder / "nowhere") is None
