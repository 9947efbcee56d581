"""Files that actions made: heap snapshots and stacks, kept under limits in a folder of the state directory."""

from __future__ import annotations

from tocsin.artifacts.document import FORMAT, Head
from tocsin.artifacts.store import FOLDER, ArtifactBounds, ArtifactStore

__all__ = ["FOLDER", "FORMAT", "ArtifactBounds", "ArtifactStore", "Head"]
