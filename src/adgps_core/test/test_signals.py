"""Signals end the repetition after the step in which they arrive, never within it."""

import os
import signal

import pytest

from adgps_core.signals import repeat_until_signalled


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_step_in_hand_is_finished_and_is_the_last(number: signal.Signals) -> None:
    """And the handlers from before are back."""
    before = signal.getsignal(number)
    steps: list[str] = []

    def step() -> None:
        steps.append("begun")
        if len(steps) == 5:
            os.kill(os.getpid(), number)
        steps.append("ended")

    repeat_until_signalled(step)
    assert steps == ["begun", "ended"] * 3
    assert signal.getsignal(number) is before


def test_an_error_of_a_step_is_passed_on() -> None:
    """Only signals end it quietly."""
    with pytest.raises(ZeroDivisionError):
        repeat_until_signalled(lambda: 1 / 0)
