"""Which policy a rollout runs, and with whose vision network it sees."""

import numpy as np
import pytest
from controller_bench import INSTANCE, TASK, Bench, hold_goal

from adgps_core.global_policy import Architecture, GlobalPolicy, PolicyVersion, initial_values
from adgps_core.measurements import FEATURES, IMAGE
from adgps_core.vision.architecture import VisionArchitecture, initial_vision_values
from adgps_robot.goal import Goal
from adgps_robot.joining import Join, Joins
from adgps_robot.policy_choice import PolicyChoice
from adgps_robot.sampling import GlobalSampler

VISION = VisionArchitecture(height=8, width=8, stem_channels=1, channels=2, levels=1)


def make_policy(counter: int, *, sees: bool = True, dim_o: int = TASK.dim_o) -> GlobalPolicy:
    """A version, with a vision network of its own or without."""
    rng = np.random.default_rng(0)
    architecture = Architecture(dim_o, TASK.dim_u, (), vision=VISION if sees else None)
    vision = initial_vision_values(VISION, rng) if sees else None
    values = initial_values(architecture, rng, vision=vision)
    zeros, ones = np.zeros(dim_o), np.ones(dim_o)
    return GlobalPolicy(architecture, zeros, ones, values, PolicyVersion(1, counter))


def global_goal(minimum: int = 0, *, exact: bool = False) -> Goal:
    """A rollout of the global policy."""
    version = PolicyVersion(1, minimum)
    return Goal(INSTANCE, 5, minimum_version=version, exact_version=exact)


def test_a_rollout_sees_with_its_own_policy_and_a_local_one_with_the_newest() -> None:
    """Each change is told once."""
    told: list[PolicyVersion] = []
    choice = PolicyChoice(TASK, told.append)
    assert choice.choose(global_goal()) is None
    assert choice.choose(hold_goal()) is not None and not told  # the pre-trained network will do
    for counter in (1, 2, 3):
        choice.hear(make_policy(counter))
    for goal, version in (
        (hold_goal(), 3),
        (hold_goal(), 3),
        (global_goal(1, exact=True), 1),
        (global_goal(1), 3),
    ):
        sampler = choice.choose(goal)
        assert choice.vision_version == PolicyVersion(1, version)
        if isinstance(sampler, GlobalSampler):
            assert sampler.version == choice.vision_version
    assert [version.counter for version in told] == [3, 1, 3]


@pytest.mark.parametrize("trained", [False, True])
def test_what_does_not_fit_is_refused(trained: bool) -> None:
    """A policy of another task, or one that sees otherwise than the robot; the old one stays."""
    choice = PolicyChoice(TASK, (lambda _: None) if trained else None)
    good = make_policy(1, sees=trained)
    choice.hear(good)
    with pytest.raises(ValueError, match="3 numbers"):
        choice.hear(make_policy(2, sees=False, dim_o=3))
    with pytest.raises(ValueError, match="no vision network" if trained else "a vision network"):
        choice.hear(make_policy(2, sees=not trained))
    assert choice.newest is good
    choice.choose(global_goal())
    assert (choice.vision_version == good.version) == trained


def test_what_another_version_saw_does_not_count() -> None:
    """A rollout begins when the first state is seen with its own policy's network."""
    told: list[PolicyVersion] = []
    bench = Bench(see_with=told.append)
    joins = [Join(name, name, True, 5.0) for name in (FEATURES, IMAGE)]
    bench.controller.joins = Joins(joins)
    bench.ready()

    def see(number: float) -> None:
        file = np.array([number], np.uint8)
        bench.controller.on_measurement(IMAGE, bench.clock_ns, file)
        bench.controller.on_measurement(FEATURES, bench.clock_ns, np.array([number]))

    see(1)
    bench.controller.on_policy(make_policy(7))
    bench.start(hold_goal(1))
    assert told == [PolicyVersion(1, 7)] == [bench.controller.vision_version]
    assert not bench.sent
    see(2)
    assert len(bench.sent) == 1
    bench.run(1)
    see(3)
    (result,) = bench.results
    assert result.trajectory is not None
    assert result.trajectory.images[0] == bytes([2])
