"""Email: text and HTML, threads by alert, over SMTP with TLS."""

from __future__ import annotations

from tocsin.channels.email.channel import OPTIONS, EmailAlertChannel, mismatch

__all__ = ["OPTIONS", "EmailAlertChannel", "mismatch"]
