"""The program that is killed, as a whole: a system that emits durably, and a channel that writes down what it is told.

    python -m tests.crash.system_workload FOLDER [--first N] [--until-told]

It ends what the run before left open, and then raises alert after alert: `ack N` follows the receipt of alert N. Each
notice that the channel takes is a line `id title` in the file `told`. With `--until-told` it raises nothing, delivers
what is left, and ends.
"""

from __future__ import annotations

import argparse
import os
import sys
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin import AlertConfig, AlertSystem
from tocsin.model.notice import NoticeKind

if TYPE_CHECKING:
    from tocsin.model.notice import Notice

TOLD = "told"
ENOUGH_S = 60.0


class Receiver:
    """Writes down each notice that says that something fires, in one call of the system."""

    name = "receiver"

    def __init__(self, folder: Path) -> None:
        self._fd = os.open(folder / TOLD, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    async def send_alert(self, alert: object) -> None:
        """A system tells notices."""

    def deliver(self, notice: Notice) -> None:
        if notice.kind is NoticeKind.FIRING:
            os.write(self._fd, f"{notice.id} {notice.alerts[0].title}\n".encode())


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--until-told", action="store_true")
    args = parser.parse_args()
    args.folder.mkdir(exist_ok=True)
    config = AlertConfig(state_dir=args.folder / "state", channels=[Receiver(args.folder)], default_rules=False)
    with AlertSystem(config, sensors=()) as system:
        for alert in system.open_alerts():
            system.resolve(alert.fingerprint)
        if args.until_told:
            print("done" if system.flush(ENOUGH_S) else "not done", flush=True)
            return 0
        for number in count(args.first):
            if system.emit(f"a{number}", "m", "critical", f"s{number}", durable=True).durable:
                print(f"ack {number}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
