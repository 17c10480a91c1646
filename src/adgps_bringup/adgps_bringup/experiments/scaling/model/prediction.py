"""From times measured with up to eight robots to what 16 to 1024 would do.

Robots have computers of their own, with the times that one pair had alone, and begin at unrelated
moments; the parameter server and its network are what they share.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

import numpy as np

from adgps_bringup.experiments.scaling.model.costs import SizeCosts
from adgps_bringup.experiments.scaling.model.durations import Loop, PhaseTimes
from adgps_bringup.experiments.scaling.model.simulation import LoopResult, simulate

ROBOTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
GOOD_UTILIZATION = 0.9
LIGHT_LOAD = 0.5


@dataclass(frozen=True)
class Prediction:
    """What the model says of a number of robots.

    Parameters
    ----------
    robots : how many.
    size : policy parameters.
    result : of the simulation.
    """

    robots: int
    size: int
    result: LoopResult

    @property
    def rollouts_per_robot(self) -> float:
        """Rollouts that a robot is learned from, a second."""
        return self.result.throughput / self.robots


def predict(
    loop: Loop,
    times: PhaseTimes,
    costs: SizeCosts,
    robots: Sequence[int],
    sizes: Sequence[int],
    seed: int = 0,
    batches: int = 6,
    progress: Callable[[int, int], object] = lambda robots, size: None,
) -> list[Prediction]:
    """Simulate numbers of robots with policies of several sizes, beyond the start.

    Parameters
    ----------
    loop : what runs; its number of robots and of iterations are replaced.
    times : of one pair with a computer of its own.
    costs : how they grow with the size.
    robots, sizes : what to simulate; every combination.
    seed : of the simulations.
    batches : of every robot that are measured; two before are not.
    progress : called before each simulation with robots and size.
    """
    predictions, rng = [], np.random.default_rng(seed)
    for size in sizes:
        sized = costs.apply(times, size)
        batch = loop.samples * (sized.reset.mean + sized.rollout.mean) + sized.fit.mean
        for count in robots:
            progress(count, size)
            starts = tuple(rng.uniform(0, batch, count))
            many = replace(loop, robots=count, iterations=None, starts=starts)
            end = (2 + batches) * batch
            result = simulate(many, sized, seed, until=end, warm_up=2 * batch)
            predictions.append(Prediction(count, size, result))
    return predictions


def largest_with(
    predictions: Sequence[Prediction], size: int, utilization: float = GOOD_UTILIZATION
) -> int | None:
    """Most robots, of those simulated, that keep a part of their utilisation with few robots.

    Parameters
    ----------
    predictions : of the model.
    size : policy parameters.
    utilization : part of that of the fewest robots that is kept.

    Returns
    -------
    None if not even the fewest keep it, or there are none.
    """
    mine = sorted((p for p in predictions if p.size == size), key=lambda p: p.robots)
    kept = None
    for p in mine:
        if p.result.utilization < utilization * mine[0].result.utilization:
            break
        kept = p.robots
    return kept


def saturation(predictions: Sequence[Prediction], size: int) -> float:
    """Number of robots at which the server has as much to do as it can.

    By the utilisation law: as long as it holds nobody up, each robot makes as much work for it, so
    that its load is in proportion to their number. Taken from the most robots that leave it idle
    half of the time as all fewer do, or from the fewest: robots that it holds up beyond measure ask
    it for little again.

    Parameters
    ----------
    predictions : of the model.
    size : policy parameters.

    Returns
    -------
    Robots; infinity for a server that needs no time, NaN if there are no predictions.
    """
    mine = sorted((p for p in predictions if p.size == size), key=lambda p: p.robots)
    if not mine:
        return float("nan")
    light = [*takewhile(lambda p: p.result.server_utilization < LIGHT_LOAD, mine)] or mine[:1]
    load = light[-1].result.server_utilization
    return light[-1].robots / load if load > 0 else float("inf")
