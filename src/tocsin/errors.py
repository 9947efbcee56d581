"""Everything Tocsin raises on purpose.

    TocsinError
    ├── ConfigError          the configuration is wrong; holds every problem found, not only the first
    ├── AlertNotFound        a request named an alert that does not exist
    ├── RuleNotFound         a request named a rule that does not exist
    ├── RunbookNotFound      a request named a runbook that does not exist
    ├── SilenceNotFound      a request named a silence that does not exist
    ├── NoticeNotFound       a request named a notice that does not exist
    ├── ArtifactNotFound     a request named an artifact that does not exist
    ├── BufferFull           bytes of a budget were not to be had in time
    ├── SampleError          a sensor could not read its source
    ├── StoreError           the journal could not be read or written
    ├── DeliveryError        a channel could not hand over a notice (permanent or not)
    └── ControlError         a running program could not be reached

A message says what is wrong, where, what was found, what was expected and what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class TocsinError(Exception):
    """The root of all errors that Tocsin raises on purpose."""


class Problem(NamedTuple):
    """One mistake in a configuration.

    Attributes:
        where: the file and line (`tocsin.toml:12`), or `AlertConfig` for keyword arguments.
        key: the dotted key, as in `rule[0].threshold`.
        found: what stands there, as the person wrote it.
        expected: what could stand there, in words.
        example: a line that would be right; empty when the remedy is in `expected`.
    """

    where: str
    key: str
    found: str
    expected: str
    example: str = ""

    def __str__(self) -> str:
        text = f"{self.where}: {self.key}: found {self.found}, expected {self.expected}"
        return f"{text}. Example: {self.example}" if self.example else text


class ConfigError(TocsinError, ValueError):
    """The configuration is wrong. Raised at start, never later.

    Attributes:
        problems: every mistake that was found, in the order of the file.
    """

    def __init__(self, problems: Iterable[Problem] | str) -> None:
        self.problems: tuple[Problem, ...] = () if isinstance(problems, str) else tuple(problems)
        super().__init__(problems if isinstance(problems, str) else "\n".join(map(str, self.problems)))


class AlertNotFound(TocsinError, LookupError):
    """No alert has this id: it never existed, or it left the bounded history."""

    def __init__(self, alert_id: str) -> None:
        self.alert_id = alert_id
        super().__init__(f"no alert has the id {alert_id!r}; `get_recent_alerts()` lists those that are known")


class RuleNotFound(TocsinError, LookupError):
    """No rule has this name."""

    def __init__(self, name: str, known: Iterable[str] = ()) -> None:
        self.name = name
        listed = ", ".join(sorted(known)) or "none"
        super().__init__(f"no rule has the name {name!r}; the rules are: {listed}")


class RunbookNotFound(TocsinError, LookupError):
    """No runbook has this name: the default rules have one each, and no other rule."""

    def __init__(self, name: str, known: Iterable[str] = ()) -> None:
        self.name = name
        from difflib import get_close_matches  # noqa: PLC0415 - dear to import, and only for a mistake

        near = get_close_matches(name, known, n=1)
        meant = f" (did you mean {near[0]!r}?)" if near else ""
        super().__init__(f"no runbook is called {name!r}{meant}; `tocsin runbook` lists them")


class SilenceNotFound(TocsinError, LookupError):
    """No silence has this id: it never existed, or it is over."""

    def __init__(self, silence_id: str) -> None:
        self.silence_id = silence_id
        super().__init__(f"no silence has the id {silence_id!r}; `silences()` lists those that are known")


class NoticeNotFound(TocsinError, LookupError):
    """The journal has no notice of this id."""

    def __init__(self, notice_id: str) -> None:
        self.notice_id = notice_id
        super().__init__(f"no notice has the id {notice_id!r}; `tocsin deliveries` lists those that are known")


class ArtifactNotFound(TocsinError, LookupError):
    """No artifact has this id: it was never taken, or it had to go for newer ones."""

    def __init__(self, artifact_id: str) -> None:
        self.artifact_id = artifact_id
        super().__init__(
            f"no artifact has the id {artifact_id[:80]!r}; `tocsin artifacts list` shows those that are kept, and "
            "`tocsin explain` of its alert says what became of it"
        )


class BufferFull(TocsinError):
    """Bytes of a budget were not to be had in time. Release leases earlier, wait longer, or raise the budget."""


class SampleError(TocsinError):
    """A sensor could not read its source. The sensor is set aside and tried again later."""


class StoreError(TocsinError):
    """The journal could not be read or written."""


class DeliveryError(TocsinError):
    """A channel could not hand over a notice.

    Attributes:
        permanent: whether trying again is useless (a wrong address, a refused token).
        retry_after_s: seconds the receiver asked to wait; None when it did not say.
    """

    def __init__(self, message: str, *, permanent: bool = False, retry_after_s: float | None = None) -> None:
        self.permanent = permanent
        self.retry_after_s = retry_after_s
        super().__init__(message)


class ControlError(TocsinError):
    """A running program could not be reached through its control socket."""
