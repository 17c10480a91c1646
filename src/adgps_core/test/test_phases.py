"""Schedules are read as they are written, and every iteration belongs to one phase."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adgps_core.phases import METHODS, OPTIMIZERS, Phase, phase_at

phases = st.builds(
    Phase, st.sampled_from(METHODS), st.sampled_from(OPTIMIZERS), st.integers(1, 10_000)
)


@given(phases)
def test_what_is_written_is_read(phase: Phase) -> None:
    """As parameter files have it."""
    assert Phase.parse(str(phase)) == phase
    assert str(Phase("badmm", "lqr", 15)) == "badmm+lqr:15"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("badmm+lqr", "no phase"),
        ("badmm lqr 3", "no phase"),
        ("badmm+lqr:-1", "no phase"),
        ("gps+lqr:3", "unknown method 'gps', known: badmm, mdgps"),
        ("badmm+adam:3", "unknown optimizer 'adam', known: lqr, pi2"),
        ("badmm+lqr:0", "at least one iteration"),
    ],
)
def test_what_is_no_phase_is_refused(text: str, reason: str) -> None:
    """Saying what is wrong with it."""
    with pytest.raises(ValueError, match=reason):
        Phase.parse(text)


@given(st.lists(phases.filter(lambda phase: phase.iterations < 20), min_size=1, max_size=5))
def test_every_iteration_has_its_phase(schedule: list[Phase]) -> None:
    """In order, each as long as it says."""
    expected = [index for index, phase in enumerate(schedule) for _ in range(phase.iterations)]
    found = [phase_at(schedule, iteration + 1) for iteration in range(len(expected))]
    assert all(phase is schedule[index] for phase, index in zip(found, expected, strict=True))
    with pytest.raises(ValueError, match=f"the schedule's {len(expected)}"):
        phase_at(schedule, len(expected) + 1)


def test_there_are_four_combinations() -> None:
    """The paper's."""
    assert len(list(product(METHODS, OPTIMIZERS))) == 4
