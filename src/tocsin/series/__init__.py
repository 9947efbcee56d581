"""Remembering: the recent readings of each series, in bounded memory."""
