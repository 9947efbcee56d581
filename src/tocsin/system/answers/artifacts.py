"""What the command line asks of artifacts: a list as plain values, and one as it was written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from tocsin.artifacts.document import head_of
from tocsin.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tocsin.artifacts import ArtifactStore

# What a reply holds at most, well below what the control socket takes.
MAX_ARTIFACTS: Final = 1000
NOWHERE: Final = "this program keeps no artifacts: it has no state_dir"


class Which(msgspec.Struct):
    """One artifact by its id."""

    id: str


def answers_on_artifacts(store: ArtifactStore | None) -> Mapping[str, Callable[[dict[str, Any]], Any]]:
    """The commands on artifacts, each a function from request to reply."""
    return {
        "artifacts": lambda _: {"artifacts": listed(store)},
        "artifact": lambda request: one(store, msgspec.convert(request, type=Which).id),
    }


def listed(store: ArtifactStore | None) -> list[dict[str, Any]]:
    """What is kept, newest first; of one that cannot be read the reason. Raises StoreError."""
    if store is None:
        return []
    found: list[dict[str, Any]] = []
    for kept in store.listed()[:MAX_ARTIFACTS]:
        head = {} if kept.head is None else msgspec.to_builtins(kept.head)
        found.append({**head, "id": kept.id, "bytes": kept.size_bytes, "reason": kept.reason})
    return found


def one(store: ArtifactStore | None, artifact_id: str) -> dict[str, Any]:
    """One artifact, its text untouched. Raises ArtifactNotFound, StoreError."""
    if store is None:
        raise StoreError(NOWHERE)
    content = store.read(artifact_id)
    head_of(content)
    return {"artifact": msgspec.Raw(content)}
