"""Hiding what is secret among the options of a channel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tocsin.config.mistakes import Mistake, cut, show
from tocsin.model.secret import MASK, Secret, is_secret_name, read_secret

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path as FilePath

    from tocsin.config.mistakes import Path


def seal(options: object, mistakes: list[Mistake], *, folder: FilePath | None = None) -> dict[str, Any]:
    """Hide what an option's name says is secret, at any depth; what cannot be read is added to `mistakes`.

    Args:
        options: as given; anything but a mapping is a mistake.
        mistakes: is added to.
        folder: what a relative `file:PATH` is relative to; None: the working directory.
    """
    if not isinstance(options, Mapping):
        mistakes.append(Mistake(("options",), show(options), "a table of options"))
        return {}
    return {
        str(key): _seal(value, (str(key),), mistakes, folder, hidden=is_secret_name(str(key)))
        for key, value in options.items()
    }


def _seal(value: Any, path: Path, mistakes: list[Mistake], folder: FilePath | None, *, hidden: bool) -> Any:
    if isinstance(value, Mapping):
        return {
            str(key): _seal(inner, (*path, str(key)), mistakes, folder, hidden=hidden or is_secret_name(str(key)))
            for key, inner in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_seal(inner, (*path, index), mistakes, folder, hidden=hidden) for index, inner in enumerate(value)]
    if not hidden or isinstance(value, Secret):
        return value
    if not isinstance(value, str):
        mistakes.append(Mistake(path, MASK, "a text: env:NAME, file:PATH or the secret itself", remark=True))
        return None
    try:
        return read_secret(value, folder=folder)
    except ValueError as error:
        reference = value if value.startswith(("env:", "file:")) else "an empty text"
        mistakes.append(Mistake(path, cut(reference), str(error), remark=True))
        return None


def remarks(value: Any, name: str = "") -> Iterator[str]:
    """A remark for each secret that is written out."""
    if isinstance(value, Secret) and value.warns:
        yield f"{name} {value.warns}"
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from remarks(inner, str(key))
    elif isinstance(value, list):
        for inner in value:
            yield from remarks(inner, name)
