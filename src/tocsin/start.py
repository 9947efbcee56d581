"""The one-line starts: `tocsin.watch()` and `tocsin.emit(...)`."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Any

from tocsin.config import AlertConfig
from tocsin.config.place import default_state_dir
from tocsin.system import AlertSystem, forking

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
        web: whether to serve the page (extra `web`); its link is printed on the standard error. One process of a
            program serves it, for all that share its state directory.
    Returns: the started system, also a context manager. Forked children watch again by themselves.
    Raises: ConfigError: if the configuration is wrong, or the extra is not installed.
    """
    global _current  # noqa: PLW0603 - one program, one bell
    config = config or AlertConfig()
    if name is not None:
        config = config.replace(name=name)
    if config.state_dir is None:
        config = config.replace(state_dir=default_state_dir(config.program))
    system = AlertSystem(config)
    if web:
        _show_on_page(system)
    with _lock:
        _current = system
    forking.watch_again_in_children(system)
    system.open_control()
    system.start()
    if web and system.page_url():
        sys.stderr.write(f"tocsin: the page is at {system.page_url()}\n")
    return system


def _show_on_page(system: AlertSystem) -> None:
    """Let the page begin and end with the system."""
    if system.is_disabled:
        return
    from tocsin.web import serve  # noqa: PLC0415 - needs an extra, which whoever wants no page does without

    serve(system)


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
