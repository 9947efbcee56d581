"""Celery: a worker whose processes watch themselves, and a task that is told of when it no longer gets on.

cd examples/embedding && celery --app celery_app worker --concurrency 2
"""

import os
import time
from typing import Any

from celery import Celery
from celery.signals import worker_init

import tocsin

app = Celery("shop", broker=os.environ.get("BROKER", "redis://localhost"))
MAY_BE_SILENT_S = float(os.environ.get("MAY_BE_SILENT_S", "30"))  # told after twice that
bell = tocsin.AlertSystem()  # not started: whoever only imports this to send tasks is not watched


@worker_init.connect
def watch(**_: Any) -> None:
    """In the worker's main process, before it forks its pool: the children of `tocsin.watch` watch again."""
    global bell  # noqa: PLW0603 - one program, one bell
    bell = tocsin.watch(name="shop-worker")


@app.task
def import_orders(batches: int, seconds: float = 1.0) -> int:
    with bell.registered("import_orders", heartbeat_s=MAY_BE_SILENT_S) as thread:
        for _ in range(batches):
            time.sleep(seconds)  # one batch
            thread.heartbeat()  # it gets on
    return batches
