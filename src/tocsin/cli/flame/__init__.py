"""The heap as a picture: a flame graph in one file that needs no network, and a profile for speedscope."""

from __future__ import annotations

from tocsin.cli.flame.page import flame_page
from tocsin.cli.flame.speedscope import speedscope_profile

__all__ = ["flame_page", "speedscope_profile"]
