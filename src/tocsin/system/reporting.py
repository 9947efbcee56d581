"""Tocsin's own complaints: through `logging`, under the name "tocsin", silent unless the program listens."""

from __future__ import annotations


def complain(message: str, *, error: BaseException | None = None) -> None:
    """Log a warning. Loads `logging` only now, and never configures it."""
    import logging  # noqa: PLC0415 - most programs never need it

    log = logging.getLogger("tocsin")
    if not log.handlers:
        log.addHandler(logging.NullHandler())  # else Python would print it on the program's standard error
    log.warning("%s", message, exc_info=error)
