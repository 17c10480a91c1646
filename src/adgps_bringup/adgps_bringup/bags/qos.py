"""QoS between rclpy and bags."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rclpy.duration import Duration
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)


def recorded(profile: QoSProfile) -> Qos:
    """Profile that a publisher offers, as a bag holds it."""
    return Qos(
        QosHistory[profile.history.name],
        profile.depth,
        QosReliability[profile.reliability.name],
        QosDurability[profile.durability.name],
        _time(profile.deadline),
        _time(profile.lifespan),
        QosLiveliness[profile.liveliness.name],
        _time(profile.liveliness_lease_duration),
        False,
    )


def to_hear_all(offered: Iterable[QoSProfile], depth: int) -> QoSProfile:
    """Profile of a subscription that hears all of some publishers, and what they keep if all do."""
    offered = tuple(offered)
    reliable = all(p.reliability == ReliabilityPolicy.RELIABLE for p in offered)
    latched = all(p.durability == DurabilityPolicy.TRANSIENT_LOCAL for p in offered)
    return _profile(reliable, latched, depth)


def to_offer(profiles: Sequence[Qos], depth: int) -> QoSProfile:
    """Profile of a publisher in the place of those that were recorded.

    Where they differed it offers the most: every subscription that heard one of them hears it. Only
    what none of them kept for latecomers is not kept.
    """
    reliable = not profiles or any(p.reliability == QosReliability.RELIABLE for p in profiles)
    latched = any(p.durability == QosDurability.TRANSIENT_LOCAL for p in profiles)
    return _profile(reliable, latched, depth)


def _profile(reliable: bool, latched: bool, depth: int) -> QoSProfile:
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def _time(duration: Duration) -> QosTime:
    return QosTime(*divmod(duration.nanoseconds, 1_000_000_000))
