"""One HTML file with style, script and data in it."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import msgspec

from tocsin.library import is_library, short_path
from tocsin.model.units import format_value

if TYPE_CHECKING:
    from collections.abc import Mapping

# What would end the script in which the data lies, or be read as its beginning.
_UNSAFE = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})


def flame_page(heap: Mapping[str, Any], program: str, at_utc: str) -> str:
    """The page.

    Args:
        heap: the answer of a program to the command `heap`.
        program: its name and pid.
        at_utc: when it was asked, ISO 8601.
    """
    data = {
        "title": f"Heap of {program}",
        "subtitle": subtitle(heap, at_utc),
        "frames": [[short_path(file), line, function, is_library(file)] for file, line, function in heap["frames"]],
        "stacks": heap["stacks"],
    }
    return page_of(data)


def page_of(data: Mapping[str, Any]) -> str:
    """The page that draws this.

    Args:
        data: `title`, `subtitle`, `frames` (file, line, function, whether it is a library's) and `stacks` (`frames` by
            number, innermost first, `bytes`, `samples`); and `words`, where the weights are no bytes.
    """
    text = msgspec.json.encode(data).decode("utf-8").translate(_UNSAFE)
    own = files(__name__.rpartition(".")[0])
    parts = {name: own.joinpath(name).read_text("utf-8") for name in _PARTS}
    page = parts["page.html"].replace("/*style*/", parts["page.css"])
    return page.replace("/*script*/", script()).replace("/*data*/", text)


_PARTS = ("page.html", "page.css")


def script() -> str:
    """What draws the page: the flame graph, which is the web page's too and a module there, and what is around it."""
    shared = files("tocsin.web").joinpath("static", "flame.js").read_text("utf-8")
    own = files(__name__.rpartition(".")[0]).joinpath("page.js").read_text("utf-8")
    return re.sub(r"(?m)^export ", "", shared) + own


def subtitle(heap: Mapping[str, Any], at_utc: str) -> str:
    """What the picture shows and what it leaves out, in a line."""
    shown = sum(stack["bytes"] for stack in heap["stacks"])
    samples = sum(stack["samples"] for stack in heap["stacks"])
    parts = [f"{format_value(float(shown), 'By')} alive, estimated of {samples:,} samples", at_utc]
    if heap.get("interval_bytes"):
        parts.insert(1, f"one sample for {format_value(float(heap['interval_bytes']), 'By')} of allocation")
    if heap.get("stacks_left_out"):
        lost = format_value(float(heap.get("bytes_left_out", 0)), "By")
        parts.append(f"{heap['stacks_left_out']:,} small stacks with {lost} are left out")
    return "; ".join(parts)
