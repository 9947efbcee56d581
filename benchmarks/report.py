"""What a benchmark found, and how it is shown."""

from __future__ import annotations

import json
import os
import platform
import sys
from dataclasses import dataclass, field
from importlib import metadata

NOT_RUN = "not run"

Figures = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The figures of one benchmark; each figure's name holds its unit.

    Attributes:
        name: of the benchmark.
        ours: our figures.
        peers: the figures of each peer; a text, the reason, where a peer was not run.
        packages: whose versions matter.
        notes: what a reader of the figures should know.
    """

    name: str
    ours: Figures
    peers: dict[str, Figures | str] = field(default_factory=dict)
    packages: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def ratios(self) -> dict[str, Figures]:
        """Our figure divided by the peer's, where both have one and the peer's is not zero."""
        return {
            peer: {
                figure: ours / figures[figure] for figure, ours in self.ours.items() if figures.get(figure, 0.0) != 0.0
            }
            for peer, figures in self.peers.items()
            if not isinstance(figures, str)
        }

    def as_json(self) -> str:
        """One object: name, machine, versions, ours, peers, ratio."""
        peers = {peer: {NOT_RUN: found} if isinstance(found, str) else found for peer, found in self.peers.items()}
        ratio = {peer: self.ratios().get(peer, {}) for peer in self.peers}
        return json.dumps(
            {
                "name": self.name,
                "machine": machine(),
                "versions": versions(self.packages),
                "ours": self.ours,
                "peers": peers,
                "ratio": ratio,
            }
        )

    def as_text(self) -> str:
        """A table: a line for each figure, a column for us and each peer, the ratio behind the peer's figure."""
        ratios = self.ratios()
        figures = list(dict.fromkeys([*self.ours, *(key for peer in self._run_peers().values() for key in peer)]))
        rows = [["", "ours", *self.peers]]
        for figure in figures:
            row = [figure, _number(self.ours.get(figure))]
            for peer, found in self.peers.items():
                value = NOT_RUN if isinstance(found, str) else _number(found.get(figure))
                ratio = ratios.get(peer, {}).get(figure)
                row.append(value if ratio is None else f"{value} ({ratio:.2f}×)")
            rows.append(row)
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = [
            "  ".join(
                cell.ljust(width) if not index else cell.rjust(width) for index, (cell, width) in enumerate(cells)
            )
            for cells in (list(zip(row, widths, strict=True)) for row in rows)
        ]
        reasons = [f"{peer}: {NOT_RUN}: {found}" for peer, found in self.peers.items() if isinstance(found, str)]
        about = ", ".join(f"{name} {version}" for name, version in versions(self.packages).items())
        head = f"{self.name}: {about}, on {machine()}"
        return "\n".join([head, "", *lines, "", "In brackets: ours divided by theirs.", *reasons, *self.notes])

    def _run_peers(self) -> dict[str, Figures]:
        return {peer: found for peer, found in self.peers.items() if not isinstance(found, str)}


def machine() -> str:
    """What the figures were measured on."""
    return f"{platform.system()} {platform.release()} {platform.machine()}, {os.cpu_count()} cores"


def versions(packages: tuple[str, ...]) -> dict[str, str]:
    """The interpreter's version and those of packages."""
    found = {"python": sys.version.split()[0]}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
