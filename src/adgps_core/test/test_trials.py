"""Trials: each cell of a grid as often as any other, few of them well spread."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adgps_core.tasks import TASKS, Instance, make_task
from adgps_core.tasks.door import Door
from adgps_core.tasks.doors import CENTRE, HELD_OUT_HANDLE, SPREAD, handle_of
from adgps_core.tasks.trials import TrialGrid, in_a_row

SIZE = st.integers(1, 7)


def grid_of(rows: int, columns: int) -> TrialGrid:
    """A grid of nothing in particular, whose instances tell their own place."""
    instances = tuple(
        Instance("x", f"{row}/{column}", np.array([row, column], dtype=float))
        for row in range(rows)
        for column in range(columns)
    )
    names = tuple(map(str, range(rows))), tuple(map(str, range(columns)))
    return TrialGrid("grid", instances, *names, "rows", "columns")


@given(SIZE, SIZE, st.integers(1, 3))
def test_every_round_meets_each_cell_once(rows: int, columns: int, rounds: int) -> None:
    grid = grid_of(rows, columns)
    cells = Counter(grid.cell(number) for number in range(rounds * rows * columns))
    assert len(cells) == rows * columns and set(cells.values()) == {rounds}


@given(SIZE, SIZE)
def test_a_trial_is_on_the_instance_of_its_cell(rows: int, columns: int) -> None:
    grid = grid_of(rows, columns)
    for number in range(rows * columns):
        assert tuple(grid.instance(number).parameters) == grid.cell(number)


@given(st.integers(2, 7), st.integers(1, 7))
def test_few_trials_meet_rows_and_columns_alike(size: int, lines: int) -> None:
    """On a square, any number of whole lines."""
    grid = grid_of(size, size)
    cells = [grid.cell(number) for number in range(min(lines, size) * size)]
    for axis in (0, 1):
        assert set(Counter(cell[axis] for cell in cells).values()) == {min(lines, size)}


def test_instances_that_do_not_fill_a_grid_are_refused() -> None:
    grid = grid_of(2, 3)
    for instances in (grid.instances[:5], ()):
        with pytest.raises(ValueError, match="do not fill a grid of 2 x 3"):
            replace(grid, instances=instances)


def test_a_row_has_what_was_given() -> None:
    instances = make_task("reach").instances("test")
    grid = in_a_row("test", instances)
    assert [grid.instance(number) for number in range(len(instances))] == list(instances)
    assert grid.columns == ("0", "1", "2", "3")


@pytest.mark.parametrize("name", TASKS)
def test_no_robot_has_practised_on_what_is_tried(name: str) -> None:
    task = make_task(name)
    grid = task.trials()
    trained = {tuple(instance.parameters) for instance in task.instances("training")}
    assert {instance.task for instance in grid.instances} == {name}
    assert len({instance.id for instance in grid.instances}) == len(grid.instances)
    assert trained.isdisjoint(tuple(instance.parameters) for instance in grid.instances)
    with pytest.raises(ValueError, match=r"no handle 9|but one kind"):
        task.trials(9)


@pytest.mark.parametrize("handle", [None, 0, 1, 2])
def test_doors_stand_where_the_labels_say(handle: int | None) -> None:
    grid = Door().trials(handle)
    assert (len(grid.rows), len(grid.columns)) == (5, 5)
    for number in range(25):
        row, column = grid.cell(number)
        door = grid.instance(number)
        assert handle_of(door) == (HELD_OUT_HANDLE if handle is None else handle)
        offset = door.parameters[:4] - CENTRE
        assert (np.abs(offset) <= SPREAD).all() and offset[2] == 0.0
        x, y = map(float, grid.rows[row].split(", "))
        np.testing.assert_allclose(100 * offset[:2], [x, y], atol=0.051)
        assert np.degrees(offset[3]) == pytest.approx(float(grid.columns[column]), abs=0.051)
