# Prepares what a run needs, each step once: the environment .venv (not where ROS is sourced) and
# the built workspace. Sourced by ../adgps after ros.sh and environment.sh.
#
# A finished step leaves a stamp, a hash of all that it depends on. A step under way leaves a mark,
# so that what an interrupted one left half done is thrown away and not built upon.

source "$ROOT/tools/checks.sh"

LOGS=$ROOT/log/prepare

say() { printf 'adgps: %s\n' "$*" >&2; }

# prepare [development|benchmarks]: everything, with what the tests or the benchmarks need besides.
prepare() {
    mkdir -p "$LOGS" || return 1
    (
        if ! flock -n 9; then
            say "waiting for another preparation of this folder to end"
            flock 9
        fi
        if [[ $ROS_SOURCE == wheels ]]; then
            prepare_environment && prepare_extra "${1-}" &&
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
    local packages_key wheels_key base
    packages_key=$(packages_key) && wheels_key=$(wheels_key "$packages_key") &&
        stamped "$VENV/adgps-wheels.stamp" "$wheels_key" && return 0
    if ! stamped "$VENV/adgps-packages.stamp" "$packages_key"; then
        check_machine || return 1
        if ! usable_environment; then
            base=$(find_python) || return 1
            step "making the environment .venv with $base" environment make_environment "$base" ||
                return 1
        fi
        packages_key=$(packages_key) # of what is installed now, should the file change meanwhile
        step "installing ROS 2 Jazzy and the Python packages (minutes, the first time)" packages \
            install_packages requirements.txt || return 1
        echo "$packages_key" >"$VENV/adgps-packages.stamp"
    fi
    step "fitting the wheels to this Python" wheels "$VENV/bin/python" "$ROOT/tools/mend_wheels.py" ||
        return 1
    wheels_key "$packages_key" >"$VENV/adgps-wheels.stamp"
}

packages_key() {
    local identity
    identity=$(python_identity) && { echo "$identity"; cat "$ROOT/requirements.txt"; } | hash
}

wheels_key() { { echo "$1"; cat "$ROOT/tools/mend_wheels.py"; } | hash; }

# Whether .venv works and was not left half made.
usable_environment() {
    [[ $(python_identity) == 3.11.* && ! -e $VENV/adgps.unfinished ]] &&
        "$VENV/bin/python" -I -m pip --version >/dev/null 2>&1
}

# prepare_extra [development|benchmarks]: the packages of one kind of work; nothing without a name.
prepare_extra() {
    case $1 in
        development) prepare_packages dev "the tools of the tests" ;;
        benchmarks) prepare_packages bench "what the benchmarks compare with" ;;
    esac
}

# prepare_packages NAME TITLE: install requirements-NAME.txt.
prepare_packages() {
    local key stamp=$VENV/adgps-$1.stamp file=requirements-$1.txt
    key=$(cat "$VENV/adgps-wheels.stamp" "$ROOT/$file" | hash)
    stamped "$stamp" "$key" && return 0
    step "installing $2" "$1" install_packages "$file" && echo "$key" >"$stamp"
}

make_environment() {
    rm -rf "$VENV" && "$1" -I -m venv "$VENV"
}

# install_packages FILE: a mark stays for as long as the packages may be half installed. Modules are
# compiled when they are first imported, which most never are: a third of the time.
install_packages() {
    local mark=$VENV/adgps.unfinished out=$VENV/adgps-pip.log status
    touch "$mark"
    (
        set -o pipefail
        env -u PYTHONPATH -u LD_LIBRARY_PATH "$VENV/bin/python" -m pip install --no-input \
            --disable-pip-version-check --progress-bar off --retries 2 --no-compile \
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
    local keys changed mark=$ROOT/build/adgps.unfinished stamp=$ROOT/install/adgps.stamp
    keys=$(workspace_keys) || return 1
    stamped "$stamp" "$keys" && return 0
    if [[ -e $mark || $(head -n 1 "$stamp" 2>/dev/null) != $(head -n 1 <<<"$keys") ]]; then
        rm -rf "$ROOT/build" "$ROOT/install"
    fi
    changed=$(comm -13 <(sort "$stamp" 2>/dev/null) <(tail -n +2 <<<"$keys") | cut -d ' ' -f 1)
    if [[ $changed == *adgps_msgs* && $ROS_SOURCE == sourced ]]; then
        check_compiler || return 1
    fi
    [[ ! -d $ROOT/install ]] || find "$ROOT/install" -xtype l -delete
    mkdir -p "$ROOT/build"
    touch "$mark"
    # shellcheck disable=SC2086 # one word a package
    step "building $(plural $changed)" build build_workspace "$mark" $changed || return 1
    echo "$keys" >"$stamp"
}

plural() { if (($# == 1)); then echo "$1"; else echo "$# packages"; fi; }

# build_workspace MARK PACKAGE ...: the mark stays if the build does not end by itself.
build_workspace() {
    local mark=$1 status
    local -a arguments=(--log-base "$ROOT/log" build --symlink-install --base-paths src)
    shift
    arguments+=(--packages-select "$@" --cmake-args -DBUILD_TESTING=OFF)
    cd "$ROOT" || return 1
    if [[ $ROS_SOURCE == wheels ]]; then
        arguments+=("-DPython3_EXECUTABLE=$PYTHON")
        CMAKE_GENERATOR=Ninja "$PYTHON" -m colcon "${arguments[@]}"
    else
        colcon "${arguments[@]}"
    fi
    status=$?
    rm -f "$mark"
    return "$status"
}

# What the build depends on: a line for all, then a line a package. The modules of Python are
# linked, not copied, and do not matter; adgps_bringup and launch/ are linked file by file, so that
# it matters which files there are.
workspace_keys() {
    local package
    cd "$ROOT" || return 1
    {
        echo "$ROS_SOURCE $ROOT ${AMENT_PREFIX_PATH-}"
        cat colcon.meta
        [[ $ROS_SOURCE == sourced ]] || cat "$VENV/adgps-wheels.stamp"
    } | hash
    for package in src/*/package.xml; do
        package=$(dirname "$package")
        printf '%s %s\n' "${package#src/}" "$(
            {
                find "$package" -type f \( -name '*.msg' -o -name '*.srv' -o -name '*.action' \
                    -o -name package.xml -o -name 'setup.*' -o -name CMakeLists.txt \) |
                    sort | xargs sha256sum
                [[ $package != src/adgps_bringup ]] ||
                    find "$package" launch -name '.*' -prune -o -name __pycache__ -prune -o \
                        -type f -print | sort
            } | hash
        )"
    done
}
