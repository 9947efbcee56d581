"""A journal's file for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tocsin.journal.database import connect

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    made = connect(tmp_path / "journal.db")
    yield made
    made.close()
