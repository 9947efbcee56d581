"""Building, grouping, sorting and throwing away dicts, lists, tuples and strings."""

from __future__ import annotations


def work(rounds: int) -> int:
    """Groups and members."""
    total = 0
    for turn in range(rounds):
        rows = [{"key": f"k{(number * 7919 + turn) % 101}", "value": (number, str(number))} for number in range(1000)]
        groups: dict[str, list[tuple[int, str]]] = {}
        for row in rows:
            groups.setdefault(str(row["key"]), []).append((len(rows), str(row["value"])))
        for members in groups.values():
            members.sort(key=lambda member: member[1])
        total += len(groups) + sum(map(len, groups.values()))
    return total
