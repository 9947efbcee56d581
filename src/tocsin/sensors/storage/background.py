"""How long storage takes, probed in the background.

A read of 4 KiB past the page cache every ten seconds; a synced write only where it is switched on, under a budget. The
probe runs on a thread of its own, since a thread that waits for a dead device cannot be ended: how long the present one
is outstanding is a reading too, and there is never a second one.
"""

from __future__ import annotations

import os
import random
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.errors import SampleError
from tocsin.model.readings import MAX_LABEL_CHARS, Layout, SeriesKey, inert
from tocsin.sensors.protocol import NAN, AbsentSensor, Tier
from tocsin.sensors.storage.file import FILE_BYTES, ProbeFile
from tocsin.sensors.storage.place import in_memory, memory_kind, temporary_directory

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.clock import Instant
    from tocsin.sensors.protocol import Sensor
    from tocsin.sensors.storage.settings import StorageSettings

NAME: Final = "storage.probe"
READ_EVERY_S: Final = 10.0
# A program that is over within a minute is never written for.
FIRST_AFTER_S: Final = 60.0
# What one synced write of 4 KiB costs the device with its share of the journal: 4.3 to 4.5 KiB were measured on ext4.
WRITE_COST_BYTES: Final = 4608
DAY_S: Final = 86_400.0
# Longer between two readings than this: nobody looked, and a probe that was under way tells of the pause.
_GAP_S: Final = 5.0
_GAP_INTERVALS: Final = 3.0
_SUSPEND_S: Final = 0.5
_EARLY_S: Final = 0.5
# Percent of the last ten seconds in which everybody waited for storage.
_STALL: Final = 10.0


class _Job:
    """One probe on its way."""

    __slots__ = ("began_s", "done", "error", "pid", "read_s", "skipped", "spoiled", "write_s", "written")

    def __init__(self, began_s: float) -> None:
        self.began_s = began_s
        self.pid = os.getpid()
        self.done = False
        self.spoiled = False
        self.read_s = self.write_s = NAN
        self.written = 0
        self.skipped = ""
        self.error = ""


class StorageProbeSensor:
    """Probes one folder.

    It is read at each pass, for the age of an outstanding probe, and probes when it is time to.

    Args:
        place: the folder.
        settings: what is probed, and how often.
        rng: chooses the blocks.
        pressure: whether storage already stalls; then nothing is written. Asked on the probe's thread.
        first_after_s: seconds until the first probe.
        proc: where /proc is.

    Attributes:
        remark: how reads get past the page cache, and why no write was made.
    """

    name: Final = NAME
    tier: Final = Tier.CORE

    def __init__(
        self,
        place: Path,
        settings: StorageSettings,
        *,
        rng: random.Random,
        pressure: Callable[[], bool] | None = None,
        first_after_s: float = FIRST_AFTER_S,
        proc: Path = Path("/proc"),
    ) -> None:
        self.remark = ""
        self._place = place
        self._proc = proc
        self._settings = settings
        self._rng = rng
        self._pressure = pressure or (lambda: io_stalls(proc))
        self._first_after_s = first_after_s
        labels = (("path", inert(str(place), MAX_LABEL_CHARS)),)
        metrics = ["age"] + ["read.duration"] * settings.read_probe
        metrics += ["duration", "written", "skipped"] * settings.write_probe
        self.layout: Layout = tuple(SeriesKey(f"tocsin.storage.probe.{metric}", labels) for metric in metrics)
        self._written = self._skipped = 0
        self._day: tuple[float, int] = (0.0, 0)  # since when, and how much was written since
        self._file = ProbeFile(place, proc)
        self._job: _Job | None = None
        self._last: Instant | None = None
        self._usual_s = float("inf")
        self._read_at_s: float | None = None
        self._write_at_s = 0.0

    def read(self, now: Instant) -> list[float]:
        """See `Sensor.read`. The age is in seconds, 0 while no probe is under way; durations come once a probe."""
        self._notice_gap(now)
        read_s = write_s = NAN
        if self._job is not None and self._job.pid != os.getpid():
            self._job = None  # the thread is the parent's
            self._file = ProbeFile(self._place, self._proc)
        if self._job is not None and self._job.done:
            job, self._job = self._job, None
            read_s, write_s = self._finish(job)
        if self._job is None and self._is_due(now):
            self._begin(now)
        age_s = 0.0 if self._job is None else max(now.mono_s - self._job.began_s, 0.0)
        values = [age_s] + [read_s] * self._settings.read_probe
        return values + [write_s, float(self._written), float(self._skipped)] * self._settings.write_probe

    def close(self) -> None:
        """Give the file back, unless a probe is on it: then it goes with the sensor."""
        if self._job is None:
            self._file.close()
        self._last, self._usual_s = None, float("inf")

    def _notice_gap(self, now: Instant) -> None:
        last, self._last = self._last, now
        if last is None:
            if self._job is not None:
                self._job.spoiled = True  # who knows what was in between; it is still out all the same
            return
        passed_s = now.mono_s - last.mono_s
        asleep_s = (now.boot_s - last.boot_s) - passed_s
        if passed_s > max(_GAP_S, _GAP_INTERVALS * self._usual_s) or asleep_s > _SUSPEND_S:
            self._spoil(now)
        elif passed_s > 0:
            self._usual_s = min(self._usual_s, passed_s)

    def _spoil(self, now: Instant) -> None:
        if self._job is not None:
            self._job.spoiled, self._job.began_s = True, now.mono_s

    def _is_due(self, now: Instant) -> bool:
        if self._read_at_s is None:
            self._read_at_s = now.mono_s + self._first_after_s
            self._write_at_s = self._read_at_s
        every_s = READ_EVERY_S if self._settings.read_probe else self._settings.write_every_s
        if now.mono_s < self._read_at_s:
            return False
        self._read_at_s = now.mono_s + every_s - _EARLY_S
        return True

    def _begin(self, now: Instant) -> None:
        job = self._job = _Job(now.mono_s)
        write = self._settings.write_probe and now.mono_s >= self._write_at_s
        if write:
            self._write_at_s = now.mono_s + self._settings.write_every_s - _EARLY_S
        if now.boot_s - self._day[0] >= DAY_S or not self._day[0]:
            self._day = (now.boot_s, 0)
        left = self._settings.write_budget_bytes - self._day[1]
        utc_s = now.utc.timestamp()
        thread = threading.Thread(
            target=self._run, args=(job, self._file), kwargs={"write": write, "left": left, "utc_s": utc_s},
            name="tocsin-probe", daemon=True,
        )  # fmt: skip
        try:
            thread.start()
        except RuntimeError as error:  # no more threads: never on this one
            self._job = None
            raise SampleError(f"no thread for the probe: {error}") from error

    def _finish(self, job: _Job) -> tuple[float, float]:
        """Take over what a probe found: the seconds of a read and of a write."""
        self._written += job.written
        self._day = (self._day[0], self._day[1] + job.written)
        self._skipped += bool(job.skipped)
        if job.error:
            self._file.close()
            raise SampleError(job.error)
        how = f"reads with {self._file.method}; a cache of the device or the host may still answer"
        self.remark = f"{self._place}: {how}" if self._settings.read_probe else str(self._place)
        if job.skipped:
            self.remark += f"; no write: {job.skipped}"
        return (NAN, NAN) if job.spoiled else (job.read_s, job.write_s)

    # -- on the probe's thread

    def _run(self, job: _Job, file: ProbeFile, *, write: bool, left: int, utc_s: float) -> None:
        try:
            self._probe(job, file, write=write, left=left, utc_s=utc_s)
        except SampleError as error:
            job.error = str(error)
        except OSError as error:
            job.error = f"{self._place}: {error.strerror or error}"
        except Exception as error:  # noqa: BLE001 - a user's hook, or an odd platform: told by the sensor's health
            job.error = f"{self._place}: {type(error).__name__}: {error}"
        finally:
            job.done = True

    def _probe(self, job: _Job, file: ProbeFile, *, write: bool, left: int, utc_s: float) -> None:
        settings = self._settings
        if not file.is_open:
            if left < FILE_BYTES:
                raise SampleError(f"the budget of {settings.write_budget_bytes} bytes a day has no room for its file")
            if file.free_bytes() < settings.min_free_bytes:
                raise SampleError(f"{self._place}: less than {settings.min_free_bytes} bytes are free")
            job.written += FILE_BYTES  # also if it fails on the way
            file.open(utc_s)
        if settings.read_probe:
            job.read_s = file.read(self._rng)
        if write:
            job.skipped = self._reason_not_to_write(file, left - job.written)
            if not job.skipped:
                job.written += WRITE_COST_BYTES
                job.write_s = file.write(self._rng)

    def _reason_not_to_write(self, file: ProbeFile, left: int) -> str:
        if left < WRITE_COST_BYTES:
            return f"the budget of {self._settings.write_budget_bytes} bytes a day is used up"
        if file.free_bytes() < self._settings.min_free_bytes:
            return f"less than {self._settings.min_free_bytes} bytes are free"
        return "storage stalls already" if self._pressure() else ""


def storage_sensor(
    settings: StorageSettings,
    *,
    rng: random.Random | None = None,
    pressure: Callable[[], bool] | None = None,
    proc: Path = Path("/proc"),
) -> Sensor:
    """The background probe, or an `AbsentSensor` with the reason where there is nothing to measure."""
    if not (settings.read_probe or settings.write_probe):
        return AbsentSensor(NAME, "switched off in [storage]")
    try:
        place = Path(os.path.realpath(settings.directory or temporary_directory()))
    except OSError as error:
        return AbsentSensor(NAME, f"{error.filename or 'the folder'}: {error.strerror or error}")
    if (kind := memory_kind(place, proc)) is not None:
        return AbsentSensor(NAME, in_memory(place, kind))
    if not (settings.write_probe or hasattr(os, "O_DIRECT") or hasattr(os, "posix_fadvise")):
        return AbsentSensor(NAME, "this system has no way to read past its cache; write_probe = true would work")
    if not hasattr(os, "statvfs"):
        return AbsentSensor(NAME, "this system does not tell free space by statvfs")
    # Blocks are chosen by chance, and nothing is judged by it.
    return StorageProbeSensor(place, settings, rng=rng or random.Random(), pressure=pressure, proc=proc)


def io_stalls(proc: Path = Path("/proc")) -> bool:
    """Whether everybody waited for storage for a good part of the last ten seconds; False where that is not told."""
    try:
        text = (proc / "pressure" / "io").read_text("utf-8")
        full = next(line for line in text.splitlines() if line.startswith("full"))
        return float(full.split("avg10=")[1].split()[0]) > _STALL
    except (OSError, ValueError, StopIteration, IndexError):
        return False
