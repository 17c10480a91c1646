"""What a run goes through: its files' schedule where it fits what was asked for."""

from pathlib import Path

import pytest

from adgps_bringup.options import StackOptions
from adgps_bringup.parameter_files import ParameterFileError
from adgps_bringup.resources import hyper_parameters
from adgps_bringup.schedule import DEFAULT_ITERATIONS, choose_phases
from adgps_core.phases import METHODS, OPTIMIZERS


def _file(folder: Path, *phases: str, name: str = "a.yaml") -> Path:
    path = folder / name
    listed = ", ".join(f'"{phase}"' for phase in phases)
    path.write_text(f"/**/local_worker: {{ros__parameters: {{phases: [{listed}], samples: 3}}}}")
    return path


def _chosen(*files: Path, **options: object) -> list[str]:
    chosen = StackOptions(parameter_files=files, **options)  # type: ignore[arg-type]
    return [str(phase) for phase in choose_phases(chosen)]


def test_a_schedule_that_ends_as_asked_for_is_kept(tmp_path: Path) -> None:
    """Iterations asked for are those of its last phase."""
    path = _file(tmp_path, "mdgps+pi2:2", "badmm+lqr:5")
    assert _chosen(path) == ["mdgps+pi2:2", "badmm+lqr:5"]
    assert _chosen(path, iterations=9) == ["mdgps+pi2:2", "badmm+lqr:9"]


def test_any_other_combination_has_one_phase(tmp_path: Path) -> None:
    """As long as the schedule that it replaces."""
    path = _file(tmp_path, "mdgps+pi2:2", "badmm+lqr:5")
    assert _chosen(path, optimizer="pi2") == ["badmm+pi2:7"]
    assert _chosen(path, method="mdgps", iterations=3) == ["mdgps+lqr:3"]
    assert _chosen() == [f"badmm+lqr:{DEFAULT_ITERATIONS}"]


def test_later_files_win(tmp_path: Path) -> None:
    """As with every parameter."""
    first = _file(tmp_path, "badmm+lqr:5")
    assert _chosen(first, _file(tmp_path, "badmm+lqr:8", name="b.yaml")) == ["badmm+lqr:8"]


@pytest.mark.parametrize("text", ["phases: [badmm]", "phases: badmm+lqr:3"])
def test_a_file_with_broken_phases_is_named(tmp_path: Path, text: str) -> None:
    """In one line."""
    path = tmp_path / "a.yaml"
    path.write_text(f"/**/local_worker: {{ros__parameters: {{{text}}}}}")
    with pytest.raises(ParameterFileError, match=r"a\.yaml"):
        _chosen(path)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_files_of_reach_end_as_they_are_called(method: str, optimizer: str) -> None:
    """Every combination has its schedule."""
    files = hyper_parameters("reach", method, optimizer)
    last = choose_phases(
        StackOptions(method=method, optimizer=optimizer, parameter_files=files, iterations=1)
    )[-1]
    assert str(last) == f"{method}+{optimizer}:1"
    own = [] if (method, optimizer) == ("badmm", "lqr") else [f"{method}_{optimizer}.yaml"]
    assert [path.name for path in files] == ["reach.yaml", *own]
