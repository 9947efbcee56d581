"""Orders to JSON and back: many small dicts, lists and strings that live for a moment."""

from __future__ import annotations

import json
from typing import Any


def _orders(count: int) -> list[dict[str, Any]]:
    return [
        {
            "id": number,
            "customer": f"customer-{number % 97}",
            "lines": [{"article": f"A{number + line}", "price": 1.25 * line, "count": line} for line in range(5)],
            "paid": number % 3 == 0,
            "note": None if number % 2 else "leave it at the door, please",
        }
        for number in range(count)
    ]


def work(rounds: int) -> int:
    """Characters written and objects read."""
    orders, total = _orders(100), 0
    for _ in range(rounds):
        text = json.dumps(orders)
        total += len(text) + len(json.loads(text))
    return total
