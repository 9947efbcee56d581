from __future__ import annotations

import math
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.sensors.descriptors import held
from tests.unit.system.programs import environment

from tocsin import AlertConfig, VirtualClock
from tocsin.errors import ConfigError, SampleError
from tocsin.sensors.protocol import AbsentSensor
from tocsin.sensors.storage import background, file, probe_storage
from tocsin.sensors.storage.background import StorageProbeSensor, io_stalls, storage_sensor
from tocsin.sensors.storage.file import DIRECT, DROPPED, FILE_BYTES, PREFIX, ProbeFile
from tocsin.sensors.storage.settings import StorageSettings
from tocsin.testing import RecordingChannel, system_for_tests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONG_S = 20.0

pytestmark = pytest.mark.skipif(not hasattr(os, "O_DIRECT"), reason="the probe of this system is another one")


@pytest.fixture
def on_disk(tmp_path: Path) -> Path:
    if probe_storage(tmp_path).duration_s is None:
        pytest.skip("the folder for temporary files is in memory here")
    return tmp_path


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


class Bench:
    """A probe and its clock."""

    def __init__(self, place: Path, *, pressure: Callable[[], bool] = lambda: False, **settings: Any) -> None:
        self.clock = VirtualClock()
        chosen = StorageSettings(**{"min_free_bytes": 1, **settings})
        self.sensor = StorageProbeSensor(place, chosen, rng=random.Random(1), pressure=pressure)

    def read(self, after_s: float = 1.0) -> dict[str, float]:
        """One reading, `after_s` seconds later, by the last part of the metric's name."""
        self.clock.advance(after_s)
        values = self.sensor.read(self.clock.now())
        return {
            key.metric.removeprefix("tocsin.storage.probe."): value
            for key, value in zip(self.sensor.layout, values, strict=True)
        }

    def settled(self) -> None:
        """Back when the probe under way has come back."""
        pause = threading.Event()
        for _ in range(4000):
            if self.sensor._job is None or self.sensor._job.done:
                return
            pause.wait(0.005)
        raise AssertionError("the probe has not come back")

    def run(self, readings: int, *, every_s: float = 1.0) -> list[dict[str, float]]:
        """So many readings; each probe comes back before the next."""
        found = []
        for _ in range(readings):
            found.append(self.read(every_s))
            self.settled()
        return found


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A device that does not answer until the event is set."""
    answer = threading.Event()

    def hang(self: ProbeFile, rng: random.Random) -> float:
        answer.wait(60)
        return 12.5

    monkeypatch.setattr(ProbeFile, "read", hang)
    yield answer
    answer.set()


def measured(found: list[dict[str, float]], name: str) -> list[float]:
    return [values[name] for values in found if not math.isnan(values[name])]


def test_a_minute_after_the_start_a_block_is_read_every_ten_seconds(on_disk: Path) -> None:
    bench = Bench(on_disk)
    assert measured(bench.run(60), "read.duration") == []
    assert not bench.sensor._file.is_open
    later = bench.run(60)
    assert len(measured(later, "read.duration")) == 6
    assert all(0 < seconds < 30 for seconds in measured(later, "read.duration"))
    assert {values["age"] for values in later} == {0.0}
    assert "written" not in later[0]


def test_the_way_of_reading_is_told(on_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for method in (DIRECT, DROPPED):
        bench = Bench(on_disk)
        bench.run(63)
        assert bench.sensor.remark.startswith(f"{on_disk}: reads with {method}; a cache of the device")
        monkeypatch.delattr(os, "O_DIRECT", raising=False)
    monkeypatch.delattr(os, "posix_fadvise")
    bench = Bench(on_disk)
    with pytest.raises(SampleError, match="answered by memory"):
        bench.run(63)


def test_a_file_system_that_opens_directly_and_reads_not_is_read_the_other_way(
    on_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(os, "preadv", refuse)
    bench = Bench(on_disk)
    bench.run(85)
    assert DROPPED in bench.sensor.remark


def test_a_cache_that_keeps_what_it_should_drop_is_found_out(on_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "O_DIRECT")
    monkeypatch.setattr(os, "posix_fadvise", lambda *_: None)
    monkeypatch.setattr(file, "_MEMORY_S", 1.0)  # whatever else this machine is doing
    bench = Bench(on_disk)
    assert measured(bench.run(150), "read.duration") == []
    with pytest.raises(SampleError, match="does not let go"):
        bench.run(60)


def test_the_blocks_are_chosen_by_the_given_chance(on_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    real = os.preadv

    def look(fd: int, buffers: Any, offset: int, *flags: int) -> int:
        seen.extend([offset] * (not flags))
        return real(fd, buffers, offset, *flags)

    monkeypatch.setattr(os, "preadv", look)
    Bench(on_disk).run(120)
    rng = random.Random(1)
    assert seen == [rng.randrange(256) * 4096 for _ in seen]
    assert len(set(seen)) > 3


def test_an_outstanding_probe_is_a_reading_and_there_is_never_a_second_one(
    on_disk: Path, hanging: threading.Event
) -> None:
    bench = Bench(on_disk)
    for _ in range(61):
        bench.read()
    ages = [bench.read()["age"] for _ in range(300)]
    assert ages == sorted(ages)
    assert ages[-1] >= 299
    assert sum(thread.name == "tocsin-probe" for thread in threading.enumerate()) == 1
    hanging.set()
    bench.settled()
    found = bench.read()
    assert (found["age"], found["read.duration"]) == (0.0, 12.5)


def test_closing_begins_no_second_probe_while_one_is_out(on_disk: Path, hanging: threading.Event) -> None:
    bench = Bench(on_disk)
    for _ in range(70):
        bench.read()
    bench.sensor.close()  # set aside, or stopped
    bench.clock.advance(20)
    assert bench.read()["age"] > 20
    assert sum(thread.name == "tocsin-probe" for thread in threading.enumerate()) == 1
    hanging.set()
    bench.settled()
    assert math.isnan(bench.read()["read.duration"])


def test_a_probe_that_does_not_come_back_rings_and_is_over_when_it_does(
    on_disk: Path, hanging: threading.Event
) -> None:
    channel = RecordingChannel()
    sensor = StorageProbeSensor(on_disk, StorageSettings(), rng=random.Random())
    system, clock = system_for_tests(channel, sensors=[sensor], default_rules=True)
    with system:
        clock.advance(85)
        system.flush()
        assert channel.titles() == []
        clock.advance(15)
        system.flush()
        assert channel.titles() == ["storage-stuck"]
        hanging.set()
        pause = threading.Event()
        while sensor._job is not None and not sensor._job.done:
            pause.wait(0.005)
        clock.advance(5)
        system.flush()
        assert [alert.title for alert in channel.resolved] == ["storage-stuck"]


@pytest.mark.parametrize("pause", ["stopped", "asleep"])
def test_a_probe_that_was_under_way_in_a_pause_tells_nothing(
    on_disk: Path, hanging: threading.Event, pause: str
) -> None:
    bench = Bench(on_disk)
    for _ in range(61):
        bench.read()
    if pause == "stopped":
        found = bench.read(60)
    else:
        bench.clock.suspend(60)
        found = bench.read()
    assert found["age"] == 0.0
    hanging.set()
    bench.settled()
    assert math.isnan(bench.read()["read.duration"])


def test_nothing_is_written_unless_it_is_switched_on(on_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[ProbeFile] = []

    def write(self: ProbeFile, rng: random.Random) -> float:
        written.append(self)
        return 0.001

    monkeypatch.setattr(ProbeFile, "write", write)
    Bench(on_disk).run(200)
    assert not written
    Bench(on_disk, write_probe=True).run(200)
    assert written


def test_a_synced_write_a_minute_is_timed_and_counted(on_disk: Path) -> None:
    bench = Bench(on_disk, write_probe=True)
    found = bench.run(245)
    assert len(measured(found, "duration")) == 4
    assert len(measured(found, "read.duration")) > 15
    assert found[-1]["written"] == FILE_BYTES + 4 * background.WRITE_COST_BYTES
    assert found[-1]["skipped"] == 0


def test_the_daily_budget_is_never_exceeded_and_begins_anew_the_next_day(on_disk: Path) -> None:
    budget = FILE_BYTES + 2 * background.WRITE_COST_BYTES + 100
    bench = Bench(on_disk, write_probe=True, read_probe=False, write_every_s=60.0, write_budget_bytes=budget)
    found = bench.run(60, every_s=20)
    assert found[-1]["written"] <= budget
    assert len(measured(found, "duration")) == 2
    assert found[-1]["skipped"] > 10
    assert "bytes a day is used up" in bench.sensor.remark
    bench.clock.advance(86_400)
    later = bench.run(12, every_s=20)
    assert len(measured(later, "duration")) >= 2
    assert later[-1]["written"] - found[-1]["written"] <= budget


def test_a_budget_without_room_for_the_file_writes_nothing_at_all(on_disk: Path) -> None:
    bench = Bench(on_disk, write_budget_bytes=FILE_BYTES - 1)
    with pytest.raises(SampleError, match="has no room for its file"):
        bench.run(63)
    assert not bench.sensor._file.is_open


def test_storage_that_stalls_already_is_not_written_to(on_disk: Path) -> None:
    stalls = [True]
    bench = Bench(on_disk, write_probe=True, pressure=lambda: stalls[0])
    found = bench.run(130)
    assert measured(found, "duration") == []
    assert found[-1]["skipped"] == 2
    stalls[0] = False
    assert len(measured(bench.run(60), "duration")) == 1


def test_below_the_floor_of_free_space_nothing_is_written(on_disk: Path) -> None:
    bench = Bench(on_disk, write_probe=True, min_free_bytes=2**60)
    with pytest.raises(SampleError, match=r"less than \d+ bytes are free"):
        bench.run(63)
    assert names(on_disk) == []


def test_a_hook_that_raises_sets_the_probe_aside_with_its_words(on_disk: Path) -> None:
    def broken() -> bool:
        raise RuntimeError("no pressure today")

    bench = Bench(on_disk, write_probe=True, pressure=broken)
    with pytest.raises(SampleError, match="RuntimeError: no pressure today"):
        bench.run(63)


def test_the_file_is_never_seen_and_goes_with_the_sensor(on_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for tmpfile in (True, False):
        if not tmpfile:
            monkeypatch.delattr(os, "O_TMPFILE")
        bench = Bench(on_disk)
        bench.run(75)
        assert bench.sensor._file.is_open
        assert held(str(on_disk)) != []
        assert names(on_disk) == []
        bench.sensor.close()
        assert held(str(on_disk)) == []
        assert len(measured(bench.run(15), "read.duration")) >= 1  # a later reading opens it anew
        bench.sensor.close()


@pytest.mark.parametrize("tmpfile", [True, False])
def test_a_killed_process_leaves_nothing_behind(on_disk: Path, tmpfile: bool) -> None:
    program = f"""
import os, pathlib, random, signal
from tocsin.sensors.storage.file import ProbeFile
if not {tmpfile}:
    del os.O_TMPFILE
probe = ProbeFile(pathlib.Path({str(on_disk)!r}))
probe.open(0.0)
probe.write(random.Random())
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", program], env=environment(), timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    assert names(on_disk) == []


def test_what_a_process_left_that_was_killed_between_two_calls_is_removed_at_the_next_start(
    on_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "O_TMPFILE")
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = on_disk / f"{PREFIX}{gone.pid}-abc"
    old = on_disk / f"{PREFIX}{os.getpid()}-old"
    young = on_disk / f"{PREFIX}{os.getpid()}-young"
    strange = on_disk / f"{PREFIX}notes"
    for path in (left, old, young, strange):
        path.touch()
    os.utime(old, (1000.0, 1000.0))
    folder = on_disk / f"{PREFIX}{gone.pid}-folder"
    folder.mkdir()
    probe = ProbeFile(on_disk)
    probe.open(young.stat().st_mtime)
    assert sorted(names(on_disk)) == sorted([young.name, strange.name, folder.name])
    probe.close()


def test_a_descriptor_that_the_program_took_over_is_neither_written_to_nor_closed(on_disk: Path) -> None:
    probe = ProbeFile(on_disk)
    probe.open(0.0)
    number = probe._fd
    os.close(number)
    theirs = os.open(on_disk / "theirs", os.O_RDWR | os.O_CREAT)
    if theirs != number:
        os.dup2(theirs, number)
        os.close(theirs)
    for use in (probe.read, probe.write):
        with pytest.raises(SampleError, match="closed by somebody else"):
            use(random.Random())
    probe.close()
    assert os.fstat(number).st_size == 0
    os.close(number)


def test_a_disk_that_fails_is_told_by_its_own_words_and_tried_again(
    on_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(fd: int) -> None:
        raise OSError(5, "Input/output error")

    bench = Bench(on_disk)
    with monkeypatch.context() as broken:
        broken.setattr(file, "sync", fail)
        with pytest.raises(SampleError, match="Input/output error"):
            bench.run(63)
    bench.sensor.close()
    assert held(str(on_disk)) == []
    assert len(measured(bench.run(15), "read.duration")) >= 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_does_not_wait_for_the_probe_of_its_parent(on_disk: Path, hanging: threading.Event) -> None:
    bench = Bench(on_disk)
    for _ in range(65):
        bench.read()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if bench.sensor.read(bench.clock.now())[0] == 0.0 else 1
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


# -- whether there is anything to measure


def reason(sensor: object) -> str:
    assert isinstance(sensor, AbsentSensor)
    return sensor.reason


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no folder in memory here")
def test_memory_is_refused_with_the_reason() -> None:
    assert "tmpfs, which is memory" in reason(storage_sensor(StorageSettings(directory=Path("/dev/shm"))))


def test_what_is_switched_off_is_absent() -> None:
    assert "switched off" in reason(storage_sensor(StorageSettings(read_probe=False)))


def test_a_system_that_cannot_read_past_its_cache_says_so(on_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "O_DIRECT")
    monkeypatch.delattr(os, "posix_fadvise")
    assert "write_probe = true" in reason(storage_sensor(StorageSettings(directory=on_disk)))
    assert isinstance(storage_sensor(StorageSettings(directory=on_disk, write_probe=True)), StorageProbeSensor)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "nowhere")
    with pytest.raises(SampleError, match=r"nowhere: No such file"):
        bench.run(63)


def test_the_settings_come_from_the_configuration(tmp_path: Path) -> None:
    config = AlertConfig(storage={"write_probe": True, "write_every": "5 min", "min_free": "1 GB"}, state_dir=tmp_path)
    assert config.storage_settings == StorageSettings(
        directory=tmp_path, write_probe=True, write_every_s=300.0, min_free_bytes=10**9
    )
    assert AlertConfig().storage_settings == StorageSettings()
    assert AlertConfig(state_dir=tmp_path / "not yet").storage_settings.directory is None
    assert config.replace(name="other").storage_settings == config.storage_settings
    for wrong in ({"write_probe": 1}, {"reed_probe": True}, {"write_every": "10 ms"}, {"write_budget": "1 MB"}):
        with pytest.raises(ConfigError, match=r"storage\."):
            AlertConfig(storage=wrong)


@pytest.mark.parametrize(
    ("text", "stalls"),
    [
        ("some avg10=90.00 avg60=1 avg300=1 total=1\nfull avg10=10.01 avg60=1 avg300=1 total=1\n", True),
        ("some avg10=90.00 avg60=1 avg300=1 total=1\nfull avg10=9.99 avg60=1 avg300=1 total=1\n", False),
        ("odd", False),
        ("full odd", False),
    ],
)
def test_stalls_are_read_from_the_kernels_pressure(proc: Callable[[str, str], Path], text: str, stalls: bool) -> None:
    assert io_stalls(proc("pressure/io", text)) is stalls


def test_without_pressure_information_nothing_stalls(tmp_path: Path) -> None:
    assert not io_stalls(tmp_path)
