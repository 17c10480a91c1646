"""Pace: the next trajectories come when those before have been trained on, and never are lost."""

from adgps_bringup.bags.pace import LEAD, PATIENCE, Pace

A, B = "/a/optimized_trajectories", "/b/optimized_trajectories"


class Clock:
    """A clock that stands still unless moved."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


def test_nobody_plays_to_workers_that_were_never_heard_of() -> None:
    pace = Pace({A: ["x"], B: ["y"]}, 12.0)
    assert pace.missing == ["x", "y"]
    assert not pace.ready(A) and not pace.finished
    pace.hear("x", 0, 0)
    assert pace.ready(A) and not pace.ready(B)


def test_the_next_rollouts_wait_for_most_steps_of_those_before() -> None:
    pace = Pace({A: ["x"]}, 12.0)
    pace.hear("x", 0, 0)
    pace.played(A, 5)
    assert not pace.ready(A), "they have not even arrived"
    pace.hear("x", 5, 0)
    enough = next(steps for steps in range(100) if _ready_after(pace, steps))
    assert LEAD * 60 - 1 < enough <= LEAD * 60 + 1
    assert not pace.finished
    pace.hear("x", 5, 60)
    assert pace.finished


def _ready_after(pace: Pace, steps: int) -> bool:
    pace.hear("x", 5, steps)
    return pace.ready(A)


def test_workers_of_one_topic_are_all_waited_for_and_others_are_not() -> None:
    pace = Pace({A: ["x", "y"], B: ["z"]}, 2.0)
    for name in "xyz":
        pace.hear(name, 0, 0)
    pace.played(A, 1)
    pace.hear("x", 1, 2)
    assert not pace.ready(A)
    assert pace.ready(B)
    pace.hear("y", 1, 2)
    assert pace.ready(A)


def test_rollouts_that_a_worker_refuses_are_waited_for_no_longer_than_patience() -> None:
    clock = Clock()
    pace = Pace({A: ["x"]}, 2.0, clock)
    pace.hear("x", 3, 6)
    pace.played(A, 2)
    clock.time = PATIENCE - 0.1
    assert not pace.ready(A)
    clock.time = PATIENCE + 0.1
    assert pace.ready(A) and pace.finished
    assert pace.uncounted == 2


def test_a_worker_that_was_started_again_is_played_to() -> None:
    pace = Pace({A: ["x"]}, 2.0)
    pace.hear("x", 0, 0)
    pace.played(A, 5)
    pace.hear("x", 5, 10)
    pace.hear("x", 0, 0)  # what was published before is its history and counts nothing
    assert pace.ready(A)
    pace.played(A, 5)
    assert not pace.ready(A)
    pace.hear("x", 5, 10)
    assert pace.ready(A)


def test_rollouts_that_come_again_are_not_waited_for() -> None:
    pace = Pace({A: ["x"]}, 2.0)
    pace.hear("x", 5, 10)
    pace.played(A, 0)  # an alternation: the same rollouts with other labels
    assert pace.ready(A)
