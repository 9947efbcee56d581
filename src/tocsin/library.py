"""Whose code a file is: the program's own, or that of a library, which only did what it was asked to."""

from __future__ import annotations

import os
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

INSTALLED: Final = ("site-packages", "dist-packages")
"""The folders in which packages are installed."""
_TOCSIN: Final = str(Path(__file__).parent) + os.sep


@lru_cache(maxsize=4096)
def is_library(file: str) -> bool:
    """Whether a file is of the standard library, of an installed package or of Tocsin, by its name as code has it."""
    return is_standard(file) or is_own(file) or not set(INSTALLED).isdisjoint(Path(file).parts)


def is_own(file: str) -> bool:
    """Whether a file is Tocsin's own."""
    return file.startswith(_TOCSIN)


@lru_cache(maxsize=4096)
def is_standard(file: str) -> bool:
    """Whether a file is of the standard library; packages that are installed below it are not."""
    if file.startswith("<frozen"):
        return True
    standard = standard_folder()
    inside = bool(standard) and file.startswith(standard + os.sep)
    return inside and set(INSTALLED).isdisjoint(Path(file).parts)


@cache
def standard_folder() -> str:
    """Where the standard library is; empty if that is not known."""
    # `sysconfig` says the same, but reads the whole account of how Python was built for it.
    return str(Path(file).parent) if (file := getattr(os, "__file__", None)) else ""


def short_path(file: str) -> str:
    """The part of a path that a person needs: from the current folder, or from the library's."""
    for marker in INSTALLED:
        if marker in Path(file).parts:
            return file.partition(marker + os.sep)[2] or file
    for folder in (_here(), standard_folder()):
        if folder and file.startswith(folder + os.sep):
            return file[len(folder) + 1 :]
    return file


def _here() -> str:
    try:
        return str(Path.cwd())
    except OSError:
        return ""  # the folder was deleted under us
