"""Tocsin's own complaints: through `logging`, under the name "tocsin", silent unless the program listens."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging


def complain(message: str, *, error: BaseException | None = None) -> None:
    """Log a warning. Loads `logging` only now, and never configures it."""
    _log().warning("%s", message, exc_info=error)


def remark(message: str) -> None:
    """Log what went well and is worth knowing; as `complain` does."""
    _log().info("%s", message)


def _log() -> logging.Logger:
    import logging  # noqa: PLC0415 - most programs never need it

    log = logging.getLogger("tocsin")
    if not log.handlers:
        log.addHandler(logging.NullHandler())  # else Python would print it on the program's standard error
    return log
