"""Metrics of the program's own: recorded by hand, timed by a decorator, read by a function; and a rule on one."""

import threading

import tocsin
from tocsin import AlertCategory, AlertConfig, AlertRule, AlertSeverity

RULE = AlertRule(
    "orders-refused",
    AlertCategory.GENERAL,
    AlertSeverity.WARNING,
    threshold=10,
    metric="orders.refused",
    component="checkout",
    message="{value} orders were refused, more than {threshold}",
    recommendations=("Ask the payment service how it does",),
)

waiting: list[int] = []
rung = threading.Event()

bell = tocsin.AlertSystem(AlertConfig(name="orders", check_interval="50ms", rules=[RULE]))
bell.alert_triggered.connect(lambda *_: rung.set())


@bell.timed("orders.duration")  # seconds, measured at each call
def take_order(number: int) -> bool:
    waiting.append(number)
    return number % 3 > 0


bell.add_sensor(lambda: {"orders.waiting": len(waiting)})  # called at each pass

with bell:
    refused = sum(not take_order(number) for number in range(100))
    bell.record("orders.refused", refused)  # from any thread, whenever there is something to say
    rung.wait(5)

for key, value in bell.latest().items():
    if key.metric.startswith("orders."):
        print(f"{key} = {value:.6g}")
