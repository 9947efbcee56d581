"""The one table of settings: each default with its reason.

`AlertConfig` takes its defaults from here, and the tests hold the guide and the template to it.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from tocsin.config import orders, parts, values
from tocsin.config.channels import read_channels
from tocsin.config.web import WEB_DEFAULTS, web


class Setting(NamedTuple):
    """One setting.

    Attributes:
        default: as a person would write it.
        read: brings a value into its one form, or raises `Wrong`.
        example: a value that is right, as it is written in Python and in TOML.
        reason: why the default is what it is.
        fixed: why it cannot change while the program runs; empty where it can.
    """

    default: Any
    read: values.Reader
    example: str
    reason: str
    fixed: str = ""


_HOUR_S: Final = 3600.0
_DAY_S: Final = 86_400.0

_INTERVALS: Final = values.seconds(0.05, _HOUR_S, words="from 50 ms to 1 h")
_WINDOWS: Final = values.seconds(1.0, _DAY_S, words="from 1 s to 1 d")

SETTINGS: Final[dict[str, Setting]] = {
    "name": Setting(
        "",
        values.text,
        '"orders-api"',
        "the name under which the program was started is shown",
        fixed="the program is known by it",
    ),
    "check_interval": Setting("1s", _INTERVALS, '"1s"', "sees a spike of a few seconds, at a thousandth of a core"),
    "cpu_threshold": Setting(85, values.percent, "85", "beyond it work begins to queue"),
    "memory_threshold": Setting(90, values.percent, "90", "beyond it the kernel soon chooses a victim"),
    "storage_latency_threshold": Setting(
        100,
        values.milliseconds,
        "100",
        "a healthy disk syncs a small write in a few milliseconds; people feel a hundred",
    ),
    "buffer_threshold": Setting(80, values.percent, "80", "the last fifth of a buffer is the time left to act"),
    "buffer_budget": Setting(
        None,
        values.size_or_none,
        '"64 MiB"',
        "only you know how much may lie in buffers",
        fixed="leases of it are out",
    ),
    "rules": Setting((), values.rules, "[AlertRule(…)]", "the default rules suffice to begin with"),
    "default_rules": Setting(True, values.flag, "True", "every category has a rule without a line of configuration"),
    "channels": Setting(None, read_channels, "[ConsoleAlertChannel()]", "the console, which everybody has"),
    "heartbeat": Setting(
        {},
        parts.heartbeat,
        '{"url": "env:HEARTBEAT_URL"}',
        "only you know who notices outside when the program is gone",
    ),
    "state_dir": Setting(
        None,
        values.folder,
        '".tocsin"',
        "in memory only: a library writes no files unasked",
        fixed="the journal of what is open lies in it",
    ),
    "record": Setting(
        None,
        values.file_path,
        '"run.tocsin"',
        "a recording grows with all that is read, for a whole run",
        fixed="a recording is of a whole run",
    ),
    "false_alarms_per_week": Setting(1.0, values.positive, "1", "more, and people turn the bell off"),
    "components": Setting(
        {},
        parts.components,
        '{"cache": ["app.cache.*"]}',
        "only you know your program's parts",
        fixed="the memory that is held already was counted by them",
    ),
    "journal": Setting(
        dict(parts.JOURNAL_DEFAULTS),
        parts.journal,
        '{"size": "256 MB"}',
        "what a person asks back for, on a disk that has other uses",
    ),
    "memory": Setting(
        dict(parts.MEMORY_DEFAULTS),
        parts.memory,
        '{"interval": "128 KiB"}',
        "a sample for each 128 KiB of allocation finds a leak and is not felt",
        fixed="the heap profiler was started with it",
    ),
    "storage": Setting(
        dict(parts.STORAGE_DEFAULTS),
        parts.storage,
        '{"write_probe": True}',
        "a read each ten seconds costs a disk nothing, and writes wear it out",
        fixed="the probe of storage was made with it",
    ),
    "actions": Setting(
        dict(parts.ACTIONS_DEFAULTS),
        parts.actions,
        '{"cooldown": "5 min"}',
        "the first captures tell the story, and a program in trouble is left alone",
    ),
    "artifacts": Setting(
        dict(parts.ARTIFACTS_DEFAULTS),
        parts.artifacts,
        '{"size": "100 MB"}',
        "two weeks of trouble fit, and captures must never be what fills the disk",
    ),
    "suppress_after": Setting(3, values.count(1, 1_000_000), "3", "three similar events tell the story"),
    "suppress_window": Setting("60s", _WINDOWS, '"60s"', "what comes within a minute mostly has one cause"),
    "event_ttl": Setting("300s", _WINDOWS, '"300s"', "after five quiet minutes it is over"),
    "rate_limit": Setting(30, values.positive, "30", "one notice each two seconds is the most that a person reads"),
    "storm_after": Setting(
        60, values.count(0, 1_000_000), "60", "one new alert a second, and nobody reads them singly"
    ),
    "maintenance": Setting(
        (),
        orders.maintenance,
        '[{"name": "backup", "cron": "0 22 * * sun", "duration": "2h"}]',
        "only you know when work is planned",
    ),
    "inhibition": Setting(
        (),
        orders.inhibitions,
        '[{"source": ["rule=database-down"], "target": ["component=orders"]}]',
        "the degrees of one trouble, and causes that the metrics show, are known without",
    ),
    "inhibition_wait": Setting(
        "5s", values.seconds(0.0, 300.0, words="from 0 s to 5 min"), '"5s"', "a cause shows within a few passes"
    ),
    "history_size": Setting(100, values.count(1, 1_000_000), "100", "holds a bad hour in little memory"),
    "max_open_alerts": Setting(1000, values.count(1, 1_000_000), "1000", "beyond it a person needs a sum"),
    "emit_queue_size": Setting(65_536, values.count(1, 10_000_000), "65536", "takes a long burst in some megabytes"),
    "error_backoff": Setting("5s", _INTERVALS, '"5s"', "soon enough to recover, too rare to fill the log"),
    "dynamic_interval": Setting(True, values.flag, "True", "trouble is seen closer, and a calm hour costs no more"),
    "dynamic_thresholds": Setting(True, values.flag, "True", "what is normal differs from program to program"),
    "self_budget": Setting("0.5 %", values.percent, '"0.5 %"', "a guest is not felt; the usual cost is a fifth of it"),
    "stuck_after": Setting("30s", _WINDOWS, '"30s"', "no lock that works as meant is waited for as long"),
    "series_points": Setting(
        600,
        values.count(2, 1_000_000),
        "600",
        "ten minutes at one reading a second",
        fixed="the series are as long as they were made",
    ),
    "control": Setting(
        None,
        values.flag_or_none,
        "True",
        "opened for `tocsin run` and `watch()`, which have a person at the command line",
        fixed="the socket is opened, or not, at the start",
    ),
    "reload_on_change": Setting(
        False, values.flag, "True", "a file that somebody is at is not yet meant; `tocsin reload` says when it is"
    ),
    "web": Setting(
        dict(WEB_DEFAULTS),
        web,
        '{"port": 8787}',
        "the page shows source lines, so nobody outside this machine sees it unasked",
        fixed="the page is served, or not, from the start",
    ),
    "health": Setting(
        {"live": [], "ready": []},
        parts.health,
        '{"ready": ["memory-high"]}',
        "only you know what your program cannot work with",
        fixed="whoever asks for its health was told of it at the start",
    ),
}


def default(name: str) -> Any:
    """The default of one setting, as a person would write it."""
    return SETTINGS[name].default
