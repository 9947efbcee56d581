"""The heap, or what threads did, as a picture: a flame graph in one file, and a profile for speedscope."""

from __future__ import annotations

from tocsin.cli.flame.page import flame_page
from tocsin.cli.flame.speedscope import speedscope_profile
from tocsin.cli.flame.threads import threads_page, threads_profile

__all__ = ["flame_page", "speedscope_profile", "threads_page", "threads_profile"]
