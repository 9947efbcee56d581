"""A graph of objects to bytes and back."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field


@dataclass
class Node:
    """A place with its neighbours."""

    name: str
    weight: float
    tags: list[str] = field(default_factory=list)
    neighbours: dict[str, float] = field(default_factory=dict)


def work(rounds: int) -> int:
    """Bytes written and nodes read."""
    names = [f"node-{number}" for number in range(200)]
    nodes = [
        Node(
            name, 0.5 * number, [f"tag-{number % 7}", "all"], {names[number - step]: float(step) for step in (1, 2, 3)}
        )
        for number, name in enumerate(names)
    ]
    total = 0
    for _ in range(rounds):
        stored = pickle.dumps(nodes, protocol=5)
        total += len(stored) + len(pickle.loads(stored))  # noqa: S301 - its own bytes
    return total
