"""Where things are: launch files, hyper-parameters, models, executables; installed or not."""

from __future__ import annotations

import os
from pathlib import Path


def launch_folder() -> Path:
    """Folder with launch files and config/, of the installed package or of the source tree.

    Raises
    ------
    FileNotFoundError
        If neither is there.
    """
    for prefix in _prefixes():
        installed = prefix / "share" / "adgps_bringup" / "launch"
        if installed.is_dir():
            return installed
    source = Path(__file__).resolve().parents[3] / "launch"
    if source.is_dir():
        return source
    raise FileNotFoundError("the launch folder of adgps_bringup is neither installed nor in source")


def hyper_parameters(
    task: str, method: str, optimizer: str, unfreeze: bool = False
) -> tuple[Path, ...]:
    """Parameter files of a task: its own, then what there is for the combination, and unfrozen."""
    folder = launch_folder() / "config"
    own = folder / f"{task}.yaml"
    more = [f"{method}_{optimizer}", *(["unfrozen"] if unfreeze else [])]
    files = (folder / task / f"{name}.yaml" for name in more)
    return (own, *(path for path in files if path.exists()))


def real_parameters() -> Path:
    """Parameter file that goes before the task's own where robots are real."""
    return launch_folder() / "config" / "real" / "defaults.yaml"


def executable(package: str, name: str) -> Path:
    """Path of a node's executable, lib/<package>/<name>; FileNotFoundError with the remedy."""
    for prefix in _prefixes():
        path = prefix / "lib" / package / name
        if os.access(path, os.X_OK):
            return path
    raise FileNotFoundError(f"{package} has no executable {name}: build and source the workspace")


def share_folder(package: str) -> Path:
    """Folder share/<package> of an installed package; FileNotFoundError if there is none."""
    for prefix in _prefixes():
        path = prefix / "share" / package
        if path.is_dir():
            return path
    raise FileNotFoundError(f"no package {package} is installed")


def _prefixes() -> tuple[Path, ...]:
    """Prefixes of the ament environment, the nearest overlay first."""
    return tuple(Path(p) for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p)
