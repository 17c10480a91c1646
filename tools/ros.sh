# Which ROS 2 to use: one that is sourced, or the wheels in .venv. Sourced by ../adgps.

VENV=$ROOT/.venv

# Sets ROS_SOURCE (sourced or wheels) and PYTHON, the interpreter that everything runs with.
find_ros() {
    local python
    if [[ ${ROS_DISTRO-} == jazzy && -n ${AMENT_PREFIX_PATH-} ]] &&
        python=$(type -P python3) && [[ $python != "$VENV"/* ]] &&
        "$python" -c 'import importlib.util as u, sys; sys.exit(not u.find_spec("rclpy"))'; then
        ROS_SOURCE=sourced
        PYTHON=$python
    else
        ROS_SOURCE=wheels
        PYTHON=$VENV/bin/python
    fi
}
