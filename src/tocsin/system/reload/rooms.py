"""A plan put in force in every room: in those that judge and tell while nobody steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tocsin.channels.protocol import Channel
    from tocsin.system.core import SystemCore
    from tocsin.system.reload.plan import Plan


def put_in_force(core: SystemCore, plan: Plan) -> list[Channel]:
    """Judge and tell by a plan from now on; while nobody steps.

    The engine comes first: what it could refuse it refuses before anything has changed. What follows only assigns.

    Returns: channels that get nothing new, to be let come to rest when the steps go on.
    """
    config = plan.config
    rules = plan.rules(core.rules.copy())
    channels = plan.channels(core.telling.told())
    routes = tuple(route for _, route in channels)
    core.engine.reload(
        rules.values(), config.alert_settings(routes), core.clock.now(), interval_s=config.check_interval
    )
    core.config = config
    # In place: the program may be adding a rule at this moment, whose turn in the engine comes next.
    for name in [name for name in tuple(core.rules) if name not in rules and name in plan.old_rules]:
        core.rules.pop(name, None)
    core.rules.update({name: rule for name, rule in rules.items() if name in plan.new_rules})
    return core.telling.settle(channels)


def settle_rooms(core: SystemCore, plan: Plan) -> None:
    """Let each room take what it was made with, where that differs; what goes on in it is not begun anew.

    The steps may go on meanwhile: each of these only assigns.
    """
    config, keys = plan.config, frozenset(plan.keys)
    if keys & {"check_interval", "dynamic_interval"}:
        core.tempo.reload(config.check_interval, dynamic=config.dynamic_interval)
    if keys & {"check_interval", "self_budget"}:
        core.sensing.reload(config)
    if keys & {"check_interval", "stuck_after"}:
        core.supervision.reload(stuck_after_s=config.stuck_after, interval_s=config.check_interval)
    if "self_budget" in keys:
        core.memory.reload(config)
    if "error_backoff" in keys:
        core.watch.reload(config.error_backoff)
    if "emit_queue_size" in keys:
        core.intake.reload(config.emit_queue_size)
    if "heartbeat" in keys:
        core.heartbeat.reload(config.heartbeat)
    if keys & {"actions", "artifacts"}:
        core.acting.reload(config)
    if "journal" in keys:
        core.recorder.reload(config)
