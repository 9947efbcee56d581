"""From keyword arguments and TOML to one frozen `AlertConfig`, with every mistake named at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.config.channels import ChannelLike, ChannelSpec
from tocsin.config.routing import Routed
from tocsin.config.settings import AlertConfig

if TYPE_CHECKING:
    from tocsin.config.read import find_config, load_config

    TEMPLATE: str

__all__ = ["TEMPLATE", "AlertConfig", "ChannelLike", "ChannelSpec", "Routed", "find_config", "load_config"]


def __getattr__(name: str) -> Any:
    """Load what has to do with files when it is asked for: most programs are configured by arguments."""
    if name in {"find_config", "load_config"}:
        from tocsin.config import read  # noqa: PLC0415 - see above

        return getattr(read, name)
    if name == "TEMPLATE":
        from importlib.resources import files  # noqa: PLC0415 - costs more than all the rest of this package

        return files(__name__).joinpath("template.toml").read_text("utf-8")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
