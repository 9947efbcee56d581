"""Write docs/metrics.md from the table of metrics in the code.

    python scripts/metrics_doc.py            prints the page
    python scripts/metrics_doc.py --write    writes it

A test holds the page to the code. The costs are measured, and written here by hand with the day: `python -m benchmarks
sampling` prints them for the machine at hand.
"""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.model.metrics import CATALOGUE

if TYPE_CHECKING:
    from tocsin.model.metric_info import MetricInfo

PAGE = Path(__file__).parents[1] / "docs" / "metrics.md"

GROUPS = (
    ("system.", "The machine"),
    ("container.", "The container"),
    ("process.", "The program"),
    ("tocsin.", "The inside of the program, and Tocsin's own account"),
)
TIERS = {0: "when it happens", 1: "core", 10: "slow", 60: "slowest"}

HEAD = """\
# Metrics

Written from the code by `python scripts/metrics_doc.py --write`; change `src/tocsin/model/`, not this page.

Names follow the semantic conventions of OpenTelemetry where these have one. Units are those of UCUM: `1` is a ratio,
`By` bytes, `s` seconds, a word in braces counts things. A *counter* only goes up, and a rule on it looks at its rate
unless it says otherwise; a *gauge* goes up and down.

The tier says how often a metric is read: *core* at each check interval (1 s), *slow* at each tenth, *slowest* at each
sixtieth; *when it happens* stands for what is counted or measured by itself. The source is that of Linux; a metric of
platform `all` comes from psutil elsewhere. A source that this machine lacks leaves its metrics out, never zero, and
`tocsin doctor` says why.
"""

COSTS = """\
## What reading costs

Microseconds of one reading at a real 1 Hz, with cold caches, as `python -m benchmarks sampling` printed it on 26
November 2026 on a busy virtual machine with 2 cores (Linux 6.18, Python 3.11, 1 disk, 1 interface, 130 processes), with
the C extension. A slow sensor costs a tenth of its figure each second, the slowest a sixtieth. The first one read pays
for waking up: about 60 µs of the CPU's. Each is read by itself here; a pass reads those of the core tier in one call.

| sensor | tier | µs a reading |
|---|---|---|
| `host.cpu` | core | 105–120 |
| `process` | core | 35–46 |
| `host.disk` | core | 40–44 |
| `host.memory` | core | 28–37 |
| `host.pressure` | core | 20–36 |
| `host.network` | core | 20 |
| `container`, without a limit | core | 13–23 |
| `host.filesystem` | slow | 120 |
| `host.tcp` | slow | 65 |
| `host.paging` | slow | 40–50 |
| `process.descriptors` | slow | 37 |
| `host.limits` | slow | 34 |
| `process.status` | slow | 19 |
| `host.load` | slow | 9 |
| `host.processes` | slowest | 18 for each process |
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for prefix, title in GROUPS:
        parts.append(f"## {title}\n")
        mine = [info for info in CATALOGUE.values() if _place(info) == prefix]
        for source, infos in groupby(mine, key=lambda info: info.source):
            parts.append(f"Source: {_code(source)}\n" if source else "Counted by Tocsin itself.\n")
            parts.append("\n".join(_table(list(infos))) + "\n")
    return "\n".join([*parts, COSTS])


def _place(info: MetricInfo) -> str:
    """The group of a metric: what is read from the machine stands with the machine, even without a name in OTel."""
    if info.name.startswith(("tocsin.disk.", "tocsin.filesystem.")):
        return "system."
    if info.name.startswith("cpython."):
        return "tocsin."
    return info.name.partition(".")[0] + "."


def _table(infos: list[MetricInfo]) -> list[str]:
    rows = ["| metric | unit | kind | meaning | tier | platform |", "|---|---|---|---|---|---|"]
    for info in infos:
        unit = f"`{info.unit}`" if info.unit else "–"
        rows.append(f"| `{info.name}` | {unit} | {info.kind} | {info.text} | {TIERS[info.tier]} | {info.platform} |")
    return rows


def _code(source: str) -> str:
    return "; ".join(f"`{part}`" if part.startswith("/") else part for part in source.split("; "))


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        sys.stdout.write(page())
