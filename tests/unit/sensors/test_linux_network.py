from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.sensors.linux.network import NetworkSensor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tocsin.clock import Instant
    from tocsin.sensors.protocol import Sensor

    Proc = Callable[[str, str], Path]
    Values = Callable[[Sensor, Instant], dict[str, float]]

HEAD = """\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier
"""


def line(name: str, received: int = 100) -> str:
    return f"{name:>6}: {received} 2 3 4 21 22 0 23 500 6 7 8 24 0 25 0\n"


def test_both_directions_of_an_interface_are_read(proc: Proc, values: Values, now: Instant) -> None:
    found = values(NetworkSensor(proc("net/dev", HEAD + line("eth0"))), now)
    assert [found[f"system.network.{name}{{direction='receive', interface='eth0'}}"] for name in ("io", "packets")] == [
        100, 2,
    ]  # fmt: skip
    assert found["system.network.errors{direction='receive', interface='eth0'}"] == 3
    assert found["system.network.dropped{direction='receive', interface='eth0'}"] == 4
    assert found["system.network.io{direction='transmit', interface='eth0'}"] == 500
    assert found["system.network.dropped{direction='transmit', interface='eth0'}"] == 8
    assert found["system.network.overruns{direction='receive', interface='eth0'}"] == 21
    assert found["system.network.overruns{direction='transmit', interface='eth0'}"] == 24
    assert found["system.network.frame_errors{interface='eth0'}"] == 22
    assert found["system.network.multicast{interface='eth0'}"] == 23
    assert found["system.network.carrier_errors{interface='eth0'}"] == 25


def test_the_loopback_and_container_pairs_are_left_out(proc: Proc, values: Values, now: Instant) -> None:
    sensor = NetworkSensor(proc("net/dev", HEAD + line("lo") + line("ifb0") + line("veth12ab") + line("wlan0")))
    values(sensor, now)
    assert {dict(key.labels)["interface"] for key in sensor.layout} == {"wlan0"}


def test_counters_without_a_blank_before_them_are_read(proc: Proc, values: Values, now: Instant) -> None:
    text = HEAD + line("eth0").replace(": ", ":")
    assert (
        values(NetworkSensor(proc("net/dev", text)), now)["system.network.io{direction='receive', interface='eth0'}"]
        == 100
    )


def test_interfaces_come_and_go(proc: Proc, values: Values, now: Instant) -> None:
    sensor = NetworkSensor(proc("net/dev", HEAD + line("eth0")))
    sensor.read(now)
    layout = sensor.layout
    proc("net/dev", HEAD + line("eth1", 7) + line("eth0", 8))
    found = values(sensor, now)
    assert sensor.layout is not layout
    assert found["system.network.io{direction='receive', interface='eth1'}"] == 7
    assert found["system.network.io{direction='receive', interface='eth0'}"] == 8
    proc("net/dev", HEAD)
    assert values(sensor, now) == {}
