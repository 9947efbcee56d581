"""What a system knows: its alerts, its readings, its rules' bounds, and how its sensors do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.engine.bounds import bound_of
from tocsin.errors import TocsinError
from tocsin.model import inputs as given
from tocsin.model.levels import AlertCategory
from tocsin.model.metrics import SHORT_NAMES
from tocsin.model.readings import SensorHealth, SeriesKey, canonical_labels

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.alerts.history import AlertHistory
    from tocsin.config import AlertConfig
    from tocsin.model.alert import PerformanceAlert
    from tocsin.system.core import SystemCore


class Looking:
    """What `AlertSystem` offers to whoever wants to know."""

    config: AlertConfig
    _core: SystemCore

    # -- alerts

    @property
    def history(self) -> AlertHistory:
        """The recent occurrences."""
        return self._core.engine.history

    @property
    def _last_emit(self) -> dict[tuple[str, int], Any]:
        """When each source and level was told of; the throttle."""
        return self._core.engine.decisions.teller.suppressor.last

    def open_alerts(self) -> tuple[PerformanceAlert, ...]:
        """The alerts that are open, worst first."""
        return tuple(self._core.engine.book.open_alerts())

    async def get_recent_alerts(self, n: int = 10) -> list[PerformanceAlert]:
        """The last `n` alerts, newest first, ended and suppressed ones included."""
        return self._core.engine.book.recent()[: max(n, 0)]

    async def get_alerts_by_category(self, category: AlertCategory | str) -> list[PerformanceAlert]:
        """The alerts of a category, newest first. Raises ValueError for an unknown category."""
        return self._core.engine.book.of_category(AlertCategory(category))

    async def get_unacknowledged_alerts(self) -> list[PerformanceAlert]:
        """The alerts that nobody has acknowledged, newest first."""
        return self._core.engine.book.unacknowledged(self._core.clock.now().utc)

    async def clear_history(self) -> None:
        """Forget what is over; an open alert is shown again at its next change.

        Raises: TocsinError: if the watch thread did not do it in time.
        """
        await self._clear(throttle=False)

    async def _clear(self, *, throttle: bool) -> None:
        answer = await self._core.ask(lambda _: [given.ClearHistory(throttle)])
        if answer is None and not self._core.disabled:
            raise TocsinError(
                "the history was not cleared: no answer from the watch thread; see status()['last_error']"
            )

    def get_dynamic_threshold(self, metric: str) -> float:
        """The present bound of a metric in the configuration's unit; the static one, until bounds are learned.

        Args:
            metric: cpu, memory, storage_latency or buffer, or the OpenTelemetry name of one of these; or any metric
                that an enabled rule compares with a threshold or learns: of several the bound that is met first, in
                percent for shares and in the metric's base unit for others. What is `anomalous` has no static one: it
                is infinite until a day is known.
        Raises: ConfigError: if the metric is none of these.
        """
        if metric not in SHORT_NAMES and metric not in SHORT_NAMES.values():
            bound = bound_of(self._core.engine, metric)
            if bound is not None:
                return bound
        static = self.config.get_dynamic_threshold(metric)
        learned = self._core.engine.learners.bound(SHORT_NAMES.get(metric, metric))
        scale = 1e3 if SHORT_NAMES["storage_latency"] in {metric, SHORT_NAMES.get(metric)} else 1e2
        return min(static, learned * scale)

    # -- readings

    def latest(self) -> dict[SeriesKey, float]:
        """The last reading of each series, in base units; of counters the present rate a second."""
        values = {series.key: series.latest() for series in tuple(self._core.engine.series.values())}
        return {key: value for key, value in values.items() if value == value}  # noqa: PLR0124 - NaN is no reading

    def recent(self, metric: str, labels: Mapping[str, str] | None = None, points: int = 60) -> list[float]:
        """The last readings of one series, oldest first."""
        key = SeriesKey(metric, canonical_labels(labels or {}))
        found = (series for series in tuple(self._core.engine.series.values()) if series.key == key)
        return next((series.recent(points) for series in found), [])

    def counters(self) -> dict[str, int]:
        """What was dropped, merged, failed or given up: Tocsin's own account of itself."""
        core = self._core
        counts = {f"events_{name}": count for name, count in core.intake.counts().items()}
        for channel, per_channel in core.telling.delivery.counts().items():
            counts |= {f"channel_{channel}_{name}": count for name, count in per_channel.items()}
        lost = core.sensing.metrics.dropped
        counts |= {f"readings_dropped_{why.replace(' ', '_')}": count for why, count in lost.items()}
        return counts | {
            "levels_not_understood": core.intake.odd_levels.value(),
            "categories_not_understood": core.intake.odd_categories.value(),
            "listeners_failed": core.telling.listeners_failed(),
            "passes_failed": core.watch.failed_passes.value(),
            "watch_thread_deaths": core.watch.deaths.value(),
            "history_dropped": core.engine.history.dropped,
        }

    def interval_s(self) -> float:
        """Seconds between two passes, as of now."""
        return self._core.interval_s()

    def sensor_health(self) -> tuple[SensorHealth, ...]:
        """How each sensor does."""
        return self._core.sensing.monitor.health()
