"""Trials of an evaluation: who makes them, what is kept of them, what is said of them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from trial_samples import GRID, result

from adgps_bringup.evaluation import InstanceResult
from adgps_bringup.trials.log import SETTINGS, TRIALS, TrialLog, trial_result
from adgps_bringup.trials.plan import Trial, Work, lay_out
from adgps_bringup.trials.progress import TrialProgress
from adgps_bringup.trials.report import interval, summarise, table, tally

ROBOTS = ("/robot_1", "/robot_2")
SHARED = {"policy_version": "1.7", "camera_shift_m": (0.0, 1.0 / 3.0, -0.05)}


def test_every_robot_has_the_same_trials() -> None:
    trials = lay_out(GRID, ROBOTS, 8, 0.01)
    each = [[trial for trial in trials if trial.robot == robot] for robot in ROBOTS]
    for one, other in zip(*each, strict=True):
        assert one == replace(other, robot=one.robot)
    assert [trial.number for trial in each[0]] == list(range(8))
    assert len({trial.seed for trial in each[0]}) == 8, "no start is tried twice"
    assert each[0][0].instance == each[0][6].instance, "after all cells come all cells again"


def test_work_is_taken_by_those_whose_it_is() -> None:
    instance = GRID.instances[0]
    work = Work([Trial(instance, "/robot_2"), Trial(instance), Trial(instance, "/robot_1")])
    assert work.take("/robot_1") == (1, 1)
    assert work.take("/robot_1") == (2, 1)
    assert work.take("/robot_1") is None
    assert work.take("/robot_2") == (0, 1)
    work.give_back(0, 1)
    assert work.take("/robot_1") is None and work.take("/robot_2") == (0, 2)


def test_an_evaluation_goes_on_where_it_was(tmp_path: Path) -> None:
    trials = lay_out(GRID, ROBOTS, 3, 0.0)
    log = TrialLog(tmp_path, SHARED)
    assert log.missing(trials) == list(trials) and log.of(trials) == []
    found = InstanceResult(trials[1].instance, 3.0, 0.3, 0.1, True, False, "hinge at 0.10 rad")
    log.add(trial_result(trials[1], found))
    again = TrialLog(tmp_path, SHARED)
    assert again.results == log.results
    assert again.missing(trials) == [trials[0], *trials[2:]]
    (kept,) = again.of(trials)
    assert (kept.robot, kept.number, kept.succeeded) == ("robot_2", 0, False)
    assert again.of(trials[2:]) == [], "what is not asked for does not count"


@pytest.mark.parametrize("cut", [1, 20])
def test_half_a_line_is_forgotten(tmp_path: Path, cut: int) -> None:
    """Killed while it wrote; what comes next is on a line of its own."""
    log = TrialLog(tmp_path, SHARED)
    for number in range(3):
        log.add(result("robot_1", number))
    path = tmp_path / TRIALS
    path.write_text(path.read_text()[:-cut])
    again = TrialLog(tmp_path, SHARED)
    kept = 3 if cut == 1 else 2
    assert [number for _, number in again.results] == list(range(kept))
    again.add(result("robot_1", 7))
    assert [json.loads(line)["number"] for line in path.read_text().splitlines()] == [
        *range(kept),
        7,
    ]


def test_trials_of_another_evaluation_are_not_mixed_in(tmp_path: Path) -> None:
    TrialLog(tmp_path, {**SHARED, "policy_version": "1.6"})  # no trial was made: nothing to mix
    TrialLog(tmp_path, SHARED).add(result("robot_1", 0))
    for other in ({"policy_version": "1.8"}, {"camera_shift_m": (0.0, 0.0, 0.0)}):
        (name,) = other
        with pytest.raises(ValueError, match=rf"holds trials with {name} .* --again"):
            TrialLog(tmp_path, {**SHARED, **other})
    (tmp_path / SETTINGS).write_text("{")
    with pytest.raises(ValueError, match="cannot be used"):
        TrialLog(tmp_path, SHARED)


@given(st.integers(1, 200), st.data())
def test_the_interval_holds_the_rate_and_is_that_of_its_level(n: int, data: st.DataObject) -> None:
    """Wilson's: where the score test at 5 % just does not reject; mirrored for failures."""
    successes = data.draw(st.integers(0, n))
    low, high = interval(successes, n)
    rate = successes / n
    assert 0.0 <= low <= rate <= high <= 1.0 and high - low < 1.0
    for bound in (low, high):
        if 0.0 < bound < 1.0:
            score = (rate - bound) / np.sqrt(bound * (1 - bound) / n)
            assert abs(score) == pytest.approx(1.959964, rel=1e-4)
    mirrored = interval(n - successes, n)
    np.testing.assert_allclose(mirrored, (1 - high, 1 - low), atol=1e-9)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    """Of 50 trials, whatever the policy: 95 % on the whole."""
    held = [interval(successes, 50) for successes in range(51)]
    cover = [
        sum(binom.pmf(k, 50, p) for k, (low, high) in enumerate(held) if low <= p <= high)
        for p in np.linspace(0.05, 0.95, 19)
    ]
    assert np.mean(cover) == pytest.approx(0.95, abs=0.01) and min(cover) > 0.92


def test_trials_are_counted_by_robot_and_by_cell() -> None:
    results = [
        result(robot, number, succeeded=(robot == "robot_1") == (number % 2 == 0))
        for robot in ("robot_1", "robot_2")
        for number in range(7)
    ]
    summary = summarise(GRID, results)
    assert summary["overall"]["trials"] == 14 and summary["overall"]["successes"] == 7
    one, other = summary["per_robot"]["robot_1"], summary["per_robot"]["robot_2"]
    assert (one["successes"], other["successes"]) == (4, 3)
    assert one["interval_95"] == list(interval(4, 7))
    cells = [cell for row in summary["per_cell"] for cell in row]
    assert sum(cell["trials"] for cell in cells) == 14
    assert sum(cell["successes"] for cell in cells) == 7
    row, column = GRID.cell(6)
    assert summary["per_cell"][row][column]["trials"] == 4
    assert (len(summary["rows"]), len(summary["columns"])) == (2, 3)


def test_what_nobody_knows_is_not_counted_as_failure() -> None:
    counts = tally([result("robot_1", number, None) for number in range(3)])
    assert counts["trials"] == 3 and counts["successes"] is None
    assert counts["success_rate"] is None and counts["interval_95"] is None
    assert counts["mean_cost"] == 11.0
    assert tally([])["success_rate"] is None


def test_the_table_has_a_line_for_each_robot_and_for_all() -> None:
    view = table("title", summarise(GRID, [result("robot_1", 0), result("robot_2", 1, False)]))
    columns = [list(column.cells) for column in view.columns]
    assert columns[0] == ["robot_1", "robot_2", "all"]
    assert columns[2] == ["100%", "0%", "50%"]
    view = table("title", summarise(GRID, [result("robot_1", 0, None)]))
    assert list(view.columns[2].cells) == ["unknown"] * 2


def test_progress_says_what_is_left_by_the_slowest_robot() -> None:
    lines: list[str] = []
    clock = [0.0]
    progress = TrialProgress(
        {"robot_1": 4, "robot_2": 2}, [result("robot_1", 9)], lines.append, lambda: clock[0]
    )
    assert lines == ["1 of 7 trials were made before"]
    for at, robot in ((5.0, "robot_1"), (20.0, "robot_1"), (30.0, "robot_2")):
        clock[0] = at
        progress.add(result(robot, 0, succeeded=robot == "robot_1"))
    assert [line.split("ETA")[1].strip() for line in lines[1:]] == ["--:--", "0:30"]
    assert "3/7 trials  3 succeeded (100%)" in lines[1]
    assert "4/7 trials  3 succeeded (75%)" in lines[2]
    for number in range(3):
        progress.add(result("robot_1", number))
    assert len(lines) == 4 and "7/7 trials" in lines[3], "the last one is said at once"
