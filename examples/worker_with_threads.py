"""A worker with threads and a queue: the queue is tracked, and rings before it overflows."""

import asyncio
import queue
import threading
import time

import tocsin

jobs: queue.Queue[int] = queue.Queue(maxsize=100)
bell = tocsin.AlertSystem(tocsin.AlertConfig(name="worker", buffer_threshold="80 %"))
bell.buffers.track("jobs", jobs)
go = threading.Event()


def work() -> None:
    """One worker; registered, so that whoever looks at Tocsin sees it."""
    bell.register_thread()
    try:
        go.wait()
        while True:
            jobs.get_nowait()
    except queue.Empty:
        return
    finally:
        bell.unregister_thread()


workers = [threading.Thread(target=work, name=f"worker-{number}") for number in range(3)]
for worker in workers:
    worker.start()
for number in range(90):
    jobs.put(number)

full = asyncio.run(bell.check_buffer_usage())
print(f"before: {full.value:.0f} {full.unit} full, rings: {full.triggered}")

go.set()
for worker in workers:
    worker.join()

time.sleep(0.2)  # a check that is repeated within 100 ms answers with the last reading
empty = asyncio.run(bell.check_buffer_usage())
print(f"after: {empty.value:.0f} {empty.unit} full, rings: {empty.triggered}")
bell.stop()
