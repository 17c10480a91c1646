"""The loop of a local worker: sample, learn, publish; Algorithm 2 over all its instances.

Asynchronously (ADGPS, paper section IV) each instance is sampled, improved once and published, and
the next follows. Synchronously (Algorithm 1) all instances are sampled, then local and global
optimisation alternate K times with everybody waiting for each other, in numbered rounds.

Under MDGPS an instance of the schedule is a condition: in every iteration an instance is drawn
anew like it, with an initial state that the iteration's rollouts share, and sampled with one
version of the global policy. There is one round an iteration then. Where the arm can run no global
policy, the iteration is one of BADMM's first instead: else nobody would have anything to learn
from, and the policy would stay as it is.

Nothing here knows of ROS: robots and peers are what the protocols say.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from adgps_core import scoring
from adgps_core.demonstration import Demonstration, nearest
from adgps_core.global_policy import GlobalPolicy
from adgps_core.optimized import OptimizedTrajectories
from adgps_core.phases import Phase, phase_at
from adgps_core.tasks.task import Instance, Task
from adgps_core.trajectory import Trajectory
from adgps_local_worker.configuration import LocalConfiguration
from adgps_local_worker.local_state import LocalState, begin_phase, initial_state
from adgps_local_worker.local_update import fit, improve, retreat
from adgps_local_worker.peers import Memory, Peers
from adgps_local_worker.problem import Problem
from adgps_local_worker.progress import Progress
from adgps_local_worker.sampling import Robot, Sampler
from adgps_local_worker.schedule import Schedule

DRAWS = 2
"""Instances on which a robot tries in vain to run the global policy before it does without."""


class Practice:
    """One local worker's share of the instances.

    Parameters
    ----------
    task, instances : what to practise on.
    configuration, schedule : how.
    robot, peers : with whom.
    worker : name that the published trajectories carry.
    memories : of instances that were practised before, by id.
    log : called with one sentence for what the operator should know.
    demonstrations : of the task; the first local policy of an instance follows the one nearest to
        it. None: it follows nothing.
    """

    def __init__(
        self,
        task: Task,
        instances: tuple[Instance, ...],
        configuration: LocalConfiguration,
        schedule: Schedule,
        robot: Robot,
        peers: Peers,
        worker: str,
        memories: Mapping[str, Memory] | None = None,
        log: Callable[[str], None] = print,
        demonstrations: Sequence[Demonstration] = (),
    ) -> None:
        self._task = task
        self._instances = instances
        self._configuration = configuration
        self._schedule = schedule
        self._peers = peers
        self._worker = worker
        self._log = log
        known = memories or {}
        self._demonstrations = {
            instance.id: nearest(demonstrations, instance)
            for instance in instances
            if demonstrations
        }
        self._states = {
            instance.id: initial_state(task, configuration, self._demonstrations.get(instance.id))
            for instance in instances
        }
        self._states |= {key: memory.state for key, memory in known.items()}
        self._practised = {instance.id: instance for instance in instances}
        self._practised |= {key: memory.instance for key, memory in known.items()}
        self._samples = {key: memory.samples for key, memory in known.items()}
        self._rounds = {key: memory.round for key, memory in known.items()}
        self._instead: dict[str, Phase] = {}
        self.progress = Progress()
        self._sampler = Sampler(robot, schedule.samples, self.progress, log)
        self.progress.iterations = {key: s.iteration for key, s in self._states.items()}
        self.progress.rollouts = sum(state.rollouts for state in self._states.values())
        for instance in instances:
            if instance.id in self._samples:
                self._measure(instance.id, self._samples[instance.id])

    def run(self) -> None:
        """Practise until every instance has had its iterations."""
        self.progress.begin()
        for iteration in range(1, self._schedule.iterations + 1):
            due = [i for i in self._instances if self._states[i.id].iteration < iteration]
            if self._schedule.mode == "sync":
                self._alternate(iteration, due)
                continue
            for instance in due:
                self._practise(instance)
                self._improve_and_publish(instance, 0)
                self._wait(0)
        self.progress.activity = "finished"
        self.progress.ended = time.monotonic()
        self.progress.finished = True

    def _alternate(self, iteration: int, due: list[Instance]) -> None:
        """One iteration of Algorithm 1: sample once, then K rounds of local and global steps."""
        for instance in due:
            self._practise(instance)
        for current in self._schedule.rounds(iteration):
            behind = [i for i in self._instances if self._rounds.get(i.id, -1) < current]
            for instance in behind:
                self._improve_and_publish(instance, current)
            # The newest round is waited for even if all of it was published before a restart.
            if min(self._rounds[instance.id] for instance in self._instances) == current:
                self._wait(current + 1)

    def _practise(self, condition: Instance) -> None:
        """Sample a batch on the robot and learn from it what the next step needs."""
        state = self._states[condition.id]
        phase = phase_at(self._schedule.phases, state.iteration + 1)
        before = phase_at(self._schedule.phases, state.iteration) if state.iteration else None
        if phase is not before:
            state = self._begin(condition, state, before, phase)
        sampled: GlobalPolicy | None = None
        batch: list[Trajectory] = []
        if phase.method == "mdgps":
            sampled, batch = self._sample_global(condition, state)
            if sampled is None:
                instead = Phase("badmm", phase.optimizer, 1)
                state = self._begin(condition, state, phase, instead)
                phase = self._instead[condition.id] = instead
        if sampled is None:
            state, batch = self._sample_local(condition, state, phase)
        self.progress.activity = f"optimising {condition.id}"
        self.progress.rollouts += len(batch)
        self._samples[condition.id] = tuple(batch)
        self._practised[condition.id] = batch[0].instance
        self._measure(condition.id, batch)
        problem = self._problem(batch[0].instance, phase)
        rng = self._rng(condition, state.iteration, "fit")
        with self.progress.times["fit"].timed():
            self._states[condition.id] = fit(state, batch, problem, rng, sampled)

    def _begin(
        self, condition: Instance, state: LocalState, before: Phase | None, phase: Phase
    ) -> LocalState:
        """Prepare for the first iteration of a phase."""
        shown = self._demonstrations.get(condition.id)
        return begin_phase(state, before, phase, self._task, self._configuration, shown)

    def _sample_local(
        self, instance: Instance, state: LocalState, phase: Phase
    ) -> tuple[LocalState, list[Trajectory]]:
        """Sample the local policy; a smaller step than the last if the arm could not run it."""
        rng = self._rng(instance, state.iteration, "sample")
        batch = self._sampler.sample(instance, state.policy, rng)
        while len(batch) < 2:
            self._log(f"{instance.id}: the arm could not run the local policy, stepping back")
            state = retreat(
                state,
                self._trained_policy(instance),
                self._problem(instance, phase),
                self._rng(instance, state.iteration, "retreat"),
            )
            batch = self._sampler.sample(instance, state.policy, rng)
        return state, batch

    def _sample_global(
        self, condition: Instance, state: LocalState
    ) -> tuple[GlobalPolicy | None, list[Trajectory]]:
        """Sample one version of the global policy on an instance that was never practised.

        None and nothing if the arm could not run it on any instance.
        """
        rng = self._rng(condition, state.iteration, "sample")
        name = f"{condition.id}/{state.iteration + 1}"
        failed = 0
        while failed < DRAWS:
            discarded = self.progress.failed_rollouts
            instance = self._task.draw_instance(condition, rng, name)
            policy = self._peers.global_policy()
            batch = self._sampler.sample(instance, policy, rng, start_seed=int(rng.integers(2**63)))
            if len(batch) >= 2:
                return policy, batch
            failed += self.progress.failed_rollouts > discarded
            self._log(f"{instance.id}: the arm could not run policy {policy.version}")
        self._log(f"{condition.id}: practising without the global policy, from the first local one")
        return None, []

    def _problem(self, instance: Instance, phase: Phase) -> Problem:
        return Problem(self._task, instance, self._configuration, phase.method, phase.optimizer)

    def _trained_policy(self, condition: Instance) -> GlobalPolicy | None:
        """Newest global policy; None while it can have learned nothing of a condition.

        How far it is off there says nothing until then. Multipliers and penalty weights would be
        off for long, of all conditions but the one that happened to be practised first.
        """
        if condition.id not in self._rounds:
            return None
        policy = self._peers.global_policy()
        return policy if policy.version.counter > 0 else None

    def _measure(self, condition: str, batch: Sequence[Trajectory]) -> None:
        """Note the mean cost and final distance of a batch."""
        costs = [scoring.costs(self._task, sample).sum() for sample in batch]
        ends = [scoring.distances(self._task, sample)[-1] for sample in batch]
        self.progress.costs[condition] = float(np.mean(costs))
        self.progress.distances[condition] = float(np.mean(ends))

    def _improve_and_publish(self, condition: Instance, current_round: int) -> None:
        """Take one local step against the newest global policy and share the result."""
        with self.progress.times["improve"].timed():
            self._step_and_publish(condition, current_round)

    def _step_and_publish(self, condition: Instance, current_round: int) -> None:
        self.progress.activity = f"optimising {condition.id}"
        before = self._states[condition.id]
        scheduled = phase_at(self._schedule.phases, before.iteration)
        phase = self._instead.pop(condition.id, scheduled)
        instance = self._practised[condition.id]
        rng = self._rng(condition, before.iteration, f"improve {current_round}")
        trained, problem = self._trained_policy(condition), self._problem(instance, phase)
        state, notes = improve(before, trained, problem, rng)
        for note in notes:
            self._log(f"{instance.id}: {note}")
        self.progress.iterations = {
            **self.progress.iterations,
            condition.id: state.iteration,
        }
        assert state.batch is not None
        optimized = OptimizedTrajectories(
            worker=self._worker,
            iteration=state.iteration,
            method=phase.method,
            instance=instance,
            condition=condition.id,
            samples=self._samples[condition.id],
            policy=state.policy,
            sampling_policy=state.batch.sampling_policy,
            multipliers=state.multipliers,
            kl_weights=state.kl_weights,
            round=current_round,
        )
        if phase is not scheduled:
            state = self._begin(condition, state, phase, scheduled)
        self._states[condition.id] = state
        self._peers.publish(optimized, state)
        self._rounds[condition.id] = current_round

    def _wait(self, rounds: int) -> None:
        self.progress.activity = "waiting for the global workers"
        with self.progress.times["wait"].timed():
            self._peers.wait_for_training(rounds)

    def _rng(self, instance: Instance, iteration: int, purpose: str) -> np.random.Generator:
        """Randomness that depends on what it is for only, so that a restart repeats it."""
        labels = [zlib.crc32(text.encode()) for text in (instance.id, purpose)]
        return np.random.default_rng([self._schedule.seed, iteration, *labels])
