import asyncio
import time

import tocsin


async def main() -> None:
    with tocsin.watch(name="orders"):
        await asyncio.sleep(2)
        time.sleep(3)  # a blocking call in a coroutine: everybody waits
        tocsin.emit("Payment refused", "the card service answers 402", "critical", source="checkout")


asyncio.run(main())
