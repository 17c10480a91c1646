"""Training from start to finish: start the stack, watch it, evaluate, write what came of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from pathlib import Path
from typing import Any

from adgps_bringup import evaluation, summary
from adgps_bringup.bags.dataset import Survey
from adgps_bringup.description import GLOBAL_WORKER, LOCAL_WORKER, PLAYER, RECORDER, Stack
from adgps_bringup.evaluator import Evaluator
from adgps_bringup.events import EventWriter
from adgps_bringup.interrupts import Interrupted, Interrupts
from adgps_bringup.options import StackOptions
from adgps_bringup.policy_history import PolicyHistory
from adgps_bringup.progress import ProgressDisplay
from adgps_bringup.real_robots import read_robots
from adgps_bringup.rollouts import RESET_TIMEOUT
from adgps_bringup.ros_node import request_checkpoint, watch_diagnostics, watch_policies
from adgps_bringup.run_folder import (
    CurveFile,
    keep_parameter_files,
    shown_task,
    write_config,
    write_domain,
)
from adgps_bringup.session import Session, running
from adgps_bringup.stack import describe_stack
from adgps_bringup.stack_from_bag import describe_from_bag
from adgps_bringup.training_report import Finished, report
from adgps_bringup.training_state import TrainingState, version_key
from adgps_core.global_policy import GlobalPolicy, PolicyVersion
from adgps_core.tasks import SPLITS, make_task

START_TIMEOUT = 180.0
STALL_TIMEOUT = 300.0
"""Longest times to wait for a first and for another sign of progress [s]; then the run fails."""

HUMAN_PATIENCE = 4000.0
"""The latter where people may be waited for [s]."""

RECORDER_PATIENCE = 15.0
"""Longest wait for the rest of the bag [s]."""

_PERIOD = 0.2
_EVENTS_PERIOD = 5.0


class TrainingError(RuntimeError):
    """Training cannot go on; the message says why."""


def train(options: StackOptions, interrupts: Interrupts) -> int:
    """Train and evaluate; 0 when all is done.

    Raises
    ------
    Interrupted
        If the user stopped it; a checkpoint was written.
    TrainingError, ProcessEndedError, EvaluationError
        If it cannot go on.
    """
    return _train(describe_stack(keep_parameter_files(options)), interrupts)


def train_from_bag(options: StackOptions, found: Survey, interrupts: Interrupts) -> int:
    """Train from recorded trajectories alone and evaluate; as `train`."""
    return _train(describe_from_bag(keep_parameter_files(options), found), interrupts)


def _train(stack: Stack, interrupts: Interrupts) -> int:
    """Train what is described."""
    assert stack.options.run is not None
    write_config(stack)
    return _Training(stack, stack.options.run, interrupts).run()


class _Training:
    """One training run."""

    def __init__(self, stack: Stack, run: Path, interrupts: Interrupts) -> None:
        self._stack = stack
        self._run = run
        self._workers = [node.name for node in stack.of(LOCAL_WORKER, GLOBAL_WORKER, PLAYER)]
        self._interrupts = interrupts
        self._real = stack.options.real
        self._curve = CurveFile(run)
        robots = tuple(robot.strip("/") for robot in stack.practising)
        self._task = make_task(stack.options.policy_task)
        practised = stack.options.practised
        self._state = TrainingState(robots, practised, list(self._curve.points))
        self._lock = threading.Lock()
        self._began = time.monotonic()

    @property
    def _now(self) -> float:
        """Wall clock since this part of the run began [s]."""
        return time.monotonic() - self._began

    def run(self) -> int:
        """Run to the end."""
        with ProgressDisplay(self._state) as display:
            display.say(f"run folder {self._run}")
            with running(
                self._stack.nodes,
                self._run / "parameters",
                self._run / "log",
                display.say,
                self._interrupts,
                own_domain=not self._real,
            ) as session:
                write_domain(self._run, session.domain_id)
                robots_file = self._stack.options.robots_file
                robots = read_robots(robots_file) if robots_file is not None else ()
                patience = max((robot.reset_timeout for robot in robots), default=RESET_TIMEOUT)
                task = shown_task(self._run, self._stack.options.policy_task)
                evaluator = Evaluator(
                    session.node, task, self._stack.robots, patience, simulated=not self._real
                )
                try:
                    self._practise(session, display)
                    self._await_recorder(session, display.say)
                    version, newer_by = self._freeze(session)
                    display.say(f"evaluating policy {version} on all robots")
                    results = self._evaluate(session, evaluator, version)
                except Interrupted:
                    display.say("stopping, with a checkpoint")
                    session.supervisor.interrupt(self._workers)
                    _outcome(request_checkpoint(session.node, patience=0.3), timeout=0.7)
                    raise
                finally:
                    evaluator.close()
        finished = Finished(
            str(version), newer_by, session.supervisor.respawns, self._state.wall_clock_s(self._now)
        )
        report(self._run, self._stack, self._state, finished, results)
        return 0

    def _practise(self, session: Session, display: ProgressDisplay) -> None:
        """Watch until every local worker is finished."""
        events = EventWriter(self._run / "events")

        def heard(name: str, values: dict[str, str]) -> None:
            with self._lock:
                self._state.update(name, values, self._now)

        watch_diagnostics(session.node, heard)
        history = self._keep_policies(session)
        next_events = 0.0
        try:
            while not self._state.finished:
                session.tick()
                with self._lock:
                    display.update(self._now)
                    self._curve.write(self._state.curve)
                    if self._now >= next_events:
                        self._write_events(events)
                        next_events = self._now + _EVENTS_PERIOD
                    self._refuse_stall()
                if history is not None:
                    history.keep(self._state.wall_clock_s(self._now))
                time.sleep(_PERIOD)
            with self._lock:
                display.update(self._now)
                self._curve.write(self._state.curve)
                self._write_events(events)
            if history is not None:
                history.keep(self._state.wall_clock_s(self._now), at_once=True)
        finally:
            events.close()
            with self._lock:
                self._write_diagnostics()

    def _keep_policies(self, session: Session) -> PolicyHistory | None:
        """Keep the policies that the run goes through, if that is asked for."""
        period = self._stack.options.keep_policies
        if not period:
            return None
        history = PolicyHistory(self._run, period)

        def heard(policy: GlobalPolicy) -> None:
            with self._lock:
                now, rollouts = self._state.wall_clock_s(self._now), self._state.rollouts
            history.offer(policy, now, rollouts)

        watch_policies(session.node, heard)
        return history

    def _write_diagnostics(self) -> None:
        """What every node said last, for those who want to know where the time went."""
        state = self._state
        content = {
            "schema_version": summary.SCHEMA_VERSION,
            "wall_clock_s": state.wall_clock_s(self._now),
            "practice_began_s": state.practice_began_s,
            "rollouts": state.rollouts,
            "nodes": state.diagnostics,
        }
        summary.write_json(self._run / "diagnostics.json", content)

    def _write_events(self, events: EventWriter) -> None:
        """Curve and diagnostics for TensorBoard."""
        events.curve(self._state.curve)
        for name, values in self._state.diagnostics.items():
            events.diagnostics(name, values, self._state.rollouts)

    def _refuse_stall(self) -> None:
        """Fail, naming who is missing, when nothing happens any more."""
        if self._state.missing and self._now > START_TIMEOUT:
            names = ", ".join(self._state.missing)
            raise TrainingError(
                f"no sign of the workers of {names} within {START_TIMEOUT:g} s,"
                f" see {self._run / 'log'}"
            )
        stall = HUMAN_PATIENCE if self._real else STALL_TIMEOUT
        if self._now - self._state.last_progress_s > stall:
            doing = "; ".join(f"{w.robot}: {w.state}" for w in self._state.workers.values())
            raise TrainingError(f"no progress for {stall:g} s ({doing})")

    def _await_recorder(self, session: Session, say: Callable[[str], None]) -> None:
        """Let the recorder catch up: one that was started again is sent all that was published."""
        if not self._stack.of(RECORDER):
            return
        deadline = time.monotonic() + RECORDER_PATIENCE
        while True:
            with self._lock:
                published, recorded = self._state.published, self._state.recorded
            if recorded >= published:
                return
            if time.monotonic() > deadline:
                say(f"the bag lacks {published - recorded} of {published} batches of rollouts")
                return
            session.tick()
            time.sleep(_PERIOD)

    def _freeze(self, session: Session) -> tuple[PolicyVersion, float]:
        """End the learning, save the policy; its version, and how long after the last rollout."""
        session.supervisor.stop(self._workers)
        saved = request_checkpoint(session.node, patience=10.0)
        deadline = time.monotonic() + 10.0
        while not saved.done() and time.monotonic() < deadline:
            session.tick()
            time.sleep(0.02)
        answer = _outcome(saved, timeout=0)
        if answer is None or version_key(answer) < (0, 0):
            raise TrainingError(f"the parameter server saved no checkpoint: {answer}")
        return PolicyVersion(*version_key(answer)), self._now - self._state.last_rollout_s

    def _evaluate(
        self, session: Session, evaluator: Evaluator, version: PolicyVersion
    ) -> dict[str, list[evaluation.InstanceResult]]:
        """Evaluate the saved policy on all splits, held-out instances first."""
        instances = {split: self._task.instances(split) for split in reversed(SPLITS)}
        together = [instance for split in instances.values() for instance in split]
        outcomes = iter(evaluator.run(together, version, session.tick))
        return {split: [next(outcomes) for _ in group] for split, group in instances.items()}


def _outcome(future: Future[Any], timeout: float) -> Any:
    """Result of a future, or None if it failed or is late."""
    try:
        return future.result(timeout=timeout)
    except (RuntimeError, FutureTimeout):
        return None
