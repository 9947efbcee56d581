"""The verdict on leaks: which line grows, how fast, and how sure that is."""

from __future__ import annotations

from tocsin.memory.leaks.detector import LeakDetector

__all__ = ["LeakDetector"]
