"""What every task keeps to, whichever it is."""

import numpy as np
import pytest
from core_samples import assert_same

from adgps_core.demonstration import Demonstration
from adgps_core.tasks import SPLITS, TASKS, VISUAL_TASKS, Instance, Task, make_task, visual_name
from adgps_core.typing import Array


@pytest.fixture(params=TASKS)
def task(request: pytest.FixtureRequest) -> Task:
    """Each task in turn."""
    return make_task(request.param)


def _states_and_actions(task: Task, *leading: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((*leading, task.dim_x)), rng.standard_normal((*leading, task.dim_u))


def _shown(task: Task) -> Task:
    """The task after a demonstration, in which all that it measures was measured."""
    rng = np.random.default_rng(1)
    still = np.zeros((task.horizon + 1, task.dim_u))
    measured = {name: rng.standard_normal((task.horizon + 1, 10)) for name in task.measured}
    instance = task.instances("training")[0]
    return task.shown([Demonstration(instance, still, still, still[1:], measured)])


def test_a_task_knows_its_name(task: Task) -> None:
    """It is built by the name that it says it has, and so are its instances."""
    assert make_task(task.name).name == task.name
    assert {i.task for split in SPLITS for i in task.instances(split)} == {task.name}


def test_a_task_that_sees_is_the_same_task() -> None:
    """Names, instances and scene do not depend on what the policy observes."""
    assert all(visual_name(make_task(name).name) == name for name in VISUAL_TASKS)
    for name in VISUAL_TASKS:
        seeing = make_task(name)
        assert_same(seeing.instances("training"), make_task(seeing.name).instances("training"))


def test_an_unknown_task_is_refused_with_the_known_ones() -> None:
    """A slip of the pen is easily mended."""
    with pytest.raises(ValueError, match="unknown task 'raech', known: reach"):
        make_task("raech")


def test_instances_are_the_same_whenever_asked(task: Task) -> None:
    """No run's random state has a say, so that results of runs can be compared."""
    np.random.seed(1)  # noqa: NPY002
    first = {split: task.instances(split) for split in SPLITS}
    np.random.seed(2)  # noqa: NPY002
    again = make_task(task.name)
    for split in reversed(SPLITS):
        assert_same(again.instances(split), first[split])


def test_ids_are_unique(task: Task) -> None:
    """And begin with their split."""
    ids = [(split, instance.id) for split in SPLITS for instance in task.instances(split)]
    assert len({name for _, name in ids}) == len(ids)
    assert all(name.startswith(f"{split}/") for split, name in ids)


def test_no_instance_is_in_two_splits(task: Task) -> None:
    """What a policy is tested on it has not practised."""
    numbers = [tuple(instance.parameters) for split in SPLITS for instance in task.instances(split)]
    assert len(set(numbers)) == len(numbers)


def test_sizes_are_those_that_it_says(task: Task) -> None:
    """Of observations, scaling and start."""
    states, _ = _states_and_actions(task, 2, task.horizon)
    instance = task.instances("training")[0]
    assert task.observe(states, instance).shape == (2, task.horizon, task.dim_o)
    offset, scale = task.observation_scaling
    assert offset.shape == scale.shape == (task.dim_o,)
    assert (scale > 0).all()
    assert task.start_joint_angles.shape == (task.dim_u,)
    assert task.control_period > 0


def test_leading_axes_are_independent(task: Task) -> None:
    """Many states at once are the states one by one; where it measures, many rollouts."""
    if task.measured:
        return _rollouts_are_independent(_shown(task))
    states, actions = _states_and_actions(task, 2, 3)
    instance = task.instances("training")[1]
    expansion = task.expand_cost(states, actions, instance)
    for place in np.ndindex(2, 3):
        x, u = states[place], actions[place]
        alone = task.expand_cost(x[None], u[None], instance)
        for whole, single in (
            (task.cost(states, actions, instance), task.cost(x, u, instance)),
            (task.distance(states, instance), task.distance(x, instance)),
            (task.observe(states, instance), task.observe(x, instance)),
            (expansion.hessian, alone.hessian[0]),
            (expansion.gradient, alone.gradient[0]),
            (expansion.value, alone.value[0]),
        ):
            np.testing.assert_allclose(whole[place], single, rtol=1e-12)
    return None


def _rollouts_are_independent(task: Task) -> None:
    states, actions = _states_and_actions(task, 2, 5)
    rng = np.random.default_rng(2)
    measured = {name: rng.standard_normal((2, 5, 10)) for name in task.measured}
    instance = task.instances("training")[1]
    for row in range(2):
        x, u, z = states[row], actions[row], {name: each[row] for name, each in measured.items()}
        for whole, single in (
            (task.cost(states, actions, instance, measured), task.cost(x, u, instance, z)),
            (task.distance(states, instance, measured), task.distance(x, instance, z)),
            (task.observe(states, instance, measured), task.observe(x, instance, z)),
        ):
            np.testing.assert_allclose(whole[row], single, rtol=1e-12)


def test_demonstrations_change_only_what_they_define(task: Task) -> None:
    """The vocabulary stays: instances, sizes, what is observed."""
    shown = _shown(task)
    assert (shown.name, shown.horizon, shown.dim_o) == (task.name, task.horizon, task.dim_o)
    assert_same(shown.instances("training"), task.instances("training"))
    if not task.measured:
        assert shown is task


def test_an_instance_is_finite_and_cannot_be_changed() -> None:
    """Its numbers are copied."""
    numbers = np.arange(3.0)
    instance = Instance("reach", "training/0", numbers)
    numbers[0] = 9.0
    assert instance.parameters[0] == 0.0
    with pytest.raises(ValueError, match="read-only"):
        instance.parameters[0] = 1.0
    with pytest.raises(ValueError, match="parameters holds a number that is not finite"):
        Instance("reach", "training/0", np.array([np.nan]))
    with pytest.raises(ValueError, match="parameters has shape"):
        Instance("reach", "training/0", np.zeros((3, 3)))
