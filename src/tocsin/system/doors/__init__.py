"""The program's ways into a running system: events, checks, orders, and what it hands in."""
