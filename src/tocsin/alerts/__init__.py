"""Deciding: the life of an alert, its history, and the reasons not to tell."""
