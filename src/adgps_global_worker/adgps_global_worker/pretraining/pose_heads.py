"""From feature points to poses and back: what the vision network is pre-trained through.

One linear layer tells the object's pose from the features, for all robots; another one, with a
matrix for each robot, its end-effector's. Both predict standardised poses. That features tell poses
does not keep them from telling anything else, as which handle it is, or from jumping between two
places; a policy that learns from few doors would tell them apart by that. So a third layer says
where the features are if the poses are known, for a point of a body is seen at a place that is
about linear in its pose: what the features hold beside the poses is to be little.

Shapes: P parameters, B images, dF features, R robots.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from adgps_core.typing import Array32
from adgps_core.vision.architecture import VisionArchitecture, initial_vision_values
from adgps_core.vision.network import forward_vision

DIM_POSE = 9


@dataclass(frozen=True)
class Standard:
    """Where poses lie: a mean for each robot, and one scale for all numbers.

    A single scale keeps the ratios of lengths, so that the loss is Euclidean still.

    Parameters
    ----------
    offsets : (R, 9) means [m].
    scale : standard deviation over all numbers [m].
    """

    offsets: Array32
    scale: float

    def of(self, poses: Array32, robots: NDArray[np.int64]) -> Array32:
        """Standardise poses (N, 9) of robots (N,)."""
        standardised: Array32 = (poses - self.offsets[robots]) / np.float32(self.scale)
        return standardised

    def undo(self, standardised: Array32, robots: NDArray[np.int64]) -> Array32:
        """Poses (N, 9) [m] of standardised ones."""
        poses: Array32 = standardised * np.float32(self.scale) + self.offsets[robots]
        return poses


def standard(poses: Array32, robots: NDArray[np.int64], count: int) -> Standard:
    """Find where poses (N, 9) of robots (N,) lie; one without a pose is like the mean of all."""
    offsets = np.tile(poses.mean(axis=0), (count, 1))
    for robot in np.unique(robots):
        offsets[robot] = poses[robots == robot].mean(axis=0)
    scale = float(np.sqrt(np.mean(np.square(poses - offsets[robots]))))
    return Standard(offsets.astype(np.float32), max(scale, 1e-6))


@dataclass(frozen=True)
class PoseNetwork:
    """The vision network with its two linear layers, on one flat array of parameters.

    Parameters
    ----------
    vision : sizes of the vision network, whose parameters come first.
    robots : how many robots R there are.
    """

    vision: VisionArchitecture
    robots: int

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Shapes of the linear layers' parameters: object, end-effectors, features."""
        features, robots = self.vision.dim_features, self.robots
        return [
            (DIM_POSE, features),
            (DIM_POSE,),
            (robots, DIM_POSE, features),
            (robots, DIM_POSE),
            (features, 2 * DIM_POSE),
            (robots, features),
        ]

    @property
    def size(self) -> int:
        """Number of parameters P, those of the vision network included."""
        return self.vision.size + sum(math.prod(shape) for shape in self.shapes)

    def initial_values(self, rng: np.random.Generator) -> Array32:
        """Draw initial parameters (P,); the linear layers begin at zero."""
        vision = initial_vision_values(self.vision, rng)
        return np.concatenate([vision, np.zeros(self.size - len(vision), np.float32)])

    def features(self, values: Tensor, scaled: Tensor) -> Tensor:
        """Feature points (B, dF) of images (B, 3, H, W) as `scaled_images` makes them."""
        return forward_vision(self.vision, values[: self.vision.size], scaled)

    def poses(self, values: Tensor, features: Tensor, robots: Tensor) -> tuple[Tensor, Tensor]:
        """Standardised poses (B, 9) of the object and (B, 9) of the end-effector.

        Parameters
        ----------
        values : (P,) parameters.
        features : (B, dF).
        robots : (B,) int64 numbers of the robots that saw them.
        """
        weight, bias, weights, biases, *_ = self._layers(values)
        end_effectors = torch.einsum("bof,bf->bo", weights[robots], features) + biases[robots]
        return features @ weight.T + bias, end_effectors

    def unexplained(
        self, values: Tensor, features: Tensor, robots: Tensor, poses: tuple[Tensor, Tensor]
    ) -> Tensor:
        """What features (B, dF) hold beside standardised poses: (B, dF)."""
        *_, weight, biases = self._layers(values)
        return features - torch.cat(poses, dim=-1) @ weight.T - biases[robots]

    def _layers(self, values: Tensor) -> list[Tensor]:
        """Parameters of the linear layers."""
        parts = torch.split(values[self.vision.size :], [math.prod(shape) for shape in self.shapes])
        return [part.view(shape) for part, shape in zip(parts, self.shapes, strict=True)]


def euclidean_loss(predicted: tuple[Tensor, Tensor], labels: tuple[Tensor, Tensor]) -> Tensor:
    """½ |predicted - label|², object and end-effector added, mean over the images: ()."""
    errors = [p - label for p, label in zip(predicted, labels, strict=True)]
    return sum((0.5 * e.square().sum(-1).mean() for e in errors), torch.zeros(()))
