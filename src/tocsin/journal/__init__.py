"""The journal: the durable record of alerts and of what is to be told of them."""

from __future__ import annotations

from tocsin.journal.writer import Journal

__all__ = ["Journal"]
