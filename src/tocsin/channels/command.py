"""A command: started for each notice, without a shell, and with the notice as JSON on its standard input."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any, Final

from tocsin.channels import child, options
from tocsin.channels.document import document, encode
from tocsin.channels.options import Option, settle
from tocsin.channels.outgoing import OutgoingChannel
from tocsin.errors import DeliveryError
from tocsin.model.levels import AlertSeverity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.model.notice import Notice

DEADLINE_S: Final = 10.0
# Of sysexits.h: wrong usage, no permission, wrong configuration. They are as wrong the next time.
_PERMANENT: Final = frozenset({64, 77, 78})


def _argv(value: Any) -> tuple[str, ...]:
    expected = 'a list of texts, the program first; there is no shell: ["/usr/local/bin/page", "--team", "orders"]'
    if isinstance(value, str) or not isinstance(value, (list, tuple)) or not value:
        raise ValueError(expected)
    if not all(isinstance(one, str) and "\0" not in one for one in value) or not value[0].strip():
        raise ValueError(expected)
    return tuple(value)


def _names(value: Any) -> tuple[str, ...]:
    found = options.texts(value)
    if not all(one.replace("_", "").isalnum() for one in found):
        raise ValueError('names of environment variables, such as ["PAGER_TEAM"]')
    return found


OPTIONS: Final[options.Options] = {
    "argv": Option(_argv, '["/usr/local/bin/page", "--team", "orders"]', required=True, hidden=True),
    "pass_environment": Option(_names, '["PAGER_TEAM"]'),
    "deadline": Option(options.seconds(0.05, 600.0), '"10s"'),
}


class CommandAlertChannel(OutgoingChannel):
    """Runs a command for each notice.

    Its standard input is the JSON document that webhooks get as `data`; its output is thrown away. Nothing of an alert
    is ever part of the arguments. Status 0 means delivered; 64, 77 and 78 that trying again is useless.

    Args:
        argv: the program and its arguments.
        pass_environment: names of variables that it gets beside the usual ones (PATH, HOME, LANG, …).
        deadline: after which it is killed, with the processes it has started; seconds, or with a unit.
        name: the channel's name.
        severity: this and worse is told.
    Raises: ConfigError: with every mistake.
    """

    def __init__(
        self, argv: Sequence[str], *, pass_environment: Sequence[str] | None = None,
        deadline: float | str | None = None, name: str = "command",
        severity: AlertSeverity | int | str = AlertSeverity.INFO,
    ) -> None:  # fmt: skip
        super().__init__(name, severity)
        given = settle(type(self).__name__, OPTIONS, {
            "argv": argv, "pass_environment": pass_environment, "deadline": deadline,
        })  # fmt: skip
        self._argv: tuple[str, ...] = given["argv"]
        self._passed: tuple[str, ...] = given.get("pass_environment", ())
        self._deadline_s: float = given.get("deadline", DEADLINE_S)

    def deliver(self, notice: Notice) -> None:
        """Run the command. Raises DeliveryError."""
        try:
            process = subprocess.Popen(  # noqa: S603 - the configuration names it, and nothing of an alert is in it
                self._argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                env=child.environment(self._passed), shell=False, start_new_session=os.name == "posix",
            )  # fmt: skip
        except (OSError, ValueError) as error:
            gone = isinstance(error, (FileNotFoundError, PermissionError, ValueError))
            words = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
            raise DeliveryError(f"{self.name}: the command cannot be started: {words}", permanent=gone) from None
        try:
            process.communicate(encode(document(notice)) + b"\n", timeout=self._deadline_s)
        except subprocess.TimeoutExpired:
            child.end(process)
            raise DeliveryError(f"{self.name}: the command took more than {self._deadline_s:g} s") from None
        except BaseException:
            child.end(process)
            raise
        if process.returncode:
            raise DeliveryError(
                f"{self.name}: the command ended with {child.status(process.returncode)}",
                permanent=process.returncode in _PERMANENT,
            )
