"""The program that is killed: writes alerts to a journal, and says of each group when it is acknowledged.

    python -m tests.crash.workload FOLDER [--alerts N] [--group N] [--synchronous NORMAL]

It prints `ack N` behind the commit of alert N, or, with an acknowledgement file in the folder, writes it there, so that
the order of acknowledgements and writes can be read from one log. At the end come a line for each thing that the
journal reported, and `done`, with the reason if all is not written.
"""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.unit.journal.book import entries_of, open_journal

from tocsin.journal.database import connect
from tocsin.journal.tickets import Ticket

if TYPE_CHECKING:
    import sqlite3

ACKS = "acknowledged"
ENOUGH_S = 60.0


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--alerts", type=int, default=sys.maxsize)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--group", type=int, default=1)
    parser.add_argument("--synchronous", default="FULL")
    parser.add_argument("--ack-file", action="store_true")
    args = parser.parse_args()
    acks = os.open(args.folder / ACKS, os.O_WRONLY | os.O_CREAT | os.O_APPEND) if args.ack_file else 1
    said: list[str] = []
    journal = open_journal(args.folder, said=said, connect=partial(_connect, synchronous=args.synchronous))
    for first in range(args.first, args.first + args.alerts, args.group):
        numbers = range(first, min(first + args.group, args.first + args.alerts))
        ticket = Ticket()
        journal.post([entry for number in numbers for entry in entries_of(number)], ticket)
        if ticket.wait(ENOUGH_S):
            os.write(acks, "".join(f"ack {number}\n" for number in numbers).encode())
    written = journal.flush(ENOUGH_S) or journal.flush(ENOUGH_S)
    print(*(f"said {line}" for line in said), sep="\n")
    print("done", "" if written else journal.reason, flush=True)
    journal.close(ENOUGH_S)
    return 0


def _connect(path: Path, *, synchronous: str) -> sqlite3.Connection:
    connection = connect(path)
    if synchronous != "FULL":  # the mutant whose guard is taken away
        connection.execute(f"PRAGMA synchronous = {synchronous}")
    return connection


if __name__ == "__main__":
    sys.exit(main())
