"""Readers of settings that are tables: the program's parts, journal, memory, heartbeat, actions, health and more."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from tocsin.config.mistakes import Mistake, Wrong, choices, show, wrong
from tocsin.config.values import Reader, as_mapping, count, flag, folder, is_size, percent, seconds, settled, size_bytes
from tocsin.model.secret import MASK

if TYPE_CHECKING:
    from tocsin.model.secret import Secret

MEMORY_DEFAULTS: Final[Mapping[str, bool | str]] = MappingProxyType(
    {"enabled": True, "interval": "128 KiB", "snapshot": "5s", "tier": "auto"}
)
STORAGE_DEFAULTS: Final[Mapping[str, bool | str]] = MappingProxyType(
    {"read_probe": True, "write_probe": False, "write_every": "60s", "write_budget": "10 MB", "min_free": "512 MiB"}
)
HEARTBEAT_DEFAULTS: Final[Mapping[str, bool | str]] = MappingProxyType({"every": "60s", "allow_private": False})
JOURNAL_DEFAULTS: Final[Mapping[str, bool | str]] = MappingProxyType(
    {"readings": "6h", "minutes": "28d", "alerts": "30d", "size": "256 MB"}
)
ACTIONS_DEFAULTS: Final[Mapping[str, bool | str | int]] = MappingProxyType({
    "cooldown": "60s", "count": 10, "window": "1h", "deadline": "30s", "growth": "256 MB", "max_cpu": "95 %",
    "max_memory": "95 %",
})  # fmt: skip
ARTIFACTS_DEFAULTS: Final[Mapping[str, bool | str | int]] = MappingProxyType(
    {"size": "100 MB", "count": 100, "age": "14d", "min_free": "512 MiB"}
)
HEALTH: Final = ("live", "ready")
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
    return table_of(value, MEMORY_DEFAULTS, _MEMORY_READERS, 'memory={{"{key}": {example}}}')


def storage(value: object) -> Mapping[str, Any]:
    """Settings of the background probe of storage, each in its one form; what is not given has its default."""
    return table_of(value, STORAGE_DEFAULTS, _STORAGE_READERS, 'storage={{"{key}": {example}}}')


def heartbeat(value: object) -> Mapping[str, Any]:
    """Where it is said that the watch goes on, and how often; empty: nowhere. The address is never shown."""
    if not isinstance(value, Mapping):
        raise Wrong(Mistake((), MASK, "a table with a url", _HEARTBEAT_EXAMPLE, remark=True))
    if not value:
        return MappingProxyType({})
    found = table_of(value, HEARTBEAT_DEFAULTS, _HEARTBEAT_READERS, 'heartbeat={{"{key}": {example}}}')
    if "url" not in found:
        raise Wrong(Mistake(("url",), "nothing", "an http or https URL", _HEARTBEAT_EXAMPLE, remark=True))
    from tocsin.channels.http.transport import plain_http  # noqa: PLC0415 - loaded only where there is a heartbeat

    plain = plain_http(found, "url")
    if plain is not None:
        raise Wrong(Mistake(("url",), plain.found, plain.expected, _HEARTBEAT_EXAMPLE, remark=True))
    return found


def _url(value: object) -> Secret:
    try:
        from tocsin.channels.http import url  # noqa: PLC0415 - as above

        return url(value)
    except ValueError as error:
        raise Wrong(Mistake((), MASK, str(error), _HEARTBEAT_EXAMPLE, remark=True)) from None


def journal(value: object) -> Mapping[str, Any]:
    """How much the journal keeps, each bound in its one form; what is not given has its default."""
    return table_of(value, JOURNAL_DEFAULTS, _JOURNAL_READERS, 'journal={{"{key}": {example}}}')


def actions(value: object) -> Mapping[str, Any]:
    """The limits of actions, each in its one form; what is not given has its default."""
    return table_of(value, ACTIONS_DEFAULTS, _ACTIONS_READERS, 'actions={{"{key}": {example}}}')


def artifacts(value: object) -> Mapping[str, Any]:
    """How many artifacts are kept, each bound in its one form; what is not given has its default."""
    return table_of(value, ARTIFACTS_DEFAULTS, _ARTIFACTS_READERS, 'artifacts={{"{key}": {example}}}')


def health(value: object) -> Mapping[str, tuple[str, ...]]:
    """The rules by which the program is no longer fit to live, or no longer ready for work; by default none."""
    example = 'health={"ready": ["memory-high"]}'
    mistakes: list[Mistake] = []
    found: dict[str, tuple[str, ...]] = dict.fromkeys(HEALTH, ())
    for key, names in as_mapping(value, "a table of rule names").items():
        listed = (names,) if isinstance(names, str) else names
        if key not in HEALTH:
            mistakes.append(Mistake((key,), "an unknown key", choices(HEALTH, key), remark=True))
        elif not isinstance(listed, (list, tuple)) or not all(isinstance(one, str) and one for one in listed):
            mistakes.append(Mistake((key,), show(names), "a list of names of rules", example))
        else:
            found[key] = tuple(listed)
    return settled(MappingProxyType(found), mistakes)


def table_of(value: object, defaults: Mapping[str, Any], readers: Mapping[str, Reader], form: str) -> Mapping[str, Any]:
    """A table of settings, each in its one form; what is not given has its default.

    Args:
        value: as given.
        defaults: as a person would write them.
        readers: for each key there is.
        form: how an example is written, with places for `key` and `example`.
    Raises: Wrong: with every mistake.
    """
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


def _ceiling(value: object) -> float:
    found = percent(value)
    if found < 10:
        raise wrong(value, "a percentage such as '95 %', of 10 % or more")
    return found


_MEMORY_READERS: Final[Mapping[str, Reader]] = {
    "enabled": flag,
    "interval": _size(1, "128 KiB", "byte"),
    "snapshot": seconds(0.2, 600.0, words="from 200 ms to 10 min"),
    "tier": _tier,
}
_YEARS_S: Final = 10 * 366 * 86_400.0
_JOURNAL_READERS: Final[Mapping[str, Reader]] = {
    "readings": seconds(3600.0, _YEARS_S, words="from 1 h to 10 years"),
    "minutes": seconds(3600.0, _YEARS_S, words="from 1 h to 10 years"),
    "alerts": seconds(3600.0, _YEARS_S, words="from 1 h to 10 years"),
    "size": _size(2**20, "256 MB"),
}
_ACTIONS_READERS: Final[Mapping[str, Reader]] = {
    "cooldown": seconds(0.0, 7 * 86_400.0, words="from 0 s to 7 d"),
    "count": count(1, 1_000_000),
    "window": seconds(1.0, 7 * 86_400.0, words="from 1 s to 7 d"),
    "deadline": seconds(0.05, 3600.0, words="from 50 ms to 1 h"),
    "growth": _size(2**20, "256 MB"),
    "max_cpu": _ceiling,
    "max_memory": _ceiling,
}
_ARTIFACTS_READERS: Final[Mapping[str, Reader]] = {
    "size": _size(2**20, "100 MB"),
    "count": count(1, 1_000_000),
    "age": seconds(60.0, _YEARS_S, words="from 1 min to 10 years"),
    "min_free": _size(1, "512 MiB"),
}
_STORAGE_READERS: Final[Mapping[str, Reader]] = {
    "directory": folder,
    "read_probe": flag,
    "write_probe": flag,
    "write_every": seconds(1.0, 86_400.0, words="from 1 s to 1 d"),
    "write_budget": _size(2 * 2**20, "10 MB"),
    "min_free": _size(1, "512 MiB"),
}
_HEARTBEAT_EXAMPLE: Final = 'heartbeat={"url": "env:HEARTBEAT_URL"}'
_HEARTBEAT_READERS: Final[Mapping[str, Reader]] = {
    "url": _url,
    "every": seconds(1.0, 86_400.0, words="from 1 s to 1 d"),
    "allow_private": flag,
}
