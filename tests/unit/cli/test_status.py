from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tocsin import AlertConfig, AlertSystem
from tocsin.cli.status import lines_of
from tocsin.clock import Instant
from tocsin.control import ControlServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.unit.cli.conftest import Result

NOON = Instant(0, 0, datetime(2026, 1, 1, 12, tzinfo=UTC))


@pytest.fixture
def serve() -> Iterator[Callable[[str, dict[str, Any]], ControlServer]]:
    servers = []

    def serve(name: str, status: dict[str, Any]) -> ControlServer:
        server = ControlServer(name, lambda _request: status)
        server.start()
        servers.append(server)
        return server

    yield serve
    for server in servers:
        server.stop()


def test_a_quiet_program_is_shown_with_its_figures_and_nothing_to_worry_about(
    call: Callable[..., Result], serve: Callable[..., ControlServer]
) -> None:
    system = AlertSystem(AlertConfig(name="orders", channels=[]))
    serve("orders", system.status())
    result = call("status")
    assert (result.code, result.err) == (0, "")
    assert "orders (pid " in result.out
    assert "open alerts: none" in result.out


def test_a_firing_alert_is_shown_and_makes_the_exit_code_1(
    call: Callable[..., Result], serve: Callable[..., ControlServer]
) -> None:
    system = AlertSystem(AlertConfig(name="orders", channels=[]))
    system.emit("Disk almost full", "3 GB left", "critical", "backup", component="archive")
    serve("orders", system.status())
    result = call("status", "--name", "orders")
    assert result.code == 1
    assert "CRITICAL Disk almost full  (for 0 s, in archive)" in result.out
    assert "3 GB left  [id " in result.out


def test_the_status_can_be_read_by_a_program(call: Callable[..., Result], serve: Callable[..., ControlServer]) -> None:
    serve("orders", AlertSystem(AlertConfig(name="orders", channels=[])).status())
    assert json.loads(call("status", "--json").out)["program"] == "orders"


def test_without_a_running_program_the_exit_code_is_3(call: Callable[..., Result]) -> None:
    result = call("status")
    assert (result.code, result.out) == (3, "")
    assert "tocsin run SCRIPT" in result.err


def test_between_several_programs_one_has_to_be_chosen(
    call: Callable[..., Result], serve: Callable[..., ControlServer]
) -> None:
    for name in ("orders", "payments"):
        serve(name, AlertSystem(AlertConfig(name=name, channels=[])).status())
    result = call("status")
    assert result.code == 3
    assert "orders (pid" in result.err
    assert "payments (pid" in result.err
    assert call("status", "--name", "payments").out.startswith("payments")


def test_a_program_that_refuses_is_reported(call: Callable[..., Result], serve: Callable[..., ControlServer]) -> None:
    serve("orders", {"error": "not now"})
    result = call("status")
    assert result.code == 3
    assert "refused: not now" in result.err


def test_what_is_wrong_inside_is_told_and_what_is_well_is_not() -> None:
    status = {
        "program": "orders", "pid": 7, "uptime_s": 7300, "interval_s": 1.0, "rules": 3,
        "sensors": [
            {"name": "host.cpu", "state": "ok", "reason": ""},
            {"name": "host.disk", "state": "set aside", "reason": "OSError: gone"},
        ],
        "metrics": {"process.cpu.utilization": 0.5, "orders.open": 3.0},
        "counters": {"events_offered": 9, "events_dropped": 2, "passes_failed": 0},
    }  # fmt: skip
    assert list(lines_of(status, NOON)) == [
        "orders (pid 7), watched for 2 h, every 1 s",
        "  CPU of the program         50 %",
        "  orders.open                3",
        "open alerts: none",
        "sensors: 1 of 2 ok",
        "  host.disk: set aside: OSError: gone",
        "rules: 3",
        "counted: events_dropped 2",
    ]


def test_the_health_of_each_room_is_told_as_far_as_there_is_something_to_say() -> None:
    status = {
        "configuration": {
            "path": "/srv/tocsin.toml",
            "last": {"applied": False, "at": "2026-01-01T11:57:00+00:00", "reasons": ["storm_after: found -1"]},
        },
        "rooms": {
            "watch": {"running": True, "last_pass_s": 0.25, "failed": 2, "deaths": 0, "last_error": "OSError: gone"},
            "intake": {"waiting": 7, "capacity": 10, "dropped": 3},
            "channels": {
                "slack": {
                    "state": "is down", "delivered": 5, "waiting": 2, "failed": 4, "dropped": 1, "retry_in_s": 30.0,
                    "attempt_s": 0.0, "last_error": "DeliveryError: 503",
                },
                "bell": {"state": "works", "delivered": 5, "leaving": True, "attempt_s": 4.0},
            },
            "journal": {
                "path": "/srv/journal.db", "reason": "the disk is full", "age_s": 65.0, "waiting": 9, "dropped": 0,
                "size_bytes": 2_500_000,
            },
            "cost": {"cpu": 0.0004, "budget": 0.005, "dearest": [{"sensor": "host.cpu", "cpu": 0.0001}]},
        },
    }  # fmt: skip
    assert list(lines_of(status, NOON))[4:] == [
        "configuration: /srv/tocsin.toml; what stands there was refused 3 min ago:",
        "  storm_after: found -1",
        "watch: last pass 250 ms ago, 2 passes failed",
        "  the last error: OSError: gone",
        "intake: 7 of 10 events wait, 3 dropped",
        "channel slack: is down, 5 delivered, 2 wait, 4 attempts failed, 1 dropped, tried again in 30 s",
        "  DeliveryError: 503",
        "channel bell: works, 5 delivered, told nothing new, an attempt has lasted 4 s",
        "journal: /srv/journal.db, 2.5 MB, written 65 s ago, 9 entries wait",
        "  it cannot be written: the disk is full",
        "own cost: 0.04 % of a core; it may be 0.5 %",
        "  the dearest sensors: host.cpu 0.01 %",
    ]


def test_where_there_is_no_journal_the_reason_is_told() -> None:
    status = {"rooms": {"journal": {"path": None, "reason": "there is no state_dir"}}}
    assert list(lines_of(status, NOON))[-1] == "journal: none: there is no state_dir"


def test_an_answer_with_holes_is_shown_as_far_as_it_goes() -> None:
    assert "open alerts: none" in list(lines_of({}, NOON))
