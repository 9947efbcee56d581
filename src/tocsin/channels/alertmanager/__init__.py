"""Alertmanager v2: open alerts are told again each minute to every peer, as Prometheus does."""

from __future__ import annotations

from tocsin.channels.alertmanager.channel import OPTIONS, AlertmanagerChannel

__all__ = ["OPTIONS", "AlertmanagerChannel"]
