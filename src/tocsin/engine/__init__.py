"""The engine: what happened goes in, with the moment, and what follows from it comes out.

Read `pipeline` first. `hours` counts the time in which somebody looked, `posts` holds which rule watches which series,
`orders` carries out what people and programs ask, and `bounds` says beyond what a metric rings now.
"""

from tocsin.engine.pipeline import Engine

__all__ = ["Engine"]
