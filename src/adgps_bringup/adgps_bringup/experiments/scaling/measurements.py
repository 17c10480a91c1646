"""Where the time of a run went, from what its nodes said last."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adgps_bringup.experiments.scaling.model.durations import Duration, PhaseTimes
from adgps_core.tally import Tally, mean_of, parse_counts, quantile

_TIME = "time/"
_LISTENERS_ONCE = 2.0
"""Of each robot, in runs that did not count them: its controller and its local worker."""
ROBOT_PHASES = ("rollout", "reset", "fit", "improve", "wait")


@dataclass(frozen=True)
class Measurements:
    """What a run did.

    Parameters
    ----------
    robots : how many.
    duration_s : practice, from the first robot's beginning to the last one's end [s].
    rollouts, failed_rollouts : learned from, and not.
    updates : gradients that the server applied.
    utilization : time of rollouts learned from over wall clock, by robot.
    spent : a robot's time by what was done with it, as parts of 1, mean; `lost` is the rest:
        rollouts that were discarded, and pauses after them.
    lost : part of the time of a robot's rollouts, and of what it lost, that it lost, by robot.
    starts : when a robot began, after the first [s], by robot; 0 if it does not say.
    times : of the phases [s]: robots', workers', "server/..." those of the server.
    listeners : subscribers of the policy parameters for each robot, mean over the publications.
    staleness : gradients applied, by the updates of others since their version.
    real_time_factor : simulated seconds per second that a simulator kept, by robot.
    period_errors_ms : ticks by how far the time since the last was from a period, all robots.
    """

    robots: int
    duration_s: float
    rollouts: int
    failed_rollouts: int
    updates: int
    utilization: Mapping[str, float]
    spent: Mapping[str, float]
    lost: Mapping[str, float]
    starts: Mapping[str, float]
    times: Mapping[str, Tally]
    listeners: float
    staleness: Mapping[float, int]
    real_time_factor: Mapping[str, float]
    period_errors_ms: Mapping[float, int]

    @property
    def throughput(self) -> float:
        """Rollouts learned from a second."""
        return self.rollouts / self.duration_s

    @property
    def period_error_p99_ms(self) -> float:
        """Upper edge of the bin of the 99th percentile [ms]; NaN in lock-step."""
        return quantile(self.period_errors_ms, 0.99)

    @property
    def mean_staleness(self) -> float:
        """Mean staleness of the gradients applied; 0 without any."""
        return mean_of(self.staleness)

    def quantities(self) -> dict[str, float]:
        """What the model is compared with."""
        return {
            "rollouts_per_s": self.throughput,
            "updates_per_s": self.updates / self.duration_s,
            "utilization": sum(self.utilization.values()) / len(self.utilization),
            "staleness": self.mean_staleness,
        }

    def phase_times(self) -> PhaseTimes:
        """Times for the model of the loop.

        Of a push, what the worker waits beyond the server's own time is in transit; queues, which
        the model has itself, are short with as few robots as are measured.
        """

        def of(name: str) -> Duration:
            tally = self.times.get(name, Tally())
            return Duration(tally.mean, tally.std)

        transit = max(0.0, of("push").mean - of("server/push").mean)
        return PhaseTimes(
            reset=of("reset"),
            rollout=of("rollout"),
            fit=of("fit"),
            improve=of("improve"),
            receive=of("receive"),
            data=of("data"),
            gradient=of("gradient"),
            transit=Duration(transit, min(of("push").std, transit)),
            push=of("server/push"),
            pull=of("server/pull"),
            poll=of("server/poll"),
            publication=of("server/publish").scaled(1 / max(self.listeners * self.robots, 1)),
        )


def read_measurements(run: Path) -> Measurements:
    """Read what a run's nodes said last; ValueError if a robot said nothing."""
    content = json.loads((run / "diagnostics.json").read_text(encoding="utf-8"))
    nodes: Mapping[str, Mapping[str, str]] = content["nodes"]

    def named(name: str) -> dict[str, Mapping[str, str]]:
        return {key.rpartition("/")[0]: v for key, v in nodes.items() if key.endswith(f"/{name}")}

    workers, controllers = named("local_worker"), named("torque_controller")
    simulators, server = named("sim_robot"), nodes.get("param_server", {})
    if not workers:
        raise ValueError(f"{run}: no local worker said what it took")
    tallies: dict[str, Tally] = {}
    for prefix, sources in (
        ("", [*workers.values(), *named("global_worker").values()]),
        ("server/", [server]),
    ):
        for name, tally in (item for values in sources for item in _tallies(values)):
            tallies[prefix + name] = tallies.get(prefix + name, Tally()) + tally
    elapsed = {robot: float(values["elapsed_s"]) for robot, values in workers.items()}
    began = {robot: float(values.get("started_at_s", 0.0)) for robot, values in workers.items()}
    starts = {robot: moment - min(began.values()) for robot, moment in began.items()}
    times = {robot: _totals(values) for robot, values in workers.items()}
    whole = sum(elapsed.values())
    spent = {name: sum(mine[name] for mine in times.values()) / whole for name in ROBOT_PHASES}
    published = tallies.get("server/publish", Tally()).count
    listeners = _LISTENERS_ONCE
    if published and "policies_sent" in server:
        listeners = int(server["policies_sent"]) / published / len(workers)
    errors: Counter[float] = Counter()
    for values in controllers.values():
        errors.update(parse_counts(values.get("period_error_ms", "")))
    return Measurements(
        robots=len(workers),
        duration_s=max(starts[robot] + elapsed[robot] for robot in workers),
        rollouts=sum(int(values["rollouts"]) for values in workers.values()),
        failed_rollouts=sum(int(values["failed_rollouts"]) for values in workers.values()),
        updates=int(server.get("updates", 0)),
        utilization={robot: float(values["utilization"]) for robot, values in workers.items()},
        spent={**spent, "lost": max(0.0, 1 - sum(spent.values()))},
        lost={robot: _lost(elapsed[robot], mine) for robot, mine in times.items()},
        starts=starts,
        times=tallies,
        listeners=listeners,
        staleness=parse_counts(server.get("staleness_histogram", "")),
        real_time_factor={
            robot: float(values["real_time_factor_kept"])
            for robot, values in simulators.items()
            if "real_time_factor_kept" in values
        },
        period_errors_ms=errors,
    )


def _totals(values: Mapping[str, str]) -> dict[str, float]:
    """A robot's time by what was done with it [s]."""
    totals = {name: tally.count * tally.mean for name, tally in _tallies(values)}
    return {name: totals.get(name, 0.0) for name in ROBOT_PHASES}


def _lost(elapsed: float, times: Mapping[str, float]) -> float:
    """Part of the time of rollouts, and of what no phase accounts for, that is the latter."""
    lost = max(0.0, elapsed - sum(times.values()))
    return lost / max(lost + times["rollout"], 1e-9)


def _tallies(values: Mapping[str, Any]) -> list[tuple[str, Tally]]:
    """Times among the values of a node's diagnostics."""
    return [
        (key.removeprefix(_TIME), Tally.parse(str(value)))
        for key, value in values.items()
        if key.startswith(_TIME)
    ]
