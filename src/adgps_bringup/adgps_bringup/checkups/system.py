"""The machine and what is installed on it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from adgps_bringup.checkups.finding import Finding, Level
from adgps_bringup.resources import executable

ROOT = Path(__file__).resolve().parents[4]
"""The source tree, where the workspace is linked to it."""

MODULES = (
    *("numpy", "scipy", "torch", "safetensors", "pinocchio", "pybullet", "cv2", "serial"),
    *("yaml", "rich", "matplotlib", "PIL", "tensorboard", "mcap", "rosbags", "simpy"),
)
NODES = (
    ("adgps_param_server", "param_server"),
    ("adgps_bringup", "bag_player"),
    ("adgps_bringup", "recorder"),
    ("adgps_bringup", "simulated_robot"),
    ("adgps_bringup", "trajectory_player"),
    ("adgps_sim", "sim_robot"),
    ("adgps_robot", "torque_controller"),
    ("adgps_robot", "camera_driver"),
    ("adgps_robot", "imu_driver"),
    ("adgps_local_worker", "local_worker"),
    ("adgps_global_worker", "global_worker"),
)
LOW_DISK_GB, TOO_LITTLE_DISK_GB = 5.0, 1.0


def wheels() -> bool:
    """Whether ROS comes from the wheels of a virtual environment."""
    return (Path(sys.prefix) / "share" / "rclpy").is_dir() and sys.prefix != sys.base_prefix


def python() -> Finding:
    """Look at the version of Python: the wheels are for 3.11 only, Ubuntu's ROS is for 3.12."""
    found = sys.version_info[:2]
    right = found == (3, 11) if wheels() else found >= (3, 11)
    detail = f"{sys.version.split()[0]} ({sys.executable})"
    if right:
        return Finding(Level.PASS, detail)
    return Finding(Level.FAIL, f"{detail}: install python3.11, remove .venv, call ./adgps again")


def ros() -> Finding:
    """Look at the ROS distribution and where it comes from."""
    distribution = os.environ.get("ROS_DISTRO", "none")
    source = "wheels in .venv" if wheels() else "sourced"
    if distribution != "jazzy" or find_spec("rclpy") is None:
        return Finding(Level.FAIL, f"{distribution} ({source}): ADGPS needs ROS 2 Jazzy")
    middleware = os.environ.get("RMW_IMPLEMENTATION", "the default middleware")
    return Finding(Level.PASS, f"{distribution} ({source}), {middleware}")


def compiler() -> Finding:
    """Look for the compilers that build the messages, and compile a line with them."""
    compilers = [os.environ.get("CC", "cc"), os.environ.get("CXX", "c++")]
    missing = [name for name in compilers if shutil.which(name.split()[0]) is None]
    remedy = "on Debian or Ubuntu: sudo apt install g++"
    if missing:
        return Finding(Level.FAIL, f"{' and '.join(missing)} not found; {remedy}")
    done = subprocess.run(
        [*compilers[1].split(), "-x", "c++", "-fsyntax-only", "-"],
        input="#include <string>\n",
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        return Finding(Level.FAIL, f"{compilers[1]} cannot compile: {done.stderr[:200]}; {remedy}")
    shown = subprocess.run([*compilers[1].split(), "--version"], capture_output=True, text=True)
    return Finding(Level.PASS, (shown.stdout.splitlines() or [compilers[1]])[0])


def packages() -> Finding:
    """Compare what is installed with the pinned requirements; where ROS is sourced, import."""
    missing = [name for name in MODULES if find_spec(name) is None]
    if missing:
        remedy = "call ./adgps again" if wheels() else "rosdep install --from-paths src"
        return Finding(Level.FAIL, f"not installed: {', '.join(missing)}; {remedy}")
    requirements = ROOT / "requirements.txt"
    if not wheels() or not requirements.is_file():
        return Finding(Level.PASS, f"all {len(MODULES)} modules that a run imports are there")
    pins = read_pins(requirements.read_text(encoding="utf-8"))
    differences = compare(pins, installed_versions(pins))
    if differences:
        shown = "; ".join(differences[:5]) + ("; ..." if len(differences) > 5 else "")
        return Finding(Level.FAIL, f"{shown}; remove .venv/*.stamp and call ./adgps again")
    return Finding(Level.PASS, f"all {len(pins)} at their pinned versions")


def read_pins(text: str) -> dict[str, str]:
    """Read the lines name==version of a requirements file; comments and markers are left out."""
    pins = re.findall(r"^\s*([A-Za-z0-9._-]+)\s*==\s*([^\s;#]+)", text, flags=re.MULTILINE)
    return dict(pins)


def installed_versions(names: Iterable[str]) -> dict[str, str]:
    """Versions of those packages that are installed."""
    versions = {}
    for name in names:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def compare(pins: Mapping[str, str], installed: Mapping[str, str]) -> list[str]:
    """Say what differs from the pins; a local label such as +cpu is the same version."""
    return [
        f"{name} is {installed.get(name, 'missing')}, not {pin}"
        for name, pin in sorted(pins.items())
        if installed.get(name, "").split("+")[0] != pin
    ]


def nodes() -> Finding:
    """Look for the nodes' executables and the arm's model."""
    for package, name in NODES:
        executable(package, name)
    data = find_spec("pybullet_data")
    folders = data.submodule_search_locations if data else None
    if not folders or not (Path(folders[0]) / "franka_panda" / "panda.urdf").is_file():
        return Finding(Level.FAIL, "pybullet_data has no model of the arm: reinstall pybullet")
    return Finding(Level.PASS, f"{len(NODES)} executables and the arm's model are there")


def disk() -> Finding:
    """Look at the room for runs in the current folder."""
    free_gb = shutil.disk_usage(Path.cwd()).free / 1e9
    detail = f"{free_gb:.1f} GB free in {Path.cwd()}"
    if free_gb < TOO_LITTLE_DISK_GB:
        return Finding(Level.FAIL, f"{detail}: a run needs {TOO_LITTLE_DISK_GB:.0f} GB")
    return Finding(Level.WARN if free_gb < LOW_DISK_GB else Level.PASS, detail)
