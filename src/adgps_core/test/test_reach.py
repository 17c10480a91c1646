"""Reach: its goals are fixed and far apart, and its expansion is an upper bound that touches."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import Delaunay

from adgps_core import end_effector as ee
from adgps_core.tasks import SPLITS, Instance
from adgps_core.tasks.reach import GOALS, ROTATION, Reach
from adgps_core.tasks.task import CostExpansion
from adgps_core.typing import Array

TASK = Reach()
INSTANCE = TASK.instances("training")[0]

_SEEDS = st.integers(0, 2**32 - 1)
_SPREADS = st.floats(1e-3, 3.0)
"""How far states lie from the goal: within the logarithm's narrow peak, and far outside."""
_TASKS = st.builds(
    Reach,
    weight_action=st.floats(1e-4, 1.0),
    weight_velocity=st.floats(0.0, 10.0),
    weight_distance=st.floats(0.0, 100.0),
    weight_log=st.floats(0.0, 10.0),
    alpha=st.floats(1e-5, 1.0),
)


def _positions(split: str) -> Array:
    return np.array([instance.parameters[:3] for instance in TASK.instances(split)])  # type: ignore[arg-type]


def _states(count: int, spread: float, rng: np.random.Generator) -> Array:
    """States (count, dX) whose points lie about the goal."""
    states = spread * rng.standard_normal((count, TASK.dim_x))
    states[:, ee.POINT_POSITIONS] += INSTANCE.parameters
    return states


def _bound(expansion: CostExpansion, states: Array, actions: Array) -> Array:
    """The quadratic model at (N, dX) and (N, dU), each with its own expansion."""
    z = np.concatenate([states, actions], axis=-1)
    quadratic = 0.5 * np.einsum("ni,nij,nj->n", z, expansion.hessian, z)
    return expansion.value + np.einsum("ni,ni->n", expansion.gradient, z) + quadratic


def test_eight_goals_to_train_on_and_four_each_to_validate_and_test() -> None:
    """Each with nine numbers, the three points of a hand that points down."""
    assert [len(TASK.instances(split)) for split in SPLITS] == [8, 4, 4]
    for split in SPLITS:
        for instance in TASK.instances(split):
            assert instance.parameters.shape == (9,)
            points = instance.parameters.reshape(3, 3)
            np.testing.assert_allclose(points - points[0], ee.POINTS @ ROTATION.T, atol=1e-12)
    np.testing.assert_allclose(ROTATION @ ROTATION.T, np.eye(3))
    assert np.linalg.det(ROTATION) == pytest.approx(1.0)


def test_goals_fill_a_large_box() -> None:
    """At least 0.25 m by 0.4 m by 0.25 m, and the training goals span most of it."""
    sides = np.array(GOALS.high) - np.array(GOALS.low)
    assert (sides >= np.array([0.25, 0.4, 0.25]) - 1e-12).all()
    for split in SPLITS:
        positions = _positions(split)
        assert (positions >= GOALS.low).all() and (positions <= GOALS.high).all()
    assert (np.ptp(_positions("training"), axis=0) > 0.75 * sides).all()


def test_held_out_goals_lie_within_the_hull_of_the_training_goals() -> None:
    """But not at one of them: a policy that knows the corners only does not pass."""
    training = _positions("training")
    for split in ("validation", "test"):
        positions = _positions(split)
        assert (Delaunay(training).find_simplex(positions) >= 0).all()
        gaps = np.linalg.norm(positions[:, None] - training, axis=-1)
        assert gaps.min() > 0.02


def test_the_goals_are_the_benchmark() -> None:
    """Results of different times can be compared only while these stay where they are."""
    first = [_positions(split)[0] for split in SPLITS]
    expected = [[0.41502, -0.13963, 0.15512], [0.45848, -0.06833, 0.19547]]
    expected += [[0.45987, -0.00973, 0.26853]]
    np.testing.assert_allclose(first, expected, atol=1e-5)


def test_a_goal_is_made_of_its_position() -> None:
    """The first point is the position itself; anything but three finite numbers is refused."""
    instance = TASK.goal_instance(np.array([0.5, 0.1, 0.3]), "mine/0")
    assert (instance.task, instance.id) == ("reach", "mine/0")
    np.testing.assert_allclose(
        instance.parameters.reshape(3, 3), [[0.5, 0.1, 0.3], [0.6, 0.1, 0.3], [0.5, 0.0, 0.3]]
    )


@pytest.mark.parametrize("shape", [(), (1,), (2,), (4,), (3, 3), (1, 3)])
def test_a_position_has_three_numbers(shape: tuple[int, ...]) -> None:
    """Nothing is broadcast into a goal."""
    with pytest.raises(ValueError, match="position has shape"):
        TASK.goal_instance(np.zeros(shape), "mine/0")
    with pytest.raises(ValueError, match="position holds a number that is not finite"):
        TASK.goal_instance(np.array([0.5, np.nan, 0.3]), "mine/0")


@given(_TASKS, _SPREADS, _SEEDS)
def test_the_cost_is_its_formula(task: Reach, spread: float, seed: int) -> None:
    """Written out number by number."""
    rng = np.random.default_rng(seed)
    (x,), u = _states(1, spread, rng), rng.standard_normal(task.dim_u)
    square = sum((x[14 + i] - INSTANCE.parameters[i]) ** 2 for i in range(9))
    expected = 0.5 * (
        task.weight_action * sum(number**2 for number in u)
        + task.weight_velocity * sum(number**2 for number in x[7:14])
        + task.weight_distance * square
        + task.weight_log * math.log(1 + square / task.alpha)
    )
    assert float(task.cost(x, u, INSTANCE)) == pytest.approx(expected, rel=1e-9)


def test_nothing_is_cheaper_than_resting_at_the_goal() -> None:
    """There the cost is zero, and so is the distance."""
    state = np.zeros(TASK.dim_x)
    state[ee.POINT_POSITIONS] = INSTANCE.parameters
    assert TASK.cost(state, np.zeros(7), INSTANCE) == 0.0
    assert TASK.distance(state, INSTANCE) == 0.0


def test_distance_is_that_of_the_end_effectors_origin() -> None:
    """In metres, whatever the other points do."""
    state = np.random.default_rng(0).standard_normal(TASK.dim_x)
    state[14:17] = INSTANCE.parameters[:3] + np.array([0.3, 0.0, -0.4])
    assert TASK.distance(state, INSTANCE) == pytest.approx(0.5)


@given(_TASKS, _SPREADS, _SEEDS)
def test_the_expansion_touches_the_cost(task: Reach, spread: float, seed: int) -> None:
    """Its value at the point of expansion is the cost there."""
    rng = np.random.default_rng(seed)
    states, actions = _states(6, spread, rng), rng.standard_normal((6, task.dim_u))
    expansion = task.expand_cost(states, actions, INSTANCE)
    cost = task.cost(states, actions, INSTANCE)
    np.testing.assert_allclose(_bound(expansion, states, actions), cost, rtol=1e-7, atol=1e-7)


@given(_TASKS, _SPREADS, _SPREADS, _SEEDS)
def test_the_expansion_is_nowhere_below_the_cost(
    task: Reach, spread: float, other_spread: float, seed: int
) -> None:
    """Hence a step that lowers it lowers the cost."""
    rng = np.random.default_rng(seed)
    states, actions = _states(20, spread, rng), rng.standard_normal((20, task.dim_u))
    expansion = task.expand_cost(states, actions, INSTANCE)
    elsewhere, others = _states(20, other_spread, rng), rng.standard_normal((20, task.dim_u))
    bound = _bound(expansion, elsewhere, others)
    cost = task.cost(elsewhere, others, INSTANCE)
    assert (bound >= cost - 1e-9 * (1 + expansion.hessian.max())).all()


@given(_SPREADS, _SEEDS)
def test_the_bound_touches_wherever_the_distance_is_the_same(spread: float, seed: int) -> None:
    """On the goal's other side too: a bound that depends on d² cannot have less curvature."""
    rng = np.random.default_rng(seed)
    states, actions = _states(1, spread, rng), np.zeros((1, TASK.dim_u))
    error = states[:, ee.POINT_POSITIONS] - INSTANCE.parameters
    expansion = TASK.expand_cost(states, actions, INSTANCE)
    mirrored = states.copy()
    mirrored[:, ee.POINT_POSITIONS] = INSTANCE.parameters - error
    assert _bound(expansion, mirrored, actions) == pytest.approx(
        TASK.cost(mirrored, actions, INSTANCE), rel=1e-7, abs=1e-7
    )


@given(_SPREADS, _SEEDS)
def test_the_expansion_has_the_gradient_of_the_cost(spread: float, seed: int) -> None:
    """By central differences, in every coordinate of state and action."""
    rng = np.random.default_rng(seed)
    states, actions = _states(1, spread, rng), rng.standard_normal((1, TASK.dim_u))
    expansion = TASK.expand_cost(states, actions, INSTANCE)
    z = np.concatenate([states[0], actions[0]])
    found = expansion.gradient[0] + expansion.hessian[0] @ z
    step = 1e-6
    moved = z + step * np.concatenate([np.eye(len(z)), -np.eye(len(z))])
    costs = TASK.cost(moved[:, : TASK.dim_x], moved[:, TASK.dim_x :], INSTANCE)
    differences = (costs[: len(z)] - costs[len(z) :]) / (2 * step)
    np.testing.assert_allclose(found, differences, rtol=1e-4, atol=1e-5)


@given(_TASKS, _SPREADS, _SEEDS)
def test_the_hessian_is_symmetric_and_positive_semidefinite(
    task: Reach, spread: float, seed: int
) -> None:
    """The cost's own is not; and in the actions it is definite, as the backward pass needs."""
    rng = np.random.default_rng(seed)
    states, actions = _states(4, spread, rng), rng.standard_normal((4, task.dim_u))
    hessian = task.expand_cost(states, actions, INSTANCE).hessian
    np.testing.assert_array_equal(hessian, hessian.swapaxes(-1, -2))
    assert np.linalg.eigvalsh(hessian).min() >= 0.0
    in_actions = hessian[:, task.dim_x :, task.dim_x :]
    np.testing.assert_allclose(np.linalg.eigvalsh(in_actions), task.weight_action)


def test_expansions_of_several_samples_may_be_averaged() -> None:
    """They are in absolute coordinates: the mean of bounds bounds the cost."""
    rng = np.random.default_rng(0)
    states, actions = _states(30, 0.3, rng), rng.standard_normal((30, TASK.dim_u))
    expansion = TASK.expand_cost(states, actions, INSTANCE)
    mean = CostExpansion(
        *(
            np.broadcast_to(array.mean(0), array.shape)
            for array in (expansion.hessian, expansion.gradient, expansion.value)
        )
    )
    elsewhere, others = _states(30, 0.3, rng), rng.standard_normal((30, TASK.dim_u))
    cost = TASK.cost(elsewhere, others, INSTANCE)
    assert (_bound(mean, elsewhere, others) >= cost).all()


def test_observations_are_the_state_and_the_goal() -> None:
    """In this order, for every state of a trajectory."""
    states = np.random.default_rng(0).standard_normal((4, 5, TASK.dim_x))
    observations = TASK.observe(states, INSTANCE)
    np.testing.assert_array_equal(observations[..., : TASK.dim_x], states)
    goals = np.broadcast_to(INSTANCE.parameters, (4, 5, 9))
    np.testing.assert_array_equal(observations[..., TASK.dim_x :], goals)


def test_scaled_goals_are_at_most_one() -> None:
    """All that lie in the box, and some come near it: the network sees numbers of its size."""
    offset, scale = TASK.observation_scaling
    goals = [TASK.goal_instance(np.array(at), "x") for at in (GOALS.low, GOALS.high)]
    for instance in (*goals, *(i for split in SPLITS for i in TASK.instances(split))):
        scaled = (TASK.observe(np.zeros(TASK.dim_x), instance) - offset) * scale
        assert np.abs(scaled[TASK.dim_x :]).max() <= 1 + 1e-9
    corners = [
        np.abs((instance.parameters - offset[TASK.dim_x :]) * scale[TASK.dim_x :]).max()
        for instance in goals
    ]
    assert max(corners) > 0.5


def test_another_instance_moves_the_goal_only() -> None:
    """The cost depends on points relative to the goal."""
    rng = np.random.default_rng(0)
    states, actions = _states(5, 0.3, rng), rng.standard_normal((5, TASK.dim_u))
    shift = np.tile([0.1, -0.05, 0.02], 3)
    moved = states.copy()
    moved[:, ee.POINT_POSITIONS] += shift
    shifted = Instance("reach", "x", INSTANCE.parameters + shift)
    np.testing.assert_allclose(
        TASK.cost(moved, actions, shifted), TASK.cost(states, actions, INSTANCE), rtol=1e-9
    )


def test_instances_drawn_anew_cover_the_box() -> None:
    """One octant for each training goal, and evenly: a quarter of each side is its mean's."""
    rng = np.random.default_rng(0)
    low, high = np.array(GOALS.low), np.array(GOALS.high)
    octants = set()
    for index, like in enumerate(TASK.instances("training")):
        drawn = [TASK.draw_instance(like, rng, f"fresh/{n}") for n in range(400)]
        fractions = np.array([(i.parameters[:3] - low) / (high - low) for i in drawn])
        upper = (like.parameters[:3] - low) / (high - low) > 0.5
        assert ((fractions > 0.5) == upper).all(), index
        assert (fractions >= 0).all() and (fractions <= 1).all()
        np.testing.assert_allclose(fractions.mean(0), 0.25 + 0.5 * upper, atol=0.03)
        np.testing.assert_allclose(fractions.std(0), 0.5 / np.sqrt(12), atol=0.02)
        assert drawn[7].id == "fresh/7" and drawn[7].parameters.shape == (9,)
        octants.add(tuple(upper))
    assert len(octants) == 8
