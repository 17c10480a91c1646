"""Experiments in stages: what is done is not done again, what was stopped is gone on with."""

import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from adgps_bringup.experiments.stages import (
    Stage,
    StageError,
    read_durations,
    run_command,
    run_stages,
)
from adgps_bringup.interrupts import Interrupted, Interrupts

Runner = Callable[[Stage, Interrupts], int]


def stage(folder: Path, name: str) -> Stage:
    """One that is done when its file is there."""
    product, begun = folder / name, folder / f"{name}.begun"
    return Stage(name, ("begin", name), ("go on", name), product, begun, 2.0)


def runner(ran: list[tuple[str, ...]], status: int = 0) -> Runner:
    """Notes what is run, and leaves the product if the status is 0."""

    def run(stage: Stage, interrupts: Interrupts) -> int:
        ran.append(stage.arguments)
        stage.begun.touch()
        if status == 0:
            stage.product.touch()
        return status

    return run


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    """Stages run in turn, once; what they took is remembered."""
    stages = [stage(tmp_path, name) for name in ("a", "b")]
    ran: list[tuple[str, ...]] = []
    run_stages(stages[:1], tmp_path, Interrupts(), run=runner(ran))
    took = run_stages(stages, tmp_path, Interrupts(), run=runner(ran))
    assert ran == [("begin", "a"), ("begin", "b")]
    assert set(took) == {"a", "b"} and read_durations(tmp_path) == pytest.approx(took)


def test_a_stage_that_failed_is_named_and_gone_on_with(tmp_path: Path) -> None:
    """Those after it wait; its time counts."""
    stages = [stage(tmp_path, name) for name in ("a", "b")]
    ran: list[tuple[str, ...]] = []
    with pytest.raises(StageError, match="a failed with exit status 3"):
        run_stages(stages, tmp_path, Interrupts(), run=runner(ran, status=3))
    assert set(read_durations(tmp_path)) == {"a"}
    run_stages(stages, tmp_path, Interrupts(), run=runner(ran))
    assert ran == [("begin", "a"), ("go on", "a"), ("begin", "b")]


def test_no_product_is_a_failure_whatever_the_command_says(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="a failed"):
        run_stages([stage(tmp_path, "a")], tmp_path, Interrupts(), run=lambda *_: 0)


def test_the_time_that_is_left_is_that_of_what_is_not_done(tmp_path: Path) -> None:
    stages = [stage(tmp_path, name) for name in ("a", "b", "c")]
    stages[1].product.touch()
    said: list[str] = []
    run_stages(stages, tmp_path, Interrupts(), said.append, runner([]))
    left = [line.rpartition("left ")[2] for line in said if "left" in line]
    assert left == ["4:00", "2:00"]
    assert sum("done before" in line for line in said) == 1


def test_a_damaged_note_of_durations_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "stages.json").write_text("{")
    run_stages([stage(tmp_path, "a")], tmp_path, Interrupts(), run=runner([]))


def test_a_command_runs_and_its_status_is_told(tmp_path: Path) -> None:
    """A real one, of this program."""
    bad = replace(stage(tmp_path, "a"), begin=("evaluate", str(tmp_path / "none")))
    with Interrupts() as interrupts:
        assert run_command(bad, interrupts) == 2


def test_who_is_stopped_stops_the_command_first(tmp_path: Path) -> None:
    """And passes the signal on."""
    endless = replace(stage(tmp_path, "a"), begin=("evaluate", "--help"))
    with Interrupts() as interrupts:
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(Interrupted, match="SIGTERM"):
            run_command(endless, interrupts)
