"""The torque controller without ROS: at most one rollout at a time, on joint states as they come.

Lock-step: every state is answered as it arrives, exactly once, and the robot waits for the answer.
Real time: a timer calls `on_timer` once a control period; the newest state is answered. Or states
call for ticks by their stamps.
While no rollout runs, a robot in real time is held, or moved on request (see holding.py); a robot
in lock-step does not move.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adgps_core.global_policy import GlobalPolicy, PolicyVersion
from adgps_core.measurements import FEATURES, GRIPPER, IMAGE
from adgps_core.tally import Histogram
from adgps_core.tasks import Task
from adgps_core.typing import Array
from adgps_robot.execution import SECOND_NS, Execution, RolloutResult, Timing
from adgps_robot.gate_watch import GateWatch
from adgps_robot.goal import Goal
from adgps_robot.hold import Ramp
from adgps_robot.holding import PERIOD as HOLD_PERIOD
from adgps_robot.holding import Holding, MotionError, OnMoved
from adgps_robot.joining import Joins
from adgps_robot.joint_states import JointSample, StateFilter
from adgps_robot.kinematics import Kinematics
from adgps_robot.limits import Limits
from adgps_robot.motion import MotionSettings
from adgps_robot.outcome import Outcome, RolloutError
from adgps_robot.policy_choice import PolicyChoice
from adgps_robot.rollout import Rollout
from adgps_robot.safety import Safety, SafetyError

PERIOD_ERRORS_MS = (0.1, 0.2, 0.5, 1, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 25, 50)
"""Bins of what the time between two ticks of a rollout differs from the period by, steady clock; in
real time at a factor of 1 it tells how regular the controller is."""


class Controller:
    """Turns goals and joint states into torques.

    Parameters
    ----------
    task : what is practised.
    kinematics : joints to state.
    joint_names : the arm's joints, in the order of the state.
    limits : between policy and arm; None for none.
    timing : when to act.
    hold_damping : (dU,) joint damping while no rollout runs, in real time [N·m·s/rad].
    send : sends torques (dU,) that answer the state of a stamp [ns].
    connected : whether the robot can hear commands; no rollout begins before.
    robot : name of the robot, for the record.
    clock_ns : the robot's ROS clock [ns].
    now : steady clock [s].
    ramp_time : how long a policy takes to take over from the hold [s].
    motion : how the arm is moved between rollouts; None: it is not.
    gate : what is known of the gate between controller and arm; None: there is no gate.
    joins : what else is measured with the states.
    gripper_joints : the gripper's, in the same joint states; its opening is measured then.
    see_with : told whose vision network the next rollout sees with, see `PolicyChoice`.
    """

    def __init__(
        self,
        task: Task,
        kinematics: Kinematics,
        joint_names: Sequence[str],
        limits: Limits | None,
        timing: Timing,
        hold_damping: Array,
        send: Callable[[int, Array], None],
        connected: Callable[[], bool],
        robot: str,
        clock_ns: Callable[[], int],
        now: Callable[[], float] = time.monotonic,
        ramp_time: float = 0.0,
        motion: MotionSettings | None = None,
        gate: GateWatch | None = None,
        joins: Joins | None = None,
        gripper_joints: Sequence[str] = (),
        see_with: Callable[[PolicyVersion], None] | None = None,
    ) -> None:
        self.task = task
        self.timing = timing
        self.safety = Safety()
        self.states = StateFilter(joint_names, gripper_joints)
        self.active = False
        self._policies = PolicyChoice(task, self._see_anew if see_with else None)
        self.outcomes: Counter[Outcome] = Counter()
        self.ticks = 0
        self.clipped = 0
        self.period_errors = Histogram(PERIOD_ERRORS_MS)
        self._kinematics = kinematics
        self._limits = limits
        self.holding = Holding(hold_damping, limits, motion)
        self._held = float("-inf")
        self._ramp_time = ramp_time
        self.gate = gate
        self.joins = joins or Joins()
        self._see_with = see_with
        self._send = send
        self._connected = connected
        self._robot = robot
        self._clock_ns = clock_ns
        self._now = now
        self._instance_shape = task.instances("training")[0].parameters.shape
        self._period_ns = round(task.control_period * SECOND_NS)
        self._execution: Execution | None = None
        self._answered_ns = -1

    @property
    def newest_policy(self) -> GlobalPolicy | None:
        """Global policy that arrived last."""
        return self._policies.newest

    @property
    def vision_version(self) -> PolicyVersion:
        """Policy whose vision network counts; 0.0: the pre-trained one."""
        return self._policies.vision_version

    @property
    def busy(self) -> bool:
        """A rollout is running or waiting to begin, or the arm is on its way."""
        return self._execution is not None or self.holding.moving

    @property
    def obstacle(self) -> str:
        """Why the arm may not be moved; "" if it may."""
        closed = self.gate.obstacle(self._now()) if self.gate is not None else ""
        return self.safety.obstacle or closed

    def start(
        self,
        goal: Goal,
        on_finished: Callable[[RolloutResult], None],
        on_tick: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Begin a rollout as soon as its policy and its first state are there.

        Raises
        ------
        RolloutError
            If it cannot begin at all.
        """
        if not self.active:
            raise RolloutError(Outcome.NOT_ACTIVE, "the controller is not active")
        if self.obstacle:
            raise RolloutError(Outcome.NOT_ARMED, self.obstacle)
        if self.busy:
            what = "the arm is being moved" if self.holding.moving else "another rollout is running"
            raise RolloutError(Outcome.BUSY, what)
        try:
            goal.check(self.task, self._instance_shape)
        except ValueError as error:
            raise RolloutError(Outcome.INVALID_GOAL, str(error)) from error
        self._execution = Execution(goal, on_finished, on_tick, self._now())
        self._try_to_begin()

    def move(self, names: Sequence[str], angles: Sequence[float], on_moved: OnMoved) -> None:
        """Move the arm to joint angles [rad] and hold it there until the next rollout.

        Raises
        ------
        MotionError
            If it cannot begin.
        """
        obstacle = self.obstacle if self.active else "the controller is not active"
        if not obstacle and self.busy:
            obstacle = "the arm is being moved, or in a rollout"
        if self.timing.lock_step:
            obstacle = "an arm in lock-step is moved by its simulator"
        sample = self.states.newest
        if not obstacle and (sample is None or not self._fresh(sample)):
            obstacle = "no fresh joint states"
        known = self.states.names
        if not obstacle and (sorted(names) != sorted(known) or len(angles) != len(names)):
            obstacle = f"an angle is needed for each of {', '.join(known)}"
        if obstacle:
            raise MotionError(obstacle)
        assert sample is not None
        by_name = dict(zip(names, angles, strict=True))
        goal = np.array([by_name[name] for name in known], dtype=np.float64)
        self.holding.move(goal, self._now(), on_moved)

    def cancel(self) -> None:
        """End the rollout at once."""
        self._finish(Outcome.CANCELED, "canceled")

    def arm(self) -> None:
        """Allow rollouts; SafetyError while tripped or not active."""
        if not self.active:
            raise SafetyError("the controller is not active")
        self.safety.arm()

    def deactivate(self) -> None:
        """End any rollout, and accept none until activated and armed again."""
        self.active = False
        self.safety.disarm()
        self.holding.release("the controller was deactivated")
        self._finish(Outcome.NOT_ACTIVE, "the controller was deactivated")

    def trip(self, reason: str) -> None:
        """Latch a trip, ending any rollout."""
        self.safety.trip(reason)
        self._let_go()

    def on_e_stop(self, pressed: bool) -> None:
        """Take a message of the e-stop topic."""
        self.safety.press(pressed)
        if pressed:
            self._let_go()

    def on_policy(self, policy: GlobalPolicy) -> None:
        """Take a version of the global policy; ValueError if it does not fit."""
        self._policies.hear(policy)
        self._try_to_begin()

    def on_joint_state(
        self,
        stamp_ns: int,
        names: Sequence[str],
        positions: Sequence[float],
        velocities: Sequence[float],
    ) -> None:
        """Take a joint state; in lock-step, answer it."""
        execution = self._execution
        idle = execution is None or execution.rollout is None
        before = self.states.newest
        sample = self.states.take(stamp_ns, names, positions, velocities, self._now(), idle)
        if sample is None:
            return
        if before is not None and stamp_ns < before.stamp_ns:
            self._answered_ns = -1  # the robot's clock began anew
        if execution and (self.timing.lock_step or execution.tick_due or self._due(execution)):
            self._advance(execution, sample)
        if self.active and (self._execution is None or self._execution.rollout is None):
            self._hold()

    def on_measurement(self, name: str, stamp_ns: int, row: NDArray[Any]) -> None:
        """Take a measurement (dZ,); in lock-step, answer the state that waits for it."""
        self.joins[name].hear(stamp_ns, row, self._now())
        sample = self.states.newest
        if self.timing.lock_step and self._execution is not None and sample is not None:
            self._advance(self._execution, sample)

    def on_timer(self) -> None:
        """Tick in real time: once a control period, ROS clock."""
        if self.timing.lock_step or not self.active:
            return
        execution, sample = self._execution, self.states.newest
        if execution is None:
            self._hold()
        elif sample is not None and self._is_news(execution, sample):
            self._advance(execution, sample)
        else:
            execution.tick_due = True

    def watch(self) -> None:
        """Give up what has waited too long; several times a second, steady clock."""
        execution = self._execution
        if self.obstacle:
            self._let_go()
            return
        if execution is None:
            return
        waited = self._now() - execution.since
        if execution.sampler is None:
            newest, goal = self.newest_policy, execution.goal
            gone = goal.exact_version and newest and newest.version > goal.minimum_version
            if gone or waited > self.timing.policy_timeout:
                self._finish(
                    Outcome.NO_POLICY,
                    f"no global policy of version {goal.minimum_version}"
                    f"{'' if goal.exact_version else ' or newer'} within {waited:.1f} s; "
                    f"the newest is {newest.version if newest else 'none'}",
                )
        elif execution.rollout is None:
            self._try_to_begin()
            if execution.rollout is None and waited > self.timing.start_timeout:
                reason = "arrived" if self._connected() else "arrived: nobody takes commands"
                lack = self._lack(execution) or f"no state to begin with {reason}"
                self._finish(Outcome.STALE_STATE, lack)
        elif waited > self.timing.state_timeout:
            lack = self._lack(execution) or f"no joint state for {waited:.2f} s"
            self._finish(Outcome.STALE_STATE, lack)

    def _try_to_begin(self) -> None:
        """Freeze the policy, then answer the newest state if it may be the first one."""
        execution = self._execution
        if execution is None or execution.rollout is not None:
            return
        if execution.sampler is None:
            execution.sampler = self._policies.choose(execution.goal)
            if execution.sampler is None:
                return
            execution.since = self._now()
        sample = self.states.newest
        if self.timing.lock_step and sample is not None:
            self._advance(execution, sample)

    def _see_anew(self, version: PolicyVersion) -> None:
        """Wait for what another version of the vision network sees."""
        for name in (FEATURES, IMAGE):
            self.joins[name].forget()
        assert self._see_with is not None
        self._see_with(version)

    def _is_news(self, execution: Execution, sample: JointSample) -> bool:
        """Whether a state was not answered before, and is fresh."""
        rollout = execution.rollout
        if rollout is not None:
            return sample.stamp_ns > rollout.last_stamp_ns
        return (
            sample.stamp_ns >= execution.goal.start_after_ns
            and sample.stamp_ns != self._answered_ns
            and (self.timing.lock_step or self._fresh(sample))
        )

    def _due(self, execution: Execution) -> bool:
        """Whether the newest state calls for a tick by itself in real time."""
        sample, rollout = self.states.newest, execution.rollout
        if not self.timing.on_states or sample is None:
            return False
        if rollout is None:
            return True
        return sample.stamp_ns >= rollout.first_stamp_ns + rollout.states * self._period_ns

    def _lack(self, execution: Execution) -> str:
        """Why a state that is there cannot be answered; "" if none is there."""
        sample, now = self.states.newest, self._now()
        if sample is None or not self._is_news(execution, sample):
            return ""
        return self.joins.lack(sample.stamp_ns, now)

    def _fresh(self, sample: JointSample) -> bool:
        return self._now() - sample.arrived <= self.timing.state_timeout

    def _advance(self, execution: Execution, sample: JointSample) -> None:
        """Answer a state, if it is this rollout's next."""
        if execution.sampler is None or not self._is_news(execution, sample):
            return
        now_ns = 0 if self.timing.lock_step else self._clock_ns()
        rollout = execution.rollout
        measurements = self._measurements(sample)
        if rollout is None:
            if measurements is None or not self._connected():
                return
            ramp = Ramp(self._ramp_time, self.holding.hold) if self._ramp_time > 0 else None
            rollout = Rollout(
                execution.goal, execution.sampler, self.task, self._limits, self._robot, ramp
            )
            execution.rollout, execution.first_tick_ns = rollout, now_ns
        elif self.timing.lock_step and sample.stamp_ns != rollout.last_stamp_ns + self._period_ns:
            self._finish(Outcome.STALE_STATE, "the robot skipped ticks, or was reset")
            return
        if measurements is None:
            if not self.timing.lock_step:
                self._finish(Outcome.STALE_STATE, self._lack(execution))
            return
        execution.since, execution.tick_due = self._now(), False
        self._note_period(execution)
        try:
            lateness = 0.0
            if not self.timing.lock_step:
                lateness = execution.lateness(
                    rollout, now_ns, self._period_ns, self.timing.lateness_budget
                )
            state = self._kinematics.state(sample.angles, sample.velocities)
            torques = rollout.tick(
                sample.stamp_ns,
                sample.angles,
                sample.velocities,
                state,
                lateness,
                measurements=measurements,
            )
        except RolloutError as error:
            self._finish(error.outcome, error.reason)
            return
        if torques is None:
            self._finish(Outcome.SUCCESS, "")
            return
        self._answered_ns = sample.stamp_ns
        self.ticks += 1
        self._send(sample.stamp_ns, torques)
        execution.on_tick(rollout.ticks)

    def _measurements(self, sample: JointSample) -> Mapping[str, NDArray[Any]] | None:
        """What was measured with a state; None while something is missing."""
        joined = self.joins.measurements(sample.stamp_ns, self._now())
        if joined is None or not self.states.fingers:
            return joined
        return {**joined, GRIPPER: np.array([sample.opening])}

    def _note_period(self, execution: Execution) -> None:
        """Note how far the time since the last tick is from a period."""
        if execution.ticked is not None:
            error = execution.since - execution.ticked - self.task.control_period
            self.period_errors.add(1e3 * abs(error))
        execution.ticked = execution.since

    def _let_go(self) -> None:
        """End whatever moves the arm, because of a trip or a closed gate."""
        reason = self.obstacle
        self.holding.release(reason)
        self._finish(Outcome.NOT_ARMED, reason)

    def _finish(self, outcome: Outcome, reason: str) -> None:
        """End the rollout, if there is one, and let go of the arm."""
        execution, self._execution = self._execution, None
        if execution is None:
            return
        if execution.rollout is not None:
            self.holding.release("")  # the pose before the rollout is no pose to go back to
        self._hold(at_once=True)
        result = execution.result(outcome, reason)
        self.outcomes[result.outcome] += 1
        self.clipped += result.clipped
        execution.on_finished(result)

    def _hold(self, at_once: bool = False) -> None:
        """Real time: hold or move the arm; at a stale state, nothing but gravity compensation.

        On states and on the timer, whichever comes, but not more often than there is need for.
        """
        sample, now = self.states.newest, self._now()
        if self.timing.lock_step or sample is None:
            return
        if now - self._held < 0.95 * HOLD_PERIOD and not at_once:
            return
        self._held = now
        torques = self.holding.torques(sample, self._fresh(sample), now)
        self._send(sample.stamp_ns, torques)
