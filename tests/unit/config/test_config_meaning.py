"""What a configuration file means."""

from __future__ import annotations

import pytest
from tests.unit.config.documents import load

from tocsin.config import AlertConfig, ChannelSpec
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
