"""Instances laid out on a grid, on which a policy is tried to tell how good it is (figure 9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm

from adgps_core.tasks.task import Instance


@dataclass(frozen=True)
class TrialGrid:
    """Instances that differ in two ways, or just in one: then there is one row.

    Parameters
    ----------
    name : of the whole, one word.
    instances : row by row.
    rows, columns : what tells each from the others, in a few characters.
    rows_are, columns_are : what it is that differs, with its unit; "" for a row that is alone.

    Raises
    ------
    ValueError
        If the instances do not fill the grid.
    """

    name: str
    instances: tuple[Instance, ...]
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    rows_are: str
    columns_are: str

    def __post_init__(self) -> None:
        """Validate."""
        if not self.instances or len(self.instances) != len(self.rows) * len(self.columns):
            raise ValueError(
                f"{len(self.instances)} instances do not fill a grid of"
                f" {len(self.rows)} x {len(self.columns)}"
            )

    def cell(self, trial: int) -> tuple[int, int]:
        """Row and column of a trial, by its number from 0.

        As many trials as there are cells meet each of them once, and few are spread out: they meet
        each row, and each column, as often as any other.
        """
        number = trial % len(self.instances)
        rows, columns = len(self.rows), len(self.columns)
        return number % rows, (number + number // lcm(rows, columns)) % columns

    def instance(self, trial: int) -> Instance:
        """What a trial is on."""
        row, column = self.cell(trial)
        return self.instances[row * len(self.columns) + column]


def in_a_row(name: str, instances: Sequence[Instance]) -> TrialGrid:
    """Lay instances out that have no order of their own."""
    ids = tuple(instance.id.rpartition("/")[2] for instance in instances)
    return TrialGrid(name, tuple(instances), ("",), ids, "", f"{name} instance")
