# Prepares what a run needs, each step once: the environment .venv (not where ROS is sourced) and
# the built workspace. Sourced by ../adgps after ros.sh and environment.sh.
#
# A finished step leaves a stamp, a hash of all that it depends on. A step under way leaves a mark,
# so that what an interrupted one left half done is thrown away and not built upon.

source "$ROOT/tools/checks.sh"

LOGS=$ROOT/log/prepare

say() { printf 'adgps: %s\n' "$*" >&2; }

# prepare [development]: everything, with the tools of the tests where asked for.
prepare() {
    mkdir -p "$LOGS" || return 1
    (
        if ! flock -n 9; then
            say "waiting for another preparation of this folder to end"
            flock 9
        fi
        if [[ $ROS_SOURCE == wheels ]]; then
            prepare_environment && { [[ ${1-} != development ]] || prepare_development; } &&
                set_wheels_environment
        else
            check_modules
        fi && prepare_workspace
    ) 9>"$LOGS/lock"
}

# step TITLE LOG COMMAND ...: one line; the output goes to a file, shown only on failure.
step() {
    local title=$1 log=$LOGS/$2.log start=$SECONDS
    shift 2
    printf 'adgps: %s ... ' "$title" >&2
    if "$@" </dev/null >"$log" 2>&1; then
        printf '%d s\n' $((SECONDS - start)) >&2
        return 0
    fi
    printf 'failed\n' >&2
    tail -n 25 "$log" | sed 's/^/    /' >&2
    say "$(reason "$log") (all of it: ${log#"$ROOT"/})"
    return 1
}

# stamped NAME KEY: whether the step was finished with this key.
stamped() { [[ -f $1 && $(<"$1") == "$2" ]]; }

hash() { sha256sum | cut -d ' ' -f 1; }

python_identity() {
    "$VENV/bin/python" -I -S -c 'import sys; print(sys.version, sys.base_prefix)' 2>/dev/null
}

prepare_environment() {
    local identity key base
    if identity=$(python_identity); then
        key=$({ echo "$identity"; cat "$ROOT/requirements.txt" "$ROOT/tools/mend_wheels.py"; } | hash)
        stamped "$VENV/adgps.stamp" "$key" && return 0
    fi
    check_machine || return 1
    if [[ $identity != 3.11.* || -e $VENV/adgps.unfinished ]] ||
        ! "$VENV/bin/python" -I -m pip --version >/dev/null 2>&1; then
        base=$(find_python) || return 1
        step "making the environment .venv with $base" environment make_environment "$base" ||
            return 1
        identity=$(python_identity)
        key=$({ echo "$identity"; cat "$ROOT/requirements.txt" "$ROOT/tools/mend_wheels.py"; } | hash)
    fi
    step "installing ROS 2 Jazzy and the Python packages (minutes, the first time)" packages \
        install_packages requirements.txt || return 1
    step "fitting the wheels to this Python" wheels "$VENV/bin/python" "$ROOT/tools/mend_wheels.py" ||
        return 1
    echo "$key" >"$VENV/adgps.stamp"
}

prepare_development() {
    local key
    key=$(cat "$VENV/adgps.stamp" "$ROOT/requirements-dev.txt" | hash)
    stamped "$VENV/adgps-dev.stamp" "$key" && return 0
    step "installing the tools of the tests" development install_packages requirements-dev.txt &&
        echo "$key" >"$VENV/adgps-dev.stamp"
}

make_environment() {
    rm -rf "$VENV" && "$1" -I -m venv "$VENV"
}

# install_packages FILE: a mark stays for as long as the packages may be half installed.
install_packages() {
    local mark=$VENV/adgps.unfinished out=$VENV/adgps-pip.log status
    touch "$mark"
    (
        set -o pipefail
        env -u PYTHONPATH -u LD_LIBRARY_PATH "$VENV/bin/python" -m pip install --no-input \
            --disable-pip-version-check --progress-bar off --retries 2 \
            -r "$ROOT/$1" 2>&1 | tee "$out"
    )
    status=$?
    # A pip that failed before it began to install has changed nothing.
    if ((status == 0)) || ! grep -q '^Installing collected packages' "$out"; then
        rm -f "$mark"
    fi
    return "$status"
}

prepare_workspace() {
    local all linked mark=$ROOT/build/adgps.unfinished stamp=$ROOT/install/adgps.stamp
    all=$(workspace_key) linked=$(links_key)
    stamped "$stamp" "$all $linked" && return 0
    if [[ -f $stamp && ! -e $mark && $(<"$stamp") == "$all "* ]]; then
        find "$ROOT/install" -xtype l -delete
        step "linking what is new in adgps_bringup" build build_workspace adgps_bringup || return 1
        echo "$all $linked" >"$stamp"
        return 0
    fi
    [[ $ROS_SOURCE == wheels ]] || check_compiler || return 1
    if [[ -e $mark || $(ros_of_build) != "$ROS_SOURCE" ]]; then
        rm -rf "$ROOT/build" "$ROOT/install"
    fi
    mkdir -p "$ROOT/build"
    touch "$mark"
    echo "$ROS_SOURCE" >"$ROOT/build/adgps.ros"
    step "building the workspace" build build_workspace || return 1
    echo "$all $linked" >"$stamp"
    rm -f "$mark"
}

ros_of_build() { cat "$ROOT/build/adgps.ros" 2>/dev/null; }

# build_workspace [PACKAGE ...]: these packages, or all.
build_workspace() {
    local -a arguments=(--log-base "$ROOT/log" build --symlink-install --base-paths src)
    (($# == 0)) || arguments+=(--packages-select "$@")
    arguments+=(--cmake-args -DBUILD_TESTING=OFF)
    cd "$ROOT" || return 1
    if [[ $ROS_SOURCE == wheels ]]; then
        arguments+=("-DPython3_EXECUTABLE=$PYTHON")
        CMAKE_GENERATOR=Ninja "$PYTHON" -m colcon "${arguments[@]}"
    else
        colcon "${arguments[@]}"
    fi
}

# What the build depends on; the modules of Python are linked, not copied, and do not matter.
workspace_key() {
    cd "$ROOT" || return 1
    {
        echo "$ROS_SOURCE ${AMENT_PREFIX_PATH-}"
        [[ $ROS_SOURCE == wheels ]] && cat "$VENV/adgps.stamp"
        {
            find src/adgps_msgs -type f \( -name '*.msg' -o -name '*.srv' -o -name '*.action' \)
            find src -mindepth 2 -maxdepth 2 -type f \
                \( -name package.xml -o -name 'setup.*' -o -name CMakeLists.txt \)
            echo colcon.meta
        } | sort | xargs sha256sum
    } | hash
}

# adgps_bringup and launch/ are linked file by file: which files there are matters as well.
links_key() {
    cd "$ROOT" || return 1
    find src/adgps_bringup launch -name '.*' -prune -o -name __pycache__ -prune -o -type f -print |
        sort | hash
}
