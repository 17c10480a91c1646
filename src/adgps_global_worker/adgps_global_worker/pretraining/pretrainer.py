"""SGD with momentum on images with poses, step by step, and what it has come to.

The order of the samples follows from seed and step, so that a training that goes on from a
checkpoint takes the very steps that it would have taken.
"""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from adgps_core.checkpoints import DamagedCheckpointError, read_checkpoint, write_checkpoint
from adgps_core.typing import Array32
from adgps_core.vision.architecture import VisionArchitecture
from adgps_core.vision.features import VisionNetwork
from adgps_core.vision.network import scaled_images
from adgps_global_worker.pretraining.pose_error import PoseError, pose_error
from adgps_global_worker.pretraining.pose_heads import (
    PoseNetwork,
    euclidean_loss,
    standard,
)
from adgps_global_worker.pretraining.samples import PoseDataset, batches


@dataclass(frozen=True)
class PretrainingSettings:
    """How to train.

    Parameters
    ----------
    steps : how many gradient steps in all.
    batch_size : images of a mini-batch.
    learning_rate : at the beginning; it falls to zero along half a cosine.
    momentum : what part of the last step is taken again.
    max_gradient_norm : longer gradients are scaled down to this: a map whose softmax jumps from
        one place to another makes a step after which many maps would see nothing any more. Half
        of the first gradients are longer than 5, which learns four times as fast as 1.
    unexplained_weight : of the squared distance between the features and where the poses put them
        (image coordinates, from -1 to 1), beside the loss of the poses.
    held_out : part of the samples that are not trained on, where none are given for that.
    seed : of the parameters, the held-out samples and the mini-batches.

    Raises
    ------
    ValueError
        If a number cannot be.
    """

    steps: int = 20_000
    batch_size: int = 32
    learning_rate: float = 0.02
    momentum: float = 0.9
    max_gradient_norm: float = 5.0
    unexplained_weight: float = 1.0
    held_out: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        for name in ("steps", "batch_size", "seed"):
            object.__setattr__(self, name, operator.index(getattr(self, name)))
        if self.steps < 1 or self.batch_size < 1 or self.seed < 0:
            raise ValueError(
                f"steps and batch size must be positive, the seed not negative: {self}"
            )
        if not (0 < self.learning_rate < math.inf and 0 < self.max_gradient_norm):
            raise ValueError(f"learning rate and largest norm must be positive: {self}")
        if not 0 <= self.unexplained_weight < math.inf:
            raise ValueError(f"the weight of what is unexplained must be 0 or more: {self}")
        if not (0 <= self.momentum < 1 and 0 < self.held_out < 1):
            raise ValueError(f"momentum and the part held out must be below 1: {self}")

    def learning_rate_at(self, step: int) -> float:
        """Learning rate of a step."""
        return 0.5 * self.learning_rate * (1 + math.cos(math.pi * step / self.steps))


class Pretraining:
    """A vision network on its way from noise to poses.

    Parameters
    ----------
    settings : how to train.
    vision : sizes of the network.
    dataset : images with poses.
    held_out : images that are not trained on; None: a part of the data set, drawn at random, which
        says little where its images are alike.
    device : where torch computes, "cpu" or "cuda".

    Raises
    ------
    ValueError
        If the images have another size than the network takes, or a robot took images that are
        held out, and none to train on.
    """

    def __init__(
        self,
        settings: PretrainingSettings,
        vision: VisionArchitecture,
        dataset: PoseDataset,
        held_out: PoseDataset | None = None,
        device: str = "cpu",
    ) -> None:
        """Draw initial parameters, and which samples are held out."""
        for images in (dataset, held_out or dataset):
            if images.image_shape != vision.image_shape:
                raise ValueError(
                    f"images are {images.image_shape}, the network takes {vision.image_shape}"
                )
        if held_out is not None and not set(held_out.robots) <= set(dataset.robots):
            raise ValueError("a robot took images that are held out, and none to train on")
        self.settings = settings
        self.network = PoseNetwork(vision, dataset.robot_count)
        self.step = 0
        self._data = dataset
        rng = np.random.default_rng(settings.seed)
        if held_out is None:
            self.train, self.held_out = dataset.split(settings.held_out, rng)
            self._unseen = dataset
        else:
            self.train, self.held_out = np.arange(len(dataset)), np.arange(len(held_out))
            self._unseen = held_out
        self._device = torch.device(device)
        # The object's pose is of one kind for all; each robot's own camera sees its own poses.
        robots, of_all = dataset.robots[self.train], np.zeros(len(dataset), np.int64)
        self._object = standard(dataset.object_points[self.train], of_all[self.train], 1)
        self._end_effectors = standard(
            dataset.end_effector_points[self.train], robots, dataset.robot_count
        )
        values = torch.from_numpy(self.network.initial_values(rng))
        self._values = values.to(self._device).requires_grad_()
        self._optimizer = torch.optim.SGD(
            [self._values], lr=settings.learning_rate, momentum=settings.momentum
        )
        self._batches = self._from(0)

    @property
    def vision(self) -> VisionNetwork:
        """The vision network as it is now, with its features' mean where rollouts begin."""
        values = self._values.detach().cpu().numpy()[: self.network.vision.size]
        starts = self.train[self._data.starts[self.train]]
        with torch.inference_mode():
            seen = [features.cpu().numpy() for features, _ in self._see(self._data, starts)]
        rest = np.concatenate(seen).mean(axis=0) if seen else np.zeros(0, np.float32)
        return VisionNetwork(self.network.vision, values, rest)

    @property
    def finished(self) -> bool:
        """Whether all steps are done."""
        return self.step >= self.settings.steps

    def advance(self) -> float:
        """Take one step; its loss.

        Raises
        ------
        FloatingPointError
            If the loss is not finite: the learning rate is too high.
        """
        scaled, robots, labels = self._load(next(self._batches))
        for group in self._optimizer.param_groups:
            group["lr"] = self.settings.learning_rate_at(self.step)
        self._optimizer.zero_grad()
        features = self.network.features(self._values, scaled)
        unexplained = self.network.unexplained(self._values, features, robots, labels)
        loss = euclidean_loss(self.network.poses(self._values, features, robots), labels)
        loss = loss + self.settings.unexplained_weight * unexplained.square().sum(-1).mean()
        if not torch.isfinite(loss):
            raise FloatingPointError(
                f"the loss is not finite at step {self.step}: lower the learning rate"
            )
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_([self._values], self.settings.max_gradient_norm)
        self._optimizer.step()
        self.step += 1
        return float(loss.detach())

    def predict(
        self,
        dataset: PoseDataset,
        indices: NDArray[np.int64] | None = None,
        batch_size: int = 64,
    ) -> tuple[Array32, Array32]:
        """Points of the object and of the end-effector in images, (n, 9) each [m].

        Parameters
        ----------
        dataset : images of the robots that were trained with.
        indices : (n,) which of them; None: all.
        batch_size : images at a time.
        """
        chosen = np.arange(len(dataset)) if indices is None else indices
        objects, end_effectors = [], []
        with torch.inference_mode():
            for features, robots in self._see(dataset, chosen, batch_size):
                first, second = self.network.poses(self._values, features, robots)
                numbers = robots.cpu().numpy()
                objects.append(self._object.undo(first.cpu().numpy(), np.zeros_like(numbers)))
                end_effectors.append(self._end_effectors.undo(second.cpu().numpy(), numbers))
        return np.concatenate(objects), np.concatenate(end_effectors)

    def error(self) -> PoseError:
        """Errors on the samples held out."""
        data, chosen = self._unseen, self.held_out
        labels = data.object_points[chosen], data.end_effector_points[chosen]
        return pose_error(self.predict(data, chosen), labels)

    def write(self, path: Path) -> None:
        """Write everything that the rest of the training depends on, atomically."""
        state = self._optimizer.state[self._values]
        momentum = state.get("momentum_buffer", torch.zeros_like(self._values))
        write_checkpoint(
            path,
            {
                "values": self._values.detach().cpu().numpy(),
                "momentum": momentum.detach().cpu().numpy(),
            },
            self._identity() | {"step": str(self.step)},
        )

    def read(self, path: Path) -> None:
        """Go on from what `write` wrote.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        DamagedCheckpointError
            If it is damaged or holds something else.
        ValueError
            If it is of a training with other settings, another network or other data.
        """
        arrays, metadata = read_checkpoint(path)
        if "step" not in metadata or {"values", "momentum"} != arrays.keys():
            raise DamagedCheckpointError(f"{path} is no checkpoint of pre-training")
        step = int(metadata.pop("step"))
        for name, value in self._identity().items():
            if metadata.get(name) != value:
                raise ValueError(
                    f"{path} is of another training: {name} was {metadata.get(name)}, is {value}"
                )
        with torch.no_grad():
            self._values.copy_(torch.from_numpy(arrays["values"]))
        momentum = torch.from_numpy(arrays["momentum"]).to(self._device)
        # Before the first step there is no momentum, which is not the same as one of zero.
        self._optimizer.state[self._values] = {"momentum_buffer": momentum} if step else {}
        self.step = step
        self._batches = self._from(step)

    def _identity(self) -> dict[str, str]:
        """What a checkpoint must agree with."""
        return {
            "settings": json.dumps(asdict(self.settings)),
            "vision": self.network.vision.to_json(),
            "data": self._data.fingerprint,
        }

    def _from(self, step: int) -> Iterator[NDArray[np.int64]]:
        return batches(self.train, self.settings.batch_size, self.settings.seed, step)

    def _load(self, indices: NDArray[np.int64]) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
        """Images, robots and standardised labels of samples."""
        scaled, robots = self._inputs(self._data, indices)
        numbers = self._data.robots[indices]
        labels = (
            self._object.of(self._data.object_points[indices], np.zeros_like(numbers)),
            self._end_effectors.of(self._data.end_effector_points[indices], numbers),
        )
        first, second = (torch.from_numpy(label).to(self._device) for label in labels)
        return scaled, robots, (first, second)

    def _see(
        self, data: PoseDataset, indices: NDArray[np.int64], batch_size: int = 64
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Features and robots of samples, batch by batch."""
        for begin in range(0, len(indices), batch_size):
            scaled, robots = self._inputs(data, indices[begin : begin + batch_size])
            yield self.network.features(self._values, scaled), robots

    def _inputs(self, data: PoseDataset, indices: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Images and robots of samples."""
        images = torch.from_numpy(data.images(indices)).to(self._device)
        return scaled_images(images), torch.from_numpy(data.robots[indices]).to(self._device)
