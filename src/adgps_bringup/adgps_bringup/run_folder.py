"""A run's folder: its exact configuration, and a lock against a second run in it.

config.yaml         the choices, versions, and every parameter of every node
config/             the parameter files that the run was started with
parameters/         the parameters of each process, as it was started
checkpoints/        of the parameter server and the local workers
log/                what each process printed
events/             for TensorBoard
curve.jsonl         the learning curve, a point a line, written as it happens
policies/           those that the run went through, where asked for
diagnostics.json    what every node said last while robots practised
summary.json, cost.png
bag/                what was recorded, where asked for
demonstrations.safetensors
                    what the first local policies follow, where there were demonstrations
vision.safetensors  network that the policies see with, where they see
domain_id           ROS domain of the run, or of the last one
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from adgps_bringup import parameter_files
from adgps_bringup.description import DEMONSTRATIONS, Stack
from adgps_bringup.options import StackOptions
from adgps_bringup.real_robots import read_robots, write_robots
from adgps_bringup.training_state import CurvePoint
from adgps_core.tasks import Task, make_task

SCHEMA_VERSION = 1
FIXED = ("task", "method", "optimizer", "mode", "seed", "demo", "vision", "unfreeze", "instances")
"""Choices that a resumed run cannot change: it would be another experiment."""

_PATHS = ("from_bag", "demo", "vision")
_DOMAIN = "domain_id"
_VERSIONED = ("numpy", "scipy", "torch", "pybullet", "pin", "rclpy", "safetensors")


class RunFolderError(ValueError):
    """A run folder cannot be used; the message says why in one line."""


def read_options(run: Path) -> StackOptions:
    """Read the choices that a run was started with; RunFolderError if it is no run."""
    path = run / "config.yaml"
    try:
        saved = dict(yaml.safe_load(path.read_text(encoding="utf-8"))["options"])
        files = tuple(run / "config" / name for name in saved.pop("parameter_files"))
        for name in _PATHS:
            saved[name] = Path(saved[name]) if saved.get(name) else None
        if saved.get("robots_file"):
            saved["robots_file"] = run / "config" / saved["robots_file"]
        return StackOptions(**saved, run=run, parameter_files=files)
    except FileNotFoundError as error:
        raise RunFolderError(f"{run} is not a run's folder: it has no config.yaml") from error
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise RunFolderError(f"{path} cannot be used: {str(error).splitlines()[0]}") from error


def resume_options(run: Path, chosen: dict[str, Any]) -> StackOptions:
    """Choices of a run to go on with: the saved ones, but for what the user asks for now.

    Parameters
    ----------
    run : folder of the run.
    chosen : by name, only what was asked for.

    Raises
    ------
    ValueError
        If the folder is no run, or a choice cannot change in the middle of one.
    """
    saved = read_options(run)
    for name in FIXED:
        if name in chosen and chosen[name] != getattr(saved, name):
            raise RunFolderError(
                f"{run} was started with {name} {getattr(saved, name)}, not {chosen[name]}"
            )
    return replace(saved, **chosen)


def check_new(run: Path) -> None:
    """Refuse a folder that holds something, or where nothing can be written."""
    if run.is_dir() and any(run.iterdir()):
        raise RunFolderError(f"{run} is not empty: give --resume to go on, or another --run")
    if run.exists() and not run.is_dir():
        raise RunFolderError(f"{run} is not a folder")
    check_writable(run)


def check_writable(run: Path) -> None:
    """Refuse a folder that cannot be written or made; nothing is made."""
    existing = run.absolute()
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        raise RunFolderError(f"cannot write to {run}: {existing} is not a folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise RunFolderError(f"cannot write to {run}: no permission in {existing}")


def shown_task(run: Path, name: str) -> Task:
    """Build a run's task, which knows the demonstrations that the run was given.

    Raises
    ------
    ValueError
        If the task needs demonstrations, and the run has none that can be used.
    """
    # Imported late, so that a wrong argument is answered at once.
    from adgps_core.checkpoints import DamagedCheckpointError
    from adgps_core.demonstration import load_demonstrations

    path = run / DEMONSTRATIONS
    try:
        demonstrations = load_demonstrations(path) if path.exists() else ()
    except DamagedCheckpointError as error:
        raise RunFolderError(str(error)) from error
    return make_task(name).shown(demonstrations)


@contextmanager
def locked(run: Path) -> Iterator[None]:
    """Make the folder and hold its lock; RunFolderError if another run holds it."""
    try:
        run.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(run / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise RunFolderError(f"cannot write to {run}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        (run / _DOMAIN).unlink(missing_ok=True)  # an earlier part of the run had another one
        yield
    except BlockingIOError as error:
        raise RunFolderError(f"{run} is in use by another run") from error
    finally:
        os.close(descriptor)


def write_domain(run: Path, domain_id: int) -> None:
    """Note the ROS domain of a run, for those who want to look in or record."""
    (run / _DOMAIN).write_text(f"{domain_id}\n", encoding="utf-8")


def running_domain(run: Path) -> int:
    """ROS domain of a run that is going on now; RunFolderError if none is."""
    try:
        descriptor = os.open(run / ".lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise RunFolderError(f"{run} is not a run's folder: it has no .lock") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        pass
    else:
        raise RunFolderError(f"no run is going on in {run}")
    finally:
        os.close(descriptor)
    try:
        return int((run / _DOMAIN).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunFolderError(f"the run in {run} has no ROS domain yet") from error


def keep_parameter_files(options: StackOptions) -> StackOptions:
    """Copy the parameter files into the run, so that changing them later changes no run."""
    assert options.run is not None
    folder = options.run / "config"
    folder.mkdir(exist_ok=True)
    kept = []
    for index, path in enumerate(options.parameter_files):
        copy = folder / (path.name if path.parent == folder else f"{index}_{path.name}")
        if path != copy:
            shutil.copyfile(path, copy)
        kept.append(copy)
    robots = options.robots_file
    if robots is not None and robots.parent != folder:
        copy = folder / "robots.yaml"
        write_robots(read_robots(robots), copy)
        robots = copy
    return replace(options, parameter_files=tuple(kept), robots_file=robots)


def write_config(stack: Stack) -> None:
    """Write config.yaml."""
    options = stack.options
    assert options.run is not None
    choices = asdict(options)
    del choices["run"]
    choices["parameter_files"] = [path.name for path in options.parameter_files]
    for name in _PATHS:
        choices[name] = str(choices[name]) if choices[name] else None
    choices["robots_file"] = options.robots_file.name if options.robots_file else None
    nodes: dict[str, Any] = {}
    for node in stack.nodes:
        nodes.update(parameter_files.resolve(node))
    content = {
        "schema_version": SCHEMA_VERSION,
        "options": choices,
        "versions": {"python": platform.python_version(), **_versions()},
        "nodes": nodes,
    }
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)
    (options.run / "config.yaml").write_text(text, encoding="utf-8")


def _versions() -> dict[str, str]:
    """Versions of the libraries that results depend on."""
    found = {}
    for name in _VERSIONED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


class CurveFile:
    """The learning curve on disk, appended to as it grows."""

    def __init__(self, run: Path) -> None:
        """Read what an earlier part of the run wrote; a half-written last line is dropped."""
        self._path = run / "curve.jsonl"
        self.points: list[CurvePoint] = []
        if self._path.exists():
            for line in self._path.read_text(encoding="utf-8").splitlines():
                try:
                    self.points.append(CurvePoint(**json.loads(line)))
                except (TypeError, ValueError):
                    break
        self._written = 0

    def write(self, points: list[CurvePoint]) -> None:
        """Append the points that the file does not hold yet."""
        if self._written == 0 and self.points:
            self._written = len(self.points)
        new = points[self._written :]
        if new:
            with self._path.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(asdict(point)) + "\n" for point in new)
            self._written += len(new)
