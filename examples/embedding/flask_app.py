"""Flask: an application factory whose program is watched, and whose views are timed.

flask --app examples/embedding/flask_app.py run
curl localhost:5000/slow
"""

import time

from flask import Flask

import tocsin

SLOW = tocsin.AlertRule(
    "view-slow",
    tocsin.AlertCategory.APPLICATION_LATENCY,
    tocsin.AlertSeverity.WARNING,
    threshold=1.0,
    metric="shop.view.duration",
    message="A view took {value}",
    recommendations=("See which view by the label, and its stack in the evidence",),
)


def create_app() -> Flask:
    bell = tocsin.watch(tocsin.AlertConfig(name="shop", rules=[SLOW]))
    app = Flask(__name__)

    @app.get("/slow")
    @bell.timed("shop.view.duration")
    def slow() -> str:
        time.sleep(2)
        return "done"

    return app
