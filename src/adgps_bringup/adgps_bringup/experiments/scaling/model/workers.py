"""Robots with local workers, and global workers, as processes of the simulation.

They do what the nodes do, in their order and with their pauses; the rate limiter is the nodes' own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Generator, Sequence
from typing import Any

import numpy as np
import simpy

from adgps_bringup.experiments.scaling.model.durations import Duration, Loop, PhaseTimes
from adgps_bringup.experiments.scaling.model.server import ModelServer
from adgps_global_worker.rate_limiter import RateLimiter, StepsPerRollout, StepsPerRound

Process = Generator[simpy.Event, Any, None]


class ModelGlobalWorker:
    """Algorithm 3: see `trainer.py` and the node of adgps_global_worker.

    Parameters
    ----------
    env : the simulation.
    loop, times : what runs, and how long it takes.
    server : where gradients go.
    instances : names of the instances that it learns from.
    rng : of the times.
    """

    def __init__(
        self,
        env: simpy.Environment,
        loop: Loop,
        times: PhaseTimes,
        server: ModelServer,
        instances: Sequence[str],
        rng: np.random.Generator,
    ) -> None:
        self._env, self._loop, self._times = env, loop, times
        self._server, self._rng = server, rng
        self.limiter: RateLimiter
        if loop.synchronous:
            self.limiter = StepsPerRound(loop.steps_per_round, instances)
        else:
            self.limiter = StepsPerRollout(
                loop.min_steps_per_rollout,
                loop.max_steps_per_rollout,
                loop.robots if loop.following else 1,
                now=lambda: env.now,
            )
        self._inbox: list[tuple[str, int, int]] = []
        self._wake = env.event()
        self._offset = float(rng.uniform(0, loop.announce_period))
        self._announced = self._upcoming = (0, 0)
        self._upcoming_at = 0.0
        self.round_completed = env.event()
        self.spent: defaultdict[str, float] = defaultdict(float)
        env.process(self._train())

    def receive(self, instance: str, round_: int, rollouts: int) -> None:
        """Take a batch that was published; it is looked at when the step under way is done."""
        self._inbox.append((instance, round_, rollouts))
        if not self._wake.triggered:
            self._wake.succeed()

    def behind(self) -> bool:
        """Whether local workers have to wait, by what was announced last."""
        if self._env.now >= self._upcoming_at:
            self._announced = self._upcoming
        steps, rollouts = self._announced
        return steps + 1 <= self._loop.min_steps_per_rollout * rollouts

    def _note(self) -> None:
        """Have steps and rollouts announced at the next beat of the node's timer."""
        now, period = self._env.now, self._loop.announce_period
        if now >= self._upcoming_at:
            self._announced = self._upcoming
            beats = int((now - self._offset) / period) + 1
            self._upcoming_at = self._offset + beats * period
        self._upcoming = (self.limiter.steps, self.limiter.rollouts)

    def _train(self) -> Process:
        """One look after the other, as the node's training thread takes them."""
        heard, told, version, outdated = -np.inf, -np.inf, 0, False
        while True:
            self._wake = self._env.event()
            while self._inbox:
                yield self._spend("receive", self._times.receive)
                self.limiter.receive(*self._inbox.pop(0), history=False)
                self._note()
                outdated = True
            if not self.limiter.rollouts:
                yield self._wake
                continue
            if self.limiter.waiting_for:
                if outdated:
                    yield self._spend("data", self._times.data)
                    outdated = False
                    continue
                if self.limiter.follows and self._env.now - told >= self.limiter.pace:
                    self._hear((yield from self._ask(self._times.poll)))
                    told = self._env.now
                if self.limiter.waiting_for:
                    yield self._wake | self._env.timeout(self._loop.idle)
                continue
            if self._env.now - heard > self._loop.fresh:
                version = yield from self._ask(self._times.pull)
                heard = told = self._env.now
                self._hear(version)
                continue
            if outdated:
                yield self._spend("data", self._times.data)
                outdated = False
            yield self._spend("gradient", self._times.gradient)
            version = yield from self._ask(self._times.push, version)
            heard = told = self._env.now
            round_before = self.limiter.round
            self.limiter.step()
            self._hear(version)
            self._note()
            if self.limiter.round != round_before:
                completed, self.round_completed = self.round_completed, self._env.event()
                completed.succeed()

    def _hear(self, version: int) -> None:
        """Take note of the updates of all workers, if that makes a difference."""
        if self.limiter.follows:
            self.limiter.hear(version)

    def _spend(self, name: str, duration: Duration) -> simpy.Event:
        """Let time pass."""
        time = duration.draw(self._rng)
        self.spent[name] += time
        return self._env.timeout(time)

    def _ask(
        self, service: Duration, version: int | None = None
    ) -> Generator[simpy.Event, Any, int]:
        """Send something to the server, wait in its queue; the version that it answers with."""
        began = self._env.now
        half = self._times.transit.draw(self._rng) / 2
        yield self._env.timeout(half)
        now = self._env.now
        yield self._env.timeout(self._server.departure(now, service.draw(self._rng)) - now)
        if version is not None:
            self._server.apply(version)
        answer = self._server.version
        yield self._env.timeout(half)
        self.spent["server"] += self._env.now - began
        return answer


class ModelRobot:
    """Algorithm 2: see `practice.py` of adgps_local_worker.

    Parameters
    ----------
    env : the simulation.
    loop, times : what runs, and how long it takes.
    robot : which one it is, counted from 0.
    instances : names of the instances that it practises.
    publish : hands a batch of an instance to a global worker: instance, round, rollouts.
    worker : that it keeps pace with.
    everyone : all global workers, whom synchronous robots wait for.
    rng : of the times.
    """

    def __init__(
        self,
        env: simpy.Environment,
        loop: Loop,
        times: PhaseTimes,
        robot: int,
        instances: Sequence[str],
        publish: Callable[[str, int, int], None],
        worker: ModelGlobalWorker,
        everyone: Sequence[ModelGlobalWorker],
        rng: np.random.Generator,
    ) -> None:
        self._env, self._loop, self._times = env, loop, times
        self._instances, self._publish = instances, publish
        self._worker, self._everyone, self._rng = worker, everyone, rng
        self.spent: defaultdict[str, float] = defaultdict(float)
        """Time by what was done with it [s]; `rollout` is that which was learned from."""
        self.rollouts = 0
        self.began = loop.starts[robot] if loop.starts else 0.0
        self.ended: float | None = None
        self._failed = loop.failed[robot] if loop.failed else 0.0
        self.process = env.process(self._practise())

    def _practise(self) -> Process:
        yield self._env.timeout(self.began)
        iteration = 0
        while self._loop.iterations is None or iteration < self._loop.iterations:
            if self._loop.synchronous:
                yield from self._alternate(iteration)
            else:
                for instance in self._instances:
                    yield from self._sample()
                    yield self._spend("update", self._times.improve)
                    self._publish(instance, 0, self._loop.samples)
                    yield from self._keep_pace()
            iteration += 1
        self.ended = self._env.now

    def _sample(self) -> Process:
        """A batch of rollouts, and what is learned from it for the next step."""
        learned = 0
        while learned < self._loop.samples:
            yield self._spend("reset", self._times.reset)
            fails = self._failed > 0 and self._rng.random() < self._failed
            yield self._spend("failed" if fails else "rollout", self._times.rollout)
            learned += not fails
            self.rollouts += not fails
        yield self._spend("update", self._times.fit)

    def _keep_pace(self) -> Process:
        """Wait for the gradient steps that are due, as far as has been announced."""
        began = self._env.now
        while self._worker.behind():
            yield self._env.timeout(self._loop.announce_period)
        self.spent["wait"] += self._env.now - began

    def _alternate(self, iteration: int) -> Process:
        """One iteration of Algorithm 1."""
        for _ in self._instances:
            yield from self._sample()
        first = iteration * self._loop.alternations
        for round_ in range(first, first + self._loop.alternations):
            for instance in self._instances:
                yield self._spend("update", self._times.improve)
                self._publish(instance, round_, self._loop.samples if round_ == first else 0)
            began = self._env.now
            for worker in self._everyone:
                while worker.limiter.round <= round_:
                    yield worker.round_completed
            self.spent["wait"] += self._env.now - began

    def _spend(self, name: str, duration: Duration) -> simpy.Event:
        time = duration.draw(self._rng)
        self.spent[name] += time
        return self._env.timeout(time)
