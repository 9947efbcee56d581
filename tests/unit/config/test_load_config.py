from __future__ import annotations

import pytest
from tests.unit.config.documents import messages

RULE = '[[rule]]\nname = "r"\nmetric = "process.memory.usage"\nthreshold = "650 MB"\n'


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
            (
                ":2: memory.intervall: found an unknown key, expected one of enabled, interval, snapshot, tier "
                "(did you mean 'interval'?)"
            ),
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
                ':4: rule[0].threshold: found "650 MB", expected none, since what is anomalous is learned from the '
                'metric itself. Example: threshold = "650 MB"'
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
                ":3: channel[0].colour: found an unknown key, expected one of type, name, severity, stream, color, "
                "match, hours, group_by, group_wait, group_interval, repeat, notices_per_minute, escalate_to, "
                "escalate_after, fallback (did you mean 'color'?)"
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
