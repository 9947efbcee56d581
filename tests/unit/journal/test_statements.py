"""Every statement is right for the schema, and every one is used."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import tocsin.journal
from tocsin.journal.database import APPLICATION_ID, connect
from tocsin.journal.statements import migrations, statements

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    made = connect(tmp_path / "journal.db")
    yield made
    made.close()


@pytest.mark.parametrize("name", sorted(statements()))
def test_the_schema_knows_what_a_statement_speaks_of(connection: sqlite3.Connection, name: str) -> None:
    statement = statements()[name]
    plan = connection.execute(f"EXPLAIN {statement}", [0] * statement.count("?")).fetchall()
    assert plan


def test_a_new_file_has_the_newest_schema_and_is_known_for_ours(connection: sqlite3.Connection) -> None:
    assert connection.execute("PRAGMA user_version").fetchone() == (len(migrations()),)
    assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)


def test_opening_a_file_again_changes_nothing(tmp_path: Path) -> None:
    connect(tmp_path / "journal.db").close()
    again = connect(tmp_path / "journal.db")
    assert again.execute("PRAGMA user_version").fetchone() == (len(migrations()),)
    again.close()


def test_no_statement_stands_outside_of_the_sql_files() -> None:
    room = Path(tocsin.journal.__file__).parent
    words = re.compile(r"\"(SELECT|INSERT|UPDATE|DELETE|CREATE)\b")
    assert not [path.name for path in room.glob("*.py") if words.search(path.read_text("utf-8"))]
