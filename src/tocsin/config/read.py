"""`load_config`: a TOML file to an `AlertConfig`, or every mistake in it with its line."""

from __future__ import annotations

import re
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, Final

from tocsin.channels.mute import MuteChannel
from tocsin.config import commands
from tocsin.config.channel_kinds import HEAD, beside, keeps_state, kind_mistakes, option_mistakes
from tocsin.config.channels import ChannelSpec
from tocsin.config.document import PYPROJECT, Document
from tocsin.config.mistakes import Mistake, Path, Wrong, nearest, show
from tocsin.config.read_rule import read_rule
from tocsin.config.routing import KEYS as ROUTING
from tocsin.config.routing import Routed, naming_mistakes, read_routing
from tocsin.config.sealing import seal
from tocsin.config.settings import AlertConfig, read_settings
from tocsin.config.table import SETTINGS
from tocsin.errors import ConfigError
from tocsin.model.levels import AlertSeverity, read_level

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

FILE_NAME: Final = "tocsin.toml"
# In a file, rules and channels are tables of their own.
_TABLES: Final = {"rule": "rules", "channel": "channels"}
_KEYS: Final = (*(key for key in SETTINGS if key not in _TABLES.values()), *_TABLES)
# What is secret in a table of settings.
_WITH_SECRETS: Final = {"heartbeat": ("url",), "web": ("token",)}
_KINDS: Final[dict[type, str]] = {str: "a text", list: "a list", dict: "a table"}
_OWN_TABLE: Final = re.compile(r"^\s*\[{1,2}\s*tool\s*\.\s*tocsin\b", re.MULTILINE)


def find_config(start: str | os.PathLike[str] = ".") -> FilePath | None:
    """Find the configuration of a program that is started in a folder.

    Args:
        start: the folder; its parents are not searched.
    Returns: its `tocsin.toml`, else its `pyproject.toml` if that has a table `[tool.tocsin]`, else None.
    """
    own = FilePath(start) / FILE_NAME
    if own.is_file():
        return own
    shared = FilePath(start) / PYPROJECT
    try:
        text = shared.read_text("utf-8", "replace")
    except OSError:
        return None
    return shared if _OWN_TABLE.search(text) else None


def load_config(path: str | os.PathLike[str], *, mute: bool = False) -> AlertConfig:
    """Read a configuration file.

    Relative paths in it (`state_dir`, `file:` secrets, commands that rules run) are relative to the folder of the file.

    Args:
        path: a TOML file; of a `pyproject.toml`, the table `[tool.tocsin]` is read.
        mute: whether to let channels that tell nobody stand in for those of the file, and read no secret; for whoever
            tries rules where the secrets are not.
    Raises: ConfigError: with every mistake, each with file, line and key, in the order of the file.
    """
    document = Document(path)
    config = config_in(document, document.data, mute=mute)
    return config.read_from(FilePath(document.where), document.signature)


def config_in(document: Document, data: dict[str, Any], *, mute: bool = False) -> AlertConfig:
    """The configuration that a document holds, perhaps among other things.

    Args:
        document: knows the lines.
        data: the settings in it.
        mute: as of `load_config`.
    Raises: ConfigError: with every mistake.
    """
    reader = _Reader(document, data, mute=mute)
    arguments = reader.read()
    reader.raise_mistakes()
    return AlertConfig(**arguments)


class _Reader:
    """Walks through a document and gathers the mistakes."""

    def __init__(self, document: Document, data: dict[str, Any], *, mute: bool) -> None:
        self._document = document
        self._data = data
        self._mute = mute
        self._mistakes: list[Mistake] = []

    def read(self) -> dict[str, Any]:
        """The arguments of `AlertConfig`, as far as they are right."""
        data = self._data
        plain = {key: value for key, value in data.items() if key in _KEYS and key not in _TABLES}
        for key in data.keys() - set(_KEYS):
            self._add((key,), "an unknown key", f"a setting{_meant(key)}", remark=True)
        if self._mute:
            plain.pop("heartbeat", None)
            plain.pop("web", None)
        for name, hidden in _WITH_SECRETS.items():
            if isinstance(plain.get(name), dict):
                self._seal(plain, name, hidden)
        fields, mistakes = read_settings(plain)
        self._mistakes += mistakes
        for key in ("state_dir", "record"):
            if fields.get(key) is not None:
                plain[key] = self._document.folder / fields[key]
        if fields.get("storage", {}).get("directory") is not None:
            plain["storage"] = {**plain["storage"], "directory": self._document.folder / fields["storage"]["directory"]}
        for key in ("certificate", "private_key"):
            if fields.get("web", {}).get(key) is not None:
                plain["web"] = {**plain["web"], key: self._document.folder / fields["web"][key]}
        return {**plain, "rules": self._rules(data.get("rule", [])), "channels": self._channels(data.get("channel"))}

    def raise_mistakes(self) -> None:
        """Raise what was found, in the order of the file."""
        if self._mistakes:
            ordered = sorted(self._mistakes, key=lambda mistake: self._document.line(mistake.path))
            raise ConfigError(self._document.problem(mistake) for mistake in ordered)

    def _seal(self, plain: dict[str, Any], name: str, hidden: tuple[str, ...]) -> None:
        """Hide the secrets of a table; one that cannot be read is a mistake, and the table is left out."""
        wrong: list[Mistake] = []
        secrets = {key: value for key, value in plain[name].items() if key in hidden}
        plain[name] = {**plain[name], **seal(secrets, wrong, folder=self._document.folder)}
        self._mistakes += [mistake._replace(path=(name, *mistake.path)) for mistake in wrong]
        if wrong:
            del plain[name]

    def _rules(self, found: object) -> list[Any]:
        rules: list[Any] = []
        for path, table in self._tables("rule", found):
            try:
                rule = read_rule(table)
            except Wrong as error:
                self._mistakes += [mistake._replace(path=(*path, *mistake.path)) for mistake in error.mistakes]
                continue
            if rule.name in {other.name for other in rules}:
                self._add((*path, "name"), f"a second rule named {rule.name!r}", "names that differ", remark=True)
            rules.append(commands.beside(rule, self._document.folder) if rule.actions else rule)
        return rules

    def _channels(self, found: object) -> list[ChannelSpec | Routed] | None:
        if found is None:
            return None
        specs: list[ChannelSpec | Routed] = []
        tables = self._tables("channel", found)
        named = [(str(table.get("name") or table.get("type")), table) for _, table in tables]
        self._mistakes += [mistake._replace(path=("channel", *mistake.path)) for mistake in naming_mistakes(named)]
        for path, table in tables:
            spec = self._channel(path, table)
            if spec is not None and spec.name in {other.name for other in specs}:
                example = f'name = "{spec.name}-2"'
                at = (*path, "name") if "name" in table else path
                self._add(at, f"a second channel named {spec.name!r}", "names that differ", example, remark=True)
            specs += [spec] if spec is not None else []
        return specs

    def _channel(self, path: Path, table: dict[str, Any]) -> ChannelSpec | Routed | None:
        options = {key: value for key, value in table.items() if key not in HEAD}
        mistakes = [*_head_mistakes(table)]
        routing, wrong_routing = read_routing({key: table[key] for key in ROUTING if key in table})
        mistakes += wrong_routing
        kind, sealed = table.get("type"), {}
        if isinstance(kind, str) and kind:
            found = kind_mistakes(kind)
            if not found and not self._mute:  # of a channel that cannot be built the secrets are not even read
                sealed = seal(options, found, folder=self._document.folder)
                already = {mistake.path[0] for mistake in found}
                found += [mistake for mistake in option_mistakes(kind, sealed) if mistake.path[0] not in already]
            mistakes += found
        self._mistakes += [mistake._replace(path=(*path, *mistake.path)) for mistake in mistakes]
        if mistakes:
            return None
        if self._mute:
            return _muted(table)
        sealed = beside(self._document.folder, table["type"], sealed)
        level = table.get("severity", AlertSeverity.INFO)
        return ChannelSpec(table["type"], table.get("name", ""), level, sealed, routing)

    def _tables(self, key: str, found: object) -> list[tuple[Path, dict[str, Any]]]:
        """The tables of an array of tables, each with its path."""
        if not isinstance(found, list):
            self._add((key,), _shown(found), "two brackets, since there may be several", f"[[{key}]]", remark=True)
            return []
        for index, table in enumerate(found):
            if not isinstance(table, dict):
                self._add((key, index), _shown(table), "a table", f"[[{key}]]", remark=True)
        return [((key, index), table) for index, table in enumerate(found) if isinstance(table, dict)]

    def _add(self, path: Path, found: str, expected: str, example: str = "", *, remark: bool = False) -> None:
        self._mistakes.append(Mistake(path, found, expected, example, remark))


def _muted(table: dict[str, Any]) -> Routed:
    """What tells nobody, in the place of a channel."""
    channel = MuteChannel(table.get("name") or table["type"], keeps_state=keeps_state(table["type"]))
    routing = {key: table[key] for key in ROUTING if key in table}
    return Routed(channel, severity=table.get("severity", AlertSeverity.INFO), **routing)


def _meant(key: str) -> str:
    if key in _TABLES.values():
        single = next(name for name, plural in _TABLES.items() if plural == key)
        return f" (did you mean [[{single}]]?)"
    return nearest(key, _KEYS)


def _head_mistakes(table: dict[str, Any]) -> Iterator[Mistake]:
    """Check the keys that every channel has."""
    if "type" not in table:
        yield Mistake(("type",), "nothing", "the kind of channel", 'type = "console"', remark=True)
    for key in ("type", "name"):
        value = table.get(key, "given")
        if not isinstance(value, str) or not value:
            yield Mistake((key,), _shown(value), "a text", f'{key} = "console"')
    level = table.get("severity", "info")
    if not isinstance(level, (str, int)) or not read_level(level)[1]:
        near = nearest(level, [severity.word for severity in AlertSeverity]) if isinstance(level, str) else ""
        yield Mistake(("severity",), _shown(level), f"info, warning or critical{near}", 'severity = "warning"')


def _shown(value: object) -> str:
    """A value of a place where a secret could stand: only what is no text, list or table is shown as it is."""
    return _KINDS.get(type(value)) or show(value)
