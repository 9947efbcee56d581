"""Names in matchers that are probably slips: close to a fact of an alert, and so taken for a label."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from tocsin.config.channels import routing_of
from tocsin.model.matching import FACTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tocsin.config.channels import Described
    from tocsin.model.matching import Matcher
    from tocsin.model.orders import Inhibition, Maintenance

_NEAR: Final = 0.8


def slips(
    channels: Iterable[Described], maintenance: Iterable[Maintenance], inhibition: Iterable[Inhibition]
) -> Iterator[str]:
    """A remark for each name that looks like a slip."""
    for channel in channels:
        routing = routing_of(channel)
        named = [*_names(routing.get("match", ())), *(routing.get("group_by") or ())]
        yield from _remarks(f"channel {channel.name!r}", named)
    for window in maintenance:
        yield from _remarks(f"maintenance {window.name!r}", _names(window.matchers))
    for place, one in enumerate(inhibition):
        yield from _remarks(f"inhibition[{place}]", [*_names(one.source), *_names(one.target), *one.equal])


def _names(matchers: Iterable[Matcher]) -> list[str]:
    return [matcher.name for matcher in matchers]


def _remarks(where: str, names: Iterable[str]) -> Iterator[str]:
    for name in dict.fromkeys(names):
        near = [] if name in FACTS else get_close_matches(name, FACTS, n=1, cutoff=_NEAR)
        if near:
            yield f"{where}: {name!r} is taken for a label; did you mean {near[0]!r}? If not, write 'label.{name}'"
