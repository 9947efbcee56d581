# noqa: INP001 - a folder on the path of the interpreter, not a package
"""The first thing the interpreter runs in a program that `tocsin run` started.

It leaves no trace of itself, gives way to the `sitecustomize` that would have been imported without it, and starts to
watch. Whatever fails is one line on stderr: the program then runs unwatched.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # `typing` would be imported into the program
if TYPE_CHECKING:
    from typing import Any

HERE = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib would be imported into the program
NAME = "sitecustomize"


def leave_no_trace() -> tuple[str | None, str | None, bool, bool]:
    """Restore the environment and the path, so that child processes and the program see what the user set.

    Returns: what `tocsin run` had to say: the configuration file, if any, the program's name, whether to tell of leaks
        at the exit, and whether to serve the page.
    """
    before = os.environ.pop("TOCSIN_RUN_PYTHONPATH", None)
    if before is None:
        os.environ.pop("PYTHONPATH", None)
    else:
        os.environ["PYTHONPATH"] = before
    sys.path[:] = [entry for entry in sys.path if entry != HERE]
    sys.path_importer_cache.pop(HERE, None)
    tell_leaks = os.environ.pop("TOCSIN_RUN_LEAKS", None) is not None
    show_page = os.environ.pop("TOCSIN_RUN_WEB", None) is not None
    return os.environ.pop("TOCSIN_RUN_CONFIG", None), os.environ.pop("TOCSIN_RUN_NAME", None), tell_leaks, show_page


def give_way() -> None:
    """Import the `sitecustomize` of the user or the distribution, if there is one; what it raises is the user's."""
    this = sys.modules.pop(NAME)
    try:
        __import__(NAME)
    except ModuleNotFoundError as error:
        if error.name != NAME:
            raise
        sys.modules[NAME] = this  # the interpreter expects to find what it just imported


def watch(config: str | None, name: str | None, *, tell_leaks: bool, show_page: bool) -> None:
    """Start Tocsin; never raises.

    Args:
        config: the file, which `tocsin run` has checked already.
        name: of the program.
        tell_leaks: whether to print what leaks when the program ends.
        show_page: whether to serve the page.
    """
    # The Tocsin that this file belongs to, also where the command found it by its current folder alone.
    root = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))  # noqa: PTH120 - as above
    known = root in sys.path
    try:
        if not known:
            sys.path.append(root)
        import tocsin  # noqa: PLC0415 - what fails here must not reach the program
        from tocsin.config import load_config  # noqa: PLC0415 - as above

        settings = load_config(config) if config else tocsin.AlertConfig()
        if tell_leaks:
            settings = settings.replace(memory={**settings.memory, "snapshot": min(settings.memory["snapshot"], 1.0)})
        system = tocsin.watch(settings, name=name, web=show_page)
        if tell_leaks:
            tell_at_exit(system)
        from tocsin.system.lastrun.uncaught import exit_code  # noqa: PLC0415 - as above

        exit_code.watch()
        forgive_forks()
    except Exception as error:  # noqa: BLE001 - the program comes first
        sys.stderr.write(f"tocsin: not watching this program: {type(error).__name__}: {error}\n")
    finally:
        if not known and root in sys.path:
            sys.path.remove(root)


def tell_at_exit(system: Any) -> None:
    """Print what leaks when this very process ends: its forked children have other memory."""
    import atexit  # noqa: PLC0415 - only where it was asked for

    pid = os.getpid()

    def tell() -> None:
        if os.getpid() == pid:
            from tocsin.system.answers.leaks_at_exit import tell_leaks  # noqa: PLC0415 - not before the end

            tell_leaks(system)

    atexit.register(tell)


def forgive_forks() -> None:
    """Ignore the one warning that our threads alone would cause (Python 3.12 and newer).

    `os.register_at_fork` makes forking safe for them; a program that made no threads must not be told off for ours.
    """
    import warnings  # noqa: PLC0415 - only once Tocsin runs

    message = r"This process .* is multi-threaded, use of fork\(\) may lead to deadlocks in the child"
    warnings.filterwarnings("ignore", message=message, category=DeprecationWarning)


config, name, leaks, web = leave_no_trace()
try:
    give_way()
finally:
    watch(config, name, tell_leaks=leaks, show_page=web)
