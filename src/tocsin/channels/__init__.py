"""Telling: one file a channel, transport and wording only."""
