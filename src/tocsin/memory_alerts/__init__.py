"""The memory door into the one engine: reports and analyses go in, alerts come out.

`MemoryAlertManager` has rules of its own, and no engine, rule or history of another kind.
"""
