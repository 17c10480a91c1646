"""Lines of progress in a file: often enough to see that a run goes on, and not more often."""

import io

from adgps_bringup.progress import PLAIN_PERIOD, QUIET_PERIOD, ProgressDisplay
from adgps_bringup.training_state import TrainingState


class Run:
    """A robot that says how far it is, and what is printed of it."""

    def __init__(self) -> None:
        self.state = TrainingState(("robot_1",), ("training/0",))
        self.stream = io.StringIO()
        self.display = ProgressDisplay(self.state, self.stream)

    def says(self, now: float, iteration: float, finished: bool = False) -> list[str]:
        """Lines that are new."""
        words = {"iteration": iteration, "iterations": 4, "finished": str(finished).lower()}
        values = {key: str(value) for key, value in words.items()}
        self.state.update("/robot_1/local_worker", values, now)
        before = len(self.stream.getvalue())
        self.display.update(now)
        return self.stream.getvalue()[before:].splitlines()


def test_an_iteration_is_a_line_but_not_sooner_than_some_time_after_the_last() -> None:
    run = Run()
    (first,) = run.says(1.0, 0.0)
    assert "robot_1" in first and "0.0/4" in first
    assert run.says(1.0 + PLAIN_PERIOD / 2, 1.0) == []
    (line,) = run.says(1.0 + PLAIN_PERIOD, 1.0)
    assert "1.0/4" in line


def test_a_long_iteration_is_not_silent() -> None:
    run = Run()
    run.says(1.0, 1.0)
    assert run.says(QUIET_PERIOD, 1.5) == []
    (line,) = run.says(1.0 + QUIET_PERIOD, 1.5)
    assert "1.5/4" in line
    assert run.says(QUIET_PERIOD + 2, 1.6) == []


def test_the_end_is_told_once() -> None:
    run = Run()
    run.says(1.0, 3.0)
    (line,) = run.says(2.0, 4.0, finished=True)
    assert "finished" in line
    assert run.says(2 * QUIET_PERIOD, 4.0, finished=True) == []
