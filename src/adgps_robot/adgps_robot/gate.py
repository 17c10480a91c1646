"""The last thing between any command and an arm: what is sound passes, else the arm is held.

No ROS, and nothing heavy: it runs in a process of its own, which must be up before all others and
outlive them. A command passes while the gate is armed, its stamp is that of a recent joint state,
and it is newer than the one before. It stays in force until the next one, for `command_timeout` at
most; then the joints are damped at the measured state. While no fresh joint state is known, the arm
gets zero torque above its gravity compensation, whatever else is asked.

How old the state is that a command answers is told by stamps alone, both of the arm's own clock;
how long nothing has come is told by the steady clock. No two clocks are compared.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from adgps_core.typing import Array, frozen
from adgps_robot.hold import damping_torques
from adgps_robot.joint_states import StateFilter
from adgps_robot.safety import Safety, SafetyError

_SECOND_NS = 1e9
_NO_COMMAND = (-1, -1)


class Refusal(StrEnum):
    """Why a command did not pass."""

    WRONG_LENGTH = "wrong_length"
    WRONG_JOINTS = "wrong_joints"
    NOT_FINITE = "not_finite"
    DUPLICATE = "duplicate"
    OUT_OF_ORDER = "out_of_order"
    OLD_STATE = "old_state"
    FUTURE_STATE = "future_state"
    NO_STATE = "no_state"


class Sending(StrEnum):
    """What the arm gets."""

    COMMANDS = "commands"
    HOLD = "safe hold"
    ZERO = "zero torque"


@dataclass(frozen=True)
class Output:
    """Torques for the arm.

    Parameters
    ----------
    sending : what they are.
    torques : (dU,) in the order of the output's joints [N·m].
    stamp_ns : of the joint state that they answer [ns]; -1 if there is none.
    """

    sending: Sending
    torques: Array
    stamp_ns: int


@dataclass(frozen=True)
class GateSettings:
    """What a gate has to know of its arm.

    Parameters
    ----------
    joint_names : the arm's joints; the arrays below are in this order.
    output_joint_names : the same joints, in the order of whoever takes the torques.
    effort : (dU,) largest torques [N·m].
    hold_damping : (dU,) of the safe hold [N·m·s/rad].
    command_timeout : longest time that a command stays in force [s].
    state_timeout : longest time without a joint state [s].
    max_state_age : oldest state, against the newest, that a command may answer [s].

    Raises
    ------
    ValueError
        If lengths or names disagree, or a number is out of range.
    """

    joint_names: tuple[str, ...]
    output_joint_names: tuple[str, ...]
    effort: Array
    hold_damping: Array
    command_timeout: float = 0.08
    state_timeout: float = 0.1
    max_state_age: float = 0.1

    def __post_init__(self) -> None:
        """Validate, and freeze the arrays."""
        if len(set(self.joint_names)) != len(self.joint_names):
            raise ValueError("a joint is named twice")
        if sorted(self.output_joint_names) != sorted(self.joint_names):
            raise ValueError("output_joint_names must be joint_names, in any order")
        for name in ("effort", "hold_damping"):
            array = frozen(getattr(self, name), (len(self.joint_names),), name)
            object.__setattr__(self, name, array)
        if not ((self.effort > 0).all() and (self.hold_damping >= 0).all()):
            raise ValueError("effort must be positive, and hold_damping not negative")
        for name in ("command_timeout", "state_timeout", "max_state_age"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")


class Gate:
    """Decides what the arm gets.

    Parameters
    ----------
    settings : of the arm.
    now : steady clock [s].
    """

    def __init__(self, settings: GateSettings, now: Callable[[], float] = time.monotonic) -> None:
        self.settings = settings
        self.safety = Safety()
        self.states = StateFilter(settings.joint_names)
        self.refusals: Counter[Refusal] = Counter({reason: 0 for reason in Refusal})
        self.accepted = 0
        self.held_back = 0
        self.clipped = 0
        self.timeouts = 0
        self.sending = Sending.ZERO
        self._now = now
        self._zero = np.zeros(len(settings.joint_names))
        self._order = [settings.joint_names.index(name) for name in settings.output_joint_names]
        self._sorted = sorted(settings.joint_names)
        self._command: Array | None = None
        self._since = 0.0
        self._newest = _NO_COMMAND

    @property
    def states_fresh(self) -> bool:
        """Whether it is known where the arm is and how it moves."""
        return self.state_age <= self.settings.state_timeout

    @property
    def state_age(self) -> float:
        """Time since the newest joint state [s]; infinite before the first."""
        sample = self.states.newest
        return self._now() - sample.arrived if sample is not None else float("inf")

    def arm(self) -> None:
        """Let commands pass from now on; SafetyError while tripped, or if the arm is not seen."""
        if not self.states_fresh:
            raise SafetyError("no fresh joint states")
        self.safety.arm()

    def trip(self, reason: str) -> None:
        """Hold the arm from now on, latched."""
        self.safety.trip(reason)
        self._command = None

    def on_e_stop(self, pressed: bool) -> None:
        """Take a message of the e-stop topic."""
        self.safety.press(pressed)
        if pressed:
            self._command = None

    def on_joint_state(
        self,
        stamp_ns: int,
        names: Sequence[str],
        positions: Sequence[float],
        velocities: Sequence[float],
    ) -> None:
        """Take a joint state; one that is older than the last is believed after a silence only."""
        before = self.states.newest
        silent = not self.states_fresh
        sample = self.states.take(stamp_ns, names, positions, velocities, self._now(), silent)
        if sample is not None and before is not None and stamp_ns < before.stamp_ns:
            self._newest, self._command = _NO_COMMAND, None  # the arm's clock began anew

    def on_command(
        self, stamp_ns: int, sequence: int, names: Sequence[str], efforts: Sequence[float]
    ) -> Output | None:
        """Take a command; what the arm gets at once because of it, or None if it does not pass."""
        reason = self._objection(stamp_ns, sequence, names, efforts)
        if reason is not None:
            self.refusals[reason] += 1
            return None
        self._newest = (stamp_ns, sequence)
        if self.safety.obstacle:
            self.held_back += 1
            return None
        by_name = dict(zip(names, efforts, strict=True))
        wanted = np.array([by_name[name] for name in self.settings.joint_names])
        effort = self.settings.effort
        torques = np.minimum(np.maximum(wanted, -effort), effort)
        self.accepted += 1
        self.clipped += int(np.count_nonzero(torques != wanted))
        self._command, self._since = torques, self._now()
        return self.output()

    def output(self) -> Output:
        """What the arm gets now."""
        sample = self.states.newest
        if self._command is not None and self._now() - self._since > self.settings.command_timeout:
            self._command = None
            self.timeouts += 1
        if sample is None or not self.states_fresh:
            self.sending, torques, self._command = Sending.ZERO, self._zero, None
        elif self._command is not None:
            self.sending, torques = Sending.COMMANDS, self._command
        else:
            settings = self.settings
            self.sending = Sending.HOLD
            torques = damping_torques(settings.hold_damping, sample.velocities, settings.effort)
        stamp_ns = sample.stamp_ns if sample is not None else -1
        return Output(self.sending, torques[self._order], stamp_ns)

    def last_output(self) -> Output:
        """What to leave with whoever repeats its last command for ever: nothing that pushes."""
        self._command = None
        self.safety.disarm()
        return Output(Sending.ZERO, self._zero, -1)

    def _objection(
        self, stamp_ns: int, sequence: int, names: Sequence[str], efforts: Sequence[float]
    ) -> Refusal | None:
        """Why a command must not pass; None if it may."""
        if len(names) != len(efforts) or len(efforts) != len(self._sorted):
            return Refusal.WRONG_LENGTH
        if sorted(names) != self._sorted:
            return Refusal.WRONG_JOINTS
        if not np.isfinite(efforts).all():
            return Refusal.NOT_FINITE
        if (stamp_ns, sequence) == self._newest:
            return Refusal.DUPLICATE
        if (stamp_ns, sequence) < self._newest:
            return Refusal.OUT_OF_ORDER
        state = self.states.newest
        if state is None or not self.states_fresh:
            return Refusal.NO_STATE
        age = (state.stamp_ns - stamp_ns) / _SECOND_NS
        if age > self.settings.max_state_age:
            return Refusal.OLD_STATE
        if age < -self.settings.max_state_age:  # the state itself may still be on its way here
            return Refusal.FUTURE_STATE
        return None


def report(gate: Gate) -> dict[str, object]:
    """Key-value pairs for /diagnostics; counts are since the start."""
    return {
        "state": gate.safety.obstacle or "armed",
        "sending": gate.sending.value,
        "armed": str(gate.safety.armed).lower(),
        "trips": gate.safety.trips,
        "commands_passed": gate.accepted,
        "commands_held_back": gate.held_back,
        "commands_timed_out": gate.timeouts,
        **{f"commands_refused_{name.value}": count for name, count in gate.refusals.items()},
        "clipped": gate.clipped,
        "state_age_s": gate.state_age,
        "states_accepted": gate.states.accepted,
        **{f"states_refused_{name.value}": count for name, count in gate.states.refusals.items()},
    }
