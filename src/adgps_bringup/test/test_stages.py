"""Experiments in stages: what is done is not done again, what was stopped is gone on with."""

import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from adgps_bringup.experiments.stages import (
    NOTES,
    Notes,
    Stage,
    StageError,
    run_command,
    run_stages,
)
from adgps_bringup.interrupts import Interrupted, Interrupts

Runner = Callable[[Sequence[str], Interrupts], int]


def stage(folder: Path, name: str, lasting: bool = True) -> Stage:
    """One that leaves a file; if it is lasting, it can be gone on with."""
    made = folder / name
    go_on = {"go_on": ("go on", name), "begun": made / "begun"} if lasting else {}
    return Stage(name, ("begin", name), made, made / "product", 2.0, **go_on)  # type: ignore[arg-type]


def runner(folder: Path, ran: list[tuple[str, ...]], status: int = 0) -> Runner:
    """Notes what is run, and leaves what a stage leaves; it begins where nothing is."""

    def run(arguments: Sequence[str], interrupts: Interrupts) -> int:
        how, name = arguments
        ran.append((how, name))
        (folder / name).mkdir(exist_ok=how == "go on")
        (folder / name / "begun").touch()
        (folder / name / "product").touch()  # also of one that fails: it may be half of it
        return status

    return run


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    """Stages run in turn, once; what they took is remembered."""
    stages = [stage(tmp_path, name) for name in ("a", "b")]
    ran: list[tuple[str, ...]] = []
    run_stages(stages[:1], tmp_path, Interrupts(), run=runner(tmp_path, ran))
    told: list[set[str]] = []
    took = run_stages(
        stages,
        tmp_path,
        Interrupts(),
        run=runner(tmp_path, ran),
        report=lambda so_far: told.append(set(so_far)),
    )
    assert told == [{"a", "b"}]
    assert ran == [("begin", "a"), ("begin", "b")]
    assert set(took) == {"a", "b"} and Notes.read(tmp_path).seconds == pytest.approx(took)


@pytest.mark.parametrize("lasting", [True, False])
def test_a_stage_that_failed_is_named_and_gone_on_with(tmp_path: Path, lasting: bool) -> None:
    """Or begun anew, from nothing; what it left is no product. Those after it wait."""
    stages = [stage(tmp_path, name, lasting) for name in ("a", "b")]
    ran: list[tuple[str, ...]] = []
    with pytest.raises(StageError, match="a failed with exit status 3"):
        run_stages(stages, tmp_path, Interrupts(), run=runner(tmp_path, ran, status=3))
    assert set(Notes.read(tmp_path).seconds) == {"a"}
    run_stages(stages, tmp_path, Interrupts(), run=runner(tmp_path, ran))
    assert ran == [("begin", "a"), ("go on" if lasting else "begin", "a"), ("begin", "b")]


def test_who_was_killed_before_there_was_anything_to_go_on_with_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / ".lock").touch()
    ran: list[tuple[str, ...]] = []
    run_stages([stage(tmp_path, "a")], tmp_path, Interrupts(), run=runner(tmp_path, ran))
    assert ran == [("begin", "a")] and not (tmp_path / "a" / ".lock").exists()


def test_no_product_is_a_failure_whatever_the_command_says(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="a failed"):
        run_stages([stage(tmp_path, "a")], tmp_path, Interrupts(), run=lambda *_: 0)


def test_the_time_that_is_left_is_that_of_what_is_not_done(tmp_path: Path) -> None:
    stages = [stage(tmp_path, name) for name in ("a", "b", "c")]
    run_stages(stages[1:2], tmp_path, Interrupts(), run=runner(tmp_path, []))
    said: list[str] = []
    run_stages(stages, tmp_path, Interrupts(), said.append, runner(tmp_path, []))
    left = [line.rpartition("left ")[2] for line in said if "left" in line]
    assert left == ["4:00", "2:00"]
    assert sum("done before" in line for line in said) == 1


def test_damaged_notes_are_no_failure(tmp_path: Path) -> None:
    for damage in ("{", '{"strange": 1}'):
        (tmp_path / NOTES).write_text(damage)
        run_stages([stage(tmp_path, "a")], tmp_path, Interrupts(), run=runner(tmp_path, []))


def test_a_command_runs_and_its_status_is_told(tmp_path: Path) -> None:
    """A real one, of this program."""
    with Interrupts() as interrupts:
        assert run_command(("evaluate", str(tmp_path / "none")), interrupts) == 2


def test_who_is_stopped_stops_the_command_first() -> None:
    """And passes the signal on."""
    with Interrupts() as interrupts:
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(Interrupted, match="SIGTERM"):
            run_command(("evaluate", "--help"), interrupts)
