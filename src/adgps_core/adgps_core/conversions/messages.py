"""Messages and the dataclasses they carry.

Every `*_from_msg` raises ValueError with the reason when a message cannot be what it claims to be;
nothing unchecked gets past this module.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage

from adgps_core.conversions.arrays import lend, to_array, to_numpy
from adgps_core.global_policy import Architecture, GlobalPolicy, PolicyVersion
from adgps_core.optimized import OptimizedTrajectories
from adgps_core.policies import LinearGaussianPolicy
from adgps_core.tasks.task import Instance
from adgps_core.trajectory import Trajectory
from adgps_core.typing import Array32
from adgps_core.vision.pictures import IMAGE_FORMAT
from adgps_msgs import msg

_SECOND_NS = 1_000_000_000
MAX_HORIZON = 100_000
MAX_DIM = 10_000


def stamp_from_ns(nanoseconds: int) -> Time:
    """Time message from nanoseconds since the clock's epoch."""
    seconds, rest = divmod(nanoseconds, _SECOND_NS)
    return Time(sec=seconds, nanosec=rest)


def ns_from_stamp(stamp: Time) -> int:
    """Nanoseconds since the clock's epoch."""
    return int(stamp.sec) * _SECOND_NS + int(stamp.nanosec)


def version_to_msg(version: PolicyVersion) -> msg.PolicyVersion:
    """Policy version as a message."""
    return msg.PolicyVersion(epoch=version.epoch, counter=version.counter)


def version_from_msg(message: msg.PolicyVersion) -> PolicyVersion:
    """Policy version of a message."""
    return PolicyVersion(int(message.epoch), int(message.counter))


def instance_to_msg(instance: Instance) -> msg.Instance:
    """Task instance as a message."""
    return msg.Instance(
        task=instance.task, id=instance.id, parameters=to_array(instance.parameters)
    )


def instance_from_msg(message: msg.Instance) -> Instance:
    """Task instance of a message."""
    shape = (len(message.parameters),)
    return Instance(message.task, message.id, to_numpy(message.parameters, shape, "parameters"))


def local_policy_to_msg(policy: LinearGaussianPolicy) -> msg.LocalPolicy:
    """Local policy as a message."""
    return msg.LocalPolicy(
        horizon=policy.horizon,
        dim_x=policy.dim_x,
        dim_u=policy.dim_u,
        gain=to_array(policy.K),
        feedforward=to_array(policy.k),
        covariance=to_array(policy.C),
    )


def local_policy_from_msg(message: msg.LocalPolicy) -> LinearGaussianPolicy:
    """Local policy of a message."""
    horizon, dim_x, dim_u = _sizes(message.horizon, message.dim_x, message.dim_u)
    return LinearGaussianPolicy(
        to_numpy(message.gain, (horizon, dim_u, dim_x), "gain"),
        to_numpy(message.feedforward, (horizon, dim_u), "feedforward"),
        to_numpy(message.covariance, (horizon, dim_u, dim_u), "covariance"),
    )


def global_policy_to_msg(policy: GlobalPolicy) -> msg.PolicyParameters:
    """Global policy as a message, to be sent before its policy parameters change."""
    return policy_version_to_msg(policy, policy.version, policy.values)


def policy_version_to_msg(
    policy: GlobalPolicy, version: PolicyVersion, values: Array32
) -> msg.PolicyParameters:
    """Message of another version of a global policy, with its policy parameters (P,) or none.

    It has to be sent before these change.
    """
    message = msg.PolicyParameters(
        version=version_to_msg(version),
        architecture=policy.architecture.to_json(),
        observation_offset=to_array(policy.offset),
        observation_scale=to_array(policy.scale),
    )
    lend(message, "values", values)
    return message


def global_policy_from_msg(
    message: msg.PolicyParameters, values: Array32 | None = None
) -> GlobalPolicy:
    """Global policy of a message; its policy parameters (P,) may come from shared memory instead.

    What the server on this host has written there itself is not looked through once more.
    """
    architecture = Architecture.from_json(message.architecture)
    shape = (architecture.dim_o,)
    shared = values is not None
    if values is None:
        values = to_numpy(message.values, (architecture.size,), "values", np.float32)
        values.flags.writeable = False  # the message's array is nobody else's: no copy is needed
    return GlobalPolicy(
        architecture,
        to_numpy(message.observation_offset, shape, "observation_offset"),
        to_numpy(message.observation_scale, shape, "observation_scale"),
        values,
        version_from_msg(message.version),
        known_finite=shared,
    )


def trajectory_to_msg(trajectory: Trajectory) -> msg.Trajectory:
    """Trajectory as a message."""
    return msg.Trajectory(
        start=stamp_from_ns(trajectory.start_ns),
        instance=instance_to_msg(trajectory.instance),
        robot=trajectory.robot,
        rollout_id=trajectory.rollout_id,
        seed=trajectory.seed,
        policy_version=version_to_msg(trajectory.policy_version),
        horizon=trajectory.horizon,
        dim_x=trajectory.states.shape[1],
        dim_u=trajectory.actions_sampled.shape[1],
        dim_o=trajectory.observations.shape[1],
        states=to_array(trajectory.states),
        observations=to_array(trajectory.observations),
        actions_sampled=to_array(trajectory.actions_sampled),
        actions_applied=to_array(trajectory.actions_applied),
        log_probabilities=to_array(trajectory.log_probabilities),
        stamps=to_array(trajectory.stamps),
        lateness=to_array(trajectory.lateness),
        measurements=[
            msg.Measurement(name=name, dim=values.shape[1], values=to_array(values))
            for name, values in trajectory.measurements.items()
        ],
        images=[_image_to_msg(image) for image in trajectory.images],
    )


def trajectory_from_msg(message: msg.Trajectory) -> Trajectory:
    """Trajectory of a message."""
    horizon, dim_x, dim_u, dim_o = _sizes(
        message.horizon, message.dim_x, message.dim_u, message.dim_o
    )
    return Trajectory(
        instance=instance_from_msg(message.instance),
        states=to_numpy(message.states, (horizon + 1, dim_x), "states"),
        observations=to_numpy(message.observations, (horizon, dim_o), "observations"),
        actions_sampled=to_numpy(message.actions_sampled, (horizon, dim_u), "actions_sampled"),
        actions_applied=to_numpy(message.actions_applied, (horizon, dim_u), "actions_applied"),
        log_probabilities=to_numpy(message.log_probabilities, (horizon,), "log_probabilities"),
        stamps=to_numpy(message.stamps, (horizon + 1,), "stamps"),
        lateness=to_numpy(message.lateness, (horizon,), "lateness"),
        policy_version=version_from_msg(message.policy_version),
        robot=message.robot,
        rollout_id=message.rollout_id,
        seed=int(message.seed),
        start_ns=ns_from_stamp(message.start),
        measurements=_measurements(message.measurements, horizon),
        images=tuple(bytes(image.data) for image in message.images),
    )


def optimized_trajectories_to_msg(
    optimized: OptimizedTrajectories, stamp: Time
) -> msg.OptimizedTrajectories:
    """One local iteration as a message, published at stamp."""
    multipliers = optimized.multipliers if optimized.method != "mdgps" else np.zeros(0)
    message = msg.OptimizedTrajectories(
        worker=optimized.worker,
        iteration=optimized.iteration,
        round=optimized.round,
        method=optimized.method,
        condition=optimized.condition,
        instance=instance_to_msg(optimized.instance),
        samples=[trajectory_to_msg(sample) for sample in optimized.samples],
        policy=local_policy_to_msg(optimized.policy),
        sampling_policy=local_policy_to_msg(optimized.sampling_policy),
        multipliers=to_array(multipliers),
        kl_weights=to_array(optimized.kl_weights),
    )
    message.header.stamp = stamp
    return message


def optimized_trajectories_from_msg(
    message: msg.OptimizedTrajectories,
) -> OptimizedTrajectories:
    """One local iteration of a message."""
    policy = local_policy_from_msg(message.policy)
    shape = (policy.horizon, policy.dim_u)
    if message.method == "mdgps":
        to_numpy(message.multipliers, (0,), "multipliers")
        multipliers = np.zeros(shape)
    else:
        multipliers = to_numpy(message.multipliers, shape, "multipliers")
    return OptimizedTrajectories(
        worker=message.worker,
        iteration=int(message.iteration),
        round=int(message.round),
        method=message.method,
        condition=message.condition,
        instance=instance_from_msg(message.instance),
        samples=tuple(trajectory_from_msg(sample) for sample in message.samples),
        policy=policy,
        sampling_policy=local_policy_from_msg(message.sampling_policy),
        multipliers=multipliers,
        kl_weights=to_numpy(message.kl_weights, (policy.horizon,), "kl_weights"),
    )


def _image_to_msg(image: bytes) -> CompressedImage:
    return CompressedImage(format=IMAGE_FORMAT, data=array("B", image))


def _measurements(items: Iterable[msg.Measurement], horizon: int) -> dict[str, NDArray[Any]]:
    """Measurements by name; two of one name are refused, as one would be lost."""
    measurements: dict[str, NDArray[Any]] = {}
    for item in items:
        if item.name in measurements:
            raise ValueError(f"two measurements are named {item.name!r}")
        shape = (horizon, int(item.dim))
        measurements[item.name] = to_numpy(item.values, shape, f"measurement {item.name}")
    return measurements


def _sizes(horizon: int, *dims: int) -> tuple[int, ...]:
    """Refuse sizes that no trajectory has, before anything is multiplied with them."""
    if not 1 <= horizon <= MAX_HORIZON or not all(1 <= dim <= MAX_DIM for dim in dims):
        raise ValueError(f"impossible sizes: horizon {horizon}, dimensions {dims}")
    return (int(horizon), *(int(dim) for dim in dims))
