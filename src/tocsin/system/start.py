"""The one-line starts: `tocsin.watch()` and `tocsin.emit(...)`."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

from tocsin.config import AlertConfig
from tocsin.config.place import default_state_dir
from tocsin.system import forking
from tocsin.system.alert_system import AlertSystem

if TYPE_CHECKING:
    from tocsin.model.notice import Receipt

_lock = threading.Lock()
_current: AlertSystem | None = None


def _in_child() -> None:
    """Whoever was making the default system in the parent does not hold the lock here."""
    global _lock  # noqa: PLW0603 - one program, one bell
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


def watch(config: AlertConfig | None = None, *, name: str | None = None, web: bool = False) -> AlertSystem:
    """Watch this program from now on.

    Args:
        config: what to watch and whom to tell; the defaults are useful as they stand.
        name: the program's name in notices and for `tocsin status`.
        web: the page is not built yet; asking for it is refused.
    Returns: the started system, also a context manager. Forked children watch again by themselves.
    Raises: ConfigError: if the configuration is wrong. NotImplementedError: for `web=True`.
    """
    global _current  # noqa: PLW0603 - one program, one bell
    if web:
        raise NotImplementedError("the page is not built yet; start without web=True, and use `tocsin status`")
    config = config or AlertConfig()
    if name is not None:
        config = config.replace(name=name)
    if config.state_dir is None:
        config = config.replace(state_dir=default_state_dir(config.program))
    system = AlertSystem(config)
    with _lock:
        _current = system
    forking.watch_again_in_children(system)
    system.open_control()
    return system.start()


def emit(title: str, *arguments: Any, **named: Any) -> Receipt:
    """Raise an alert from the program; see `AlertSystem.emit`.

    It goes to the system of `watch()`, or else to a default one that has a console and no thread of its own.
    """
    return current().emit(title, *arguments, **named)


def current() -> AlertSystem:
    """The system of `watch()`, or a default one that is not started."""
    global _current  # noqa: PLW0603 - as above
    if _current is None:
        with _lock:
            if _current is None:
                _current = AlertSystem(AlertConfig())
    return _current
