# What must be there before anything is prepared, and what a failure means. Sourced by prepare.sh.

readonly NEEDED_MB=5000

check_machine() {
    local libc free
    if [[ $(uname -sm) != "Linux x86_64" ]]; then
        say "the ROS wheels are for Linux on x86-64 only; elsewhere install ROS 2 Jazzy and source it"
        return 1
    fi
    libc=$(getconf GNU_LIBC_VERSION 2>/dev/null)
    if [[ $libc != glibc\ * ]] || ! at_least "${libc#glibc }" 2.28; then
        say "the ROS wheels need glibc 2.28 or newer, this machine has ${libc:-another libc}"
        return 1
    fi
    free=$(df -Pm "$ROOT" | awk 'NR == 2 {print $4}')
    if ((free < NEEDED_MB)) && [[ ! -e $VENV/adgps-packages.stamp ]]; then
        say "not enough disk: $ROOT has $free MB left, the environment needs about $NEEDED_MB MB"
        return 1
    fi
    check_compiler
}

check_compiler() {
    local compiler
    for compiler in "${CC:-cc}" "${CXX:-c++}"; do
        if ! type -P "${compiler%% *}" >/dev/null; then
            say "no C++ compiler ($compiler is missing); on Debian or Ubuntu: sudo apt install g++"
            return 1
        fi
    done
    if ! echo '#include <string>' | ${CXX:-c++} -x c++ -fsyntax-only - >/dev/null 2>&1; then
        say "the C++ compiler does not work (no standard library?); on Debian or Ubuntu: sudo apt install g++"
        return 1
    fi
}

# Where ROS is sourced, its packages are the user's; this says what rosdep would have installed.
check_modules() {
    local missing
    missing=$("$PYTHON" -c '
import importlib.util, sys
names = "numpy scipy torch safetensors pinocchio pybullet cv2 serial"
names += " yaml rich matplotlib PIL tensorboard mcap rosbags simpy"
print(*[name for name in names.split() if importlib.util.find_spec(name) is None])
')
    if ! type -P colcon >/dev/null; then
        say "colcon is missing: sudo apt install python3-colcon-common-extensions"
        return 1
    fi
    if [[ -n $missing ]]; then
        say "Python packages missing: $missing; run rosdep install --from-paths src --ignore-src," \
            "and pip install safetensors mcap rosbags simpy"
        return 1
    fi
}

# Prints the path of a Python 3.11 that can make an environment and compile extensions.
find_python() {
    local candidate problem found=
    while read -r candidate; do
        [[ -x $candidate && $candidate != "$VENV"/* ]] || continue
        "$candidate" -I -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
            >/dev/null 2>&1 || continue
        problem=$("$candidate" -I -c '
import importlib.util, os, sysconfig
if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
    print("cannot make environments; on Debian or Ubuntu: sudo apt install python3.11-venv")
elif not os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h")):
    print("has no header files; on Debian or Ubuntu: sudo apt install python3.11-dev")
')
        if [[ -z $problem ]]; then
            echo "$candidate"
            return 0
        fi
        found=${found:-$candidate $problem}
    done < <(python_candidates)
    if [[ -n $found ]]; then
        say "$found"
    else
        say "no Python 3.11 found, and the ROS wheels need exactly this one: install python3.11" \
            "(with pyenv: pyenv install 3.11) or name it by ADGPS_PYTHON=/path/to/python3.11"
    fi
    return 1
}

python_candidates() {
    local home=${HOME:-/root}
    [[ -n ${ADGPS_PYTHON-} ]] && type -P "$ADGPS_PYTHON"
    type -ap python3.11
    printf '%s\n' "${PYENV_ROOT:-$home/.pyenv}"/versions/3.11*/bin/python3.11 \
        "${UV_PYTHON_INSTALL_DIR:-$home/.local/share/uv/python}"/cpython-3.11*/bin/python3.11
    type -ap python3 python
}

# at_least A B: whether version A is B or newer.
at_least() { [[ $(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1) == "$2" ]]; }

# reason LOG: what a failed step means, in one line.
reason() {
    if grep -qi 'no space left on device' "$1"; then
        echo "no space left on the disk"
    elif grep -qiE 'name resolution|max retries|connection (refused|reset|broken)|timed out|ssl|proxy' \
        <(grep -iE 'error|warning' "$1"); then
        echo "the package index of pip cannot be reached: check the network and pip config list"
    elif grep -q 'No matching distribution found' "$1"; then
        echo "the package index of pip lacks a package:" \
            "$(grep -o 'No matching distribution found.*' "$1" | tail -n 1)"
    elif grep -qE 'Killed|signal terminated|virtual memory exhausted' "$1"; then
        echo "a program was killed, perhaps for want of memory"
    else
        echo "this step failed"
    fi
}
