"""What is run: variants, networks, seeds, and the settings that they share.

All runs of a network practise the same instances with the same number of rollouts, in real time.
They differ in who waits for whom:

    GPS       one robot, Algorithm 1: sampling, local and global steps strictly alternate
    AGPS      one robot whose global worker trains while it practises
    ADGPS-N   N of these pairs, which share out the instances

For a rollout, pairs take at most as many steps of SGD as GPS does. They wait for an eighth of them:
enough for a network that falls behind to be seen, and few enough that the first steps of all
robots, who begin together, do not cross.

Networks come one after the other, each with the tuning of GPS first, in lock-step: each candidate
of its steps of SGD is run, and the one with the shortest wall clock to the threshold, by the
measured times of its phases, is what GPS is run with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

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
    def steps_per_rollout(self) -> tuple[float, float]:
        """Least and most steps of SGD that pairs take for a rollout; GPS takes the most."""
        most = self.gps.alternations * self.gps.steps / (self.samples * INSTANCES)
        return most / 8, most

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
    pairs : numbers of asynchronous pairs, by network, a key of NETWORKS.
    seeds : of every variant.
    iterations, samples : of each instance, rollouts of an iteration.
    factor : simulated seconds per second.
    threshold : mean cost of the test instances that counts as having learned. Curves of all
        variants are still steep there; much lower they are flat, and when they cross is chance.
    other_thresholds : costs for which the report tells the same, so that nothing hangs on one.
    candidates : steps that GPS may take.
    side_by_side : most robots that run at once, in several runs of one variant; a run with more
        has the machine for itself.
    kept : policies that a run keeps to be evaluated, about.
    predicted : numbers of robots that the model is asked about.
    """

    name: str
    pairs: Mapping[str, tuple[int, ...]] = field(
        default_factory=lambda: {"small": (8, 1, 4, 2), "large": (8, 1, 4)}
    )
    seeds: tuple[int, ...] = (0, 1, 2)
    iterations: int = 10
    samples: int = 4
    factor: float = 1.0
    threshold: float = 120.0
    other_thresholds: tuple[float, ...] = (140.0, 100.0, 85.0)
    candidates: tuple[GpsSteps, ...] = (
        GpsSteps(1, 50),
        GpsSteps(1, 100),
        GpsSteps(1, 200),
        GpsSteps(1, 400),
        GpsSteps(2, 200),
        GpsSteps(4, 100),
    )
    side_by_side: int = 4
    kept: int = 200
    predicted: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)

    @property
    def seeds_text(self) -> str:
        """How many seeds, in words."""
        return "one seed" if len(self.seeds) == 1 else f"{len(self.seeds)} seeds"

    @property
    def hold(self) -> int:
        """Rollouts over which a policy has to stay good to have learned: an iteration's."""
        return self.samples * INSTANCES

    def of(self, *networks: str) -> Plan:
        """What is planned for some of the networks."""
        return replace(self, pairs={network: self.pairs[network] for network in networks})

    @property
    def expected_s(self) -> float:
        """How long all runs take, about [s]."""
        return expected_s((*self.tuning(), *self.runs({})), self.side_by_side)

    def tuning(self) -> tuple[PlannedRun, ...]:
        """Candidates for the steps of GPS, in lock-step; none if there is no choice."""
        if len(self.candidates) == 1:
            return ()
        like = PlannedRun("", 1, "sync", self.seeds[0], self.iterations, self.samples, 0.0)
        return tuple(
            replace(like, network=network, gps=candidate, tuning=True)
            for network in self.pairs
            for candidate in self.candidates
        )

    def runs(self, gps: Mapping[str, GpsSteps]) -> tuple[PlannedRun, ...]:
        """Runs in real time, GPS first, to which all others are compared.

        Parameters
        ----------
        gps : steps of Algorithm 1 by network; the first candidate where there is none.
        """
        return tuple(
            PlannedRun(
                network,
                robots,
                mode,
                seed,
                self.iterations,
                self.samples,
                self.factor,
                gps.get(network, self.candidates[0]),
            )
            for network, pairs in self.pairs.items()
            for robots, mode in ((1, "sync"), *((robots, "async") for robots in pairs))
            for seed in self.seeds
        )

    def keep_period(self, run: PlannedRun) -> float:
        """Shortest time between two policies that a run keeps [s]."""
        return max(0.5, run.expected_s / self.kept)


def groups(runs: Sequence[PlannedRun], side_by_side: int) -> tuple[tuple[PlannedRun, ...], ...]:
    """Runs that go on at once: those of one variant and network, as many as fit.

    Parameters
    ----------
    runs : in their order.
    side_by_side : most robots at once; a run with more is alone, and so is one in lock-step, whose
        times depend on who else computes.
    """
    found: list[list[PlannedRun]] = []
    for run in runs:
        last = found[-1] if found else []
        alike = bool(last) and all(
            (each.network, each.variant, each.tuning) == (run.network, run.variant, run.tuning)
            for each in last
        )
        if alike and run.factor > 0 and run.robots * (len(last) + 1) <= side_by_side:
            last.append(run)
        else:
            found.append([run])
    return tuple(tuple(group) for group in found)


def expected_s(runs: Sequence[PlannedRun], side_by_side: int) -> float:
    """How long runs take, about, as many of them at once as `groups` lets [s]."""
    return sum(max(run.expected_s for run in group) for group in groups(runs, side_by_side))


PRESETS = {
    "full": Plan("full"),
    "quick": Plan(
        "quick",
        pairs={"small": (2, 1)},
        seeds=(0,),
        iterations=3,
        samples=2,
        factor=0.0,
        threshold=500.0,
        other_thresholds=(550.0,),
        candidates=(GpsSteps(4, 100),),
        side_by_side=2,
        kept=20,
        predicted=(1, 16, 128),
    ),
}
"""By the experiment's size; quick is in lock-step, and says that everything works, nothing else."""


def choose(preset: str, seed: int) -> Plan:
    """Plan of a preset whose first seed is another."""
    plan = PRESETS[preset]
    return replace(plan, seeds=tuple(seed + each for each in plan.seeds))
