"""Tallies and histograms against what numpy says of all the values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adgps_core.tally import Histogram, Tally, counts_text, parse_counts, quantile

values = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=40)


def tally_of(numbers: list[float]) -> Tally:
    tally = Tally()
    for number in numbers:
        tally.add(number)
    return tally


@given(values, values)
def test_a_tally_knows_mean_spread_and_maximum_also_of_two(a: list[float], b: list[float]) -> None:
    for tally, numbers in ((tally_of(a), a), (tally_of(a) + tally_of(b), a + b)):
        assert tally.count == len(numbers)
        assert tally.largest == max(numbers)
        assert tally.mean == pytest.approx(np.mean(numbers), abs=1e-9)
        spread = np.std(numbers, ddof=1) if len(numbers) > 1 else 0.0
        assert tally.std == pytest.approx(spread, abs=1e-5)


@given(values)
def test_a_tally_is_read_back(numbers: list[float]) -> None:
    tally = tally_of(numbers)
    again = Tally.parse(str(tally))
    assert (again.count, again.largest) == (tally.count, pytest.approx(tally.largest, rel=1e-6))
    assert again.mean == pytest.approx(tally.mean, rel=1e-6)
    assert again.std == pytest.approx(tally.std, rel=1e-6)


def test_an_empty_tally_changes_no_other() -> None:
    assert Tally() + tally_of([1.0]) == tally_of([1.0]) == tally_of([1.0]) + Tally()
    assert Tally.parse(str(Tally())) == Tally()


def test_what_failed_is_not_timed() -> None:
    tally = Tally()
    with pytest.raises(KeyError), tally.timed():
        raise KeyError
    with tally.timed():
        pass
    assert tally.count == 1 and 0 <= tally.mean < 5


def test_a_histogram_counts_by_upper_edge_and_its_quantiles_are_edges() -> None:
    histogram = Histogram([1.0, 2.0, 5.0])
    for value in [0.5, 1.0, 1.5, 4.0, 9.0]:
        histogram.add(value)
    assert histogram.counts == {1.0: 2, 2.0: 1, 5.0: 1, math.inf: 1}
    assert parse_counts(str(histogram)) == histogram.counts
    assert quantile(histogram.counts, 0.4) == 1.0
    assert quantile(histogram.counts, 0.41) == 2.0
    assert quantile(histogram.counts, 1.0) == math.inf
    assert math.isnan(quantile({}, 0.5))


def test_counts_are_read_back() -> None:
    assert parse_counts(counts_text({0: 3, 12: 1})) == {0: 3, 12: 1}
    assert parse_counts("") == {}
    with pytest.raises(ValueError):
        parse_counts("nonsense")
