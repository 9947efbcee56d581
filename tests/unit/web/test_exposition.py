"""Metrics as Prometheus reads them, with its own promtool as the judge where it is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.model.metrics import CATALOGUE
from tocsin.model.readings import SeriesKey, canonical_labels
from tocsin.web.exposition.names import KNOWN, exposed
from tocsin.web.exposition.text import gathered

if TYPE_CHECKING:
    from tests.unit.web.conftest import House

PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool (Debian's prometheus) is not installed")
# node_exporter calls these so, and dashboards ask for them.
CAMEL = {name for name, _ in KNOWN.values() if re.search(r"[A-Z]", name)}


def judged(text: str) -> list[str]:
    """What promtool has to say, but for node_exporter's own way of writing some names."""
    assert PROMTOOL is not None
    done = subprocess.run([PROMTOOL, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    said = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    return [line for line in said if line.split()[0] not in CAMEL or "camelCase" not in line]


def written(keys: list[SeriesKey]) -> str:
    families = gathered((key, 1.5) for key in keys)
    return "\n".join(line for name in sorted(families) for line in families[name].lines()) + "\n"


@needs_promtool
def test_promtool_finds_nothing_wrong_with_what_a_page_shows(house: House) -> None:
    house.step()
    house.system.emit("t", "m", "critical", "s")
    house.system.flush()
    reply = house.client.get("/metrics")

    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'tocsin_alerts_firing{severity="critical"} 1' in reply.body.decode()
    assert judged(reply.body.decode()) == []


@needs_promtool
def test_promtool_finds_nothing_wrong_with_any_metric_there_is() -> None:
    keys = [SeriesKey(metric) for metric in CATALOGUE]
    keys += [SeriesKey(metric, labels) for metric, labels in KNOWN]
    assert judged(written(keys)) == []


@needs_promtool
def test_promtool_finds_nothing_wrong_with_metrics_of_the_programs_own() -> None:
    names = ["orders.depth", "1st", "one two/three", "ünï", "x.total", "y.count", "…", "sum", "__a"]
    labels = canonical_labels({"a b": 'quote" back\\ line\n', "1": "x", "__name__": "y", "ü": "ü"})
    assert judged(written([SeriesKey(name, labels) for name in names])) == []


def test_every_metric_has_a_name_of_its_own() -> None:
    names: dict[str, str] = {}
    for metric in CATALOGUE:
        name = exposed(metric, ())[0].name
        assert names.setdefault(name, metric) == metric


@pytest.mark.parametrize(
    ("metric", "labels", "name"),
    [
        ("process.memory.usage", {}, "process_resident_memory_bytes"),
        ("process.cpu.time", {"mode": "user"}, "process_cpu_time_seconds_total"),
        ("process.thread.count", {}, "process_threads"),
        ("process.open_file_descriptor.count", {}, "process_open_fds"),
        ("system.cpu.utilization", {}, "system_cpu_utilization_ratio"),
        ("system.disk.io", {"device": "sda", "direction": "read"}, "node_disk_read_bytes_total"),
        ("system.network.io", {"interface": "eth0", "direction": "transmit"}, "node_network_transmit_bytes_total"),
        ("tocsin.eventloop.lag", {"loop": "main"}, "tocsin_eventloop_lag_seconds"),
        ("orders.depth", {}, "orders_depth"),
    ],
)
def test_names_are_those_that_others_use_too(metric: str, labels: dict[str, str], name: str) -> None:
    assert exposed(metric, canonical_labels(labels))[0].name == name


def test_labels_that_the_name_says_are_left_out_and_others_renamed() -> None:
    _, labels = exposed("system.network.io", (("direction", "receive"), ("interface", "eth0")))
    assert labels == {"device": "eth0"}


@given(st.text(min_size=1), st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3))
def test_any_name_and_label_becomes_one_that_prometheus_takes(metric: str, labels: dict[str, str]) -> None:
    meta, clean = exposed(metric, canonical_labels(labels))
    assert re.fullmatch(r"[A-Za-z_:][A-Za-z0-9_:]*", meta.name)
    assert all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) and not name.startswith("__") for name in clean)
    for line in written([SeriesKey(metric, canonical_labels(labels))]).rstrip("\n").split("\n"):
        assert line.startswith(("# HELP ", "# TYPE ", meta.name))


def test_counters_stand_as_they_were_read_and_not_as_rates(house: House) -> None:
    house.system._core.engine  # noqa: B018 - made before the first reading
    from tocsin.testing import ScriptedSensor, system_for_tests
    from tocsin.web import app

    system, clock = system_for_tests(
        sensors=[ScriptedSensor("process.cpu.time", [10.0, 12.5], labels={"mode": "user"})]
    )
    page = app(system, token="a-token-of-the-tests")
    for _ in range(2):
        clock.advance(1)
        system._core.one_pass()
    from tests.peers.asgi_client import Client

    text = Client(page, {"authorization": "Bearer a-token-of-the-tests"}).get("/metrics").body.decode()
    assert 'process_cpu_time_seconds_total{mode="user"} 12.5' in text
    assert "process_cpu_seconds_total 12.5" in text
    system.stop()
