"""Commands and functions that rules name as actions: where they are, and whether they are there."""

from __future__ import annotations

import os
import shlex
from importlib.util import find_spec
from typing import TYPE_CHECKING

import msgspec

from tocsin.model.action import ActionKind, parse_action

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tocsin.model.rule import AlertRule


def beside(rule: AlertRule, folder: Path) -> AlertRule:
    """The rule with the relative paths of its commands relative to a folder, as a configuration file means them."""
    actions = tuple(_beside(text, folder) for text in rule.actions)
    return rule if actions == rule.actions else msgspec.structs.replace(rule, actions=actions)


def _beside(text: str, folder: Path) -> str:
    argv = parse_action(text).argv
    if not argv or not _is_path(argv[0]) or os.path.isabs(argv[0]):  # noqa: PTH117 - a text, as it was written
        return text
    there = os.path.normpath(os.path.join(os.path.abspath(folder), argv[0]))  # noqa: PTH100, PTH118 - as above
    return f"run:{shlex.join((there, *argv[1:]))}"


def _is_path(program: str) -> bool:
    return os.sep in program or (os.altsep is not None and os.altsep in program)


def slips(rules: Iterable[AlertRule]) -> Iterator[str]:
    """A remark for each command and each module that is not there now; it may come later, so that is no mistake."""
    for rule in rules:
        for text in rule.actions:
            why = _missing(text)
            if why:
                yield f"rule {rule.name!r}: {text}: {why}"


def _missing(text: str) -> str:
    action = parse_action(text)
    if action.kind is ActionKind.RUN:
        import shutil  # noqa: PLC0415 - it loads five compressors

        if shutil.which(action.argv[0]) is None:
            return f"there is no program {action.argv[0]!r} that can be run"
    if action.kind is ActionKind.CALL:
        # Only the first name is looked up: to look further its module would have to be run.
        top = action.function.partition(".")[0]
        try:
            found = top == "__main__" or find_spec(top) is not None
        except (ImportError, ValueError):
            found = False
        return "" if found else f"there is no module {top!r} here"
    return ""
