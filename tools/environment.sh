# The environment that every verb runs in. Sourced by ../adgps after find_ros.

# The variables that matter where ROS comes from the wheels: the build tool needs them as well.
set_wheels_environment() {
    local library
    local -a libraries=("$VENV/lib")
    for library in "$VENV"/lib/python3.11/site-packages/ros_*.libs; do
        [[ -d $library ]] && libraries+=("$library")
    done
    # Another ROS that is sourced must not shine through.
    AMENT_PREFIX_PATH=$VENV
    CMAKE_PREFIX_PATH=$VENV
    LD_LIBRARY_PATH=$(join "${libraries[@]}" "$(without_ros "${LD_LIBRARY_PATH-}")")
    PATH=$VENV/bin:$(without_ros "$PATH")
    ROS_DISTRO=jazzy ROS_VERSION=2 ROS_PYTHON_VERSION=3 VIRTUAL_ENV=$VENV
    export AMENT_PREFIX_PATH CMAKE_PREFIX_PATH LD_LIBRARY_PATH PATH
    export ROS_DISTRO ROS_VERSION ROS_PYTHON_VERSION VIRTUAL_ENV
    # Modules are compiled when they are first imported: a process that had to do so again at every
    # start would take 10 s for torch. No file appears beside a source file.
    unset PYTHONDONTWRITEBYTECODE
    export PYTHONPYCACHEPREFIX=$VENV/pycache
    # The wheels execute Python a second time to set LD_LIBRARY_PATH, unless told that it is set.
    export _ROS_WHEELS_BOOTSTRAP_COMPLETE=1
    unset PYTHONPATH PYTHONHOME COLCON_PREFIX_PATH
}

# Everything, the built workspace included.
set_environment() {
    if [[ $ROS_SOURCE == sourced ]]; then
        set +u
        source "$ROOT/install/local_setup.bash"
        set -u
    else
        set_wheels_environment
        add_workspace
    fi
    # adgps_bringup.processes gives the nodes the same where they are not started from here.
    export RMW_IMPLEMENTATION=${RMW_IMPLEMENTATION-rmw_fastrtps_cpp}
    local profiles=$ROOT/launch/config/fastdds.xml here=$ROOT/launch/config/fastdds_localhost.xml
    export ROS_AUTOMATIC_DISCOVERY_RANGE=${ROS_AUTOMATIC_DISCOVERY_RANGE-SYSTEM_DEFAULT}
    if [[ $ROS_AUTOMATIC_DISCOVERY_RANGE == SYSTEM_DEFAULT ]]; then
        profiles=$here
    elif [[ ${FASTRTPS_DEFAULT_PROFILES_FILE-} == "$here" ]]; then
        unset FASTRTPS_DEFAULT_PROFILES_FILE # of a shell of ours, where the range was chosen since
    fi
    export FASTRTPS_DEFAULT_PROFILES_FILE=${FASTRTPS_DEFAULT_PROFILES_FILE-$profiles}
    # The processes of a run share the cores already.
    export OMP_NUM_THREADS=${OMP_NUM_THREADS-1}
    export OPENBLAS_NUM_THREADS=${OPENBLAS_NUM_THREADS-1}
    export MKL_NUM_THREADS=${MKL_NUM_THREADS-1}
    # Freed memory stays in the heap: faulting in the megabytes of every trajectory costs more
    # than sending them.
    export MALLOC_MMAP_THRESHOLD_=${MALLOC_MMAP_THRESHOLD_-67108864}
    export MALLOC_TRIM_THRESHOLD_=${MALLOC_TRIM_THRESHOLD_-134217728}
    export MALLOC_TOP_PAD_=${MALLOC_TOP_PAD_-16777216}
}

# What install/setup.bash would do, in milliseconds instead of a second.
add_workspace() {
    local prefix package
    local -a prefixes=() libraries=() modules=()
    for prefix in "$ROOT"/install/*/; do
        prefix=${prefix%/}
        package=${prefix##*/}
        prefixes+=("$prefix")
        [[ -d $prefix/lib ]] && libraries+=("$prefix/lib")
        # With colcon build --symlink-install, build/ holds a link to the modules in src/.
        [[ -e $ROOT/build/$package/share/$package/hook/pythonpath_develop.sh ]] &&
            modules+=("$ROOT/build/$package")
        [[ -d $prefix/lib/python3.11/site-packages ]] &&
            modules+=("$prefix/lib/python3.11/site-packages")
    done
    export AMENT_PREFIX_PATH=$(join "${prefixes[@]}" "$AMENT_PREFIX_PATH")
    export CMAKE_PREFIX_PATH=$(join "${prefixes[@]}" "$CMAKE_PREFIX_PATH")
    export LD_LIBRARY_PATH=$(join "${libraries[@]}" "$LD_LIBRARY_PATH")
    export PYTHONPATH=$(join "${modules[@]}")
}

# join A B C: A:B:C, without what is empty.
join() {
    local item result=
    for item; do
        [[ -n $item ]] && result+=${result:+:}$item
    done
    printf '%s' "$result"
}

# A search path without the folders of a ROS installation.
without_ros() {
    local -a items
    IFS=: read -ra items <<<"$1"
    local item
    local -a kept=()
    for item in "${items[@]}"; do
        [[ $item == /opt/ros/* || $item == "$VENV"/* || $item == "$ROOT"/install/* ]] ||
            kept+=("$item")
    done
    join "${kept[@]}"
}
