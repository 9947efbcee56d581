"""A small program with two faults, to be watched: see docs/guide/first-steps.md."""

import asyncio
import time

SESSIONS: list[bytearray] = []


async def log_in() -> None:
    SESSIONS.append(bytearray(100_000))  # never closed
    await asyncio.sleep(0.1)


async def main() -> None:
    print("working for two minutes; Ctrl-C ends it")
    for number in range(1200):
        await log_in()
        if number % 100 == 50:
            time.sleep(1)  # a blocking call: nobody else gets on


asyncio.run(main())
