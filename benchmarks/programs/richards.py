"""Tasks that send each other packets under a scheduler with priorities; in the manner of Martin Richards' benchmark."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(slots=True)
class Packet:
    """A message on its way."""

    to: int
    kind: str
    data: list[int] = field(default_factory=list)


class Task:
    """Takes what was sent to it, one packet a turn."""

    def __init__(self, number: int, priority: int) -> None:
        self.number = number
        self.priority = priority
        self.queue: list[Packet] = []

    def step(self, packet: Packet) -> Iterator[Packet]:
        """Answer a packet by others."""
        raise NotImplementedError


class Device(Task):
    """Works on what it is handed and gives it back."""

    def step(self, packet: Packet) -> Iterator[Packet]:
        packet.data = [value ^ self.number for value in packet.data]
        yield Packet(packet.data[0] % 2, "done", packet.data)


class Handler(Task):
    """Splits work among the devices."""

    def step(self, packet: Packet) -> Iterator[Packet]:
        half = len(packet.data) // 2
        for device, part in ((2, packet.data[:half]), (3, packet.data[half:])):
            if part and packet.kind == "work":
                yield Packet(device, "part", part)


class Scheduler:
    """Runs the task of the highest priority that has a packet."""

    def __init__(self, tasks: list[Task]) -> None:
        self.tasks = tasks
        self.ready: list[tuple[int, int]] = []
        self.steps = 0

    def send(self, packet: Packet) -> None:
        """Put a packet into the queue of its task."""
        task = self.tasks[packet.to]
        task.queue.append(packet)
        heapq.heappush(self.ready, (-task.priority, task.number))

    def run(self) -> int:
        """Until nothing is left to do; the number of steps."""
        while self.ready:
            task = self.tasks[heapq.heappop(self.ready)[1]]
            for answer in task.step(task.queue.pop(0)):
                self.send(answer)
            self.steps += 1
        return self.steps


def work(rounds: int) -> int:
    """Steps of all tasks."""
    total = 0
    for _ in range(rounds):
        scheduler = Scheduler([Handler(0, 10), Handler(1, 20), Device(2, 30), Device(3, 40)])
        for number in range(100):
            scheduler.send(Packet(number % 2, "work", [number, number + 1, number + 2, number + 3]))
        total += scheduler.run()
    return total
