"""The door experiment's plan and its report; that it runs is shown by a system test."""

import json
from pathlib import Path

import pytest

from adgps_bringup.cli import build_parser
from adgps_bringup.experiments.door.plan import (
    COLLECTIVE,
    HELD_OUT,
    PRESETS,
    ROBOTS,
    SINGLE,
    parameter_file,
    parameters,
    plan,
    practised,
    write_parameters,
)
from adgps_bringup.experiments.door.report import write_report
from adgps_core.tasks import make_task
from adgps_core.tasks.doors import TRAINED_HANDLES, handle_of
from adgps_core.tasks.finding import find_instances

FULL = PRESETS["full"]


@pytest.mark.parametrize("preset", PRESETS)
def test_every_stage_is_a_command_that_a_user_could_type(tmp_path: Path, preset: str) -> None:
    """Both ways; names and products are unique."""
    stages = plan(tmp_path, PRESETS[preset], 3, "cpu")
    parser = build_parser()
    for stage in stages:
        assert parser.parse_args(stage.begin).verb == stage.begin[0]
        if stage.go_on:
            parser.parse_args(stage.go_on)
        assert stage.folder in stage.product.parents
    for made in ({stage.name for stage in stages}, {stage.folder for stage in stages}):
        assert len(made) == len(stages)


@pytest.mark.parametrize("preset", PRESETS.values())
def test_one_robot_has_one_handle_and_all_have_those_of_the_training(preset: object) -> None:
    """The one alone practises what the first of four does."""
    door = make_task("door")
    for robots, handles in ((1, {0}), (ROBOTS, set(TRAINED_HANDLES))):
        doors = find_instances(door, practised(robots, preset))  # type: ignore[arg-type]
        assert {handle_of(each) for each in doors} == handles
        shares = [doors[i::robots] for i in range(robots)]
        assert all(len({handle_of(each) for each in share}) == 1 for share in shares)


@pytest.mark.parametrize("preset", PRESETS.values())
def test_both_runs_make_as_many_rollouts(preset: object, tmp_path: Path) -> None:
    """In each iteration, by instances times samples."""
    counts = {}
    for robots in (1, ROBOTS):
        found = parameters(robots, preset, 8)  # type: ignore[arg-type]
        samples = int(str(found.get("samples", 8)))
        counts[robots] = samples * len(practised(robots, preset))  # type: ignore[arg-type]
        write_parameters(parameter_file(tmp_path, "a"), found)
    assert counts[1] == counts[ROBOTS]


def test_the_report_tells_of_every_evaluation_and_stage(tmp_path: Path) -> None:
    """With the figures that are there."""
    rates = {}
    for index, stage in enumerate(plan(tmp_path, FULL, 0)):
        stage.product.parent.mkdir(parents=True, exist_ok=True)
        counts = {"trials": 50, "success_rate": 0.1 * index, "interval_95": [0.01, 0.02]}
        content = {"rollouts": 100 + index, "overall": counts, "per_robot": {"robot_1": counts}}
        stage.product.write_text(json.dumps(content))
        rates[stage.name] = f"{0.1 * index:.0%}"
    figure = tmp_path / COLLECTIVE / "evaluation" / HELD_OUT / "trials.png"
    figure.write_bytes(b"png")
    page = write_report(tmp_path, FULL, 0, {"pre-training": 60.0, "collective training": 3600.0})
    text = page.read_text()
    for name, rate in rates.items():
        if name.endswith(("held_out", "lowered", "away")):
            assert f"| {rate} | 1% to 2% |" in text
    assert "| collective training | 1:00:00 |" in text and "| all | 1:01:00 |" in text
    assert "collective_held_out_trials.png" in text and (page.parent / "summary.json").exists()
    assert (page.parent / "collective_held_out_trials.png").read_bytes() == b"png"
    assert f"{SINGLE}_cost.png" not in text and "Not all" not in text


def test_the_report_tells_of_what_there_is_yet(tmp_path: Path) -> None:
    """From the first stage on, and says that more is to come."""
    text = write_report(tmp_path, FULL, 0, {"demonstrations": 60.0}).read_text()
    assert "Not all of it is done yet." in text and "| demonstrations | 1:00 |" in text
    for stage in plan(tmp_path, FULL, 0)[:4]:
        stage.product.parent.mkdir(parents=True, exist_ok=True)
        counts = {"trials": 50, "success_rate": 0.7, "interval_95": [0.01, 0.02]}
        content = {"rollouts": 100, "overall": counts, "per_robot": {"robot_1": counts}}
        stage.product.write_text(json.dumps(content))
    text = write_report(tmp_path, FULL, 0, {}).read_text()
    assert text.count("| 50 | 70% | 1% to 2% |") == 2 and "Not all of it is done yet." in text
