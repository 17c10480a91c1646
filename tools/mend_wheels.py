"""Fit the ROS wheels to the environment that they are installed in.

The wheels carry two folders of the machine that built them in their CMake files, and no files to
source. Run by the environment's own Python; running it again changes nothing.
"""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

import numpy as np

BUILDER_PYTHON = "/opt/python/cp311-cp311/include/python3.11"
BUILDER_NUMPY = "/opt/python/cp311-cp311/lib/python3.11/site-packages/numpy/_core/include"

LOCAL_SETUP = """\
# The wheels' part of the ROS environment; colcon chains this file to the workspace's own.
_adgps_prepend() {
    eval "_adgps_value=\\${$1:-}"
    case ":$_adgps_value:" in
        *":$2:"*) ;;
        *) export "$1=$2${_adgps_value:+:$_adgps_value}" ;;
    esac
    unset _adgps_value
}
@prepend@
unset -f _adgps_prepend
export ROS_DISTRO=jazzy ROS_VERSION=2 ROS_PYTHON_VERSION=3
"""


def mend_cmake_files(prefix: Path, replacements: dict[str, str]) -> int:
    """Replace the builder's folders in the CMake files below prefix/share; the number of files."""
    mended = 0
    for path in sorted(prefix.glob("share/*/cmake/*.cmake")):
        old = new = path.read_text(encoding="utf-8")
        for builder, here in replacements.items():
            new = new.replace(builder, here)
        if new != old:
            path.write_text(new, encoding="utf-8")
            mended += 1
    return mended


def setup_text(prefix: Path) -> str:
    """Text of the files to source, for any Bourne shell."""
    libraries = [prefix / "lib", *sorted(prefix.glob("lib/python3*/site-packages/ros_*.libs"))]
    paths = [
        ("AMENT_PREFIX_PATH", prefix),
        ("CMAKE_PREFIX_PATH", prefix),
        ("PATH", prefix / "bin"),
        *(("LD_LIBRARY_PATH", library) for library in reversed(libraries)),
    ]
    lines = (f'_adgps_prepend {variable} "{path}"' for variable, path in paths)
    return LOCAL_SETUP.replace("@prepend@", "\n".join(lines))


def write_setup_files(prefix: Path) -> None:
    """Write local_setup.* and setup.* into the environment."""
    text = setup_text(prefix)
    for shell in ("sh", "bash", "zsh"):
        for name in ("local_setup", "setup"):
            (prefix / f"{name}.{shell}").write_text(text, encoding="utf-8")


def main() -> None:
    """Mend the environment that this Python belongs to."""
    prefix = Path(sys.prefix)
    include = sysconfig.get_paths()["include"]
    mended = mend_cmake_files(prefix, {BUILDER_PYTHON: include, BUILDER_NUMPY: np.get_include()})
    write_setup_files(prefix)
    print(f"{mended} CMake files mended")


if __name__ == "__main__":
    main()
