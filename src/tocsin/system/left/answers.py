"""What the page may ask of a program that has ended: the same questions, answered from what it left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from tocsin import runbooks
from tocsin.config import AlertConfig
from tocsin.model.memory import MemoryReport
from tocsin.model.metrics import describe
from tocsin.system.answers import alerts as on_alerts
from tocsin.system.answers.looks import Nothing, OfRule
from tocsin.system.answers.readings import Wanted, chosen_keys, shown, stretch
from tocsin.system.answers.rules import shown as shown_rule
from tocsin.system.answers.trials import Trial, tried
from tocsin.system.left.stopped import reading

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from tocsin.clock import Clock
    from tocsin.system.left.run import LastRun
    from tocsin.system.left.stopped import Stopped

_HEAP: Final = "heap"


class LeftAnswers:
    """Answers from a state directory; takes no orders.

    Args:
        stopped: what is in it.
        run: the last run, looked at anew with each question.
        clock: the moment, where the program runs still.
    """

    def __init__(self, stopped: Stopped, run: Callable[[], LastRun], clock: Clock) -> None:
        self._stopped = stopped
        self._run = run
        self._clock = clock

    def table(self) -> Mapping[str, Callable[[dict[str, Any]], Any]]:
        """By command, who answers."""
        table: dict[str, tuple[Any, Callable[[Any], dict[str, Any]]]] = {
            "status": (Nothing, lambda _: self.status()),
            "health": (Nothing, lambda _: self.health()),
            "metrics": (Nothing, lambda _: self.metrics()),
            "readings": (Wanted, self.readings),
            "alerts": (on_alerts.Since, self.alerts),
            "explain": (on_alerts.Which, lambda asked: self._stopped.explain(asked.id)),
            "silences": (Nothing, lambda _: {"silences": self._stopped.silences()}),
            "preview": (on_alerts.Matching, lambda asked: self._stopped.preview(asked.matchers)),
            "deliveries": (on_alerts.Told, self.deliveries),
            "shown_rules": (Nothing, lambda _: {"rules": [shown_rule(rule) for rule in self._stopped.rules()]}),
            "backtest": (Trial, self.backtest),
            "runbook": (OfRule, lambda asked: {"name": asked.name, "text": runbooks.text(asked.name)}),
            "channels": (Nothing, lambda _: {"channels": []}),
            "leaks": (Nothing, lambda _: self.leaks()),
            "heap": (Nothing, lambda _: self.heap()),
            "survivors": (Nothing, lambda _: {"ago_s": [], "lines": []}),  # when what lives was born is not kept
            "threads": (Nothing, lambda _: self.threads()),
        }
        return {command: _typed(kind, answer) for command, (kind, answer) in table.items()}

    def moment(self) -> datetime:
        """From when is counted back: the end, or now where the program runs still."""
        run = self._run()
        return self._clock.now().utc if run.runs else run.at

    def status(self) -> dict[str, Any]:
        """What the run wrote of itself last."""
        run = self._run()
        last = run.record
        return {
            "program": run.program,
            "pid": run.pid or None,
            "uptime_s": None if last is None else last.lived_s,
            "open_alerts": [one for one in self.alerts(on_alerts.Since(0.0))["alerts"] if one["state"] == "firing"],
            "left": run.plain(),
        }

    @staticmethod
    def health() -> dict[str, Any]:
        """What does not run is not fit."""
        bad: dict[str, Any] = {"ok": False, "alerts": []}
        return {"ok": False, "live": bad, "ready": bad, "watching": False}

    def metrics(self) -> dict[str, Any]:
        """What was measured."""
        with reading(self._stopped.folders[0]) as journal:
            keys = journal.history.keys()
        found: dict[str, dict[str, Any]] = {}
        for key in keys:
            info = describe(key.metric)
            plain = {"metric": key.metric, "unit": info.unit, "kind": info.kind, "text": info.text, "series": []}
            found.setdefault(key.metric, plain)["series"].append(dict(key.labels))
        return {"metrics": [found[name] for name in sorted(found)]}

    def readings(self, asked: Wanted) -> dict[str, Any]:
        """What was measured over a stretch of time that is counted back from the end."""
        since, until, points = stretch(asked, self.moment().timestamp())
        with reading(self._stopped.folders[0]) as journal:
            keys, left_out = chosen_keys(journal.history.keys(), asked.metric)
            found = journal.history.outline(keys, since_unix_s=since, until_unix_s=until, points=points)
        series = [shown(key, rows, points) for key, rows in found.items()]
        return {"since": since, "until": until, "series": series, "left_out": left_out, "bands": []}

    def alerts(self, asked: on_alerts.Since) -> dict[str, Any]:
        """What was open, and what changed in the last so many seconds."""
        passed_s = (self._clock.now().utc - self.moment()).total_seconds()
        return self._stopped.alerts(asked.since_s + passed_s)

    def deliveries(self, asked: on_alerts.Told) -> dict[str, Any]:
        """The last notices."""
        limit = min(max(asked.limit, 1), on_alerts.MAX_NOTICES)
        return {"notices": self._stopped.deliveries(state=asked.state, limit=limit)}

    def backtest(self, asked: Trial) -> dict[str, Any]:
        """A rule tried on what was measured."""
        with reading(self._stopped.folders[0]) as journal:
            kept = journal.rules()
        rules = {} if kept is None else {rule.name: rule for rule in kept[1]}
        return tried(asked, rules, AlertConfig(), self._stopped.folders[0])

    def leaks(self) -> dict[str, Any]:
        """The memory at the last record; leaks are in the alerts that told of them."""
        last = self._run().record
        report = MemoryReport() if last is None else MemoryReport(rss_mb=last.rss_mb, peak_rss_mb=last.peak_mb)
        held = () if last is None else last.sites
        remarks = ["The program is not looked into; leaks that were told are among its alerts."]
        remarks += [f"held most: {line}" for line in held]
        return {
            "pid": self._run().pid or None, "enabled": False, "growth_rate_mb_per_hour": None, "growth_low": None,
            "growth_high": None, "observed_s": 0.0, "snapshots": 0, "tier": "none", "remarks": remarks, "sites": [],
            "sites_left_out": 0, "report": msgspec.to_builtins(report),
        }  # fmt: skip

    def heap(self) -> dict[str, Any]:
        """The last heap that an action captured."""
        for kept in self._stopped.artifacts():
            if kept.get("kind") == _HEAP and not kept["reason"]:
                found = self._stopped.artifact(kept["id"])
                return found | {
                    "remarks": [*found.get("remarks", ()), f"captured {kept['at']} for {kept['alert_title']}"]
                }
        return {
            "pid": self._run().pid or None, "at_s": 0.0, "tier": "none", "interval_bytes": 0, "live_bytes": 0.0,
            "frames": [], "stacks": [], "stacks_left_out": 0, "bytes_left_out": 0,
            "remarks": ["The heap was not captured; a rule with actions = ['heap_snapshot'] keeps it."],
        }  # fmt: skip

    def threads(self) -> dict[str, Any]:
        """Where the threads stood at the last record."""
        last = self._run().record
        lines = () if last is None else last.stacks
        if last is not None and last.end is not None and last.end.stack:
            lines = (f"{last.end.what}:", *(f"  {line}" for line in last.end.stack))
        threads: list[dict[str, Any]] = []
        for line in lines:
            if line.startswith(" ") and threads:
                threads[-1]["stack"].append(line.strip())
            else:
                threads.append(
                    {"name": line.rstrip(":"), "ident": len(threads), "native_id": None, "daemon": False,
                     "registered": False, "own": False, "waits": False, "cpu": None, "stack": []}
                )  # fmt: skip
        return {"threads": threads, "left_out": 0, "pauses": []}


def _typed(kind: Any, answer: Callable[[Any], dict[str, Any]]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda request: answer(msgspec.convert(request, type=kind))
