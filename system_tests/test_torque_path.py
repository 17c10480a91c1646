"""From the controller to the arm, over real processes: what dies, and what must not get through."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from stack_process import wait_for
from torque_path import CONTROLLER, GATE, ORDER, TASK, TorquePath

from adgps_core.conversions import messages
from adgps_core.policies import LinearGaussianPolicy
from adgps_core.tasks import start_angles
from adgps_msgs.srv import ResetInstance
from adgps_sim.world import JOINT_NAMES

TWO_TICKS = 2 * TASK.control_period
GOOD = np.array([1.0, -2.0, 0.5, -1.5, 0.1, 0.2, -0.1])
NAN = [math.nan, *GOOD[1:]]


@pytest.fixture(scope="module")
def path() -> Iterator[TorquePath]:
    with TorquePath(31) as made:
        yield made


@pytest.fixture
def armed(path: TorquePath) -> TorquePath:
    """The gate is armed; nobody commands."""
    path.arm_gate()
    return path


def noise_policy(horizon: int) -> LinearGaussianPolicy:
    """Hold the start pose, with so much noise that no torque is taken for the hold's."""
    stiffness = np.array([20.0, 20.0, 20.0, 20.0, 3.0, 3.0, 2.0])
    gain = np.zeros((7, TASK.dim_x))
    gain[:, :7] = -np.diag(stiffness)
    gain[:, 7:14] = -np.diag([5.0, 5.0, 4.0, 4.0, 0.0, 0.0, 0.0])
    return LinearGaussianPolicy(
        K=np.tile(gain, (horizon, 1, 1)),
        k=np.tile(stiffness * TASK.start_joint_angles, (horizon, 1)),
        C=np.tile(np.diag([9.0, 9.0, 4.0, 4.0, 0.3, 0.3, 0.3]), (horizon, 1, 1)),
    )


def counters(path: TorquePath) -> dict[str, int]:
    """Commands refused so far, by reason, once a new report has come."""
    path.reports.clear()
    name = f"{path.namespace}/torque_gate"
    wait_for(lambda: name in path.reports, "diagnostics")
    prefix = "commands_refused_"
    return {
        key.removeprefix(prefix): int(value)
        for key, value in path.reports[name].items()
        if key.startswith(prefix)
    }


def test_a_controller_killed_in_a_rollout_leaves_a_safe_hold_then_zero(armed: TorquePath) -> None:
    """Within two control ticks; without joint states nothing pushes the arm at all."""
    armed.launch("torque_controller", **CONTROLLER)
    assert armed.call("torque_controller/arm").success
    begin = time.monotonic()
    result = armed.roll_out(noise_policy(200))
    wait_for(lambda: time.monotonic() > begin + 1.0 or result.done(), "a second")
    assert not result.done(), result.result().result.error_msg
    killed = armed.kill("torque_controller")
    moving = [t for at, t in armed.since(killed - 0.3) if at < killed]
    assert not any(armed.is_hold(killed, torques) for torques in moving)
    assert armed.held_after(killed) <= TWO_TICKS
    armed.report("torque_gate", "commands_timed_out", 1)

    unplugged = armed.joint_states(False)
    wait_for(lambda: len(armed.since(unplugged + 0.2)) > 10, "commands")
    assert all((torques == 0.0).all() for _, torques in armed.since(unplugged + 0.12))
    armed.joint_states(True)
    armed.report("torque_gate", "sending", "safe hold")


def test_what_is_unsound_is_refused_and_counted(armed: TorquePath) -> None:
    """Nothing of it reaches the arm; a sound command after it does, in the arm's own order."""
    before = counters(armed)
    begin = time.monotonic()
    old = Time(sec=armed.stamp.sec - 1, nanosec=armed.stamp.nanosec)
    for reason, send in {
        "not_finite": lambda: armed.command(NAN),
        "wrong_length": lambda: armed.command(GOOD[:5]),
        "wrong_joints": lambda: armed.command(GOOD, names=[*JOINT_NAMES[:6], "elbow"]),
        "old_state": lambda: armed.command(GOOD, stamp=old),
    }.items():
        send()
        wait_for(lambda reason=reason: counters(armed)[reason] == before[reason] + 1, reason)
    assert all(armed.is_hold(at, torques) for at, torques in armed.since(begin))

    def passes() -> bool:
        begin = time.monotonic()
        armed.command(GOOD)
        wait_for(lambda: time.monotonic() > begin + 0.05, "a tick")
        return any((torques == GOOD[ORDER]).all() for _, torques in armed.since(begin))

    wait_for(passes, "a sound command")
    stamp = armed.stamp
    armed.command(GOOD, stamp=stamp)
    armed.command(GOOD, stamp=stamp, step=0)
    wait_for(lambda: counters(armed)["duplicate"] == before["duplicate"] + 1, "the duplicate")


def test_torques_are_cut_to_the_limits_and_that_is_reported(armed: TorquePath) -> None:
    """Both signs, strong and weak joints."""
    before = int(armed.report("torque_gate", "armed", "true")["clipped"])
    bounds = np.array([87.0] * 4 + [12.0] * 3)
    wish = np.array([500.0, 0.0, -500.0, 0.0, 50.0, 0.0, -50.0])
    begin = time.monotonic()
    armed.command(wish)
    expected = np.clip(wish, -bounds, bounds)[ORDER]
    wait_for(lambda: any((t == expected).all() for _, t in armed.since(begin)), "the cut torques")
    armed.report("torque_gate", "clipped", before + 4)
    assert all(np.abs(torques).max() <= 87.0 for _, torques in armed.since(begin))


def test_a_reset_moves_the_arm_and_waits_for_people(armed: TorquePath) -> None:
    """Through controller and gate; while these are not armed it is refused with the reason."""
    armed.launch("torque_controller", **CONTROLLER, gate_timeout=2.0)
    armed.launch("reset_server")
    instance = messages.instance_to_msg(TASK.instances("training")[3])
    request = ResetInstance.Request(instance=instance, seed=1, perturbation=0.01)
    refused = armed.call("reset_instance", request, ResetInstance)
    assert refused.error_code == ResetInstance.Response.NOT_READY
    wait_for(lambda: armed.call("torque_controller/arm").success, "the controller")
    armed.call(f"{armed.arm}/driver/push")

    def driving() -> Any:
        reset = armed.begin_call("reset_instance", request, ResetInstance)
        wait_for(
            lambda: reset.done() or "confirm" in armed.state_of("reset_server"), "the arm", 60.0
        )
        return None if reset.done() else reset

    reset = wait_for(driving, "a reset that is not refused")
    goal = start_angles(
        TASK, (9,), TASK.instances("training")[3], 0.01, np.random.default_rng((0, 1))
    )
    assert np.abs(armed.angles - goal).max() < 0.06
    another = armed.call("reset_instance", request, ResetInstance)
    assert "another reset is under way: waiting for ~/confirm of training/3" in another.error_msg
    assert not reset.done()
    assert armed.call("reset_server/confirm").success
    wait_for(reset.done, "the reset")
    assert reset.result().error_code == ResetInstance.Response.SUCCESS
    assert reset.result().stamp.sec > 0 and reset.result().duration > 0.5
    assert not armed.call("reset_server/confirm").success
    armed.kill("reset_server")
    armed.kill("torque_controller")


def test_a_dry_run_sends_nothing(armed: TorquePath) -> None:
    """There is not even a publisher on the arm's topic."""
    armed.kill("torque_gate")
    try:
        armed.launch("torque_gate", **GATE, dry_run=True)
        armed.report("torque_gate", "sending", "safe hold")
        armed.arm_gate()
        begin = time.monotonic()
        armed.command(GOOD)
        armed.report("torque_gate", "commands_passed", 1)
        assert not armed.since(begin)
    finally:
        armed.kill("torque_gate")
        armed.launch("torque_gate", **GATE)


def test_the_e_stop_is_latched(armed: TorquePath) -> None:
    """Commands go on coming: they pass again when it is released, cleared and armed, in turn."""

    def passes(seconds: float = 0.3) -> bool:
        begin = time.monotonic()
        while time.monotonic() < begin + seconds:
            tick = time.monotonic()
            armed.command(GOOD)
            wait_for(lambda tick=tick: time.monotonic() > tick + 0.03, "a tick")
        return any((torques == GOOD[ORDER]).all() for _, torques in armed.since(begin + 0.1))

    assert passes()
    armed.press(True)
    armed.report("torque_gate", "state", "tripped: e-stop")
    assert not passes()
    assert not armed.call("torque_gate/clear").success
    armed.press(False)
    wait_for(lambda: armed.call("torque_gate/clear").success, "the release")
    assert not passes()
    assert armed.call("torque_gate/arm").success
    assert passes()
