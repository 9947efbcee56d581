"""Rules on storage."""

from __future__ import annotations

from tocsin.model.levels import AlertCategory, AlertCondition, AlertSeverity
from tocsin.model.rule import AlertRule

STORAGE_RULE = "storage-latency-high"

_WARNING, _CRITICAL = AlertSeverity.WARNING, AlertSeverity.CRITICAL


def storage_rules(storage_latency: float | str) -> tuple[AlertRule, ...]:
    """Disks and file systems."""
    return (
        AlertRule(
            STORAGE_RULE,
            AlertCategory.DISK_IO,
            _WARNING,
            storage_latency,
            message="A small synced write took {value}, longer than {threshold}",
            recommendations=(
                "See who writes: iotop, or pidstat -d 1",
                "On a network or shared disk, ask for its quota of operations",
            ),
        ),
        AlertRule(
            # A read of 4 KiB takes milliseconds; half a minute is a device, or a network mount, that does not answer.
            "storage-stuck",
            AlertCategory.DISK_IO,
            _WARNING,
            "30 s",
            metric="tocsin.storage.probe.age",
            # One more look, since a program that was stopped meets its old probe again when it goes on.
            for_s=3.0,
            message="A read of 4 KiB has not come back for {value}",
            recommendations=(
                "Look for errors of the device or the mount: dmesg, and cat /proc/mounts",
                "See who else waits for it: ps -eo pid,stat,wchan:20,cmd, state D",
            ),
        ),
        AlertRule(
            # As far ahead as somebody can still do something at leisure; the limit is where the critical rule rings.
            "filesystem-filling",
            AlertCategory.DISK_IO,
            _WARNING,
            "97 %",
            AlertCondition.WILL_EXCEED,
            metric="system.filesystem.utilization",
            horizon_s=4 * 3600.0,
            for_s=600.0,
            message="File system {labels} is {value} full and, at this pace, reaches {forecast}",
            recommendations=(
                "Find what grows: du -xh --max-depth=2 on it, sorted, twice some minutes apart",
                "Stop or rotate it, or make room, before writes fail",
            ),
        ),
        AlertRule(
            "filesystem-full",
            AlertCategory.DISK_IO,
            _WARNING,
            "90 %",
            metric="system.filesystem.utilization",
            clear_threshold="88 %",
            for_s=60.0,
            message="File system {labels} is {value} full",
            recommendations=(
                "Find what grew: du -xh --max-depth=2 on it, sorted",
                "Look at logs and at deleted files that are still open",
            ),
        ),
        AlertRule(
            "filesystem-full-critical",
            AlertCategory.DISK_IO,
            _CRITICAL,
            "97 %",
            metric="system.filesystem.utilization",
            clear_threshold="95 %",
            for_s=60.0,
            message="File system {labels} is {value} full",
            recommendations=(
                "Free space now: writes are about to fail",
                "Look at logs and at deleted files that are still open",
            ),
        ),
    )
