"""The kernel's figures of the own process, and what is done without them."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from tocsin.memory import process

linux = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="there is no /proc here")


def test_resident_memory_is_what_psutil_says() -> None:
    found = process.rss_bytes()
    assert found == pytest.approx(psutil.Process().memory_info().rss, rel=0.05)


@linux
def test_the_peak_is_not_below_the_present() -> None:
    peak, now = process.peak_rss_bytes(), process.rss_bytes()
    assert peak is not None
    assert now is not None
    assert peak >= 0.99 * now  # the kernel counts in batches


@linux
def test_the_files_are_read_as_the_kernel_writes_them(tmp_path: Path) -> None:
    (tmp_path / "status").write_text("Name:\tpython\nVmPeak:\t  900000 kB\nVmHWM:\t  123456 kB\nVmRSS:\t 99 kB\n")
    (tmp_path / "smaps_rollup").write_text(
        "00-ff ---p 00 00:00 0 [rollup]\nRss:  99 kB\nPss:  1000 kB\nPss_Dirty: 7 kB\n"
    )
    assert process.peak_rss_bytes(tmp_path) == 123456 * 1024
    assert process.pss_bytes(tmp_path) == 1000 * 1024


@linux
def test_a_file_that_is_not_there_or_broken_is_no_data(tmp_path: Path) -> None:
    assert process.pss_bytes(tmp_path) is None
    (tmp_path / "smaps_rollup").write_text("Pss:\n")
    (tmp_path / "statm").write_text("")
    assert process.pss_bytes(tmp_path) is None
    assert process.rss_bytes(tmp_path) is None
