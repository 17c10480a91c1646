"""What is run: variants, networks, seeds, and the settings that they share.

All runs of a network practise the same instances with equal numbers of rollouts, in real time, and
differ in who waits for whom:

    GPS       one robot, Algorithm 1: sampling, local and global steps strictly alternate
    AGPS      one robot whose global worker trains while it practises
    ADGPS-N   N of these pairs, which share out the instances

First comes the tuning of GPS, in lock-step: each candidate of its steps of SGD is run, and the one
with the shortest wall clock to the threshold, by the measured times of its phases, is what GPS is
run with.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

TASK = "reach"
INSTANCES = 8
ROLLOUT_S = 5.0
GPS, AGPS = "GPS", "AGPS"

NETWORKS = {"small": (64, 64), "large": (512, 512)}
"""Widths of the hidden layers: as in launch/config/reach.yaml, and such that SGD takes long."""


def variant_name(robots: int, mode: str) -> str:
    """Name of a variant, as figures have it."""
    if mode == "sync":
        return GPS
    return AGPS if robots == 1 else f"ADGPS-{robots}"


@dataclass(frozen=True)
class GpsSteps:
    """How much Algorithm 1 trains between two batches of rollouts.

    Parameters
    ----------
    alternations : K of local and global optimisation.
    steps : of SGD in each.
    """

    alternations: int
    steps: int

    def __str__(self) -> str:
        """Short, for names of runs."""
        return f"{self.alternations}x{self.steps}"


@dataclass(frozen=True)
class PlannedRun:
    """One run.

    Parameters
    ----------
    network : a key of NETWORKS.
    robots, mode : which variant.
    seed : of everything.
    iterations, samples : of each instance, rollouts of an iteration.
    factor : simulated seconds per second; 0: lock-step.
    gps : steps of Algorithm 1; ignored asynchronously.
    tuning : whether it is a candidate for them.
    """

    network: str
    robots: int
    mode: str
    seed: int
    iterations: int
    samples: int
    factor: float = 1.0
    gps: GpsSteps = GpsSteps(4, 100)
    tuning: bool = False

    @property
    def variant(self) -> str:
        """Name of the variant."""
        return variant_name(self.robots, self.mode)

    @property
    def name(self) -> str:
        """Unique in a plan; the run's folder is called so."""
        steps = f"-{self.gps}" if self.tuning else ""
        kind = "tuning-" if self.tuning else ""
        return f"{self.network}-{kind}{self.variant.lower()}{steps}-seed{self.seed}"

    @property
    def rollouts(self) -> int:
        """Rollouts that it learns from."""
        return self.iterations * self.samples * INSTANCES

    @property
    def expected_s(self) -> float:
        """How long it takes, about [s]; what is started, evaluated and ended included."""
        if self.factor == 0:
            return 30.0 + 0.35 * self.rollouts
        practice = self.rollouts / self.robots * (ROLLOUT_S / self.factor + 0.25)
        return 40.0 + practice + 16 / self.robots * ROLLOUT_S / self.factor


@dataclass(frozen=True)
class Plan:
    """All runs of the experiment.

    Parameters
    ----------
    name : of the preset.
    networks : keys of NETWORKS.
    pairs : numbers of asynchronous pairs.
    seeds : of every variant.
    iterations, samples : of each instance, rollouts of an iteration.
    factor : simulated seconds per second.
    threshold : mean cost of the test instances that counts as having learned.
    candidates : steps that GPS may take.
    side_by_side : most robots that run at once, in several runs; a run with more has the machine
        for itself.
    """

    name: str
    networks: tuple[str, ...] = ("small", "large")
    pairs: tuple[int, ...] = (1, 2, 4, 8)
    seeds: tuple[int, ...] = (0, 1, 2)
    iterations: int = 15
    samples: int = 4
    factor: float = 1.0
    threshold: float = 90.0
    candidates: tuple[GpsSteps, ...] = (GpsSteps(1, 200), GpsSteps(4, 100))
    side_by_side: int = 1

    def tuning(self) -> tuple[PlannedRun, ...]:
        """Candidates for the steps of GPS, in lock-step; none if there is no choice."""
        if len(self.candidates) == 1:
            return ()
        return tuple(
            PlannedRun(
                network,
                1,
                "sync",
                self.seeds[0],
                self.iterations,
                self.samples,
                factor=0.0,
                gps=candidate,
                tuning=True,
            )
            for network in self.networks
            for candidate in self.candidates
        )

    def runs(self, gps: dict[str, GpsSteps]) -> tuple[PlannedRun, ...]:
        """Runs in real time, those that tell most first: GPS, then many robots, then few.

        Parameters
        ----------
        gps : steps of Algorithm 1 by network.
        """
        runs = []
        for seed in self.seeds:
            for network in self.networks:
                steps = gps.get(network, self.candidates[0])
                like = PlannedRun(
                    network, 1, "sync", seed, self.iterations, self.samples, self.factor, steps
                )
                runs.append(like)
                for robots in sorted(self.pairs, reverse=True):
                    runs.append(replace(like, robots=robots, mode="async"))
        return tuple(runs)


PRESETS = {
    "paper": Plan("paper"),
    "quick": Plan(
        "quick",
        networks=("small",),
        pairs=(1, 2),
        seeds=(0,),
        iterations=2,
        samples=3,
        factor=0.0,
        threshold=500.0,
        candidates=(GpsSteps(4, 100),),
    ),
}
