"""From the controller to the arm, over real processes: what dies, and what must not get through."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from stack_process import wait_for
from torque_path import CONTROLLER, GATE, ORDER, PATIENCE, TASK, TorquePath

from adgps_core.conversions import messages
from adgps_core.policies import LinearGaussianPolicy
from adgps_core.tasks import start_angles
from adgps_msgs.srv import ResetInstance
from adgps_sim.world import JOINT_NAMES

TWO_TICKS = 2 * TASK.control_period
GOOD = np.array([1.0, -2.0, 0.5, -1.5, 0.1, 0.2, -0.1])
NAN = [math.nan, *GOOD[1:]]
OTHERS = [*JOINT_NAMES[:6], "elbow"]


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


def send_until(path: TorquePath, sends: dict[str, Callable[[], None]]) -> None:
    """Send until the gate has counted each; on a busy machine a message can be late or lost."""
    name = f"{path.namespace}/torque_gate"
    before = path.next_report(name)

    def counted() -> bool:
        for send in sends.values():
            tick = time.monotonic()
            send()
            wait_for(lambda tick=tick: time.monotonic() > tick + 0.03, "the way there")
        after = path.next_report(name)
        return all(int(after[key]) > int(before[key]) for key in sends)

    wait_for(counted, f"{', '.join(sends)} to be counted", PATIENCE)


def test_a_controller_killed_in_a_rollout_leaves_a_safe_hold_then_zero(armed: TorquePath) -> None:
    """Within two control ticks; without joint states nothing pushes the arm at all."""
    armed.launch("torque_controller", **CONTROLLER)
    assert armed.call("torque_controller/arm").success
    rollouts = [armed.roll_out(noise_policy(400))]

    def moving() -> bool:
        if rollouts[-1].done():
            rollouts.append(armed.roll_out(noise_policy(400)))
        sent = armed.since(time.monotonic() - 0.3)
        return sum(not armed.is_safe(at, torques) for at, torques in sent) > 20

    wait_for(moving, "a policy that moves the arm", PATIENCE)
    killed = armed.kill("torque_controller")
    assert armed.unsafe_for(killed) <= TWO_TICKS
    armed.report("torque_gate", "sending", "safe hold")

    armed.joint_states(False)
    armed.report("torque_gate", "sending", "zero torque")
    silent = time.monotonic()
    wait_for(lambda: len(armed.since(silent)) > 30, "commands")
    assert not any(torques.any() for _, torques in armed.since(silent))
    armed.joint_states(True)
    armed.report("torque_gate", "sending", "safe hold")


def test_what_is_unsound_is_refused_and_counted(armed: TorquePath) -> None:
    """Nothing of it reaches the arm; a sound command after it does, in the arm's own order."""
    begin = time.monotonic()
    send_until(
        armed,
        {
            "commands_refused_not_finite": lambda: armed.command(NAN),
            "commands_refused_wrong_length": lambda: armed.command(GOOD[:5]),
            "commands_refused_wrong_joints": lambda: armed.command(GOOD, names=OTHERS),
            "commands_refused_old_state": lambda: armed.command(GOOD, stamp=earlier(armed.stamp)),
        },
    )
    assert all(armed.is_safe(at, torques) for at, torques in armed.since(begin))

    def twice() -> None:
        stamp, tick = armed.stamp, time.monotonic()
        armed.command(GOOD, stamp=stamp)
        wait_for(lambda: time.monotonic() > tick + 0.02, "the first one")
        armed.command(GOOD, stamp=stamp, step=0)

    send_until(armed, {"commands_refused_duplicate": twice})
    assert any((torques == GOOD[ORDER]).all() for _, torques in armed.since(begin))


def earlier(stamp: Time) -> Time:
    """A second before."""
    return Time(sec=stamp.sec - 1, nanosec=stamp.nanosec)


def test_torques_are_cut_to_the_limits_and_that_is_reported(armed: TorquePath) -> None:
    """Both signs, strong and weak joints."""
    bounds = np.array([87.0] * 4 + [12.0] * 3)
    wish = np.array([500.0, 0.0, -500.0, 0.0, 50.0, 0.0, -50.0])
    begin = time.monotonic()
    send_until(armed, {"clipped": lambda: armed.command(wish)})
    report = armed.next_report(f"{armed.namespace}/torque_gate")
    assert int(report["clipped"]) % 4 == 0  # of seven torques, four are too large
    expected = np.clip(wish, -bounds, bounds)[ORDER]
    assert any((torques == expected).all() for _, torques in armed.since(begin))
    assert all(np.abs(torques).max() <= 87.0 for _, torques in armed.since(begin))


def test_a_reset_moves_the_arm_and_waits_for_people(armed: TorquePath) -> None:
    """Through controller and gate; while these are not armed it is refused with the reason."""
    fast = {"gate_timeout": 2.0, "motion.speed": 0.8}
    armed.launch("torque_controller", **CONTROLLER, **fast)
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


def test_an_ended_gate_leaves_zero_torque_and_a_dry_run_nothing(armed: TorquePath) -> None:
    """What repeats the last command for ever does not push; a dry run has no publisher there."""
    send_until(armed, {"commands_passed": lambda: armed.command(GOOD)})
    end = time.monotonic()
    armed.command(GOOD)
    armed.end("torque_gate")
    wait_for(lambda: not armed.since(end)[-1][1].any(), "zero torque", PATIENCE)
    armed.launch("torque_gate", **GATE, dry_run=True)
    armed.arm_gate()
    begin = time.monotonic()
    send_until(armed, {"commands_passed": lambda: armed.command(GOOD)})
    assert not armed.since(begin)
