"""`AlertConfig`: all that may be told to do differently, checked as a whole at the start and frozen."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Never, NoReturn

from tocsin.config.channels import make_channel, read_channels, route_of
from tocsin.config.mistakes import Mistake, Wrong, choices, nearest, show
from tocsin.config.rooms import RoomSettings
from tocsin.config.table import SETTINGS, default
from tocsin.errors import ConfigError, Problem
from tocsin.model.metrics import SHORT_NAMES
from tocsin.rules.defaults import default_rules as default_pack

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tocsin.alerts.settings import Route
    from tocsin.config.channels import Channel, ChannelLike, Described
    from tocsin.model.orders import Inhibition, Maintenance
    from tocsin.model.rule import AlertRule

# Settings in percent: the one form, a bare number, is refused at 1 and below, so they travel as texts with the unit.
_PERCENT = ("cpu_threshold", "memory_threshold", "buffer_threshold", "self_budget")
_TABLES = ("components", "journal", "memory", "storage", "heartbeat", "actions", "artifacts", "web", "health")


class Origin(NamedTuple):
    """Where a configuration came from.

    Attributes:
        path: the file, as it was named.
        folder: the one that the process was in then.
        signature: of the file that was read; see `tocsin.config.document`.
        read: what was read; None: this very configuration.
    """

    path: Path
    folder: Path
    signature: tuple[int, int, int, int]
    read: AlertConfig | None


class AlertConfig(RoomSettings):
    """How Tocsin watches, judges and tells. `AlertConfig()` is useful as it stands.

    Values may carry units ("85 %", "50 ms", "1s"). Bare numbers are percent for `cpu_threshold`, `memory_threshold` and
    `buffer_threshold`, milliseconds for `storage_latency_threshold`, and seconds for intervals and windows; that is
    also what the attributes return, as floats.

    Attributes:
        name: of the program, as notices show it; empty: see `program`.
        check_interval: seconds between two passes.
        cpu_threshold: percent of the machine's CPU.
        memory_threshold: percent of the machine's memory.
        storage_latency_threshold: milliseconds of a small synced write.
        buffer_threshold: percent of a buffer's capacity.
        buffer_budget: bytes that may be leased at once by `buffers.allocate`; None: any number.
        rules: added to the default rules; one of the same name replaces the default.
        default_rules: whether there are default rules at all.
        channels: who is told: channel objects, functions, or descriptions; None: the console.
        heartbeat: whom outside to tell, and how often, that the watch goes on; empty: nobody.
        state_dir: where state is kept; None: in memory only.
        record: the file in which all that enters the engine is recorded, to be played again; None: nowhere.
        false_alarms_per_week: how many alarms a week all rules that learn may cost together, where nothing is wrong.
        components: to each part of the program its modules; what leaks, and who holds memory, is told by these.
        journal: how much is kept in `state_dir`; see `journal_bounds`.
        memory: settings of the memory profiler; see `memory_settings`.
        storage: settings of the background probe of storage; see `storage_settings`.
        actions: within what limits rules act; see `action_limits`.
        artifacts: how much is kept of what actions capture; see `artifact_bounds`.
        suppress_after: events of one source and level that are told within the window.
        suppress_window: seconds of that window.
        event_ttl: seconds without recurrence after which an event is over.
        rate_limit: firing notices a minute for each channel that does not say otherwise; critical ones pass.
        storm_after: new alerts a minute that are told one by one; of more, one summary and a digest. 0: no limit.
        maintenance: windows in which alerts are held back: `Maintenance` or tables.
        inhibition: which alerts are only effects of which: `Inhibition` or tables.
        inhibition_wait: seconds that a possible effect waits for its cause.
        history_size: occurrences that are remembered.
        max_open_alerts: open alerts at most; further events are gathered in one.
        emit_queue_size: events that may wait to be judged; further ones are refused and counted.
        error_backoff: seconds until a pass that failed is tried again.
        dynamic_interval: whether to look closer while something happens: twice as often while alerts are fresh, four
            times for ten seconds when a breach is pending, an event loop is late or pressure rises.
        dynamic_thresholds: whether the four thresholds adjust to what was learned of each metric, and rules ring at
            what the program has never been like.
        self_budget: percent of one core that watching may use; beyond it the dearest sensors are read less often.
        stuck_after: seconds for which two threads stand in the acquisition of a lock until a deadlock is suspected.
        series_points: readings that are kept of each series.
        control: whether the private control socket is opened; None: for `tocsin run` and `watch()` only.
        web: where the page is served when it is asked for, and to whom.
        health: the rules that, while they fire, make the program unfit: `live` to live on, `ready` for work.
        reload_on_change: whether the running system takes the file anew, from which this was read, when it changes.
        origin: the file from which this was read, and what was read; None: it was made in Python.
    Raises: ConfigError: with every mistake, if a value is wrong or a key unknown.
    """

    __slots__ = (*SETTINGS, "origin")

    name: str
    check_interval: float
    cpu_threshold: float
    memory_threshold: float
    storage_latency_threshold: float
    buffer_threshold: float
    buffer_budget: int | None
    rules: tuple[AlertRule, ...]
    default_rules: bool
    channels: tuple[Described, ...] | None
    heartbeat: Mapping[str, Any]
    state_dir: Path | None
    record: Path | None
    false_alarms_per_week: float
    components: Mapping[str, tuple[str, ...]]
    journal: Mapping[str, Any]
    memory: Mapping[str, Any]
    storage: Mapping[str, Any]
    actions: Mapping[str, Any]
    artifacts: Mapping[str, Any]
    suppress_after: int
    suppress_window: float
    event_ttl: float
    rate_limit: float
    storm_after: int
    maintenance: tuple[Maintenance, ...]
    inhibition: tuple[Inhibition, ...]
    inhibition_wait: float
    history_size: int
    max_open_alerts: int
    emit_queue_size: int
    error_backoff: float
    dynamic_interval: bool
    dynamic_thresholds: bool
    self_budget: float
    stuck_after: float
    series_points: int
    control: bool | None
    web: Mapping[str, Any]
    health: Mapping[str, tuple[str, ...]]
    reload_on_change: bool
    origin: Origin | None

    def __init__(
        self,
        *,
        name: str = default("name"),
        check_interval: float | str = default("check_interval"),
        cpu_threshold: float | str = default("cpu_threshold"),
        memory_threshold: float | str = default("memory_threshold"),
        storage_latency_threshold: float | str = default("storage_latency_threshold"),
        buffer_threshold: float | str = default("buffer_threshold"),
        buffer_budget: float | str | None = default("buffer_budget"),
        rules: Iterable[AlertRule] = default("rules"),
        default_rules: bool = default("default_rules"),
        channels: Iterable[ChannelLike] | None = default("channels"),
        heartbeat: Mapping[str, Any] = default("heartbeat"),
        state_dir: str | os.PathLike[str] | None = default("state_dir"),  # noqa: B008 - the value is None
        record: str | os.PathLike[str] | None = default("record"),  # noqa: B008 - as above
        false_alarms_per_week: float = default("false_alarms_per_week"),
        components: Mapping[str, str | Sequence[str]] = default("components"),
        journal: Mapping[str, Any] = default("journal"),
        memory: Mapping[str, Any] = default("memory"),
        storage: Mapping[str, Any] = default("storage"),
        actions: Mapping[str, Any] = default("actions"),
        artifacts: Mapping[str, Any] = default("artifacts"),
        suppress_after: int = default("suppress_after"),
        suppress_window: float | str = default("suppress_window"),
        event_ttl: float | str = default("event_ttl"),
        rate_limit: float = default("rate_limit"),
        storm_after: int = default("storm_after"),
        maintenance: Iterable[Maintenance | Mapping[str, Any]] = default("maintenance"),
        inhibition: Iterable[Inhibition | Mapping[str, Any]] = default("inhibition"),
        inhibition_wait: float | str = default("inhibition_wait"),
        history_size: int = default("history_size"),
        max_open_alerts: int = default("max_open_alerts"),
        emit_queue_size: int = default("emit_queue_size"),
        error_backoff: float | str = default("error_backoff"),
        dynamic_interval: bool = default("dynamic_interval"),
        dynamic_thresholds: bool = default("dynamic_thresholds"),
        self_budget: float | str = default("self_budget"),
        stuck_after: float | str = default("stuck_after"),
        series_points: int = default("series_points"),
        control: bool | None = default("control"),
        web: Mapping[str, Any] = default("web"),
        health: Mapping[str, str | Sequence[str]] = default("health"),
        reload_on_change: bool = default("reload_on_change"),
        **unknown: Never,
    ) -> None:
        given = {key: value for key, value in locals().items() if key in SETTINGS}
        fields, mistakes = read_settings({**given, **unknown})
        if mistakes:
            raise ConfigError(mistake.as_argument() for mistake in mistakes)
        for key, value in {**fields, "origin": None}.items():
            object.__setattr__(self, key, value)

    @property
    def program(self) -> str:
        """The program's name: `name`, or else the one under which it was started."""
        return self.name or _started_as()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is allowed, and yet probably a mistake; for the person who checks the configuration."""
        from tocsin.config.remarks import remarks  # noqa: PLC0415 - for the person who checks, not for each program

        known = {rule.name for rule in self.all_rules()}
        found = remarks(
            self.rules, channels=self.channels or (), maintenance=self.maintenance, inhibition=self.inhibition,
            health=self.health, known=known,
        )  # fmt: skip
        return tuple(found)

    def all_rules(self) -> tuple[AlertRule, ...]:
        """The default rules with the thresholds filled in, or what replaces them by name; then the other rules."""
        own = {rule.name: rule for rule in self.rules}
        pack = self._default_rules() if self.default_rules else ()
        return (*(own.pop(rule.name, rule) for rule in pack), *own.values())

    def make_channels(self) -> list[tuple[Channel, Route]]:
        """Make the channels, each with what it is to be told."""
        meant = (None,) if self.channels is None else self.channels
        made = [(channel, make_channel(channel)) for channel in meant]
        return [(channel, route_of(of, channel, notices_per_minute=self.rate_limit)) for of, channel in made]

    def make_further_channel(self, channel: ChannelLike, known: Iterable[str]) -> tuple[Channel, Route]:
        """Make one more channel, with what it is to be told.

        Args:
            channel: as a member of `channels`.
            known: the names of the channels that are there.
        Raises: ConfigError: with every mistake.
        """
        try:
            [meant] = read_channels([channel], known=known) or ()
        except Wrong as error:
            found = (mistake._replace(path=mistake.path[1:]) for mistake in error.mistakes)
            raise ConfigError(mistake.as_argument()._replace(where="channel") for mistake in found) from None
        made = make_channel(meant)
        return made, route_of(meant, made, notices_per_minute=self.rate_limit)

    def get_dynamic_threshold(self, metric: str, history: Sequence[float] = ()) -> float:
        """The lower of the static threshold and the history's mean plus two population deviations.

        Args:
            metric: cpu, memory, storage_latency or buffer, or the OpenTelemetry name of one of these.
            history: past values, in percent, or milliseconds for storage latency; what is not finite is left out.
        Returns: the threshold, in the history's unit; the static one without history.
        Raises: ConfigError: if the metric is none of these.
        """
        from tocsin.rules.thresholds import dynamic_threshold  # noqa: PLC0415 - brings `statistics`, which few need

        short = next((name for name, long in SHORT_NAMES.items() if metric in (name, long)), None)
        if short is None:
            known = (*SHORT_NAMES, *SHORT_NAMES.values())
            raise ConfigError(
                [Problem("get_dynamic_threshold", "metric", show(metric), choices(known, metric), 'metric="cpu"')]
            )
        return dynamic_threshold(getattr(self, f"{short}_threshold"), history)

    def replace(self, **changes: Any) -> AlertConfig:
        """The same configuration but for the given settings, checked as a whole again."""
        made = AlertConfig(**{**self._arguments(), **changes})
        if self.origin is not None:
            object.__setattr__(made, "origin", self.origin._replace(read=self.as_read()))
        return made

    def read_from(self, path: Path, signature: tuple[int, int, int, int]) -> AlertConfig:
        """The same configuration, knowing the file that it was read from."""
        try:
            folder = Path.cwd()
        except OSError:  # it is gone
            folder = Path()
        object.__setattr__(self, "origin", Origin(path, folder, signature, None))
        return self

    def taking(self, read: AlertConfig, keys: Iterable[str]) -> AlertConfig:
        """The same configuration with some settings as they stand in its file now.

        Args:
            read: what stands in the file now.
            keys: the settings to take.
        """
        arguments = read._arguments()
        made = self.replace(**{key: arguments[key] for key in keys})
        if made.origin is not None and read.origin is not None:
            origin = made.origin._replace(signature=read.origin.signature, read=read)
            object.__setattr__(made, "origin", origin)
        return made

    def as_read(self) -> AlertConfig:
        """What stood in the file, without what was replaced since then."""
        return self if self.origin is None or self.origin.read is None else self.origin.read

    def _default_rules(self) -> tuple[AlertRule, ...]:
        cpu, memory, buffer = (_percent_text(getattr(self, key)) for key in _PERCENT[:3])
        return default_pack(
            cpu=cpu, memory=memory, storage_latency=f"{self.storage_latency_threshold!r} ms", buffer=buffer,
            learn=self.dynamic_thresholds,
        )  # fmt: skip

    def _arguments(self) -> dict[str, Any]:
        """The arguments that make an equal configuration."""
        arguments = {key: getattr(self, key) for key in SETTINGS}
        arguments |= {key: _percent_text(arguments[key]) for key in _PERCENT}
        return arguments | {key: dict(arguments[key]) for key in _TABLES}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AlertConfig):
            return NotImplemented
        return all(getattr(self, key) == getattr(other, key) for key in SETTINGS)

    # Channels are compared but need not be hashable, so neither is the whole.
    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        """Only what differs from the defaults; of rules and channels the names, which hold no secret."""
        plain = {
            key: getattr(self, key)
            for key, setting in SETTINGS.items()
            if getattr(self, key) != setting.read(setting.default)
        }
        for key in ("rules", "channels"):
            if plain.get(key) is not None:
                plain[key] = [item.name for item in plain[key]]
        for key in _TABLES:
            if key in plain:
                usual = SETTINGS[key].read(SETTINGS[key].default)
                plain[key] = {name: value for name, value in plain[key].items() if usual.get(name) != value}
        return f"AlertConfig({', '.join(f'{key}={value!r}' for key, value in plain.items())})"

    def __setattr__(self, key: str, value: object) -> NoReturn:
        raise AttributeError(f"AlertConfig is frozen; config.replace({key}=…) makes another one")

    def __delattr__(self, key: str) -> NoReturn:
        raise AttributeError("AlertConfig is frozen")

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self._arguments(),)


def read_settings(given: Mapping[str, object]) -> tuple[dict[str, Any], list[Mistake]]:
    """Bring settings into their one form.

    Args:
        given: by name; what is missing is not filled in.
    Returns: what was right, and every mistake of the rest.
    """
    fields: dict[str, Any] = {}
    mistakes: list[Mistake] = []
    for key, value in given.items():
        setting = SETTINGS.get(key)
        if setting is None:
            # The value is not shown: under a name that is not known it may be a secret.
            mistakes.append(
                Mistake((key,), "an unknown key", f"a setting of AlertConfig{nearest(key, SETTINGS)}", remark=True)
            )
            continue
        try:
            fields[key] = setting.read(value)
        except Wrong as error:
            example = f"{key}={setting.example}"
            mistakes += [
                found._replace(path=(key, *found.path), example=found.example or ("" if found.remark else example))
                for found in error.mistakes
            ]
    return fields, mistakes


def _rebuild(arguments: dict[str, Any]) -> AlertConfig:
    return AlertConfig(**arguments)


def _percent_text(percent: float) -> str:
    return f"{percent!r} %"


def _started_as() -> str:
    """The name of the program's file; for `python -m package` that of the package, and `python` where there is none."""
    argv = getattr(sys, "argv", None) or [""]
    path = argv[0] if isinstance(argv[0], str) else ""
    stem, _ = os.path.splitext(os.path.basename(path))  # noqa: PTH119, PTH122 - pathlib has no gain for one text
    if stem == "__main__":
        stem = os.path.basename(os.path.dirname(os.path.abspath(path)))  # noqa: PTH100, PTH119, PTH120 - as above
    return stem if stem and stem not in {"-c", "-m", "-"} else "python"
