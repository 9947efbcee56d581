"""A machine of another kind, as far as this one can play it: no /proc, psutil alone."""

from __future__ import annotations

import json

from tests.unit.system.programs import run

PROGRAM = """
    import asyncio, io, json, sys
    import psutil  # loaded as it is here; from now on the machine is another one
    {before}
    sys.platform = "darwin"

    import tocsin
    from tocsin.cli import main

    async def check_all(bell):
        results = [await check() for check in (bell.check_cpu_usage, bell.check_memory_usage,
                                               bell.check_storage_latency, bell.check_buffer_usage)]
        return [(one.value is not None, one.reason) for one in results]

    told = []
    with tocsin.AlertSystem(tocsin.AlertConfig(channels=[told.append], control=False)) as bell:
        checks = asyncio.run(check_all(bell))
        while len(bell.latest()) < 30 and not {lacking}:
            asyncio.run(asyncio.sleep(0.05))
        metrics = sorted({{key.metric for key in bell.latest()}})
        health = {{one.name: (one.state, one.reason) for one in bell.sensor_health()}}
        failed = bell.counters()["passes_failed"]
    print(json.dumps({{"checks": checks, "metrics": metrics, "health": health, "failed": failed}}))
    sys.stdout.flush()
    main(["doctor"])
"""


def test_without_proc_psutil_serves_and_doctor_says_what_is_absent_and_why() -> None:
    done = run(PROGRAM.format(before="", lacking="False"))
    assert (done.code, done.err) == (0, "")
    first, _, doctor = done.out.partition("\n")
    told = json.loads(first)
    assert told["checks"][:2] == [[True, ""], [True, ""]]
    assert {"system.cpu.utilization", "system.memory.utilization", "process.memory.usage"} <= set(told["metrics"])
    assert not any(metric.startswith(("container.", "system.pressure.")) for metric in told["metrics"])
    assert told["failed"] == 0
    assert {state for state, _ in told["health"].values()} <= {"ok", "absent"}
    assert all(reason for state, reason in told["health"].values() if state == "absent")
    assert "sensor container            control groups are Linux's" in doctor
    assert "sensor host.pressure        pressure stall information is Linux's" in doctor


def test_without_psutil_too_the_checks_say_so_and_the_rest_goes_on() -> None:
    hide = "del sys.modules['psutil']; sys.modules['psutil'] = None"
    done = run(PROGRAM.format(before=hide, lacking="'tocsin.eventloop.lag' not in []"))
    assert done.err == ""
    first, _, doctor = done.out.partition("\n")
    told = json.loads(first)
    assert told["checks"][0] == [False, "the CPU could not be measured"]
    assert told["checks"][1] == [False, "memory could not be measured"]
    assert told["failed"] == 0
    assert told["health"]["host.cpu"] == ["absent", told["health"]["host.memory"][1]]
    assert "install psutil" in doctor
