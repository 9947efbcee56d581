"""FastAPI: watched while the application lives, its page mounted.

uvicorn --app-dir examples/embedding fastapi_app:app
curl localhost:8000/slow    blocks the event loop, as a call that should have been awaited does
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

import tocsin
import tocsin.web


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    with tocsin.watch(name="shop") as bell:  # in each worker, and again at each reload
        page = tocsin.web.app(bell)
        app.mount("/tocsin", page)
        print("the page:", page.link("http://127.0.0.1:8000/tocsin"))
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/slow")
async def slow() -> str:
    time.sleep(2)  # a blocking call in a coroutine: everybody waits
    return "done"


@app.get("/price")
def price() -> str:  # not a coroutine: FastAPI runs it in a thread, and the event loop stays free
    time.sleep(2)
    return "done"
