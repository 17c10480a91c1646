"""Mini-batches: which time steps a gradient is computed on, and what they should learn.

Everything that does not change between two gradients stands in flat tensors, made anew only when
trajectories arrive. Labels depend on the instance and the step, not on the rollout, but for the
mean action; they are kept once per (instance, step) and looked up.

Shapes: R rows (time steps of all rollouts), S (instance, step) pairs, B rows of a mini-batch,
N rollouts, T steps, dX state, dO observation, dU action.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from adgps_core.global_policy import GlobalPolicy
from adgps_core.policies import LinearGaussianPolicy
from adgps_core.typing import Array
from adgps_global_worker.importance_weights import effective_sample_size, importance_weights
from adgps_global_worker.losses import Labels
from adgps_global_worker.seeing import Pair, SeenImages


@dataclass(frozen=True)
class InstanceSamples:
    """The rollouts of one instance, stacked, with its newest local policy.

    Parameters
    ----------
    states : (N, T, dX), without the last state, which no action follows.
    observations : (N, T, dO).
    actions : (N, T, dU) as sampled [N·m].
    log_probabilities : (N, T) of the actions under the policies that drew them [nat].
    method : "badmm" or "mdgps".
    policy : newest local policy: the labels.
    multipliers : (T, dU) λ_t.
    kl_weights : (T,) ν_t.
    images : N times T files, where the vision network is trained; else empty.
    """

    states: Array
    observations: Array
    actions: Array
    log_probabilities: Array
    method: str
    policy: LinearGaussianPolicy
    multipliers: Array
    kl_weights: Array
    images: tuple[tuple[bytes, ...], ...] = ()


@dataclass(frozen=True)
class TrainingSet:
    """Flat tensors of everything in the replay memory.

    Parameters
    ----------
    observations : (R, dO) float32, offset and scale applied.
    means : (R, dU) float32 labels [N·m].
    pairs : (R,) index of a row's (instance, step) pair.
    cumulative : (R,) rising to 1: cumulative probability of drawing a row, that is its importance
        weight over S, so that every pair is drawn equally often.
    tables : labels of the S pairs; their `mean` is empty, (S, 0), as it differs between rows.
    effective_sample_size : mean over the pairs of the number of rollouts that count.
    images : of the R rows, where the vision network is trained.
    """

    observations: Tensor
    means: Tensor
    pairs: Tensor
    cumulative: Array
    tables: Labels
    effective_sample_size: float
    images: SeenImages | None = None

    def sample(
        self, size: int, rng: np.random.Generator
    ) -> tuple[Tensor, Labels, SeenImages | None]:
        """Draw a mini-batch: scaled observations (B, dO), their labels, and images if there are.

        One row is drawn from each of B equal slices of probability. As rows are sorted by instance
        and step, a mini-batch is spread evenly over both.
        """
        points = (np.arange(size) + rng.random(size)) / size
        drawn = np.searchsorted(self.cumulative, points, side="right")
        drawn = np.minimum(drawn, len(self.cumulative) - 1)
        rows = torch.from_numpy(drawn)
        pairs = self.pairs[rows]
        labels = Labels(
            mean=self.means[rows],
            precision=self.tables.precision[pairs],
            log_determinant=self.tables.log_determinant[pairs],
            multiplier=self.tables.multiplier[pairs],
            kl_weight=self.tables.kl_weight[pairs],
        )
        images = self.images
        if images is not None:
            images = replace(images, files=[images.files[row] for row in drawn])
        return self.observations[rows], labels, images


@dataclass(frozen=True)
class InstanceRows:
    """One instance's share of a training set; made anew only when that instance changes.

    Parameters
    ----------
    observations : (N T, dO) float32 scaled, sorted by step, then rollout.
    means : (N T, dU) float32.
    weights : (T, N) importance weights, summing to 1 at each step.
    precision, log_determinant, multiplier, kl_weight : (T, ...) float32 labels of each step.
    images : of the N T rows, where the vision network is trained.
    """

    observations: Tensor
    means: Tensor
    weights: Array
    precision: Tensor
    log_determinant: Tensor
    multiplier: Tensor
    kl_weight: Tensor
    images: SeenImages | None = None


def instance_rows(
    samples: InstanceSamples, global_policy: GlobalPolicy, weight_bound: float = np.inf
) -> InstanceRows:
    """Weigh and flatten the rollouts of one instance.

    The weights make old rollouts look like those of the policy that would sample now: under BADMM
    the newest local policy, under MDGPS the newest global one.

    Parameters
    ----------
    samples : N rollouts of T steps.
    global_policy : the newest, which also scales the observations.
    weight_bound : truncation of the importance weights, see `importance_weights.truncate`.
    """
    policy = samples.policy
    if samples.method == "mdgps":
        newest = global_policy.log_probability(samples.observations, samples.actions)
    else:
        newest = policy.log_probability(samples.states, samples.actions)
    weights = importance_weights(newest, samples.log_probabilities, weight_bound)
    log_determinant = 2 * np.log(np.diagonal(policy.cholesky, axis1=-2, axis2=-1)).sum(-1)
    return InstanceRows(
        observations=_by_step((samples.observations - global_policy.offset) * global_policy.scale),
        means=_by_step(policy.mean(samples.states)),
        weights=weights.T,
        precision=_float32(policy.precision),
        log_determinant=_float32(log_determinant),
        multiplier=_float32(samples.multipliers),
        kl_weight=_float32(samples.kl_weights),
        images=_images(samples, global_policy),
    )


def training_set(instances: Sequence[InstanceRows]) -> TrainingSet:
    """Join the rows of all instances; ValueError if there are none."""
    if not instances:
        raise ValueError("a training set needs at least one instance")
    counts = np.concatenate([np.full(len(i.weights), i.weights.shape[1]) for i in instances])
    weights = np.concatenate([i.weights.ravel() for i in instances])
    cumulative = np.cumsum(weights)
    sizes = np.concatenate([effective_sample_size(i.weights.T) for i in instances])
    tables = Labels(
        mean=torch.zeros(len(counts), 0),
        precision=torch.cat([i.precision for i in instances]),
        log_determinant=torch.cat([i.log_determinant for i in instances]),
        multiplier=torch.cat([i.multiplier for i in instances]),
        kl_weight=torch.cat([i.kl_weight for i in instances]),
    )
    return TrainingSet(
        observations=torch.cat([i.observations for i in instances]),
        means=torch.cat([i.means for i in instances]),
        pairs=torch.from_numpy(np.repeat(np.arange(len(counts)), counts)),
        cumulative=cumulative / cumulative[-1],
        tables=tables,
        effective_sample_size=float(sizes.mean()),
        images=_joined([i.images for i in instances]),
    )


def _images(samples: InstanceSamples, policy: GlobalPolicy) -> SeenImages | None:
    """Images of the rows, sorted like them, if the policy's vision network is trained with them."""
    seen = policy.architecture.dim_seen
    if not seen:
        return None
    horizon = samples.states.shape[1]
    files = [(images[t], images[0]) for t in range(horizon) for images in samples.images]
    return SeenImages(files, _float32(policy.offset[:seen]), _float32(policy.scale[:seen]))


def _joined(parts: Sequence[SeenImages | None]) -> SeenImages | None:
    """Images of all instances; scaled alike, as the rows are."""
    found = [part for part in parts if part is not None]
    files: list[Pair] = [pair for part in found for pair in part.files]
    return replace(found[0], files=files) if found else None


def _by_step(values: Array) -> Tensor:
    """Flatten (N, T, d) into float32 rows (T N, d) sorted by step, then rollout."""
    return _float32(values.swapaxes(0, 1).reshape(-1, values.shape[-1]))


def _float32(values: Array) -> Tensor:
    """Copy an array into a float32 tensor; what overflows becomes infinite, and no gradient."""
    with np.errstate(over="ignore"):
        return torch.from_numpy(np.array(values, dtype=np.float32, order="C"))
