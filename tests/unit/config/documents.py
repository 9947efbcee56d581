"""Configuration files that a test writes into the folder it is in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tocsin.config import AlertConfig, load_config
from tocsin.errors import ConfigError


def load(text: str | bytes, name: str = "tocsin.toml") -> AlertConfig:
    Path(name).write_bytes(text.encode() if isinstance(text, str) else text)
    return load_config(name)


def messages(text: str | bytes, name: str = "tocsin.toml") -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(text, name)
    return [str(problem) for problem in caught.value.problems]
