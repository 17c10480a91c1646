"""The rate limiter's bounds hold exactly, and what would halt training is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adgps_global_worker.rate_limiter import StepsPerRollout, StepsPerRound


def _exhaust(limiter: StepsPerRollout | StepsPerRound, limit: int = 10_000) -> int:
    """Take all steps that may be taken."""
    taken = 0
    while not limiter.waiting_for and taken < limit:
        limiter.step()
        taken += 1
    return taken


@given(st.floats(0.01, 50), st.lists(st.integers(0, 7), max_size=10))
def test_steps_are_as_many_as_the_rollouts_allow(maximum: float, arrivals: list[int]) -> None:
    """After every arrival, steps are the most with steps ≤ maximum · rollouts."""
    limiter = StepsPerRollout(0.0, maximum)
    assert _exhaust(limiter) == 0
    for rollouts in arrivals:
        limiter.receive("a", 0, rollouts, history=False)
        _exhaust(limiter)
        assert limiter.steps <= maximum * limiter.rollouts < limiter.steps + 1
    assert limiter.rollouts == sum(arrivals)


def test_history_allows_no_steps() -> None:
    """What a killed worker was trained on is not trained on again in full."""
    limiter = StepsPerRollout(5.0, 10.0)
    limiter.receive("a", 0, 100, history=True)
    assert "rollouts" in limiter.waiting_for
    assert limiter.steps >= 5.0 * limiter.rollouts  # nor do local workers wait for it
    limiter.receive("a", 0, 2, history=False)
    assert _exhaust(limiter) == 20


def test_a_round_begins_with_the_last_instance_and_ends_after_its_steps() -> None:
    """Nobody is left behind: each round waits for all, names who is missing, trains, ends."""
    limiter = StepsPerRound(4, ["a", "b"])
    for current in range(3):
        assert limiter.round == current
        limiter.receive("a", current, 5, history=False)
        assert limiter.waiting_for == f"round {current} of b"
        limiter.receive("b", current, 5, history=False)
        assert _exhaust(limiter) == 4
        assert limiter.waiting_for == f"round {current + 1} of a, b"
    assert (limiter.round, limiter.steps, limiter.rollouts) == (3, 12, 30)


def test_a_restarted_worker_trains_the_round_that_others_wait_for() -> None:
    """History tells which round everybody has reached; it is trained, whoever began it."""
    limiter = StepsPerRound(4, ["a", "b"])
    for current in range(6):
        for key in "ab":
            limiter.receive(key, current, 5, history=True)
    limiter.receive("a", 6, 5, history=False)
    assert limiter.round == 5
    assert _exhaust(limiter) == 4
    assert limiter.waiting_for == "round 6 of b"


def test_an_instance_that_is_not_expected_does_not_hold_anybody_up() -> None:
    """It is learned from, but rounds do not depend on it."""
    limiter = StepsPerRound(1, ["a"])
    limiter.receive("stranger", 0, 5, history=False)
    assert limiter.waiting_for == "round 0 of a"


@pytest.mark.parametrize(
    ("minimum", "maximum", "reason"),
    [
        (0.0, 0.0, "no step would ever be taken"),
        (11.0, 10.0, "may not take"),
        (-1.0, 10.0, "min_steps_per_rollout"),
        (0.0, float("nan"), "max_steps_per_rollout"),
    ],
)
def test_bounds_that_would_halt_training_are_refused(
    minimum: float, maximum: float, reason: str
) -> None:
    """The reason says who would wait for what."""
    with pytest.raises(ValueError, match=reason):
        StepsPerRollout(minimum, maximum)


def test_rounds_that_could_not_begin_or_end_are_refused() -> None:
    """No steps, or nobody to wait for."""
    with pytest.raises(ValueError, match="ever end"):
        StepsPerRound(0, ["a"])
    with pytest.raises(ValueError, match="ever begin"):
        StepsPerRound(1, [])
