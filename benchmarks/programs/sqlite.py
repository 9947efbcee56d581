"""A table in memory: rows written, and read back as tuples."""

from __future__ import annotations

import sqlite3


def work(rounds: int) -> int:
    """Rows read."""
    total = 0
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT, price REAL)")
        for turn in range(rounds):
            rows = [(f"customer-{number % 50}", number * 0.25) for number in range(200)]
            database.executemany("INSERT INTO orders (customer, price) VALUES (?, ?)", rows)
            total += len(database.execute("SELECT id, customer, price FROM orders ORDER BY price").fetchall())
            total += len(database.execute("SELECT customer, sum(price) FROM orders GROUP BY customer").fetchall())
            if turn % 5 == 4:
                database.execute("DELETE FROM orders")
    database.close()
    return total
