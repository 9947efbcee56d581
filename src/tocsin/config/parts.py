"""Readers of the settings that are tables: the program's parts, the memory profiler, the probe of storage."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from tocsin.config.mistakes import Mistake, Wrong, choices, show, wrong
from tocsin.config.values import Reader, as_mapping, flag, folder, is_size, seconds, settled, size_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

MEMORY_DEFAULTS: Final[Mapping[str, bool | str]] = MappingProxyType(
    {"enabled": True, "interval": "128 KiB", "snapshot": "5s", "tier": "auto"}
)
STORAGE_DEFAULTS: Final[Mapping[str, bool | str]] = MappingProxyType(
    {"read_probe": True, "write_probe": False, "write_every": "60s", "write_budget": "10 MB", "min_free": "512 MiB"}
)
_TIERS: Final = ("auto", "sampling", "tracemalloc", "rss only")


def components(value: object) -> Mapping[str, tuple[str, ...]]:
    """Parts of the program: to each name the modules that belong to it, `app.cache.*` meaning all below."""
    mistakes: list[Mistake] = []
    found: dict[str, tuple[str, ...]] = {}
    for name, modules in as_mapping(value, "a table of module names").items():
        listed = (modules,) if isinstance(modules, str) else modules
        if (
            not isinstance(listed, (list, tuple))
            or not listed
            or not all(isinstance(one, str) and one for one in listed)
        ):
            mistakes.append(
                Mistake((name,), show(modules), "a list of module names", 'components={"cache": ["app.cache.*"]}')
            )
        else:
            found[name] = tuple(listed)
    return settled(MappingProxyType(found), mistakes)


def memory(value: object) -> Mapping[str, Any]:
    """Settings of the memory profiler, each in its one form; what is not given has its default."""
    return _table(value, MEMORY_DEFAULTS, _MEMORY_READERS, 'memory={{"{key}": {example}}}')


def storage(value: object) -> Mapping[str, Any]:
    """Settings of the background probe of storage, each in its one form; what is not given has its default."""
    return _table(value, STORAGE_DEFAULTS, _STORAGE_READERS, 'storage={{"{key}": {example}}}')


def _table(
    value: object, defaults: Mapping[str, bool | str], readers: Mapping[str, Reader], form: str
) -> Mapping[str, Any]:
    mistakes: list[Mistake] = []
    found: dict[str, Any] = {}
    for key, setting in {**defaults, **as_mapping(value, "a table of settings")}.items():
        reader = readers.get(key)
        if reader is None:
            mistakes.append(Mistake((key,), "an unknown key", choices(tuple(readers), key), remark=True))
            continue
        try:
            found[key] = reader(setting)
        except Wrong as error:
            right = defaults.get(key, "/var/lib/orders")
            example = form.format(key=key, example=f'"{right}"' if isinstance(right, str) else right)
            mistakes += [one._replace(path=(key, *one.path), example=one.example or example) for one in error.mistakes]
    return settled(MappingProxyType(found), mistakes)


def _size(low: int, words: str, unit: str = "bytes") -> Reader:
    """A reader of sizes of at least `low` bytes."""

    def read(value: object) -> int:
        if not is_size(value) or size_bytes(value) < low:  # type: ignore[arg-type]  # a size is a number or a text
            raise wrong(value, f"a size such as '{words}', of {low} {unit} or more")
        return size_bytes(value)  # type: ignore[arg-type]  # as above

    return read


def _tier(value: object) -> str:
    if not isinstance(value, str) or value not in _TIERS:
        raise wrong(value, choices(_TIERS, str(value)))
    return value


_MEMORY_READERS: Final[Mapping[str, Reader]] = {
    "enabled": flag,
    "interval": _size(1, "128 KiB", "byte"),
    "snapshot": seconds(0.2, 600.0, words="from 200 ms to 10 min"),
    "tier": _tier,
}
_STORAGE_READERS: Final[Mapping[str, Reader]] = {
    "directory": folder,
    "read_probe": flag,
    "write_probe": flag,
    "write_every": seconds(1.0, 86_400.0, words="from 1 s to 1 d"),
    "write_budget": _size(2 * 2**20, "10 MB"),
    "min_free": _size(1, "512 MiB"),
}
