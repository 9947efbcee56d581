"""Whether the program is fit: by the rules that were chosen for it, and by nothing else.

That Tocsin itself is in trouble is told beside it, and makes nobody restart the program: a guest does not end its host.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.config.parts import HEALTH
from tocsin.model.levels import AlertState

if TYPE_CHECKING:
    from tocsin.system.core import SystemCore


def health_of(core: SystemCore) -> dict[str, Any]:
    """The health of a program.

    Returns: `ok`; `live` and `ready`, each with `ok` and the `alerts` that make it bad; whether somebody is `watching`.
        What is not fit to live is not ready either.
    """
    firing = [alert for alert in core.engine.book.open_alerts() if alert.state is AlertState.FIRING]
    health: dict[str, Any] = {}
    for kind in HEALTH:
        chosen = core.config.health[kind]
        bad = [alert for alert in firing if alert.rule in chosen]
        told = [{"id": alert.id, "rule": alert.rule, "message": alert.message} for alert in bad]
        health[kind] = {"ok": not bad, "alerts": told}
    if not health["live"]["ok"]:
        health["ready"] = {"ok": False, "alerts": [*health["live"]["alerts"], *health["ready"]["alerts"]]}
    return {"ok": health["ready"]["ok"], **health, "watching": core.is_started()}
