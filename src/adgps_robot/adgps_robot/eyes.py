"""The vision network of a robot: the pre-trained one, or the newest that its rollouts ask for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adgps_core.global_policy import GlobalPolicy, PolicyVersion
from adgps_core.typing import Array32
from adgps_core.vision.features import VisionNetwork
from adgps_core.vision.pictures import compressed, decompressed
from adgps_robot.policy_versions import PolicyVersions


@dataclass(frozen=True)
class Seen:
    """What a vision network says of an image.

    Parameters
    ----------
    features : (2 channels,) feature points, as policies see them.
    version : policy whose vision network it was; 0.0: the pre-trained one.
    file : the image itself, if networks are trained with it; else empty.
    """

    features: Array32
    version: PolicyVersion
    file: bytes = b""


class FrozenEyes:
    """A vision network that stays as it is.

    Parameters
    ----------
    network : the pre-trained one.
    """

    def __init__(self, network: VisionNetwork) -> None:
        self._network = network

    def look(self, image: NDArray[np.uint8]) -> Seen:
        """Feature points of an RGB image, counted from where they rest; ValueError as there."""
        return Seen(self._network.features(image), PolicyVersion())


class TrainedEyes:
    """A vision network that is trained with the policy; a rollout sees with one version.

    A policy takes its feature points as they are: where they rest, its observation's offset says.

    Parameters
    ----------
    pretrained : what is seen with until a version is asked for.
    """

    def __init__(self, pretrained: VisionNetwork) -> None:
        self._pretrained = self._network = pretrained
        self._policies = PolicyVersions()
        self._wanted = self._version = PolicyVersion()
        self._newest: NDArray[np.uint8] | None = None
        self._file = b""

    def hear(self, policy: GlobalPolicy) -> Seen | None:
        """Take a version of the policy; what `want` returns, if this one was waited for.

        Raises
        ------
        ValueError
            If it has no vision network, or another one.
        """
        if policy.architecture.vision != self._pretrained.architecture:
            raise ValueError("the policy's vision network is not of the pre-trained one's sizes")
        self._policies.add(policy)
        return self._turn()

    def want(self, version: PolicyVersion) -> Seen | None:
        """See with a version from now on; the newest image anew, if there is one to be seen."""
        self._wanted = version
        return self._turn()

    def look(self, image: NDArray[np.uint8]) -> Seen:
        """Feature points of an RGB image, and the file that another network sees the same in."""
        self._file = compressed(image)
        self._newest = decompressed(self._file, image.shape)
        return self._look()

    def _look(self) -> Seen:
        assert self._newest is not None
        return Seen(self._network.points(self._newest), self._version, self._file)

    def _turn(self) -> Seen | None:
        """Turn to the version that is wanted, if it is another and at hand."""
        if self._wanted == self._version:
            return None
        if self._wanted == PolicyVersion():
            self._network = self._pretrained
        else:
            found = [policy for policy in self._policies if policy.version == self._wanted]
            if not found:
                return None
            self._policies.note_run(found[-1])
            self._network = VisionNetwork(self._pretrained.architecture, found[-1].vision_values)
        self._version = self._wanted
        return None if self._newest is None else self._look()
