"""The exit codes that every command keeps; `docs/guide/commands.md` explains them to scripts."""

from __future__ import annotations

from typing import Final

OK: Final = 0
FOUND: Final = 1
USAGE: Final = 2
NOT_RUNNING: Final = 3
INTERRUPTED: Final = 130
