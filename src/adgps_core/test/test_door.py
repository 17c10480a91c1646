"""Door: the cost is the distance from a demonstration, wherever the door stands."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from adgps_core import scoring
from adgps_core.demonstration import Demonstration
from adgps_core.global_policy import PolicyVersion
from adgps_core.tasks import Instance, make_task
from adgps_core.tasks.door import HINGE_RADIUS, OPEN, Door
from adgps_core.tasks.doors import CENTRE, HELD_OUT_HANDLE, SPREAD, TRAINED_HANDLES, handle_of
from adgps_core.tasks.readings import chord_squared, heading, since_first
from adgps_core.trajectory import Trajectory
from adgps_core.typing import Array

STEPS = 30
BARE = Door()


def readings(yaw: float, turned: float, opened: float, rate: float = 0.0) -> Array:
    """What an IMU says (T, 10) on a handle that is turned and a door that is opened evenly."""
    part = np.linspace(0.0, 1.0, STEPS)[:, None]
    rotation = (
        Rotation.from_euler("z", yaw)
        * Rotation.from_rotvec(part * [0.0, 0.0, -opened])
        * Rotation.from_rotvec(part * [-turned, 0.0, 0.0])
    )
    motion = np.full((STEPS, 3), rate)
    return np.concatenate([rotation.as_quat(), motion, np.zeros((STEPS, 3))], axis=1)


def demonstration(instance: Instance, rows: Array) -> Demonstration:
    """One whose arm stood still."""
    still = np.zeros((STEPS, 7))
    return Demonstration(instance, still, still, still[1:], {"imu": rows})


SHOWN_ON = BARE.door(CENTRE, 0, "shown")
ROWS = readings(0.0, 0.7, 0.6)
TASK = BARE.shown([demonstration(SHOWN_ON, ROWS)])
STILL = np.zeros((STEPS, 32)), np.zeros((STEPS, 7))


def test_what_was_shown_costs_nothing_on_any_door() -> None:
    """Where the door stands, which way it faces and a quaternion's sign do not matter."""
    for yaw in (0.0, 0.1, -0.7, 3.0):
        seen = readings(yaw, 0.7, 0.6)
        seen[5:9, :4] *= -1
        costs = TASK.cost(*STILL, BARE.instances("test")[2], {"imu": seen})
        np.testing.assert_allclose(costs, 0.0, atol=1e-12)


def test_the_cost_is_the_printed_formula() -> None:
    """With torques, velocities, an angle and a rate that are known."""
    states, actions = np.zeros((STEPS, 32)), np.full((STEPS, 7), 2.0)
    states[:, 7:14] = 0.5
    seen = readings(0.0, 0.7, 0.2, rate=0.3)
    off = np.linspace(0.0, 0.4, STEPS)  # both axes were turned alike about the handle's
    expected = 0.5 * (
        TASK.weight_action * 7 * 4.0
        + TASK.weight_velocity * 7 * 0.25
        + TASK.weight_orientation * 4 * np.sin(off / 2) ** 2
        + TASK.weight_rate * 3 * 0.09
    )
    found = TASK.cost(states, actions, SHOWN_ON, {"imu": seen})
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_the_nearest_demonstration_of_the_same_handle_counts() -> None:
    """Another handle's only where there is none of its own."""
    far = BARE.door(CENTRE + SPREAD, 1, "far")
    task = BARE.shown([demonstration(SHOWN_ON, ROWS), demonstration(far, 2 * ROWS)])
    for handle, expected in ((0, ROWS), (1, 2 * ROWS), (HELD_OUT_HANDLE, ROWS)):
        np.testing.assert_array_equal(task.desired(BARE.door(CENTRE, handle, "a")), expected)


def test_a_cost_that_cannot_be_known_is_refused() -> None:
    """Without a demonstration, without its readings, without the rollout's."""
    with pytest.raises(ValueError, match="from a demonstration: there is none"):
        BARE.cost(*STILL, SHOWN_ON, {"imu": ROWS})
    with pytest.raises(ValueError, match="from a demonstration: there is none"):
        BARE.shown([])
    with pytest.raises(ValueError, match="has no readings"):
        BARE.shown([replace(demonstration(SHOWN_ON, ROWS), measurements={})])
    for missing in (None, {}, {"image_features": ROWS}):
        with pytest.raises(ValueError, match="needs the measurement 'imu'"):
            TASK.cost(*STILL, SHOWN_ON, missing)


def test_distance_is_what_the_handle_has_to_go() -> None:
    """Along its arc, and none once the door counts as open; turning the handle opens nothing."""
    for yaw in (0.0, 1.5):
        found = BARE.distance(STILL[0], SHOWN_ON, {"imu": readings(yaw, 0.7, 0.6)})
        left = np.maximum(OPEN - np.linspace(0, 0.6, STEPS), 0.0)
        np.testing.assert_allclose(found, HINGE_RADIUS * left, atol=1e-9)
    only_turned = BARE.distance(STILL[0], SHOWN_ON, {"imu": readings(0.3, 0.7, 0.0)})
    np.testing.assert_allclose(only_turned, HINGE_RADIUS * OPEN, atol=1e-9)


def test_rotations_are_compared_as_rotations() -> None:
    """Against scipy's, for rotations at random."""
    first, second = (Rotation.random(20, rng=seed) for seed in (1, 2))
    angle = (first.inv() * second).magnitude()
    found = chord_squared(first.as_quat(), second.as_quat())
    np.testing.assert_allclose(found, 4 * np.sin(angle / 2) ** 2, rtol=1e-9)
    relative = Rotation.from_quat(since_first(first.as_quat()))
    np.testing.assert_allclose(
        (relative.inv() * (first[0].inv() * first)).magnitude(), 0, atol=1e-7
    )
    angles = np.linspace(0, 3.0, 7)
    turned = Rotation.from_euler("z", angles[:, None]) * first[0]
    np.testing.assert_allclose(heading(turned.as_quat()), angles, atol=1e-9)


def test_who_sees_observes_features_now_and_first_state_and_gripper() -> None:
    """161 numbers (paper, section V-B), of single rollouts as of many."""
    rng = np.random.default_rng(0)
    task = make_task("visual_door")
    states = rng.standard_normal((2, STEPS, 32))
    measured = {
        "image_features": rng.standard_normal((2, STEPS, 64)),
        "gripper": rng.standard_normal((2, STEPS, 1)),
    }
    door = task.instances("training")[0]
    seen = task.observe(states, door, measured)
    assert seen.shape == (2, STEPS, task.dim_o) == (2, STEPS, 161)
    np.testing.assert_array_equal(seen[..., :64], measured["image_features"])
    np.testing.assert_array_equal(seen[1, 7, 64:128], measured["image_features"][1, 0])
    np.testing.assert_array_equal(seen[..., 128:160], states)
    np.testing.assert_array_equal(seen[..., 160:], measured["gripper"])
    prefix = {name: rows[0, :3] for name, rows in measured.items()}
    np.testing.assert_array_equal(task.observe(states[0, :3], door, prefix), seen[0, :3])
    for missing in measured:
        with pytest.raises(ValueError, match=missing):
            task.observe(states, door, {k: v for k, v in measured.items() if k != missing})
    with pytest.raises(ValueError, match="64 features, not 32"):
        task.observe(states, door, {**measured, "image_features": np.zeros((2, STEPS, 32))})


def test_test_doors_have_the_handle_that_no_other_has() -> None:
    """And every door stands where the spread allows; a robot of four keeps its handle."""
    for split in ("training", "validation", "test"):
        for instance in BARE.instances(split):
            assert (abs(instance.parameters[:4] - CENTRE) <= SPREAD + 1e-12).all()
            assert (handle_of(instance) == HELD_OUT_HANDLE) == (split == "test")
    training = BARE.instances("training")
    for robot in range(4):
        assert len({handle_of(instance) for instance in training[robot::4]}) == 1
    assert {handle_of(instance) for instance in training} == set(TRAINED_HANDLES)
    with pytest.raises(ValueError, match="no handle 4"):
        handle_of(BARE.door(CENTRE, 4, "a"))


def test_doors_that_are_drawn_keep_handle_and_spread() -> None:
    """And lie on the side of the one that they are drawn like."""
    rng = np.random.default_rng(0)
    for like in BARE.instances("training"):
        drawn = [BARE.draw_instance(like, rng, str(number)) for number in range(200)]
        offsets = (np.array([each.parameters[:4] for each in drawn]) - CENTRE) / SPREAD
        assert (abs(offsets) <= 1.0).all()
        assert {handle_of(each) for each in drawn} == {handle_of(like)}
        side = np.sign(like.parameters[:4] - CENTRE)
        assert (side * offsets.mean(0) > 0.3).all()


def test_a_rollout_is_scored_with_what_was_measured_in_it() -> None:
    """Costs and distances of a trajectory, also of one that ended early."""
    states, actions = np.zeros((STEPS + 1, 32)), np.ones((STEPS, 7))
    trajectory = Trajectory(
        instance=SHOWN_ON,
        states=states,
        observations=states[:-1],
        actions_sampled=actions,
        actions_applied=actions,
        log_probabilities=np.zeros(STEPS),
        stamps=0.05 * np.arange(STEPS + 1),
        lateness=np.zeros(STEPS),
        policy_version=PolicyVersion(1, 1),
        robot="/robot_1",
        rollout_id="a",
        seed=1,
        start_ns=0,
        measurements={"imu": ROWS},
    )
    expected = TASK.cost(states[:-1], actions, SHOWN_ON, {"imu": ROWS})
    np.testing.assert_array_equal(scoring.costs(TASK, trajectory), expected)
    assert scoring.cost_of_rest(TASK, trajectory) == pytest.approx(0.0, abs=1e-12)
    distances = scoring.distances(TASK, trajectory)
    assert len(distances) == STEPS + 1 and distances[-1] == 0.0 < distances[0]
    assert list(scoring.stacked([trajectory, trajectory])) == ["imu"]
    bare = replace(trajectory, measurements={})
    assert scoring.stacked([trajectory, bare]) == {}
    np.testing.assert_array_equal(scoring.stacked([trajectory] * 2)["imu"][1], ROWS)


def test_what_the_cost_model_leaves_out_is_only_what_was_measured() -> None:
    """On the demonstration itself it is the cost."""
    rng = np.random.default_rng(0)
    task = make_task("door").shown([demonstration(SHOWN_ON, ROWS)])
    states, actions = rng.standard_normal((STEPS, 32)), rng.standard_normal((STEPS, 7))
    model = task.expand_cost(states, actions, SHOWN_ON)
    point = np.concatenate([states, actions], axis=-1)
    value = model.value + (model.gradient * point).sum(-1)
    value += 0.5 * np.einsum("ti,tij,tj->t", point, model.hessian, point)
    np.testing.assert_allclose(task.cost(states, actions, SHOWN_ON, {"imu": ROWS}), value)
