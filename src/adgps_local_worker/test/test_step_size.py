"""Steps grow while the model predicts well, and shrink where it does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adgps_local_worker.step_size import adapt_step_size


@given(st.floats(0.5, 2.0), st.floats(0.1, 10.0), st.floats(-0.9, 2.0))
def test_the_new_step_is_the_best_of_the_parabola(size: float, slope: float, miss: float) -> None:
    """Improvements a ε + b ε² are greatest at -a / 2b, where the change is within its factor."""
    curvature = -slope / (2 * size * 10**miss)  # the best step is 10^miss times the last
    best = -slope / (2 * curvature)
    new = adapt_step_size(
        size, slope * size, slope * size + curvature * size**2, low=1e-3, high=1e3
    )
    assert new == pytest.approx(min(max(best, 0.1 * size), 5 * size))


@pytest.mark.parametrize(
    ("predicted", "actual", "change"),
    [
        (1.0, 0.5, 1.0),  # half of what was promised: the step was right
        (1.0, 1.0, 5.0),  # all of it
        (1.0, 3.0, 5.0),  # more
        (1.0, 0.0, 0.5),
        (1.0, -100.0, 0.1),  # much worse than before
        (-1.0, 0.0, 0.1),  # promised nothing good
        (-1.0, -5.0, 0.1),
        (0.0, 0.0, 0.1),
    ],
)
def test_change_by_prediction(predicted: float, actual: float, change: float) -> None:
    """Within a factor of 0.1 to 5."""
    assert adapt_step_size(2.0, predicted, actual, 1e-3, 1e3) == pytest.approx(2.0 * change)


@given(st.floats(1e-6, 1e6), st.floats(-1e9, 1e9), st.floats(-1e9, 1e9))
def test_multipliers_stay_within_their_bounds(
    multiplier: float, predicted: float, actual: float
) -> None:
    """Whatever the improvements are."""
    assert 0.2 <= adapt_step_size(multiplier, predicted, actual, 0.2, 4.0) <= 4.0
