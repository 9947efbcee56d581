"""Slack: one message a group; with a bot's token it is kept up to date."""

from __future__ import annotations

from tocsin.channels.slack.channel import OPTIONS, SlackAlertChannel, mismatch

__all__ = ["OPTIONS", "SlackAlertChannel", "mismatch"]
