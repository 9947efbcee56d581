"""Telling: which channel is told what of an alert, when, and what of it is gathered."""

from __future__ import annotations

from tocsin.alerts.telling.teller import Teller

__all__ = ["Teller"]
