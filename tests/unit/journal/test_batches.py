"""Entries of one transaction: many rows a statement, and the same comes out as one by one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.journal import entries
from tocsin.journal.batches import WIDTHS, run_all
from tocsin.journal.entries import Entry
from tocsin.journal.statements import migrations, statements

if TYPE_CHECKING:
    from collections.abc import Sequence

TABLES = ("alerts", "transitions", "notices", "notice_alerts", "deliveries", "keepsakes")


def an_alert(number: int, state: str) -> Entry:
    return Entry("put_alert", (f"a{number}", "f", "r", "general", 2, "", state, 1.0, 2.0, None, state.encode(), b"k"))


def a_step(number: int, at: int) -> Entry:
    return Entry("add_transition", (f"a{number}", float(at), "pending", "firing", "why"))


def a_notice(number: int) -> Entry:
    return Entry("put_notice", (f"n{number}", "c", "firing", 2, 1.0, b"body"))


def an_attempt(number: int, state: str) -> list[Entry]:
    notice = f"n{number}"
    attempt = entries.delivery(notice, at_unix_s=5.0, took_s=0.1, outcome=state)
    return [attempt, entries.moved(notice, state, attempts=1)]


NUMBERS = st.integers(0, 4)
STATES = st.sampled_from(["waiting", "delivered", "dead"])
WRITTEN = st.one_of(
    st.builds(lambda number, state: [an_alert(number, state)], NUMBERS, st.sampled_from(["pending", "firing"])),
    st.builds(lambda number, at: [a_step(number, at)], NUMBERS, NUMBERS),
    st.builds(lambda number: [a_notice(number), Entry("put_notice_alert", ("a1", f"n{number}"))], NUMBERS),
    st.builds(an_attempt, NUMBERS, STATES),
    st.builds(lambda number: [entries.revived(f"n{number}")], NUMBERS),
    st.builds(lambda number: [entries.keepsake("telling", bytes([number]), at_unix_s=1.0)], NUMBERS),
)


def a_file() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for script in migrations():
        connection.executescript(script)
    return connection


def content(connection: sqlite3.Connection) -> dict[str, list[str]]:
    # The number that a row was given is no part of what it says.
    numbered = {"transitions", "deliveries"}
    found = {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES}  # noqa: S608 - ours
    return {table: sorted(repr(row[table in numbered :]) for row in rows) for table, rows in found.items()}


def one_by_one(connection: sqlite3.Connection, written: Sequence[Entry]) -> None:
    for entry in written:
        connection.execute(statements()[entry.statement], entry.values)


@given(st.lists(WRITTEN, max_size=30))
@settings(max_examples=60)
def test_the_same_comes_out_as_one_by_one(groups: list[list[Entry]]) -> None:
    # A notice is written before anything becomes of it.
    written = [*(a_notice(number) for number in range(5)), *(entry for group in groups for entry in group)]
    with closing(a_file()) as together, closing(a_file()) as apart:
        run_all(together, written)
        one_by_one(apart, written)
        assert content(together) == content(apart)


def test_any_number_of_rows_is_written() -> None:
    for count in (0, 1, WIDTHS[1], WIDTHS[1] + 1, WIDTHS[0] - 1, WIDTHS[0], 3 * WIDTHS[0] + 2 * WIDTHS[1] + 5):
        with closing(a_file()) as connection:
            run_all(connection, [an_alert(number, "firing") for number in range(count)])
            run_all(connection, [a_step(number, 1) for number in range(count)])
            assert connection.execute("SELECT count(*) FROM alerts").fetchone() == (count,)
            assert connection.execute("SELECT count(*) FROM transitions").fetchone() == (count,)


def test_steps_of_an_alert_keep_their_order() -> None:
    with closing(a_file()) as connection:
        run_all(connection, [a_step(1, at) for at in range(40)])
        found = connection.execute(statements()["transitions_of"], ("a1",)).fetchall()
    assert [at for at, *_ in found] == [float(at) for at in range(40)]
