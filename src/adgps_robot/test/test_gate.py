"""Nothing unsound, old or unwanted passes the gate, and an arm left alone is held."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adgps_robot.gate import Gate, GateSettings, Output, Refusal, Sending, report
from adgps_robot.safety import SafetyError

NAMES = ("shoulder", "elbow", "wrist")
OUTPUT = ("wrist", "shoulder", "elbow")
SETTINGS = GateSettings(
    joint_names=NAMES,
    output_joint_names=OUTPUT,
    effort=np.array([80.0, 40.0, 10.0]),
    hold_damping=np.array([2.0, 2.0, 0.2]),
    command_timeout=0.08,
    state_timeout=0.1,
    max_state_age=0.1,
)
MS = 1_000_000
VELOCITIES = np.array([0.5, -1.0, 100.0])
HELD = np.array([-10.0, -1.0, 2.0])  # -d q̇ in the output's order; the wrist's is cut to its limit
SOUND = [1.0, 2.0, 3.0]


class Bench:
    """A gate, an arm that publishes its state, and a clock that tests turn."""

    def __init__(self, *, armed: bool = True) -> None:
        self.now, self.stamp_ns, self.sequence = 50.0, 7_000 * MS, 0
        self.gate = Gate(SETTINGS, now=lambda: self.now)
        self.state()
        if armed:
            self.gate.arm()

    def pass_time(self, seconds: float, *, states: bool = True) -> None:
        self.now += seconds
        self.stamp_ns += round(seconds * 1e9)
        if states:
            self.state()

    def state(self, stamp_ns: int | None = None) -> None:
        stamp = self.stamp_ns if stamp_ns is None else stamp_ns
        self.gate.on_joint_state(stamp, NAMES, [0.1, 0.2, 0.3], VELOCITIES)

    def command(self, efforts: object = SOUND, **changes: object) -> Output | None:
        self.sequence += 1
        fields = {
            "stamp_ns": self.stamp_ns,
            "sequence": self.sequence,
            "names": NAMES,
            "efforts": efforts,
            **changes,
        }
        return self.gate.on_command(**fields)  # type: ignore[arg-type]


def sends(output: Output | None, what: Sending, torques: object) -> None:
    assert output is not None and output.sending is what
    np.testing.assert_array_equal(output.torques, torques)


def test_a_sound_command_passes_at_once_in_the_outputs_order() -> None:
    """And is repeated until the next one, so that the arm's own watchdog hears of the gate."""
    bench = Bench()
    sends(bench.command(), Sending.COMMANDS, [3.0, 1.0, 2.0])
    bench.pass_time(0.05)
    sends(bench.gate.output(), Sending.COMMANDS, [3.0, 1.0, 2.0])
    shuffled = bench.command([9.0, 7.0, 8.0], names=("wrist", "shoulder", "elbow"))
    sends(shuffled, Sending.COMMANDS, [9.0, 7.0, 8.0])


@pytest.mark.parametrize(
    ("reason", "efforts", "changes"),
    [
        (Refusal.NOT_FINITE, [1.0, math.nan, 3.0], {}),
        (Refusal.NOT_FINITE, [1.0, 2.0, -math.inf], {}),
        (Refusal.WRONG_LENGTH, [1.0, 2.0], {}),
        (Refusal.WRONG_LENGTH, [1.0, 2.0, 3.0, 4.0], {}),
        (Refusal.WRONG_LENGTH, [], {"names": ()}),
        (Refusal.WRONG_LENGTH, SOUND, {"names": NAMES[:2]}),
        (Refusal.WRONG_JOINTS, SOUND, {"names": ("shoulder", "elbow", "hand")}),
        (Refusal.WRONG_JOINTS, SOUND, {"names": ("shoulder", "elbow", "elbow")}),
        (Refusal.DUPLICATE, SOUND, {"sequence": 1}),
        (Refusal.OUT_OF_ORDER, SOUND, {"sequence": 0}),
        (Refusal.OUT_OF_ORDER, SOUND, {"stamp_ns": 6_999 * MS}),
        (Refusal.FUTURE_STATE, SOUND, {"stamp_ns": 7_101 * MS}),
    ],
)
def test_what_is_unsound_is_refused_and_counted(
    reason: Refusal, efforts: list[float], changes: dict[str, object]
) -> None:
    """By its own reason; the command before stays in force, and the next sound one passes."""
    bench = Bench()
    bench.command()
    assert bench.command(efforts, **changes) is None
    assert {name: n for name, n in bench.gate.refusals.items() if n} == {reason: 1}
    sends(bench.gate.output(), Sending.COMMANDS, [3.0, 1.0, 2.0])
    sends(bench.command([4.0, 5.0, 6.0]), Sending.COMMANDS, [6.0, 4.0, 5.0])


def test_a_command_that_answers_too_old_a_state_is_refused() -> None:
    """However quickly it arrives: the arm is not where it was."""
    bench = Bench()
    bench.pass_time(0.1)
    old = bench.stamp_ns - 101 * MS
    assert bench.command(stamp_ns=old) is None
    assert bench.gate.refusals[Refusal.OLD_STATE] == 1
    assert bench.command(stamp_ns=old + 1 * MS) is not None


def test_silence_of_the_controller_becomes_the_safe_hold_within_two_ticks() -> None:
    """At the newest state, bounded by the torque limits, and counted once."""
    bench = Bench()
    bench.command()
    bench.pass_time(0.08)
    sends(bench.gate.output(), Sending.COMMANDS, [3.0, 1.0, 2.0])
    bench.pass_time(0.001)
    for _ in range(3):
        sends(bench.gate.output(), Sending.HOLD, HELD)
    assert report(bench.gate)["commands_timed_out"] == 1


def test_without_states_nothing_pushes_the_arm() -> None:
    """Neither damping at a velocity of long ago, nor any command; and none passes then."""
    bench = Bench()
    bench.command()
    bench.pass_time(0.05, states=False)
    bench.command(stamp_ns=bench.stamp_ns - 50 * MS)
    bench.pass_time(0.051, states=False)
    sends(bench.gate.output(), Sending.ZERO, [0.0] * 3)
    assert bench.command() is None
    assert bench.gate.refusals[Refusal.NO_STATE] == 1
    bench.state()
    sends(bench.gate.output(), Sending.HOLD, HELD)


def test_a_frozen_state_is_no_state() -> None:
    """A driver that repeats its last message for ever says nothing."""
    bench = Bench()
    for _ in range(30):
        bench.now += 0.01
        bench.state()
    sends(bench.gate.output(), Sending.ZERO, [0.0] * 3)


def test_an_arm_whose_clock_begins_anew_is_believed_after_a_silence() -> None:
    """And so are commands that answer its new states."""
    bench = Bench()
    bench.command()
    bench.state(5 * MS)
    assert bench.gate.states.newest is not None
    assert bench.gate.states.newest.stamp_ns == bench.stamp_ns
    bench.pass_time(0.2, states=False)
    bench.stamp_ns = 5 * MS
    bench.state()
    sends(bench.gate.output(), Sending.HOLD, HELD)
    sends(bench.command(), Sending.COMMANDS, [3.0, 1.0, 2.0])


def test_it_comes_up_disarmed_and_holds() -> None:
    """Before the first state with zero torque, and cannot be armed then."""
    gate = Gate(SETTINGS, now=lambda: 0.0)
    sends(gate.output(), Sending.ZERO, [0.0] * 3)
    with pytest.raises(SafetyError, match="no fresh joint states"):
        gate.arm()
    bench = Bench(armed=False)
    assert bench.command() is None
    sends(bench.gate.output(), Sending.HOLD, HELD)
    assert bench.gate.held_back == 1
    bench.gate.arm()
    sends(bench.gate.output(), Sending.HOLD, HELD)  # what came before arming is not made up for
    sends(bench.command(), Sending.COMMANDS, [3.0, 1.0, 2.0])


@pytest.mark.parametrize("how", ["trip", "e-stop"])
def test_a_trip_holds_at_once_and_is_latched(how: str) -> None:
    """Commands that go on coming change nothing; cleared is not armed."""
    bench = Bench()
    bench.command()
    bench.gate.trip("test") if how == "trip" else bench.gate.on_e_stop(True)
    sends(bench.gate.output(), Sending.HOLD, HELD)
    bench.gate.on_e_stop(False)
    assert bench.command() is None
    with pytest.raises(SafetyError, match="clear the trip first"):
        bench.gate.arm()
    bench.gate.safety.clear()
    assert bench.command() is None
    sends(bench.gate.output(), Sending.HOLD, HELD)
    bench.gate.arm()
    sends(bench.command(), Sending.COMMANDS, [3.0, 1.0, 2.0])


finite = st.floats(-1e6, 1e6)


@given(st.lists(finite, min_size=3, max_size=3), st.permutations(NAMES))
def test_torques_are_within_the_limits_and_every_cut_is_counted(
    efforts: list[float], names: list[str]
) -> None:
    bench = Bench()
    output = bench.command(efforts, names=names)
    assert output is not None
    by_name = dict(zip(OUTPUT, output.torques, strict=True))
    cuts = 0
    for name, wanted in zip(names, efforts, strict=True):
        bound = SETTINGS.effort[NAMES.index(name)]
        assert by_name[name] == max(-bound, min(bound, wanted))
        cuts += by_name[name] != wanted
    assert bench.gate.clipped == cuts


def test_the_last_word_is_zero_torque() -> None:
    """What repeats it for ever must not push the arm."""
    bench = Bench()
    bench.command()
    sends(bench.gate.last_output(), Sending.ZERO, [0.0] * 3)
    sends(bench.gate.output(), Sending.HOLD, HELD)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"output_joint_names": ("wrist", "elbow", "hand")}, "in any order"),
        ({"joint_names": ("a", "a", "b")}, "named twice"),
        ({"effort": np.ones(2)}, "effort has shape"),
        ({"effort": np.zeros(3)}, "effort must be positive"),
        ({"hold_damping": -np.ones(3)}, "not negative"),
        ({"state_timeout": 0.0}, "state_timeout must be positive"),
    ],
)
def test_settings_that_do_not_fit_are_refused(changes: dict[str, object], reason: str) -> None:
    good = {name: getattr(SETTINGS, name) for name in SETTINGS.__dataclass_fields__}
    with pytest.raises(ValueError, match=reason):
        GateSettings(**{**good, **changes})  # type: ignore[arg-type]
