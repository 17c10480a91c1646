"""Runs the model of the loop and says what came of it."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import simpy

from adgps_bringup.experiments.scaling.model.durations import Loop, PhaseTimes
from adgps_bringup.experiments.scaling.model.server import ModelServer
from adgps_bringup.experiments.scaling.model.workers import ModelGlobalWorker, ModelRobot
from adgps_core.tally import mean_of


@dataclass(frozen=True)
class LoopResult:
    """What the loop did, while it was measured.

    Parameters
    ----------
    duration_s : how long it was measured.
    rollouts : that were learned from.
    updates : gradients that the server applied.
    utilization : time of the rollouts that were learned from over a robot's wall clock, mean.
    server_utilization : part of the time that the server was busy.
    staleness : gradients applied, by the updates of others since their version.
    spent : a robot's time, until it has had its iterations, by what was done with it, mean, as
        parts of 1.
    """

    duration_s: float
    rollouts: int
    updates: int
    utilization: float
    server_utilization: float
    staleness: Mapping[int, int]
    spent: Mapping[str, float]

    @property
    def throughput(self) -> float:
        """Rollouts learned from a second, all robots together."""
        return self.rollouts / self.duration_s

    @property
    def update_rate(self) -> float:
        """Gradients applied a second."""
        return self.updates / self.duration_s

    @property
    def mean_staleness(self) -> float:
        """Mean staleness of the gradients applied; 0 without any."""
        return mean_of(self.staleness)

    def quantities(self) -> dict[str, float]:
        """What runs are compared with."""
        return {
            "rollouts_per_s": self.throughput,
            "updates_per_s": self.update_rate,
            "utilization": self.utilization,
            "staleness": self.mean_staleness,
        }


def simulate(
    loop: Loop,
    times: PhaseTimes,
    seed: int,
    until: float | None = None,
    warm_up: float = 0.0,
) -> LoopResult:
    """Run the loop.

    Parameters
    ----------
    loop : what runs.
    times : how long its phases take.
    seed : of the times drawn.
    until : end of the simulation [s]; None: when the last robot has had its iterations.
    warm_up : time at the beginning that is not measured [s].

    Raises
    ------
    ValueError
        If nothing would end it, or the warm-up outlasts it.
    """
    if until is None and loop.iterations is None:
        raise ValueError("a loop without end needs an end of the simulation")
    if until is not None and not 0 <= warm_up < until:
        raise ValueError(f"a warm-up of {warm_up:g} s leaves nothing of {until:g} s")
    env, server = simpy.Environment(), ModelServer()
    streams = np.random.SeedSequence(seed).spawn(2 * loop.robots + 1)
    rngs = [np.random.default_rng(stream) for stream in streams]
    shares = [[f"{i}/{j}" for j in range(loop.instances)] for i in range(loop.robots)]
    workers = [
        ModelGlobalWorker(env, loop, times, server, shares[i], rngs[2 * i])
        for i in range(loop.robots)
    ]
    robots = [
        ModelRobot(
            env, loop, times, i, shares[i], workers[i].receive, workers[i], workers, rngs[2 * i + 1]
        )
        for i in range(loop.robots)
    ]
    if times.publication.mean > 0:
        env.process(_publish(env, loop, times, server, rngs[-1]))
    began, before = 0.0, _counts(robots, server)
    if warm_up > 0:
        env.run(until=warm_up)
        began, before = env.now, _counts(robots, server)
        server.begin_measuring()
    env.run(until=env.all_of([r.process for r in robots]) if until is None else until)
    return _result(env.now, env.now - began, robots, server, before)


def _publish(
    env: simpy.Environment,
    loop: Loop,
    times: PhaseTimes,
    server: ModelServer,
    rng: np.random.Generator,
) -> Generator[simpy.Event, Any, None]:
    """Tell everyone of new policy parameters, which keeps the server from its queue."""
    published = 0
    while True:
        yield env.timeout(loop.publish_period)
        if server.version != published:
            published = server.version
            share = times.publication.scaled(loop.listeners * loop.robots)
            server.departure(env.now, share.draw(rng))


def _counts(robots: list[ModelRobot], server: ModelServer) -> dict[str, float]:
    """Totals so far."""
    total: dict[str, float] = {
        "rollouts": sum(robot.rollouts for robot in robots),
        "updates": server.version,
    }
    for robot in robots:
        for name, spent in robot.spent.items():
            total[f"spent/{name}"] = total.get(f"spent/{name}", 0.0) + spent
    return total


def _result(
    end: float,
    duration: float,
    robots: list[ModelRobot],
    server: ModelServer,
    before: Mapping[str, float],
) -> LoopResult:
    after = _counts(robots, server)
    gained = {name: value - before.get(name, 0.0) for name, value in after.items()}
    own = sum((end if r.ended is None else r.ended) - max(r.began, end - duration) for r in robots)
    spent = {
        name.removeprefix("spent/"): value / own
        for name, value in gained.items()
        if name.startswith("spent/")
    }
    return LoopResult(
        duration_s=duration,
        rollouts=int(gained["rollouts"]),
        updates=int(gained["updates"]),
        utilization=spent.get("rollout", 0.0),
        server_utilization=server.busy_s / duration,
        staleness=dict(sorted(server.staleness.items())),
        spent=spent,
    )
