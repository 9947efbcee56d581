"""The OpenAPI document of the page's API, made from the table of its operations."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tocsin.web.operations import OPERATIONS, ROOT

if TYPE_CHECKING:
    from tocsin.web.operations import Operation

_REFUSALS: Final = {
    "400": "What is asked makes no sense; `error` says what was expected.",
    "401": "Neither a token nor a session of this page came along.",
    "403": "Not for this scope, or not sent by the page itself.",
    "404": "There is no such thing.",
    "405": "Not by this method; `Allow` says by which.",
    "408": "The body did not come in time.",
    "409": "It cannot be done as things stand; `error` says why.",
    "413": "The body is too large.",
    "415": "The body is not JSON.",
    "421": "The request named another host.",
    "429": "Too often; `Retry-After` says when again.",
    "503": "Too many questions wait already.",
}


def document(version: str, cookie: str, root: str = "") -> dict[str, Any]:
    """The whole document.

    Args:
        version: of Tocsin.
        cookie: the name of the page's own.
        root: the path at which the page is mounted.
    """
    _, schemas = msgspec.json.schema_components(
        [operation.asks for operation in OPERATIONS], ref_template="#/components/schemas/{name}"
    )
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(ROOT + operation.path, {})[operation.method.lower()] = _operation(operation, schemas)
    for path, summary, kind in _BESIDE:
        answers = {"200": {"description": "It.", "content": {kind: {"schema": {}}}}}
        described = {"summary": summary, "responses": answers | _refusals("401", "405", "409", "421", "429", "503")}
        paths[path] = {"get": described}
    for path, summary in _HEALTH:
        told = {"content": {"text/plain": {"schema": {"type": "string"}}}}
        answers = {"200": {"description": "It is.", **told}, "503": {"description": "It is not.", **told}}
        described = {"summary": summary, "security": [], "responses": answers | _refusals("421", "429")}
        paths[path] = {"get": described}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tocsin",
            "version": version,
            "description": "Bare numbers are in base units: seconds, bytes, shares of one. Times are ISO 8601, UTC.",
        },
        "servers": [{"url": root or "/"}],
        "security": [{"token": []}, {"session": []}],
        "paths": paths,
        "components": {
            "schemas": {**schemas, "Refusal": _REFUSAL},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": cookie},
            },
        },
    }


_REFUSAL: Final = {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
_BESIDE: Final = (
    (f"{ROOT}/session", "What this visitor may do, and the mark that each write carries.", "application/json"),
    (f"{ROOT}/panels", "The charts of the first view.", "application/json"),
    (f"{ROOT}/stream", "Changes as server-sent events; resumes by Last-Event-ID.", "text/event-stream"),
    (f"{ROOT}/openapi.json", "This document.", "application/json"),
    ("/metrics", "The last readings in the text format of Prometheus.", "text/plain"),
)
_HEALTH: Final = (
    ("/healthz/live", "Whether the program is fit to live."),
    ("/healthz/ready", "Whether the program is ready for work."),
)


def _operation(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    in_path = re.findall(r"{(\w+)}", operation.path)
    schema = schemas[operation.asks.__name__]
    described: dict[str, Any] = {
        "operationId": operation.command,
        "summary": operation.summary,
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in in_path
        ],
        "responses": {
            "200": {"description": "The answer.", "content": {"application/json": {"schema": {"type": "object"}}}}
        }
        | _refusals(*_REFUSALS),
    }
    rest = {name: field for name, field in schema.get("properties", {}).items() if name not in in_path}
    needed = [name for name in schema.get("required", ()) if name not in in_path]
    if operation.method == "POST":
        body = {"type": "object", "properties": rest, "required": needed}
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    else:
        described["parameters"] += [
            {"name": name, "in": "query", "required": name in needed, "schema": field} for name, field in rest.items()
        ]
    return described


def _refusals(*statuses: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    return {status: {"description": _REFUSALS[status], "content": content} for status in statuses}
