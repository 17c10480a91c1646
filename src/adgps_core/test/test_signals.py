"""Signals end the repetition after the step in which they arrive, never within it."""

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from adgps_core.signals import StopSignals

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Handlers, mask and garbage collection as they were."""
    handlers = [signal.getsignal(number) for number in SIGNALS]
    yield
    gc.unfreeze()
    for number, handler in zip(SIGNALS, handlers, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_the_step_in_hand_is_finished_and_is_the_last(number: signal.Signals) -> None:
    """A second signal, while the process is cleaning up, changes nothing."""
    steps: list[str] = []

    def step() -> None:
        steps.append("begun")
        if len(steps) == 5:
            os.kill(os.getpid(), number)
        steps.append("ended")

    StopSignals().repeat(step)
    assert steps == ["begun", "ended"] * 3
    os.kill(os.getpid(), number)


def test_a_signal_before_the_first_step_counts() -> None:
    """One that came while the node was being built."""
    stop = StopSignals()
    os.kill(os.getpid(), signal.SIGTERM)
    stop.repeat(lambda: pytest.fail("a step was taken"))


def test_a_signal_that_was_blocked_during_start_up_arrives() -> None:
    """Nothing of it is seen but the quiet end."""
    program = (
        "import os, signal\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])\n"
        "os.kill(os.getpid(), signal.SIGINT)\n"
        "from adgps_core.signals import StopSignals\n"
        "StopSignals().repeat(lambda: 1 / 0)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_an_error_of_a_step_is_passed_on() -> None:
    """Only signals end it quietly."""
    with pytest.raises(ZeroDivisionError):
        StopSignals().repeat(lambda: 1 / 0)
