"""Which part of the program a stack belongs to."""

from __future__ import annotations

import sys
from fnmatch import fnmatchcase
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final

from tocsin.memory.places import own_frame

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tocsin.model.memory import Frame

UNKNOWN: Final = "(no Python frame)"
"""The component of what was allocated where no Python code ran, or none that is known."""
_MAIN: Final = "__main__"
_ALIAS: Final = "__mp_main__"  # of the same module, for the children of multiprocessing; there once that is imported


class Components:
    """Names the component of a stack; to be asked once for each stack, since it is not cheap.

    Args:
        patterns: by component, its modules: `app.sessions` is that module and all below it, `app.cache.*` all below
            app.cache; other patterns are those of fnmatch. Library code can be a component, too.
    """

    def __init__(self, patterns: Mapping[str, Sequence[str]] | None = None) -> None:
        # Of two patterns that fit a module, the longer one says more about it.
        given = (patterns or {}).items()
        pairs = ((pattern, name) for name, some in given for pattern in ([some] if isinstance(some, str) else some))
        self._patterns = tuple(sorted(pairs, key=lambda pair: -len(pair[0])))
        self._modules = ModuleNames()

    def of(self, frames: Sequence[Frame]) -> str:
        """The component.

        Returns: the configured one of the innermost frame that has one; else the top package of the frame that
            `own_frame` names. A script is known by its file's name, without the ending.
        """
        if self._patterns:
            for frame in frames:
                name = self._configured(self._modules.of(frame.file))
                if name:
                    return name
        own = own_frame(frames)
        if own is None:
            return UNKNOWN
        top = self._modules.of(own.file).partition(".")[0]
        return top if top != _MAIN or own.file.startswith("<") else Path(own.file).stem

    def _configured(self, module: str) -> str:
        return next((name for pattern, name in self._patterns if fits(module, pattern)), "")


def fits(module: str, pattern: str) -> bool:
    """Whether a module is meant by a pattern."""
    if module == pattern or module.startswith(f"{pattern}."):
        return True
    return "*" in pattern and fnmatchcase(module, pattern)


class ModuleNames:
    """The names of modules by their files."""

    def __init__(self) -> None:
        self._found: dict[str, str] = {}
        self._loaded: dict[str, str] = {}
        self._seen = 0

    def of(self, file: str) -> str:
        """The module of a file: a loaded one, else what it would be called by `sys.path`, else the file's stem."""
        name = self._found.get(file)
        if name is None:
            name = self._found[file] = self._look_up(file)
        return name

    def _look_up(self, file: str) -> str:
        if file.startswith("<"):
            return _frozen(file)
        if self._seen != len(sys.modules):
            self._seen = len(sys.modules)
            self._loaded = dict(_loaded_files())
        return self._loaded.get(file) or _by_path(file) or Path(file).stem


def _loaded_files() -> list[tuple[str, str]]:
    """File and name of each loaded module; lazy ones are looked at without loading them."""
    found = []
    modules: list[tuple[str, object]] = list(sys.modules.items())  # anybody may put anything there
    for name, module in modules:
        if not isinstance(module, ModuleType) or name == _ALIAS:
            continue
        inside = object.__getattribute__(module, "__dict__")
        file = inside.get("__file__")
        if not isinstance(file, str):
            continue
        spec = inside.get("__spec__")  # of `python -m package`, which is __main__ and has a better name
        known = getattr(spec, "name", None) if name == _MAIN else name
        found.append((file, known or name))
    return found


def _by_path(file: str) -> str:
    """The dotted name by the longest entry of sys.path that leads to the file; empty if none does."""
    path = Path(file)
    for folder in sorted(map(str, sys.path), key=len, reverse=True):
        if folder and path.is_relative_to(folder):
            parts = path.relative_to(folder).with_suffix("").parts
            if all(part.isidentifier() for part in parts):
                return ".".join(parts).removesuffix(".__init__")
    return ""


def _frozen(file: str) -> str:
    """`<frozen importlib._bootstrap>` has its name in it; `<string>` and its kind belong to the program."""
    return file[len("<frozen ") : -1] if file.startswith("<frozen ") else _MAIN
