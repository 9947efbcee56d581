"""What the tests of acting share."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def module() -> Iterator[ModuleType]:
    """A module of the program's."""
    found = ModuleType("acting_in_system")
    sys.modules[found.__name__] = found
    yield found
    del sys.modules[found.__name__]
