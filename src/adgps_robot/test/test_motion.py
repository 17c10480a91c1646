"""An arm is moved to where it was asked to go, slowly; it gives up when blocked."""

import numpy as np
import pytest
from controller_bench import KINEMATICS, LIMITS, NAMES, TASK, Bench, hold_goal
from hypothesis import given
from hypothesis import strategies as st

from adgps_robot.execution import Timing
from adgps_robot.gate_watch import GateWatch
from adgps_robot.holding import MotionError
from adgps_robot.motion import Motion, MotionSettings
from adgps_robot.outcome import Outcome, RolloutError

SETTINGS = MotionSettings(
    stiffness=np.full(7, 10.0),
    damping=np.full(7, 4.0),
    joint_damping=np.ones(7),
    velocity=0.3 * KINEMATICS.velocity_limits,
)
TIMING = Timing(lock_step=False, state_timeout=0.2, lateness_budget=0.02)
AWAY = TASK.start_joint_angles + np.array([0.4, -0.3, 0.2, 0.5, -0.4, 0.3, 0.6])


@given(st.lists(st.floats(-2.0, 2.0), min_size=7, max_size=7), st.floats(0.0, 1.0))
def test_the_path_begins_and_ends_at_rest_and_is_never_too_fast(
    way: list[float], part: float
) -> None:
    start = TASK.start_joint_angles
    motion = Motion(SETTINGS, start, start + way, begin=3.0)
    end = 3.0 + motion.duration
    for now, angles in ((0.0, start), (3.0, start), (end, start + way), (end + 9, start + way)):
        reference, rates = motion.reference(now)
        np.testing.assert_allclose(reference, angles, atol=1e-12)
        assert np.abs(rates).max() < 1e-12
    now, step = 3.0 + part * motion.duration, 1e-5
    _, rates = motion.reference(now)
    assert (np.abs(rates) <= SETTINGS.velocity * (1 + 1e-9)).all()
    there, before = motion.reference(now + step)[0], motion.reference(now - step)[0]
    np.testing.assert_allclose(rates, (there - before) / (2 * step), atol=1e-3)


@pytest.fixture
def bench() -> Bench:
    """A controller in real time whose arm is away from its start."""
    bench = Bench(TIMING, motion=SETTINGS)
    bench.angles = AWAY.copy()
    return bench.ready()


def move(bench: Bench, goal: np.ndarray = TASK.start_joint_angles) -> list[str]:
    """Ask for a motion; the list gets how it ended."""
    ends: list[str] = []
    bench.controller.move(NAMES, goal, lambda reason, _: ends.append(reason))
    return ends


def period(bench: Bench, *, blocked: bool = False) -> None:
    """One control period of an arm that follows, or that something is in the way of."""
    angles = bench.angles.copy()
    bench.move(bench.sent[-1][1] if bench.sent else np.zeros(7))
    if blocked:
        bench.angles, bench.velocities = angles, np.zeros(7)
    bench.state()
    bench.controller.on_timer()


def test_it_arrives_and_is_held_there(bench: Bench) -> None:
    """Within all limits, against a push afterwards, until a rollout begins."""
    ends = move(bench)
    fastest = np.zeros(7)
    for _ in range(200):
        period(bench)
        fastest = np.maximum(fastest, np.abs(bench.velocities))
        if ends:
            break
    assert ends == [""]
    assert np.abs(bench.angles - TASK.start_joint_angles).max() <= SETTINGS.tolerance
    assert (fastest <= 1.5 * SETTINGS.velocity).all()
    bench.angles = bench.angles + 0.1
    for _ in range(100):
        period(bench)
    assert np.abs(bench.angles - TASK.start_joint_angles).max() < 0.02
    bench.start(hold_goal(3))
    for _ in range(5):
        period(bench)
    assert bench.results[0].outcome is Outcome.SUCCESS
    bench.velocities = np.full(7, 0.1)
    bench.controller.on_timer()
    np.testing.assert_allclose(bench.sent[-1][1], -2.0 * bench.controller.states.newest.velocities)


def test_a_fast_arm_is_braked_before_it_is_moved(bench: Bench) -> None:
    """By damping alone; and if that does not help, nothing else is tried."""
    bench.velocities = np.full(7, -2.0)
    bench.clock_ns += 1
    bench.state()
    ends = move(bench)
    period(bench)
    newest = bench.controller.states.newest
    assert newest is not None
    np.testing.assert_allclose(bench.sent[-1][1], -2.0 * newest.velocities)
    for _ in range(300):
        period(bench)
    assert ends == [""]

    ends = move(bench, AWAY)
    for _ in range(70):
        bench.velocities = np.full(7, -2.0)
        period(bench)
    assert len(ends) == 1 and "cannot be braked: joint 1 moves" in ends[0]


@pytest.mark.parametrize("how", ["pushed", "gate"])
def test_a_pose_is_not_held_by_force(how: str) -> None:
    """An arm that was led away, or was out of reach for a while, does not jump back."""
    bench = Bench(TIMING, motion=SETTINGS, gate=GateWatch(1e9)).ready()
    gate = bench.controller.gate
    assert gate is not None
    gate.hear(True, bench.now)
    ends = move(bench, TASK.start_joint_angles)
    for _ in range(20):
        period(bench)
        bench.controller.watch()
    assert ends == [""]
    if how == "gate":
        gate.hear(False, bench.now)
        bench.controller.watch()
        gate.hear(True, bench.now)
        bench.angles = bench.angles + 0.2
    else:
        bench.angles = bench.angles + 0.4
    bench.velocities = np.full(7, 0.1)
    period(bench)
    newest = bench.controller.states.newest
    assert newest is not None
    np.testing.assert_allclose(bench.sent[-1][1], -2.0 * newest.velocities)


def test_a_blocked_arm_gives_up_and_is_only_damped(bench: Bench) -> None:
    """And names the joint."""
    ends = move(bench)
    for _ in range(100):
        period(bench, blocked=True)
    assert len(ends) == 1 and "off its path" in ends[0]
    assert (bench.sent[-1][1] == 0.0).all()
    assert not bench.controller.busy


@pytest.mark.parametrize("how", ["trip", "e-stop", "deactivate", "silence"])
def test_it_ends_at_once_when_the_arm_must_not_move(bench: Bench, how: str) -> None:
    """Damping from then on, and no way on by itself."""
    ends = move(bench)
    for _ in range(5):
        period(bench)
    match how:
        case "trip":
            bench.controller.trip("test")
        case "e-stop":
            bench.controller.on_e_stop(True)
        case "deactivate":
            bench.controller.deactivate()
        case "silence":
            bench.now += 0.3
            bench.controller.on_timer()
            assert (bench.sent[-1][1] == 0.0).all()
    assert len(ends) == 1 and ends[0]
    if how != "deactivate":
        period(bench)
        assert bench.controller.states.newest is not None
        np.testing.assert_allclose(
            bench.sent[-1][1], -2.0 * bench.controller.states.newest.velocities
        )


def test_motions_and_rollouts_exclude_each_other(bench: Bench) -> None:
    move(bench)
    with pytest.raises(RolloutError, match="being moved") as error:
        bench.start(hold_goal(3))
    assert error.value.outcome is Outcome.BUSY
    with pytest.raises(MotionError, match="being moved"):
        move(bench)
    other = Bench(TIMING, motion=SETTINGS).ready()
    other.start(hold_goal(5))
    with pytest.raises(MotionError, match="in a rollout"):
        move(other)


def test_what_cannot_be_is_refused(bench: Bench) -> None:
    """Each with its reason; nothing moves."""
    far = np.eye(7)[3] * 9.0

    def refused(reason: str, names: object = NAMES, goal: object = AWAY) -> None:
        with pytest.raises(MotionError, match=reason):
            bench.controller.move(names, goal, lambda *_: None)  # type: ignore[arg-type]

    refused("joint 4 cannot go to", goal=AWAY + far)
    refused("finite", goal=AWAY * np.nan)
    refused("an angle is needed", goal=AWAY[:6])
    refused("an angle is needed", names=[*NAMES[:6], "finger"])
    bench.now += 1.0
    refused("no fresh joint states")
    bench.controller.safety.disarm()
    refused("disarmed")
    bench.controller.deactivate()
    refused("not active")
    bench = Bench(motion=SETTINGS).ready()
    refused("moved by its simulator")


@pytest.mark.parametrize("ramp_time", [0.0, 0.2])
def test_a_policy_takes_over_from_the_hold(ramp_time: float) -> None:
    """Linearly, and what was applied is what was recorded; without a ramp at once."""
    bench = Bench(TIMING, ramp_time=ramp_time).ready()
    bench.velocities = np.full(7, 0.3)
    bench.start(hold_goal(8, seed=3))
    for _ in range(9):
        period(bench)
    trajectory = bench.results[0].trajectory
    assert trajectory is not None
    sent = np.array([torques for _, torques in bench.sent[1:9]])  # after a last hold
    np.testing.assert_array_equal(trajectory.actions_applied, sent)
    weights = np.minimum(np.arange(1, 9) * 0.05 / ramp_time, 1.0) if ramp_time else np.ones(8)
    hold = -2.0 * trajectory.states[:-1, 7:14]
    wanted = weights[:, None] * trajectory.actions_sampled + (1 - weights[:, None]) * hold
    np.testing.assert_allclose(sent, np.clip(wanted, -LIMITS.effort, LIMITS.effort), atol=1e-12)


def test_behind_a_closed_gate_nothing_is_practised() -> None:
    """Disarmed or dead, before a rollout, in it, and in a motion."""
    bench = Bench(TIMING, motion=SETTINGS, gate=GateWatch(0.5)).ready()
    gate = bench.controller.gate
    assert gate is not None
    for said, reason in ((None, "gate is silent"), (False, "gate is disarmed")):
        if said is not None:
            gate.hear(said, bench.now)
        with pytest.raises(RolloutError, match=reason) as error:
            bench.start(hold_goal(3))
        assert error.value.outcome is Outcome.NOT_ARMED
        with pytest.raises(MotionError, match=reason):
            move(bench)
    gate.hear(True, bench.now)
    bench.start(hold_goal(100))
    for _ in range(3):
        period(bench)
        bench.controller.watch()
    assert not bench.results
    gate.hear(False, bench.now)
    bench.controller.watch()
    assert bench.results[0].outcome is Outcome.NOT_ARMED
    gate.hear(True, bench.now)
    ends = move(bench, AWAY)
    for _ in range(20):
        period(bench)
        bench.controller.watch()
    assert ends == ["the torque gate is silent"]


def test_settings_that_cannot_be_are_refused() -> None:
    good = {name: getattr(SETTINGS, name) for name in SETTINGS.__dataclass_fields__}
    for name, value, reason in (
        ("stiffness", np.zeros(7), "must be positive"),
        ("damping", -np.ones(7), "must not be negative"),
        ("velocity", np.ones(6), "has shape"),
        ("tolerance", 0.0, "tolerance must be positive"),
    ):
        with pytest.raises(ValueError, match=reason):
            MotionSettings(**{**good, name: value})
