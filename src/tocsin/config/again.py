"""A configuration file read once more, while the program runs, and what in it differs from what is in force."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tocsin.clock import Wakeup
from tocsin.config.document import signature_of
from tocsin.config.mistakes import show
from tocsin.config.read import load_config
from tocsin.config.table import SETTINGS
from tocsin.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.config.document import Signature
    from tocsin.config.settings import AlertConfig, Origin

# Whoever writes a file in place has written all of it when it has been the same for so long; an editor needs
# milliseconds. It is waited for that a few times, and not for ever.
SETTLE_S: Final = 0.1
TRIES: Final = 20


def path_of(origin: Origin) -> Path:
    """The file that a configuration was read from, wherever the process is now."""
    if origin.path.is_absolute() or _here() == origin.folder:
        return origin.path
    return origin.folder / origin.path


def look_at(path: Path) -> Signature | None:
    """The signature of the file that is there now; None: there is none to be seen."""
    try:
        return signature_of(path.stat())
    except (OSError, ValueError):
        return None


def read_again(origin: Origin, *, pause: Callable[[float], object] | None = None) -> AlertConfig:
    """Read a file that somebody may be writing at this moment: it is waited until it has come to rest.

    Args:
        origin: where the configuration in force came from.
        pause: waits, in seconds.
    Raises: ConfigError: with every mistake, or because the file is empty, or does not come to rest.
    """
    pause = pause or Wakeup().wait
    path = path_of(origin)
    for _ in range(TRIES):
        before = look_at(path)
        pause(SETTLE_S)
        if look_at(path) != before:
            continue
        try:
            found = _read(path, before)
        except ConfigError:
            if look_at(path) == before:
                raise
            continue
        if look_at(path) == before:
            return found
    raise _refused(path, f"a file that was being written to for {TRIES * SETTLE_S:.0f} s", "one that is complete")


def differing(old: AlertConfig, new: AlertConfig, folder: Path) -> list[str]:
    """The settings that differ.

    Args:
        old: as it was read.
        new: as it was read now.
        folder: what relative paths in the old one are relative to.
    """
    return [
        key
        for key in SETTINGS
        if getattr(old, key) != getattr(new, key)
        and _absolute(getattr(old, key), folder) != _absolute(getattr(new, key), folder)
    ]


def refuse_what_is_fixed(old: AlertConfig, new: AlertConfig, keys: list[str], path: Path) -> None:
    """Refuse settings that cannot change while the program runs.

    Raises: ConfigError: with each of them, and the reason.
    """
    problems = [
        Problem(
            os.fspath(path), key, show(getattr(new, key)),
            f"{show(getattr(old, key))} as at the start, since {SETTINGS[key].fixed}; to change it, start again",
        )
        for key in keys
        if SETTINGS[key].fixed
    ]  # fmt: skip
    if problems:
        raise ConfigError(problems)


def _read(path: Path, signature: Signature | None) -> AlertConfig:
    # At the start an empty file means the defaults. Now it mostly means that somebody is about to write, or that the
    # disk was full when he did: without rules and channels of its own the program would be as good as deaf.
    if signature is not None and signature[1] == 0:
        raise _refused(path, "an empty file", "settings; a file that says nothing on purpose holds a comment")
    return load_config(path)


def _refused(path: Path, found: str, expected: str) -> ConfigError:
    return ConfigError([Problem(os.fspath(path), "file", found, expected)])


def _absolute(value: Any, folder: Path) -> Any:
    match value:
        case Path():
            return folder / value
        case Mapping():
            return {key: _absolute(one, folder) for key, one in value.items()}
    return value


def _here() -> Path | None:
    try:
        return Path.cwd()
    except OSError:
        return None
