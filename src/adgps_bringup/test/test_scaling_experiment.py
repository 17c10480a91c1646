"""The scaling experiment: its plan, its runs, and the report of runs that nobody ran."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from scaling_samples import PLAN, falling, write_run

from adgps_bringup.commands.train import add_arguments
from adgps_bringup.experiments.scaling import yardstick
from adgps_bringup.experiments.scaling.overlay import parameters, write_overlay
from adgps_bringup.experiments.scaling.plan import (
    INSTANCES,
    PRESETS,
    ROLLOUT_S,
    GpsSteps,
    PlannedRun,
    choose,
    groups,
)
from adgps_bringup.experiments.scaling.report import write_report
from adgps_bringup.experiments.scaling.results import read_results, tune
from adgps_bringup.experiments.scaling.runner import RUNS, Job, make_job, run_all
from adgps_bringup.experiments.scaling.verdicts import Comparisons, judge
from adgps_bringup.experiments.stages import StageError
from adgps_bringup.interrupts import Interrupts
from adgps_core.tasks import make_task

FULL = PRESETS["full"]


def silent(line: str) -> None:
    """Say nothing."""


def test_the_plan_is_about_the_task_as_it_is() -> None:
    task = make_task("reach")
    assert len(task.instances("training")) == INSTANCES
    assert task.horizon * task.control_period == ROLLOUT_S


def test_all_runs_of_a_network_have_as_many_rollouts_and_names_of_their_own() -> None:
    runs = FULL.runs({})
    assert len({run.name for run in (*runs, *FULL.tuning())}) == len(runs) + len(FULL.tuning())
    assert len({run.rollouts for run in runs}) == 1
    assert {run.variant for run in runs} == {"GPS", "AGPS", "ADGPS-2", "ADGPS-4", "ADGPS-8"}
    assert all(INSTANCES % run.robots == 0 for run in runs)
    assert all(sum(run.variant == v for run in runs) >= 3 for v in ("GPS", "AGPS", "ADGPS-8"))


def test_no_run_takes_more_than_75_minutes_and_all_of_them_about_six_hours() -> None:
    runs = (*FULL.tuning(), *FULL.runs({}))
    assert max(run.expected_s for run in runs) < 75 * 60
    assert FULL.expected_s < 6.2 * 3600
    parts = [FULL.of(network).expected_s for network in FULL.pairs]
    assert sum(parts) == pytest.approx(FULL.expected_s)


def test_only_runs_alike_go_on_side_by_side_and_many_robots_are_alone() -> None:
    for group in groups(FULL.runs({}), 3):
        assert len({(run.network, run.variant) for run in group}) == 1
        assert len(group) == 1 or sum(run.robots for run in group) <= 3
    assert {len(group) for group in groups(FULL.tuning(), 3)} == {1}
    assert [len(group) for group in groups(FULL.runs({}), 3)][:4] == [3, 1, 1, 1]
    twos = [len(g) for g in groups(FULL.runs({}), FULL.side_by_side) if g[0].robots == 2]
    assert twos == [2, 1]


def test_another_seed_moves_all_seeds() -> None:
    assert choose("full", 5).seeds == (5, 6, 7)


def test_runs_are_commands_that_a_user_could_type(tmp_path: Path) -> None:
    import argparse

    parser = argparse.ArgumentParser()
    add_arguments(parser)
    run = PLAN.runs({})[0]
    job = make_job(run, PLAN, tmp_path)
    given = parser.parse_args(job.arguments[1:])
    assert job.arguments[0] == "train" and given.mode == "sync" and given.robots == 1
    assert given.real_time_factor == 1.0 and given.iterations == PLAN.iterations
    assert 0 < given.keep_policies < 60


def test_gps_takes_its_steps_and_everybody_the_same_rollouts(tmp_path: Path) -> None:
    run = PlannedRun("large", 1, "sync", 0, 5, 3, gps=GpsSteps(2, 72))
    found = {node: values["ros__parameters"] for node, values in parameters(run, True).items()}
    local, worker = found["/**/local_worker"], found["/**/global_worker"]
    assert (local["samples"], local["alternations"], worker["steps_per_round"]) == (3, 2, 72)
    # 144 steps of SGD for the 24 rollouts of an iteration; pairs take at most as many
    assert worker["max_steps_per_rollout"] == 6.0
    assert local["min_steps_per_rollout"] == worker["min_steps_per_rollout"] == 0.75
    assert found["/param_server"] == {"hidden": [512, 512], "initial_log_variance": 0.0}
    assert "/**/torque_controller" in found
    assert "/**/torque_controller" not in parameters(replace(run, factor=0.0), True)
    assert "/**/torque_controller" not in parameters(run, False)
    write_overlay(run, tmp_path)
    assert "/param_server" in yaml.safe_load((tmp_path / f"{run.name}.yaml").read_text())


class Fake:
    """Runs jobs at once, by leaving what they would; one may fail."""

    def __init__(self, failing: str = "") -> None:
        self.failing = failing
        self.ran: list[list[str]] = []

    def __call__(self, jobs: Sequence[Job], *_: object) -> dict[str, int]:
        self.ran.append([job.run.name for job in jobs])
        for job in jobs:
            assert not job.folder.exists()
            if job.run.name == self.failing:
                job.folder.mkdir(parents=True)
            else:
                write_run(job.folder, job.run, falling(job.run, 5.25))
        return {job.run.name: int(job.run.name == self.failing) for job in jobs}


def test_what_is_done_is_not_done_again_and_what_failed_begins_anew(tmp_path: Path) -> None:
    runs, said, finished = PLAN.runs({}), [], []
    failing = Fake("small-adgps-4-seed1")
    with pytest.raises(StageError, match="small-adgps-4-seed1 failed with exit status 1"):
        run_all(runs, PLAN, tmp_path, Interrupts(), silent, failing)
    again = Fake()
    run_all(runs, PLAN, tmp_path, Interrupts(), said.append, again, finished.append)
    names = [run.name for run in runs]
    first = [name for group in failing.ran for name in group]
    second = [name for group in again.ran for name in group]
    assert first == names[: len(first)] and second == names[len(first) - 1 :]
    assert [run.name for run in finished] == second
    assert any("begins anew" in line for line in said)
    run_all(runs, PLAN, tmp_path, Interrupts(), silent, Fake())
    assert make_job(runs[0], PLAN, tmp_path).done


def test_a_machine_of_another_speed_is_noticed(tmp_path: Path) -> None:
    runs, said = PLAN.runs({}), []
    run_all(runs[:4], PLAN, tmp_path, Interrupts(), silent, Fake())
    known = yardstick.read(tmp_path / RUNS)
    assert set(known) == {run.name for run in runs[:4]} and min(known.values()) > 0
    for name in known:
        yardstick.write(tmp_path / RUNS / name, 1e-3)
    run_all(runs[4:], PLAN, tmp_path, Interrupts(), said.append, Fake())
    assert any("times slower than when" in line for line in said)
    results = read_results(runs, PLAN, tmp_path, Interrupts(), silent)
    assert "wall clocks do not compare" in write_report(tmp_path, PLAN, results, silent).read_text()
    assert yardstick.objection(1.2, {"a": 1.0, "b": 1.1}) == ""
    assert "2.0 times faster than when b" in yardstick.objection(1.0, {"a": 1.1, "b": 2.0})


def test_what_is_chosen_for_gps_is_not_chosen_again(tmp_path: Path) -> None:
    plan = replace(PLAN, candidates=(GpsSteps(1, 10), GpsSteps(4, 100)))
    for run, slower in zip(plan.tuning(), (2.0, 1.0), strict=True):
        curve = [replace(p, rollouts=int(slower * p.rollouts)) for p in falling(run, 0.3)]
        write_run(tmp_path / RUNS / run.name, run, curve)
    assert tune(plan, "small", tmp_path, Interrupts(), silent) == GpsSteps(4, 100)
    (tmp_path / RUNS).rename(tmp_path / "away")
    assert tune(plan, "small", tmp_path, Interrupts(), silent) == GpsSteps(4, 100)


def test_the_report_says_what_was_met_and_what_was_not(tmp_path: Path) -> None:
    runs = PLAN.runs({})
    run_all(runs, PLAN, tmp_path, Interrupts(), silent, Fake())
    results = read_results(runs, PLAN, tmp_path, Interrupts(), silent)
    comparisons = Comparisons(PLAN, "small", tuple(results))
    assert list(comparisons.by_variant) == ["GPS", "AGPS", "ADGPS-4", "ADGPS-8"]
    assert comparisons.speed_ups["ADGPS-8"].value == pytest.approx(8.0)
    assert comparisons.sample_factors["ADGPS-8"].value == pytest.approx(1.0)
    assert {verdict.outcome for verdict in judge(comparisons)} == {"met"}
    slow = [
        replace(r, curve=[replace(p, wall_clock_s=2 * p.wall_clock_s) for p in r.curve])
        if r.run.robots == 8
        else r
        for r in results
    ]
    missed = [v for v in judge(Comparisons(PLAN, "small", tuple(slow))) if v.outcome != "met"]
    assert [(v.wanted, v.outcome) for v in missed] == [
        ("ADGPS-8 at least 6 times GPS", "**missed by 2.00**")
    ]

    plan = replace(PLAN, other_thresholds=(300.0, 5.0))
    page = write_report(tmp_path, plan, results, silent)
    text = page.read_text()
    row = "| 1.00, 1.00 | 4.00, 1.00 | 8.00, 1.00 |"
    assert f"| 300 {row}\n| 100 {row}\n| 5 | not reached" in text
    for name in ("figure_4_small.png", "figure_5_small.png", "predictions.png"):
        assert f"({name})" in text and (page.parent / name).stat().st_size > 5000
    for name in ("curves.csv", "variants.csv", "predictions.csv"):
        assert len((page.parent / name).read_text().splitlines()) > 2
    content = json.loads((page.parent / "results.json").read_text())
    assert content["networks"]["small"]["runs"]["small-agps-seed1"]["rollouts"] == 320
    assert "nan" not in text
