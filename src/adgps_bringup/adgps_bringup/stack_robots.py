"""The robots of a stack: simulated ones, real ones, and one that is led by the hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adgps_bringup.description import (
    CONTROLLER,
    FEATURE_EXTRACTOR,
    GATE,
    GUIDED_ROBOT,
    IMU_DRIVER,
    RESET_SERVER,
    ROBOT,
    VISION,
    NodeDescription,
    Parameter,
    derived_seed,
    robot_names,
)
from adgps_bringup.options import StackOptions
from adgps_bringup.real_robots import RealRobot, read_robots


def describe_robots(options: StackOptions) -> tuple[NodeDescription, ...]:
    """Describe the robots alone, which is all that an evaluation needs."""
    if options.robots_file is not None:
        return describe_real_robots(options, read_robots(options.robots_file))
    nodes: tuple[str, ...] = ("sim_robot", "torque_controller")
    eyes: dict[str, Parameter] = {}
    if options.vision is not None:
        nodes = (*nodes, FEATURE_EXTRACTOR)
        # Robots that shall learn to see together are as different as real ones are.
        eyes = {
            "camera": True,
            "features": True,
            "variation": 1.0,
            "network": _network(options),
            "train_vision": options.unfreeze,
        }
    return tuple(
        NodeDescription(
            package="adgps_bringup",
            executable=ROBOT,
            nodes=nodes,
            namespace=namespace,
            parameters={
                "use_sim_time": True,
                "task": options.policy_task,
                "seed": derived_seed(options.seed, index),
                "real_time_factor": float(options.real_time_factor),
                **eyes,
            },
            parameter_files=options.parameter_files,
            remappings=(("/clock", "clock"),),
            respawn=True,
        )
        for index, namespace in enumerate(robot_names(options))
    )


def describe_real_robots(
    options: StackOptions, robots: Sequence[RealRobot]
) -> tuple[NodeDescription, ...]:
    """Describe the nodes of real robots, gates first: an arm is held before anything else runs."""
    described: list[NodeDescription] = []

    def add(robot: RealRobot, name: str, parameters: Mapping[str, Parameter]) -> None:
        described.append(
            NodeDescription(
                package="adgps_robot",
                executable=name,
                nodes=(name,),
                namespace=robot.namespace,
                parameters=parameters,
                parameter_files=options.parameter_files,
                remappings=(("joint_states", robot.joint_states),),
                respawn=True,
                farewell=name == GATE,
            )
        )

    for robot in robots:
        gate: dict[str, Parameter] = {
            "joint_names": robot.joint_names,
            "output_joint_names": robot.output_joint_names,
            "output_topic": robot.commands,
            "output_type": robot.command_type,
        }
        add(robot, GATE, gate)
    for index, robot in enumerate(robots):
        common: dict[str, Parameter] = {
            "task": options.policy_task,
            "joint_names": robot.joint_names,
        }
        controller: dict[str, Parameter] = {
            "urdf": robot.urdf,
            "end_effector_frame": robot.end_effector_frame,
            "lock_step": False,
            "autostart": True,
            "imu": robot.imu is not None,
            "features": options.vision is not None,
            "train_vision": options.unfreeze,
        }
        seed = derived_seed(options.seed, index)
        add(robot, CONTROLLER, {**common, **controller})
        add(robot, RESET_SERVER, {**common, "confirm": robot.confirm, "seed": seed})
        for name, device in (("camera_driver", robot.camera), (IMU_DRIVER, robot.imu)):
            if device is not None:
                add(robot, name, device)
        if options.vision is not None:
            if robot.camera is None:
                raise ValueError(f"{robot.namespace} has no camera to see with")
            eyes: dict[str, Parameter] = {
                "network": _network(options),
                "train_vision": options.unfreeze,
                "lock_step": False,
            }
            add(robot, FEATURE_EXTRACTOR, eyes)
    return tuple(described)


def describe_guided_robot(
    namespace: str, task: str, instances: Sequence[str], factor: float, seed: int
) -> NodeDescription:
    """Describe a simulated robot that is led by the hand; it ends by itself.

    Parameters
    ----------
    namespace : "/robot_1".
    task : name of the task.
    instances : ids of the instances that it demonstrates.
    factor : simulated seconds per second.
    seed : of the errors of its sensors.
    """
    return NodeDescription(
        package="adgps_sim",
        executable=GUIDED_ROBOT,
        nodes=(GUIDED_ROBOT,),
        namespace=namespace,
        parameters={
            "task": task,
            "instances": tuple(instances),
            "real_time_factor": float(factor),
            "seed": seed,
        },
        remappings=(("/clock", "clock"),),
        required=False,
    )


def _network(options: StackOptions) -> str:
    """File of the vision network in the run's folder."""
    assert options.run is not None
    return str(options.run / VISION)
