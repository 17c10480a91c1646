"""Four simulated robots at once: in 100 000 ticks, none is lost and none is doubled."""

import threading
from collections.abc import Iterator

import numpy as np
import pytest
import rclpy
from simulated_robot_client import TASK, Client, RobotProcess

from adgps_core.conversions.messages import trajectory_from_msg
from adgps_core.trajectory import Trajectory
from adgps_msgs.action import ExecuteRollout

ROBOTS = 4
HORIZON = 250
ROLLOUTS = 100
TICKS = HORIZON * ROLLOUTS


@pytest.fixture
def clients() -> Iterator[list[Client]]:
    """Four robots, each in a process of its own and with a client; all of one seed."""
    rclpy.init(args=[])
    robots = {f"/lock_step_{i + 1}": RobotProcess(f"/lock_step_{i + 1}") for i in range(ROBOTS)}
    made = [Client(namespace, robot) for namespace, robot in robots.items()]
    yield made
    for client in made:
        client.close()
    rclpy.shutdown()
    for robot in robots.values():
        robot.stop()


def practise(client: Client) -> list[Trajectory]:
    """Run all rollouts of one robot; check that the steps of each follow each other."""
    trajectories = []
    for seed in range(ROLLOUTS):
        result = client.finish(client.send(HORIZON, seed))
        assert result.error_code == ExecuteRollout.Result.SUCCESS, result.error_msg
        trajectories.append(trajectory_from_msg(result.trajectory))
    return trajectories


@pytest.mark.timeout(900)  # two to three minutes on two cores
def test_no_tick_is_lost_or_doubled(clients: list[Client]) -> None:
    """Stamps rise by a period each, both ends count the same, and all four see the same.

    The robots have one seed and run the same rollouts, so that a command which had gone to the
    wrong state, or to the wrong robot, would show in the states that follow.
    """
    trajectories: dict[int, list[Trajectory]] = {}
    failures: list[str] = []

    def run(index: int) -> None:
        try:
            trajectories[index] = practise(clients[index])
        except Exception as error:
            failures.append(f"robot {index + 1}: {error!r}, {clients[index].reports}")

    threads = [threading.Thread(target=run, args=(index,)) for index in range(ROBOTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []

    for client in clients:
        robot = client.report_of("sim_robot", "ticks", str(TICKS))
        controller = client.report_of("torque_controller", "rollouts_success", str(ROLLOUTS))
        refusals = {key: n for key, n in (robot | controller).items() if "refused" in key}
        assert len(refusals) > 5
        assert set(refusals.values()) == {"0"}
        assert ROLLOUTS <= int(robot["resets"]) <= client.resets_asked  # an answer may be lost
        assert controller["ticks"] == str(TICKS)

    period_ns = round(TASK.control_period * 1e9)
    for rollouts in trajectories.values():
        end_ns = -1
        for trajectory, reference in zip(rollouts, trajectories[0], strict=True):
            stamps_ns = np.rint(trajectory.stamps * 1e9).astype(np.int64)
            np.testing.assert_array_equal(stamps_ns, period_ns * np.arange(HORIZON + 1))
            assert trajectory.start_ns > end_ns
            end_ns = trajectory.start_ns + stamps_ns[-1]
            assert (trajectory.actions_sampled[1:] != trajectory.actions_sampled[:-1]).all()
            for name in ("states", "actions_sampled", "actions_applied"):
                np.testing.assert_array_equal(getattr(trajectory, name), getattr(reference, name))
