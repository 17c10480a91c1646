"""A topic as a bag holds it: its type with definition and hash, and the QoS that was offered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml
from rosbags.interfaces import Qos
from rosbags.rosbag2.metadata import dump_qos_v9, parse_qos


class BagError(ValueError):
    """A bag cannot be used; the message says why in one line."""


class NoBagError(BagError):
    """There is no bag, or nothing was left of it to save."""


@dataclass(frozen=True)
class Topic:
    """One topic of a bag.

    Parameters
    ----------
    name : "/robot_1/optimized_trajectories".
    type : "adgps_msgs/msg/OptimizedTrajectories".
    definition : text of the .msg file, then of those that it refers to; empty if unknown.
    type_hash : "RIHS01_..."; empty if unknown.
    qos : profiles that publishers offered.
    """

    name: str
    type: str
    definition: str = field(default="", repr=False)
    type_hash: str = ""
    qos: tuple[Qos, ...] = ()

    @property
    def qos_list(self) -> list[dict[str, Any]]:
        """The profiles as metadata.yaml has them."""
        return [dict(profile) for profile in dump_qos_v9(list(self.qos))]

    @property
    def qos_text(self) -> str:
        """The profiles as storage files have them, in YAML."""
        return yaml.safe_dump(self.qos_list, sort_keys=False) if self.qos else ""

    @staticmethod
    def read_qos(profiles: Any) -> tuple[Qos, ...]:
        """Read profiles in either form."""
        return tuple(parse_qos(profiles or []))
