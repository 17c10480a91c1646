"""The replay memory keeps the newest, counts a rollout once, and refuses what is not its task's."""

from dataclasses import replace

import numpy as np
import pytest
from synthetic import INSTANCES, TASK, make_optimized

from adgps_core.global_policy import Architecture
from adgps_core.optimized import OptimizedTrajectories
from adgps_core.policies import LinearGaussianPolicy
from adgps_core.tasks import Instance
from adgps_core.vision.architecture import VisionArchitecture
from adgps_global_worker.replay_memory import RefusedTrajectoriesError, ReplayMemory


def _memory(per_instance: int = 10, total: int = 100) -> ReplayMemory:
    return ReplayMemory(TASK, per_instance, total)


def _kept(memory: ReplayMemory, index: int) -> set[float]:
    """Fingerprints of the rollouts remembered of a training instance."""
    return set(memory.samples(INSTANCES[index].id).states[:, 0, 0])


def _prints(optimized: OptimizedTrajectories) -> set[float]:
    return {sample.states[0, 0] for sample in optimized.samples}


def test_samples_and_labels_come_back_as_they_went_in() -> None:
    """What is stacked is the messages' own arrays, with the newest labels."""
    memory = _memory()
    first, second = make_optimized(iteration=1), make_optimized(iteration=2)
    assert memory.add(first).rollouts == memory.add(second).rollouts == 3
    samples = memory.samples(INSTANCES[0].id)
    sent = [*first.samples, *second.samples]
    np.testing.assert_array_equal(samples.states, [s.states[:-1] for s in sent])
    np.testing.assert_array_equal(samples.observations, [s.observations for s in sent])
    np.testing.assert_array_equal(samples.actions, [s.actions_sampled for s in sent])
    np.testing.assert_array_equal(samples.log_probabilities, [s.log_probabilities for s in sent])
    assert samples.policy is second.policy
    assert memory.rollouts == 6


def test_an_iteration_published_again_replaces_labels_and_counts_nothing() -> None:
    """A later alternation brings new labels for the same samples."""
    memory = _memory()
    first = make_optimized(current_round=0)
    again = replace(first, round=1, kl_weights=2 * first.kl_weights, multipliers=np.ones((100, 7)))
    memory.add(first)
    revision = memory.revisions[INSTANCES[0].id]
    received = memory.add(again)
    assert (received.rollouts, received.relabelled) == (0, True)
    assert memory.rollouts == 3
    assert memory.revisions[INSTANCES[0].id] != revision
    samples = memory.samples(INSTANCES[0].id)
    assert samples.kl_weights is again.kl_weights and samples.multipliers is again.multipliers


def test_an_old_message_repeated_changes_nothing() -> None:
    """A middleware that repeats what it keeps cannot bring old labels back."""
    memory = _memory()
    first, second = make_optimized(iteration=1), make_optimized(iteration=2)
    memory.add(first)
    memory.add(second)
    received = memory.add(first)
    assert (received.rollouts, received.relabelled) == (0, False)
    assert memory.samples(INSTANCES[0].id).policy is second.policy


def test_a_forgotten_rollout_is_not_counted_again() -> None:
    """Rollouts that made room for newer ones stay counted."""
    memory = _memory(per_instance=3)
    first = make_optimized(iteration=1)
    memory.add(first)
    memory.add(make_optimized(iteration=2))
    assert memory.add(first).rollouts == 0


def test_an_instance_keeps_its_newest_rollouts() -> None:
    """Beyond an instance's capacity its oldest rollouts go."""
    memory = _memory(per_instance=4)
    first, second = make_optimized(iteration=1), make_optimized(iteration=2)
    memory.add(first)
    memory.add(second)
    assert memory.rollouts == 4
    assert _kept(memory, 0) == {first.samples[-1].states[0, 0]} | _prints(second)


def test_the_oldest_of_all_make_room() -> None:
    """Beyond the whole's capacity the oldest go, and with its last rollout an instance."""
    memory = _memory(per_instance=4, total=5)
    messages = [make_optimized(index) for index in range(3)]
    memory.add(messages[0])
    memory.add(messages[1])
    assert _kept(memory, 0) == {s.states[0, 0] for s in messages[0].samples[1:]}
    memory.add(messages[2])
    assert list(memory.revisions) == [INSTANCES[1].id, INSTANCES[2].id]
    assert memory.rollouts == 5


def test_eviction_changes_the_revision_of_who_lost_rollouts() -> None:
    """Whatever was computed from an instance's samples is known to be old."""
    memory = _memory(per_instance=4, total=5)
    memory.add(make_optimized(0))
    before = memory.revisions[INSTANCES[0].id]
    memory.add(make_optimized(1))
    assert memory.revisions[INSTANCES[0].id] != before


def _shorter(optimized: OptimizedTrajectories) -> OptimizedTrajectories:
    policy = LinearGaussianPolicy(
        *(a[:50] for a in (optimized.policy.K, optimized.policy.k)), optimized.policy.C[:50]
    )
    samples = tuple(
        replace(
            s,
            states=s.states[:51],
            observations=s.observations[:50],
            actions_sampled=s.actions_sampled[:50],
            actions_applied=s.actions_applied[:50],
            log_probabilities=s.log_probabilities[:50],
            stamps=s.stamps[:51],
            lateness=s.lateness[:50],
        )
        for s in optimized.samples
    )
    return replace(
        optimized,
        samples=samples,
        policy=policy,
        sampling_policy=policy,
        multipliers=optimized.multipliers[:50],
        kl_weights=optimized.kl_weights[:50],
    )


def _blind(optimized: OptimizedTrajectories) -> OptimizedTrajectories:
    return replace(
        optimized,
        samples=tuple(replace(s, observations=s.observations[:, :5]) for s in optimized.samples),
    )


@pytest.mark.parametrize(
    ("wrong", "figures"),
    [
        (lambda o: replace(o, instance=Instance("dance", "training/0", np.zeros(9))), "'dance'"),
        (_shorter, r"\(50, 7, 32\)"),
        (_blind, r"\(100, 5\).*\(100, 41\)"),
        (lambda o: replace(o, samples=()), "no samples"),
        (lambda o: replace(o, samples=(o.samples[0], o.samples[0])), "same rollout_id"),
        (lambda o: replace(o, instance=INSTANCES[1]), "training/0.*training/1"),
    ],
)
def test_what_is_not_of_the_task_is_refused(wrong: object, figures: str) -> None:
    """The refusal names the figures, and nothing is remembered."""
    memory = _memory()
    with pytest.raises(RefusedTrajectoriesError, match=figures):
        memory.add(wrong(make_optimized()))  # type: ignore[operator]
    assert memory.rollouts == 0 and not memory.revisions
    assert memory.add(make_optimized()).rollouts == 3


def test_impossible_capacities_and_policies_are_refused() -> None:
    """A memory that could hold nothing, or a policy of another task, is said plainly."""
    with pytest.raises(ValueError, match="capacities"):
        _memory(per_instance=0)
    with pytest.raises(ValueError, match="capacities"):
        _memory(per_instance=10, total=5)
    with pytest.raises(ValueError, match="3 numbers to 2"):
        _memory().check_policy(Architecture(3, 2))


def test_where_vision_is_trained_samples_and_policies_must_have_some() -> None:
    """And images come back with their rollouts."""
    seeing = ReplayMemory(TASK, 4, 10, images=True)
    with pytest.raises(RefusedTrajectoriesError, match="no images"):
        seeing.add(make_optimized())
    files = tuple(bytes([step]) for step in range(TASK.horizon))
    optimized = make_optimized()
    samples = tuple(replace(sample, images=files) for sample in optimized.samples)
    seeing.add(replace(optimized, samples=samples))
    assert seeing.samples(INSTANCES[0].id).images == (files,) * 3
    blind = _memory()
    blind.add(replace(optimized, samples=samples))
    assert blind.samples(INSTANCES[0].id).images == ()

    without = Architecture(TASK.dim_o, TASK.dim_u)
    with_vision = Architecture(TASK.dim_o, TASK.dim_u, vision=VisionArchitecture(8, 8, 1, 2, 1))
    seeing.check_policy(with_vision)
    with pytest.raises(ValueError, match="has none"):
        seeing.check_policy(without)
    blind.check_policy(without)
    with pytest.raises(ValueError, match="has one"):
        blind.check_policy(with_vision)
