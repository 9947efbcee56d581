"""The words for what holds something: `global app.SESSIONS`, `attribute _cache of app.Store`, `deque(maxlen=1000)`.

Nothing here asks an object of the program anything: what is looked at are types, and objects of the interpreter's own
types. Keys of dicts are told only where they are names of the program: in namespaces and among attributes.
"""

from __future__ import annotations

import functools
import re
import types
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BLOCK, OBJECT, NAMESPACE, FRAME, END = range(5)  # the kinds of `_heap.Holders.item`
PASSING, NAMED = 1, 2  # strengths of an end: a frame, which will be left; what has a name of its own

_LENGTH = re.compile(r"\[len [\d,]+\]")
_GENERATORS: dict[type | None, tuple[str, str]] = {
    types.GeneratorType: ("generator", "gi_code"),
    types.CoroutineType: ("coroutine", "cr_code"),
    types.AsyncGeneratorType: ("async generator", "ag_code"),
}
_LRU_CACHE = type(functools.lru_cache(len))


class Holder(NamedTuple):
    """An item of the search: see `_heap.Holders.item`."""

    kind: int
    object: Any
    type: type | None
    length: int
    module: str | None


class Step(NamedTuple):
    """One step up: to which item, and by which name it holds what is below."""

    item: int
    name: str | None


def strength_of(holder: Holder) -> int:
    """How good an end of a chain it is: NAMED, PASSING, or 0 for what is only on the way."""
    if holder.kind >= NAMESPACE:
        return PASSING if holder.kind == FRAME else NAMED
    if holder.module is not None or holder.type is _LRU_CACHE:
        return NAMED
    return PASSING if holder.type in _GENERATORS or holder.type is types.FrameType else 0


def without_lengths(words: str) -> str:
    """The same of any length."""
    return _LENGTH.sub("", words)


def bound_of(steps: Sequence[Step], lookup: Callable[[int], Holder]) -> str:
    """The nearest container with a cap on the way; empty if there is none."""
    for step in steps:
        holder = lookup(step.item)
        if holder.type is deque and holder.object is not None and holder.object.maxlen is not None:
            return f"deque(maxlen={holder.object.maxlen})"
        if holder.type is _LRU_CACHE and (size := _lru_size(holder.object)) is not None:
            return f"lru_cache(maxsize={size})"
    return ""


def words_of(steps: Sequence[Step], lookup: Callable[[int], Holder]) -> tuple[str, ...]:
    """The words for each step, nearest first; steps that mean one thing together are one."""
    holders = [lookup(step.item) for step in steps]
    words, at = [], 0
    while at < len(steps):
        said, used = _one(steps[at:], holders[at:])
        words.append(said)
        at += used
    return tuple(words)


def _one(steps: Sequence[Step], holders: Sequence[Holder]) -> tuple[str, int]:
    """The words for the first of these, and how many of them it took."""
    name, holder = steps[0].name, holders[0]
    for several in (_of_dict, _of_function):
        said = several(steps, holders)
        if said is not None:
            return said
    if holder.kind == FRAME:
        return f"local {name} of {_dotted(holder.module, holder.object.co_qualname)}", 1
    if holder.module is not None:
        return f"global {holder.module}.{name or '?'}", 1
    return _of_object(name, holder), 1


def _of_dict(steps: Sequence[Step], holders: Sequence[Holder]) -> tuple[str, int] | None:
    """A dict that is the namespace of what comes next."""
    if holders[0].type is not dict or len(steps) < 2:
        return None
    name, owner = steps[0].name or "?", holders[1]
    if steps[1].name == "__dict__":
        return _attribute(name, owner), 2
    if steps[1].name == "__kwdefaults__" and owner.type is types.FunctionType:
        return f"default argument {name} of {_function(owner.object)}", 2
    for used in (2, 3):  # the dict of a thread's own values is in a dict of the object for all threads
        if len(holders) >= used and _type_name(holders[used - 1].type) == "_thread._local":
            return f"thread-local {name}", used
    return None


def _attribute(name: str, owner: Holder) -> str:
    if owner.type is types.ModuleType:
        return f"global {_module_name(owner.object)}.{name}"
    if owner.kind == END and isinstance(owner.object, type):
        return f"class attribute {_type_name(owner.object)}.{name}"
    if owner.type is types.FunctionType:
        return f"attribute {name} of {_function(owner.object)}"
    return f"attribute {name} of {_type_name(owner.type)}"


def _of_function(steps: Sequence[Step], holders: Sequence[Holder]) -> tuple[str, int] | None:
    """A cell of a closure, or the default of an argument: with the function that has it."""
    if holders[0].type is types.CellType and len(steps) > 2 and steps[2].name == "__closure__":
        function = holders[2].object
        for free, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
            if cell is holders[0].object:
                return f"cell {free} of {_function(function)}", 3
    if holders[0].type is tuple and len(steps) > 1 and steps[1].name == "__defaults__":
        return f"default argument of {_function(holders[1].object)}", 2
    return None


def _of_object(name: str | None, holder: Holder) -> str:
    kind, one = holder.type, holder.object
    if kind in _SPECIAL and one is not None:
        return _SPECIAL[kind](name, holder)
    if kind in _GENERATORS:
        what, code = _GENERATORS[kind]
        where = f"{what} {getattr(one, code).co_qualname}"
        return f"local {name} of {where}" if name else where
    if holder.length >= 0:
        return f"{_type_name(kind)}[len {holder.length:,}]"
    if holder.kind == END and isinstance(one, type):
        return f"class {_type_name(one)}"
    return f"attribute {name} of {_type_name(kind)}" if name else _type_name(kind)


def _of_deque(_name: str | None, holder: Holder) -> str:
    cap = holder.object.maxlen
    kind = _type_name(deque) if cap is None else f"deque(maxlen={cap})"
    return f"{kind}[len {holder.length:,}]"


_SPECIAL: dict[type | None, Callable[[str | None, Holder], str]] = {
    _LRU_CACHE: lambda _, one: f"lru_cache(maxsize={_lru_size(one.object)}) of {_wrapped(one.object)}",
    deque: _of_deque,
    types.FrameType: lambda name, one: (
        f"local {name or '?'} of {one.object.f_code.co_qualname} (a frame that was kept)"
    ),
    types.ModuleType: lambda _, one: f"module {_module_name(one.object)}",
    types.FunctionType: lambda _, one: f"function {_function(one.object)}",
}


def _lru_size(wrapper: Any) -> int | None:
    size: int | None = _LRU_CACHE.cache_info(wrapper).maxsize
    return size


def _wrapped(wrapper: Any) -> str:
    function = _namespace(_LRU_CACHE, wrapper).get("__wrapped__")
    return _function(function) if type(function) is types.FunctionType else "a function"


def _module_name(module: types.ModuleType) -> str:
    name = _namespace(types.ModuleType, module).get("__name__")
    return name if type(name) is str else "?"


def _namespace(kind: type, one: Any) -> dict[str, Any]:
    """The `__dict__` of an object, got without asking its own type."""
    descriptor: Any = type.__dict__["__dict__"].__get__(kind)["__dict__"]
    found: dict[str, Any] = descriptor.__get__(one)
    return found


def _function(function: types.FunctionType) -> str:
    return _dotted(function.__module__, function.__qualname__)


def _type_name(kind: type | None) -> str:
    if kind is None:
        return "an object"
    module = type.__dict__["__module__"].__get__(kind)
    return _dotted(module if type(module) is str else None, type.__dict__["__qualname__"].__get__(kind))


def _dotted(module: str | None, name: str) -> str:
    return name if module in {None, "", "builtins"} else f"{module}.{name}"
