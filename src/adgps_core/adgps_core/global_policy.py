"""The global policy as numbers: a multi-layer perceptron evaluated without torch.

Controllers and local workers only evaluate the policy. Doing so in numpy keeps torch, its 190 MB
and its two seconds of start-up out of their processes. `networks.py` builds the same function in
torch; a test holds the two against each other.

Shapes: dO observation, dU action, P number of policy parameters.
"""

from __future__ import annotations

import json
import math
import operator
from dataclasses import InitVar, asdict, dataclass, field
from functools import cached_property, lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from adgps_core.policies import gaussian_log_density
from adgps_core.typing import Array, all_finite, frozen
from adgps_core.vision.architecture import VisionArchitecture


@dataclass(frozen=True, order=True)
class PolicyVersion:
    """Which global policy: (epoch of the parameter server, gradient updates so far)."""

    epoch: int = 0
    counter: int = 0

    def __str__(self) -> str:
        """Render as epoch.counter."""
        return f"{self.epoch}.{self.counter}"


@dataclass(frozen=True)
class Architecture:
    """Sizes of the multi-layer perceptron, and of the vision network that is trained with it.

    The flat policy parameters are those of the vision network, then the perceptron's.

    Parameters
    ----------
    dim_o : length of the observation.
    dim_u : length of the action.
    hidden : widths of the hidden layers; each is followed by a tanh, which interpolates smoothly
        between the few instances that are practised, where a ReLU leaves kinks.
    action_scale : torque [N·m] that one unit of the network's output stands for.
    kind : "mlp", the only one.
    vision : makes the first numbers of an observation, those of the current image and those of the
        rollout's first; None: no network is trained to.

    Raises
    ------
    ValueError
        If the kind is unknown, a size is not positive and finite, or an observation has no room for
        what the vision network says.
    TypeError
        If a size is not a number, or a number of units not a whole one.
    """

    dim_o: int
    dim_u: int
    hidden: tuple[int, ...] = (64, 64)
    action_scale: float = 1.0
    kind: str = "mlp"
    vision: VisionArchitecture | None = None

    def __post_init__(self) -> None:
        """Refuse sizes that cannot be."""
        object.__setattr__(self, "dim_o", operator.index(self.dim_o))
        object.__setattr__(self, "dim_u", operator.index(self.dim_u))
        object.__setattr__(self, "hidden", tuple(operator.index(width) for width in self.hidden))
        object.__setattr__(self, "action_scale", float(self.action_scale))
        if self.kind != "mlp":
            raise ValueError(f"unknown kind of network {self.kind!r}, expected 'mlp'")
        if min(self.dim_o, self.dim_u, *self.hidden) < 1 or not 0 < self.action_scale < math.inf:
            raise ValueError(f"sizes of a network must be positive and finite: {self}")
        if self.dim_o < self.dim_seen:
            raise ValueError(f"an observation of {self.dim_o} cannot begin with {self.dim_seen}")

    @property
    def dim_seen(self) -> int:
        """How many numbers of an observation the vision network makes."""
        return 2 * self.vision.dim_features if self.vision else 0

    @cached_property
    def vision_size(self) -> int:
        """Number of the vision network's parameters, which come first."""
        return self.vision.size if self.vision else 0

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Shapes of the perceptron's tensors in their flat order; log-variance (dU,) last."""
        sizes = (self.dim_o, *self.hidden, self.dim_u)
        shapes: list[tuple[int, ...]] = []
        for fan_in, fan_out in pairwise(sizes):
            shapes += [(fan_out, fan_in), (fan_out,)]
        return [*shapes, (self.dim_u,)]

    @cached_property
    def size(self) -> int:
        """Number of policy parameters P."""
        return self.vision_size + sum(math.prod(shape) for shape in self.shapes)

    def to_json(self) -> str:
        """Write as a JSON object."""
        return self._json

    @cached_property
    def _json(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    @lru_cache(16)  # the same text comes with every answer of a parameter server
    def from_json(text: str) -> Architecture:
        """Read what `to_json` wrote; ValueError if it is something else."""
        try:
            found = json.loads(text)
            vision = found.pop("vision", None)
            return Architecture(**found, vision=VisionArchitecture(**vision) if vision else None)
        except (AttributeError, TypeError, OverflowError, RecursionError) as error:
            raise ValueError(f"not the description of a network: {text!r}") from error


def initial_values(
    architecture: Architecture,
    rng: np.random.Generator,
    log_variance: float = 0.0,
    vision: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Draw initial policy parameters (P,).

    Weights are normal with variance 1 / fan-in, biases zero, the last layer a tenth of that. What
    the vision network's are, if the architecture has one, has to be said: it is pre-trained.
    """
    tensors = [
        rng.standard_normal(shape) * np.sqrt(1 / shape[1]) if len(shape) == 2 else np.zeros(shape)
        for shape in architecture.shapes
    ]
    tensors[-3] = tensors[-3] * 0.1  # an untrained policy should hardly push the arm
    tensors[-1] = np.full(architecture.dim_u, log_variance)
    parts = [tensor.ravel() for tensor in tensors]
    return np.concatenate([*([] if vision is None else [vision]), *parts]).astype(np.float32)


@dataclass(frozen=True)
class GlobalPolicy:
    """π_θ(u | o) = N(μ_θ(o), diag σ²), μ_θ a perceptron on scaled observations.

    Parameters
    ----------
    architecture : sizes of the network.
    offset, scale : (dO,) the network sees (o - offset) * scale.
    values : (P,) float32 policy parameters, flat; a read-only array is taken as it is, others
        are copied.
    version : which version of the parameters these are.
    known_finite : whether who made the values has seen to it that they are finite; then they are
        not looked through again.

    Raises
    ------
    ValueError
        If a length does not fit the architecture, or a number is not finite.
    """

    architecture: Architecture
    offset: Array
    scale: Array
    values: NDArray[np.float32] = field(repr=False)
    version: PolicyVersion = field(default_factory=PolicyVersion)
    known_finite: InitVar[bool] = False

    def __post_init__(self, known_finite: bool) -> None:
        """Validate, and freeze the arrays."""
        dim_o = self.architecture.dim_o
        object.__setattr__(self, "offset", frozen(self.offset, (dim_o,), "observation_offset"))
        object.__setattr__(self, "scale", frozen(self.scale, (dim_o,), "observation_scale"))
        values = np.asarray(self.values)
        if values.dtype != np.float32 or values.flags.writeable:
            values = np.array(values, dtype=np.float32)
        if values.shape != (self.architecture.size,):
            raise ValueError(
                f"values has shape {values.shape}, expected ({self.architecture.size},)"
            )
        if not known_finite and not all_finite(values):
            raise ValueError("values holds a number that is not finite")
        values.flags.writeable = False
        object.__setattr__(self, "values", values)

    @cached_property
    def tensors(self) -> list[NDArray[np.float32]]:
        """Views of the perceptron's values in the shapes of the architecture."""
        shapes = self.architecture.shapes
        values = self.values[self.architecture.vision_size :]
        ends = np.cumsum([math.prod(shape) for shape in shapes])
        return [
            part.reshape(shape)
            for part, shape in zip(np.split(values, ends[:-1]), shapes, strict=True)
        ]

    @property
    def vision_values(self) -> NDArray[np.float32]:
        """The vision network's parameters, a view; empty if there is none."""
        return self.values[: self.architecture.vision_size]

    @cached_property
    def variance(self) -> Array:
        """Exploration variances σ², (dU,) [(N·m)²]."""
        scale = self.architecture.action_scale
        return np.exp(self.tensors[-1].astype(np.float64)) * scale**2

    def mean(self, observations: Array) -> Array:
        """Mean actions (..., dU) [N·m] for observations (..., dO)."""
        hidden = ((observations - self.offset) * self.scale).astype(np.float32)
        *layers, _ = self.tensors
        for index in range(0, len(layers), 2):
            hidden = hidden @ layers[index].T + layers[index + 1]
            if index + 2 < len(layers):
                np.tanh(hidden, out=hidden)
        return hidden.astype(np.float64) * self.architecture.action_scale

    def act(self, observation: Array, noise: Array) -> Array:
        """Action (dU,) for an observation (dO,), with standard-normal noise (dU,)."""
        return self.mean(observation) + np.sqrt(self.variance) * noise

    def log_probability(self, observations: Array, actions: Array) -> Array:
        """Log densities (...) of actions (..., dU) for observations (..., dO)."""
        return gaussian_log_density(
            actions - self.mean(observations), np.diag(np.sqrt(self.variance))
        )
