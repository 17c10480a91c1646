"""Simulator and controller in one process over real DDS, seen from a client."""

import itertools
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy")

from simulated_robot_client import TASK, Client, RobotProcess  # noqa: E402

from adgps_core.conversions import messages  # noqa: E402
from adgps_core.measurements import DIM_IMU, FEATURES, GRIPPER, IMU  # noqa: E402
from adgps_core.tasks import make_task  # noqa: E402
from adgps_core.vision.architecture import FIGURE_8, initial_vision_values  # noqa: E402
from adgps_core.vision.features import VisionNetwork  # noqa: E402
from adgps_core.vision.pictures import decompressed  # noqa: E402
from adgps_core.vision.storage import write_network  # noqa: E402
from adgps_msgs.action import ExecuteRollout  # noqa: E402

COUNT = itertools.count(1)
ROLLOUTS = 5
HORIZON = 100
Make = Callable[..., tuple[RobotProcess, Client]]


@pytest.fixture
def make() -> Iterator[Make]:
    """A robot with parameters, and its client, in a namespace that no test before has used."""
    rclpy.init(args=[])
    processes: list[RobotProcess] = []
    clients: list[Client] = []

    def build(**parameters: Any) -> tuple[RobotProcess, Client]:
        namespace = f"/composed_{next(COUNT)}"
        processes.append(RobotProcess(namespace, **parameters))
        task = make_task(parameters.get("task", "reach"))
        clients.append(Client(namespace, processes[-1], task))
        return processes[-1], clients[-1]

    yield build
    for client in clients:
        client.close()
    rclpy.shutdown()
    for process in processes:
        process.stop()


def test_rollouts_repeat_bit_for_bit_in_another_process(make: Make) -> None:
    """The same seeds, whatever ran before: the same trajectories."""
    _, first = make(seed=4)
    trajectories = {seed: first.rollout(HORIZON, seed) for seed in (1, 2)}
    _, second = make(seed=4)
    for seed in (2, 1, 2):
        again = second.rollout(HORIZON, seed)
        assert again.states.shape == (HORIZON + 1, TASK.dim_x)
        for name in ("states", "actions_sampled", "actions_applied", "log_probabilities", "stamps"):
            np.testing.assert_array_equal(getattr(again, name), getattr(trajectories[seed], name))


def test_trajectories_of_the_drawer_hold_its_imu_and_repeat(make: Make) -> None:
    """In lock-step, errors of the sensor included; in reaching there is no such measurement."""
    _, first = make(task="drawer", seed=4)
    _, second = make(task="drawer", seed=4)
    once, again, other = first.rollout(20, 1), second.rollout(20, 1), first.rollout(20, 2)
    rows = once.measurements[IMU]
    assert rows.shape == (20, DIM_IMU)
    np.testing.assert_array_equal(again.measurements[IMU], rows)
    assert (other.measurements[IMU][:, 4:] != rows[:, 4:]).all()
    np.testing.assert_allclose(np.linalg.norm(rows[:, :4], axis=1), 1.0, atol=1e-9)
    np.testing.assert_allclose(rows[:, 9], 9.81, atol=0.5)
    assert len(np.unique(rows[:, 9])) == 20  # none was used twice
    first.report_of("torque_controller", "rollouts_success", "2")
    _, reach = make()
    assert not reach.rollout(5, 1).measurements


def test_who_sees_records_features_of_its_own_camera(make: Make, tmp_path: Path) -> None:
    """A row for every tick, of the image of that tick; robots differ, and so does what they see."""
    values = initial_vision_values(FIGURE_8, np.random.default_rng(0))
    path = tmp_path / "network.safetensors"
    write_network(path, VisionNetwork(FIGURE_8, values))
    eyes = {"camera": True, "features": True, "variation": 1.0, "network": path}
    _, first = make(task="visual_door", seed=4, **eyes)
    _, other = make(task="visual_door", seed=5, **eyes)
    once, again, others = first.rollout(3, 1), first.rollout(3, 1), other.rollout(3, 1)
    rows = once.measurements[FEATURES]
    assert rows.shape == (3, FIGURE_8.dim_features) and once.observations.shape == (3, 161)
    assert (np.abs(np.diff(rows, axis=0)).max(1) > 0).all()  # the arm moves in the picture
    np.testing.assert_array_equal(once.observations[:, :64], rows)
    np.testing.assert_array_equal(once.observations[:, 64:128], np.tile(rows[0], (3, 1)))
    np.testing.assert_array_equal(again.measurements[FEATURES], rows)
    assert np.abs(others.measurements[FEATURES][0] - rows[0]).max() > 1e-4
    assert (once.measurements[GRIPPER] > 0.01).all()


def test_where_vision_is_trained_images_come_with_the_trajectory(
    make: Make, tmp_path: Path
) -> None:
    """One for every tick, and features are what the network says of that very file."""
    network = VisionNetwork(FIGURE_8, initial_vision_values(FIGURE_8, np.random.default_rng(0)))
    path = tmp_path / "network.safetensors"
    write_network(path, network)
    eyes = {"camera": True, "features": True, "train_vision": True, "network": path}
    _, client = make(task="visual_door", seed=4, **eyes)
    once, again = client.rollout(3, 1), client.rollout(3, 1)
    assert len(set(once.images)) == 3 and again.images == once.images
    images = [decompressed(file, FIGURE_8.image_shape) for file in once.images]
    points = [network.points(image) for image in images]
    np.testing.assert_array_equal(once.measurements[FEATURES], np.array(points, np.float64))


def test_a_network_that_is_none_is_refused_in_one_line(make: Make, tmp_path: Path) -> None:
    """Exit status 2, as of every node: it would be refused again."""
    path = tmp_path / "none.safetensors"
    process, _ = make(task="visual_door", camera=True, features=True, network=path)
    output, _ = process.process.communicate(timeout=30)
    assert process.process.returncode == 2
    assert "simulated_robot: network: " in output and str(path) in output
    assert "Traceback" not in output


def test_no_tick_is_lost_or_doubled_and_all_are_fast(make: Make) -> None:
    """Both ends count the same ticks; the fastest rollout is 8 times faster than real time."""
    _, client = make()
    durations = []
    for seed in range(ROLLOUTS):
        handle = client.send(HORIZON, seed)
        begin = time.monotonic()
        result = client.finish(handle)
        durations.append(time.monotonic() - begin)
        assert result.error_code == ExecuteRollout.Result.SUCCESS, result.error_msg
        np.testing.assert_allclose(
            np.array(result.trajectory.stamps), 0.05 * np.arange(HORIZON + 1), atol=1e-12
        )
    ticks = str(ROLLOUTS * HORIZON)
    robot = client.report_of("sim_robot", "ticks", ticks)
    controller = client.report_of("torque_controller", "ticks", ticks)
    assert all(count == "0" for key, count in robot.items() if "refused" in key)
    assert all(count == "0" for key, count in controller.items() if "refused" in key)
    assert controller["rollouts_success"] == str(ROLLOUTS)
    assert min(durations) < HORIZON * TASK.control_period / 8


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly_even_in_a_rollout(make: Make, number: signal.Signals) -> None:
    """Exit status 0, and no traceback."""
    process, client = make()
    client.send(10_000, 0)
    status, output = process.stop(number)
    assert status == 0, output
    assert "Traceback" not in output


def test_real_time_lasts_as_long_as_on_a_real_arm(make: Make) -> None:
    """Ticks keep to the robot's clock; cancel works within one."""
    _, client = make(task="drawer", real_time_factor=1.0, lateness_budget=1.0)
    handle = client.send(20, 0)
    begin = time.monotonic()
    result = client.finish(handle)
    assert result.error_code == ExecuteRollout.Result.SUCCESS, result.error_msg
    assert 0.9 < time.monotonic() - begin < 5.0
    (measured,) = messages.trajectory_from_msg(result.trajectory).measurements.values()
    assert len(np.unique(measured[:, 9])) == 20  # each tick had a new reading
    steps = np.diff(result.trajectory.stamps)
    assert steps.mean() == pytest.approx(TASK.control_period, rel=0.1)
    handle = client.send(200, 1)
    client.until(lambda: time.monotonic() - begin > 2.0, "some ticks")
    client.result_of(handle.cancel_goal_async(), "the cancellation")
    assert client.finish(handle).error_code == ExecuteRollout.Result.CANCELED
