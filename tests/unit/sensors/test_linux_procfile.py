from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tocsin.errors import SampleError
from tocsin.sensors.linux.procfile import ProcFile

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_is_read_from_its_start_each_time(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("one")
    file = ProcFile(path)
    assert file.read() == b"one"
    path.write_text("two")
    assert file.read() == b"two"


@pytest.mark.parametrize("size", [2047, 2048, 4096, 4097, 100_000])
def test_a_file_of_any_size_is_read_whole(tmp_path: Path, size: int) -> None:
    path = tmp_path / "f"
    path.write_bytes(bytes(range(256)) * (size // 256) + b"x" * (size % 256))
    file = ProcFile(path)
    assert file.read() == path.read_bytes()
    assert file.read() == path.read_bytes()


def test_a_file_that_the_kernel_hands_out_in_pieces_is_read_whole(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "f"
    path.write_bytes(os.urandom(10_000))
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda fd, size, offset: pread(fd, min(size, 3000), offset))
    assert ProcFile(path).read() == path.read_bytes()


def test_a_file_with_records_as_long_as_a_page_is_read_to_its_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "f"
    path.write_bytes(os.urandom(10_000))
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda fd, size, offset: pread(fd, min(size, 500), offset))
    assert ProcFile(path, long_records=True).read() == path.read_bytes()


def test_a_missing_or_empty_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(SampleError, match="gone: cannot be opened"):
        ProcFile(tmp_path / "gone").read()
    (tmp_path / "void").touch()
    with pytest.raises(SampleError, match="void: is empty"):
        ProcFile(tmp_path / "void").read()


def test_a_fork_reads_its_own_process_and_not_its_parent() -> None:
    from pathlib import Path

    file = ProcFile(Path("/proc/self/stat"))
    assert file.read().split()[0] == str(os.getpid()).encode()
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(writer, file.read().split()[0] + b" " + str(os.getpid()).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    seen, own = os.read(reader, 100).split()
    os.close(reader)
    os.close(writer)
    assert seen == own == str(child).encode()


def test_a_descriptor_that_the_program_has_reused_is_not_closed(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("ours")
    file = ProcFile(path)
    file.read()
    os.close(file._fd)  # the program closes all it does not know, as daemons do
    theirs = os.open(tmp_path, os.O_RDONLY)
    assert theirs == file._fd
    file.close()
    assert os.fstat(theirs)
    os.close(theirs)
    assert file.read() == b"ours"


def test_a_descriptor_closed_behind_our_back_heals(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("ours")
    file = ProcFile(path)
    file.read()
    os.close(file._fd)
    with pytest.raises(SampleError, match="cannot be read"):
        file.read()
    assert file.read() == b"ours"


def test_a_file_that_is_dropped_gives_its_descriptor_back(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("ours")
    file = ProcFile(path)
    file.read()
    number = file._fd
    del file
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)
