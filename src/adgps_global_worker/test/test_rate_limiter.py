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


class _Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


@given(st.floats(0.01, 50), st.lists(st.integers(0, 7), max_size=10))
def test_steps_are_as_many_as_the_rollouts_allow(maximum: float, arrivals: list[int]) -> None:
    """After every arrival, steps are the most with steps ≤ maximum · rollouts."""
    limiter = StepsPerRollout(0.0, maximum, now=lambda: 0.0)
    assert _exhaust(limiter) == 0
    for rollouts in arrivals:
        limiter.receive("a", 0, rollouts, history=False)
        _exhaust(limiter)
        assert limiter.steps <= maximum * limiter.rollouts < limiter.steps + 1
    assert limiter.rollouts == sum(arrivals)


def test_steps_are_spread_over_half_the_time_to_the_next_batch() -> None:
    """By how long the newest batch took itself; what was left before is spread with it."""
    clock = _Clock()
    limiter = StepsPerRollout(0.0, 10.0, now=clock)
    clock.time = 20.0
    limiter.receive("a", 0, 2, history=False)
    assert limiter.pace == 1.0
    assert [_exhaust(limiter) for clock.time in (20.0, 22.5, 27.5)] == [0, 5, 10]
    limiter.receive("b", 0, 2, history=False)
    assert _exhaust(limiter) == 0
    assert limiter.pace == 0.3  # 7.5 s for the 5 steps that were left and 20 more
    assert [_exhaust(limiter) for clock.time in (29.0, 30.5, 31.2)] == [10, 10, 4]
    limiter.receive("a", 1, 4, history=False)
    assert _exhaust(limiter) == 0
    clock.time = 100.0
    assert _exhaust(limiter) == 41
    limiter.receive("a", 1, 0, history=False)  # a message repeated brings no rollouts
    assert _exhaust(limiter) == 0


def test_steps_that_local_workers_wait_for_are_not_put_off() -> None:
    """Else each batch would have to wait as long as the one before took, and longer."""
    for minimum in (8.0, 7.3):
        clock = _Clock()
        limiter = StepsPerRollout(minimum, 10.0, now=clock)
        for batch in range(1, 6):
            clock.time += 5.0
            limiter.receive("a", batch, 2, history=False)
            _exhaust(limiter)
            assert limiter.steps + 1 > minimum * limiter.rollouts


def test_history_allows_no_steps() -> None:
    """What a killed worker was trained on is not trained on again in full."""
    limiter = StepsPerRollout(5.0, 10.0)
    limiter.receive("a", 0, 100, history=True)
    assert "rollouts" in limiter.waiting_for
    assert limiter.steps >= 5.0 * limiter.rollouts  # nor do local workers wait for it
    limiter.receive("a", 0, 2, history=False)
    assert _exhaust(limiter) == 20


def _exhaust_all(workers: list[StepsPerRollout], updates: int = 0) -> int:
    """Let workers of one server step in turn until none may; the server's updates."""
    stepped = True
    while stepped:
        stepped = False
        for worker in workers:
            if worker.rollouts:
                worker.hear(updates)
            if worker.rollouts and not worker.waiting_for:
                worker.step()
                updates += 1
                stepped = True
    return updates


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 5)), min_size=3, max_size=12))
def test_all_workers_keep_pace_with_the_busiest_robot(arrivals: list[tuple[int, int]]) -> None:
    """Whoever has rollouts takes an equal share, but at most one batch ahead of its own."""
    workers = [StepsPerRollout(0.0, 4.0, workers=3, now=lambda: 0.0) for _ in range(3)]
    newest = [1, 1, 1]
    for worker in workers:
        worker.receive("first", 0, 1, history=False)
    updates = _exhaust_all(workers)
    for index, rollouts in arrivals:
        workers[index].receive("a", 0, rollouts, history=False)
        newest[index] = rollouts
        updates = _exhaust_all(workers, updates)
        for worker, batch in zip(workers, newest, strict=True):
            ahead = 4 * (worker.rollouts + batch)
            assert min(ahead, updates / 3) < worker.steps + 1
            assert worker.steps <= 4 * (worker.rollouts + 5)  # the largest batch of all
            assert worker.steps >= 4 * worker.rollouts
    assert updates == sum(worker.steps for worker in workers)


def test_one_step_does_not_call_for_one_of_everybody() -> None:
    """Theirs would cross; who is a whole step short of its share makes up for it."""
    workers = [StepsPerRollout(0.0, 4.0, workers=4, now=lambda: 0.0) for _ in range(4)]
    for worker in workers:
        worker.receive("a", 0, 1, history=False)
    assert _exhaust_all(workers) == 16
    for worker in workers:
        worker.hear(17)
        assert worker.waiting_for
    for updates, steps in ((19, 0), (20, 1), (23, 0), (24, 1)):
        workers[0].hear(updates)
        assert _exhaust(workers[0]) == steps


def test_steps_of_a_killed_worker_are_not_chased() -> None:
    """Its successor and the others stop, although updates stay that none of them has made."""
    workers = [StepsPerRollout(0.0, 10.0, workers=2, now=lambda: 0.0) for _ in range(2)]
    for worker in workers:
        worker.receive("a", 0, 5, history=False)
    updates = _exhaust_all(workers)
    updates += 40  # by one of them that was ahead, and killed
    workers[1] = StepsPerRollout(0.0, 10.0, workers=2, now=lambda: 0.0)
    workers[1].receive("a", 1, 5, history=False)
    updates = _exhaust_all(workers, updates)
    assert all(worker.steps <= 100 for worker in workers)


def test_a_worker_that_comes_late_owes_nothing() -> None:
    """It counts as having kept pace so far, and follows the others from then on."""
    late = StepsPerRollout(0.0, 10.0, workers=2, now=lambda: 0.0)
    late.receive("b", 0, 1, history=True)  # as a restarted worker, its memory is full
    late.hear(50)
    assert late.waiting_for and late.steps == 0
    late.receive("b", 1, 1, history=False)
    assert _exhaust(late) == 10
    late.hear(60)
    assert late.waiting_for
    late.hear(78)
    assert _exhaust(late) == 4
    assert late.follows and not StepsPerRollout(0.0, 1.0).follows


@given(st.integers(1, 5), st.integers(0, 1000))
def test_a_late_worker_takes_what_its_rollouts_allow(workers: int, before: int) -> None:
    """Also where its own steps are all that happens."""
    limiter = StepsPerRollout(0.0, 10.0, workers, now=lambda: 0.0)
    limiter.receive("a", 0, 6, history=False)
    updates = before
    limiter.hear(updates)
    while not limiter.waiting_for and limiter.steps < 1000:
        updates += 1
        limiter.step()
        limiter.hear(updates)
    assert 60 <= limiter.steps <= 61  # where the share is no whole number


def test_a_server_that_lost_updates_is_followed_from_there() -> None:
    """Lost updates neither allow steps nor forbid them."""
    limiter = StepsPerRollout(0.0, 1.0, workers=2, now=lambda: 0.0)
    limiter.hear(1000)
    limiter.receive("a", 0, 10, history=False)
    assert _exhaust(limiter) == 10
    limiter.hear(1020)  # the other one has kept pace
    for updates, allowed in ((900, 0), (908, 4), (700, 0), (702, 1)):
        limiter.hear(updates)
        assert _exhaust(limiter) == allowed


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
    with pytest.raises(ValueError, match="global_workers"):
        StepsPerRollout(0.0, 1.0, workers=0)


def test_rounds_that_could_not_begin_or_end_are_refused() -> None:
    """No steps, or nobody to wait for."""
    with pytest.raises(ValueError, match="ever end"):
        StepsPerRound(0, ["a"])
    with pytest.raises(ValueError, match="ever begin"):
        StepsPerRound(1, [])
