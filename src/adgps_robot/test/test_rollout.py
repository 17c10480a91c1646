"""A rollout records what happened, and its noise and densities are what they claim to be."""

from collections.abc import Mapping

import numpy as np
import pytest
from controller_bench import INSTANCE, KINEMATICS, LIMITS, PERIOD_NS, TASK, hold_goal, hold_policy
from hypothesis import given, settings
from hypothesis import strategies as st

from adgps_core import end_effector as ee
from adgps_core.global_policy import Architecture, GlobalPolicy, PolicyVersion, initial_values
from adgps_core.tasks.reach import Reach
from adgps_core.tasks.task import Instance
from adgps_core.typing import Array
from adgps_robot.goal import Goal
from adgps_robot.outcome import Outcome, RolloutError
from adgps_robot.rollout import Rollout
from adgps_robot.sampling import GlobalSampler, LocalSampler, choose_sampler

ARCHITECTURE = Architecture(TASK.dim_o, TASK.dim_u, (8,), action_scale=2.0)


def global_policy(version: PolicyVersion, seed: int = 0) -> GlobalPolicy:
    """A small untrained network."""
    offset, scale = TASK.observation_scaling
    values = initial_values(ARCHITECTURE, np.random.default_rng(seed))
    return GlobalPolicy(ARCHITECTURE, offset, scale, values, version)


def drive(rollout: Rollout, ticks: int | None = None) -> None:
    """Let unit inertias follow a rollout for some ticks, or to its end."""
    angles, velocities, stamp = TASK.start_joint_angles, np.zeros(7), 1_000_000_000
    for _ in range(ticks if ticks is not None else rollout.goal.horizon + 1):
        state = KINEMATICS.state(angles, velocities)
        torques = rollout.tick(stamp, angles, velocities, state)
        if torques is None:
            return
        velocities = velocities + 0.05 * (torques - velocities)
        angles = angles + 0.05 * velocities
        stamp += PERIOD_NS


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**63), st.floats(0.0, 2.0), st.integers(1, 8), st.booleans())
def test_the_record_is_complete_and_consistent(
    seed: int, noise_scale: float, horizon: int, use_global: bool
) -> None:
    """Noise from the seed alone, densities of the sampled actions, T+1 states."""
    goal = hold_goal(horizon, seed=seed, noise_scale=noise_scale)
    local, newest = hold_policy(horizon), global_policy(PolicyVersion(1, 2))
    sampler = GlobalSampler(newest) if use_global else LocalSampler(local)
    rollout = Rollout(goal, sampler, TASK, LIMITS)
    drive(rollout)
    assert rollout.complete
    trajectory = rollout.trajectory()
    assert trajectory is not None and trajectory.horizon == horizon
    states, observations = trajectory.states[:-1], trajectory.observations
    np.testing.assert_array_equal(observations, TASK.observe(states, INSTANCE))
    np.testing.assert_allclose(trajectory.stamps, 0.05 * np.arange(horizon + 1))
    noise = noise_scale * np.random.default_rng(seed).standard_normal((horizon, 7))
    if use_global:
        mean, deviation = newest.mean(observations), np.sqrt(newest.variance)
        density = newest.log_probability(observations, trajectory.actions_sampled)
        assert trajectory.policy_version == PolicyVersion(1, 2)
    else:
        mean, deviation = local.mean(states), 0.5
        density = local.log_probability(states, trajectory.actions_sampled)
        assert trajectory.policy_version.epoch == 0
    np.testing.assert_allclose(trajectory.actions_sampled, mean + deviation * noise, atol=1e-4)
    np.testing.assert_array_equal(trajectory.log_probabilities, density)
    assert (np.abs(trajectory.actions_applied) <= LIMITS.effort).all()
    cut = (trajectory.actions_applied != trajectory.actions_sampled).any()
    assert bool(cut) == (rollout.clipped > 0)


@given(st.integers(0, 7))
def test_a_rollout_cut_short_is_the_beginning_of_the_whole(states: int) -> None:
    """n+1 states make n ticks; fewer than two make no trajectory."""
    whole, part = (Rollout(hold_goal(6), LocalSampler(hold_policy(6)), TASK, LIMITS) for _ in "ab")
    drive(whole)
    drive(part, states)
    full, short = whole.trajectory(), part.trajectory()
    assert full is not None
    assert part.ticks == max(states - 1, 0)
    if states < 2:
        assert short is None
        return
    assert short is not None
    for name in ("actions_sampled", "actions_applied", "observations", "log_probabilities"):
        np.testing.assert_array_equal(getattr(short, name), getattr(full, name)[: states - 1])
    np.testing.assert_array_equal(short.states, full.states[:states])


def test_without_noise_the_density_is_at_its_maximum() -> None:
    """The mean is applied, and its density under the policy reported."""
    mean, noisy = (
        Rollout(hold_goal(4, noise_scale=scale), LocalSampler(hold_policy(4)), TASK, None)
        for scale in (0.0, 1.0)
    )
    drive(mean)
    drive(noisy)
    best, other = mean.trajectory(), noisy.trajectory()
    assert best is not None and other is not None
    assert (best.log_probabilities > other.log_probabilities).all()


def test_leaving_the_limits_ends_it() -> None:
    """The state that did so is part of the record."""
    rollout = Rollout(hold_goal(5), LocalSampler(hold_policy(5)), TASK, LIMITS)
    drive(rollout, 2)
    angles = TASK.start_joint_angles + np.eye(7)[3] * 3.0
    with pytest.raises(RolloutError, match="joint 4 is at") as error:
        rollout.tick(2_000_000_000, angles, np.zeros(7), KINEMATICS.state(angles, np.zeros(7)))
    assert error.value.outcome is Outcome.LIMIT_VIOLATION
    trajectory = rollout.trajectory()
    assert trajectory is not None and trajectory.horizon == 2
    np.testing.assert_array_equal(trajectory.states[-1, ee.JOINT_ANGLES], angles)


def test_an_action_that_overflows_never_leaves() -> None:
    """Finite gains can still make infinite torques."""
    policy = hold_policy(3)
    gain = policy.K.copy()
    gain[1] = 1e308
    absurd = type(policy)(gain, policy.k, policy.C)
    rollout = Rollout(hold_goal(3), LocalSampler(absurd), TASK, LIMITS)
    with np.errstate(over="ignore", invalid="ignore"), pytest.raises(RolloutError) as error:
        drive(rollout)
    assert error.value.outcome is Outcome.INVALID_GOAL


def test_the_global_policy_must_be_new_enough() -> None:
    """Versions are ordered by epoch, then counter."""
    goal = Goal(INSTANCE, 3, minimum_version=PolicyVersion(2, 5))
    assert choose_sampler(goal, []) is None
    assert choose_sampler(goal, [global_policy(PolicyVersion(1, 900))]) is None
    sampler = choose_sampler(goal, [global_policy(PolicyVersion(2, 5))])
    assert sampler is not None and sampler.version == PolicyVersion(2, 5)


def test_one_version_alone_can_be_asked_for() -> None:
    """So that the rollouts of an iteration sample one policy, however often it is updated."""
    policies = [global_policy(PolicyVersion(2, counter)) for counter in (5, 6, 9)]

    def chosen(counter: int, *, exact: bool) -> PolicyVersion | None:
        version = PolicyVersion(2, counter)
        goal = Goal(INSTANCE, 3, minimum_version=version, exact_version=exact)
        sampler = choose_sampler(goal, policies)
        return sampler and sampler.version

    assert chosen(6, exact=True) == PolicyVersion(2, 6)
    assert chosen(6, exact=False) == PolicyVersion(2, 9)
    assert chosen(7, exact=True) is None
    assert chosen(7, exact=False) == PolicyVersion(2, 9)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"horizon": 0}, "horizon must be"),
        ({"horizon": 4}, "the policy has K"),
        ({"noise_scale": float("nan")}, "noise_scale"),
        ({"noise_scale": -1.0}, "noise_scale"),
        ({"instance": type(INSTANCE)("juggle", "x", np.zeros(9))}, "of task 'juggle'"),
        ({"instance": type(INSTANCE)("reach", "x", np.zeros(3))}, "parameters \\(3,\\)"),
    ],
)
def test_goals_that_do_not_fit_are_refused(changes: dict[str, object], reason: str) -> None:
    """Each with its reason."""
    fields = {"instance": INSTANCE, "horizon": 3, "policy": hold_policy(3), **changes}
    with pytest.raises(ValueError, match=reason):
        Goal(**fields).check(TASK, (9,))  # type: ignore[arg-type]


def test_measurements_are_recorded_with_the_states_that_they_came_with() -> None:
    horizon, angles, rest = 3, TASK.start_joint_angles, np.zeros(7)
    state = KINEMATICS.state(angles, rest)
    rollout = Rollout(hold_goal(horizon), LocalSampler(hold_policy(horizon)), TASK, LIMITS)
    row = np.empty(2)  # used again, as a driver's buffer would be
    for t in range(horizon + 1):
        row[:] = t, -t
        stamp = 1_000_000_000 + t * PERIOD_NS
        rollout.tick(stamp, angles, rest, state, measurements={"imu": row, "light": np.ones(1)})
    trajectory = rollout.trajectory()
    assert trajectory is not None
    np.testing.assert_array_equal(trajectory.measurements["imu"], [[0, 0], [1, -1], [2, -2]])
    np.testing.assert_array_equal(trajectory.measurements["light"], np.ones((horizon, 1)))


def test_a_rollout_keeps_to_one_set_of_measurements() -> None:
    angles, rest = TASK.start_joint_angles, np.zeros(7)
    state = KINEMATICS.state(angles, rest)
    rollout = Rollout(hold_goal(3), LocalSampler(hold_policy(3)), TASK, LIMITS)
    rollout.tick(1_000_000_000, angles, rest, state, measurements={"imu": np.zeros(2)})
    with pytest.raises(RuntimeError, match="measurements changed"):
        rollout.tick(1_000_000_000 + PERIOD_NS, angles, rest, state)


class Looking(Reach):
    """Observes the first and the newest measurement besides what the task observes."""

    def observe(
        self,
        states: Array,
        instance: Instance,
        measurements: Mapping[str, Array] | None = None,
    ) -> Array:
        """States, and two rows of "light"."""
        light = (measurements or {})["light"]
        first = np.broadcast_to(light[:1], light.shape)
        return np.concatenate([super().observe(states, instance), light, first], axis=-1)


def test_the_policy_acts_on_what_was_measured_so_far() -> None:
    task = Looking(dim_o=TASK.dim_o + 2, measured=("light",))
    architecture = Architecture(task.dim_o, task.dim_u, (8,), action_scale=2.0)
    values = initial_values(architecture, np.random.default_rng(0))
    zeros, ones = np.zeros(task.dim_o), np.ones(task.dim_o)
    policy = GlobalPolicy(architecture, zeros, ones, values, PolicyVersion(1, 1))
    goal = Goal(INSTANCE, 4, noise_scale=0.0, minimum_version=PolicyVersion(1, 1))
    rollout = Rollout(goal, GlobalSampler(policy), task, None)
    angles, rest = TASK.start_joint_angles, np.zeros(7)
    state = KINEMATICS.state(angles, rest)
    for t in range(5):
        stamp = 1_000_000_000 + t * PERIOD_NS
        rollout.tick(stamp, angles, rest, state, measurements={"light": np.array([t + 1.0])})
    trajectory = rollout.trajectory()
    assert trajectory is not None
    np.testing.assert_array_equal(trajectory.observations[:, -2], [1, 2, 3, 4])
    np.testing.assert_array_equal(trajectory.observations[:, -1], 1)
    wanted = policy.mean(trajectory.observations)
    np.testing.assert_allclose(trajectory.actions_sampled, wanted, atol=1e-6)
    assert np.ptp(wanted, axis=0).max() > 1e-3  # it does act on them
