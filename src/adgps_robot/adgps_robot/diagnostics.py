"""What a controller reports about itself. No ROS."""

from __future__ import annotations

from adgps_core.tally import quantile
from adgps_robot.controller import Controller


def report(controller: Controller) -> dict[str, object]:
    """Key-value pairs for /diagnostics; counts are since the node was configured."""
    states = controller.states
    policy = controller.newest_policy
    joined: dict[str, object] = {}
    for join in controller.joins:
        joined |= {f"{join.name}_accepted": join.accepted, f"{join.name}_refused": join.refused}
    if not controller.active:
        state = "inactive"
    elif controller.obstacle:
        state = controller.obstacle
    else:
        moving = controller.holding.moving
        state = "moving" if moving else "in a rollout" if controller.busy else "ready"
    return {
        "state": state,
        "armed": str(controller.safety.armed).lower(),
        "ticks": controller.ticks,
        "clipped": controller.clipped,
        "period_error_ms": controller.period_errors,
        "period_error_p99_ms": quantile(controller.period_errors.counts, 0.99),
        "moves": controller.holding.moves,
        "moves_failed": controller.holding.failed_moves,
        "trips": controller.safety.trips,
        "policy_version": str(policy.version) if policy else "none",
        "states_accepted": states.accepted,
        **{f"states_refused_{name.value}": count for name, count in states.refusals.items()},
        **joined,
        **{
            f"rollouts_{outcome.name.lower()}": count
            for outcome, count in sorted(controller.outcomes.items())
        },
    }
