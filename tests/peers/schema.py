"""As much of JSON Schema as the documented schemas use, so that no library is needed to hold them to their word."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool,
    "null": type(None),
}  # fmt: skip
_KNOWN = {
    "$schema", "$id", "$defs", "$ref", "title", "description", "type", "properties", "required", "items", "enum",
    "const", "additionalProperties", "pattern", "minimum", "maxItems", "maxLength", "minProperties",
    "allOf", "format",
}  # fmt: skip


def mistakes(value: Any, schema: dict[str, Any], root: dict[str, Any] | None = None, at: str = "$") -> list[str]:
    """What of a document is not as a schema says, each with its place."""
    root = schema if root is None else root
    assert schema.keys() <= _KNOWN, schema.keys() - _KNOWN
    if "$ref" in schema:
        return mistakes(value, _looked_up(root, schema["$ref"]), root, at)
    found = [one for part in schema.get("allOf", ()) for one in mistakes(value, part, root, at)]
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_is(value, kind) for kind in kinds):
        return [f"{at}: {value!r:.60} is not of type {kinds}"]
    found += [f"{at}: {words}" for words in _of_itself(value, schema)]
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        found += [f"{at}: {name} is missing" for name in schema.get("required", []) if name not in value]
        others = schema.get("additionalProperties", True)
        for name, one in value.items():
            inner = properties.get(name, others)
            if isinstance(inner, dict):
                found += mistakes(one, inner, root, f"{at}.{name}")
            elif not inner:
                found += [f"{at}: {name} is not known"]
    for number, one in enumerate(value if isinstance(value, list) and "items" in schema else ()):
        found += mistakes(one, schema["items"], root, f"{at}[{number}]")
    return found


def _of_itself(value: Any, schema: dict[str, Any]) -> list[str]:
    found = []
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{value!r} is none of {schema['enum']}")
    if "const" in schema and value != schema["const"]:
        found.append(f"{value!r} is not {schema['const']!r}")
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        found.append(f"{value!r:.60} does not match {schema['pattern']}")
    if isinstance(value, str) and not _FORMATS.get(schema.get("format", ""), _anything)(value):
        found.append(f"{value!r:.60} is no {schema['format']}")
    if isinstance(value, (int, float)) and value < schema.get("minimum", value):
        found.append(f"{value} is too small")
    longest = schema.get("maxItems", schema.get("maxLength"))
    if longest is not None and isinstance(value, (list, str)) and len(value) > longest:
        found.append(f"{len(value)} is more than {longest}")
    if isinstance(value, dict) and len(value) < schema.get("minProperties", 0):
        found.append("too few properties")
    return found


def _anything(_text: str) -> bool:
    return True


def _is_time(text: str) -> bool:
    """RFC 3339: with seconds and a zone."""
    try:
        return datetime.fromisoformat(text).tzinfo is not None and re.match(r"[\d-]{10}T[\d:]{8}", text) is not None
    except ValueError:
        return False


def _is_address(text: str) -> bool:
    return re.fullmatch(r"[a-z][a-z0-9+.-]*:[!-~]*", text) is not None


_FORMATS = {"date-time": _is_time, "uri": _is_address}


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, _TYPES[kind]) and not (isinstance(value, bool) and kind in {"integer", "number"})


def _looked_up(root: dict[str, Any], reference: str) -> dict[str, Any]:
    found: Any = root
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    assert isinstance(found, dict)
    return found
