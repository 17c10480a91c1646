"""The optimiser behind the global policy, on one flat tensor.

torch's own SGD and Adam; all the server needs of them is a step, and their state as named arrays
for a checkpoint.

Shapes: P policy parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from adgps_core.typing import Array32

Kind = Literal["sgd", "adam", "adamw"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class OptimizerConfiguration:
    """Which optimiser, and its settings.

    Parameters
    ----------
    kind : "sgd" (with momentum), "adam" (Kingma & Ba, 2015, with torch's defaults for β and ε) or
        "adamw" (Loshchilov & Hutter, 2019), whose decay is apart from the gradient: BADMM scales
        gradients by ν, so that a penalty among them means something else as ν changes.
    learning_rate : step size.
    momentum : of SGD; Adam has its own and ignores it.
    weight_decay : L2 penalty on every policy parameter, biases and log-variance included; of
        "adamw", the part of them that learning_rate times it takes away in a step.

    Raises
    ------
    ValueError
        If a setting is out of its range; the message names it.
    """

    kind: Kind = "adam"
    learning_rate: float = 1e-3
    momentum: float = 0.9
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what cannot be optimised with."""
        if self.kind not in KINDS:
            raise ValueError(f"unknown optimizer {self.kind!r}, known: {', '.join(KINDS)}")
        if not 0 < self.learning_rate < np.inf:
            raise ValueError(f"learning_rate is {self.learning_rate}, expected a positive number")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum is {self.momentum}, expected at least 0 and less than 1")
        if not 0 <= self.weight_decay < np.inf:
            raise ValueError(f"weight_decay is {self.weight_decay}, expected at least 0")


class FlatOptimizer:
    """Policy parameters and the optimiser that moves them.

    Parameters
    ----------
    configuration : which optimiser.
    values : (P,) float32 policy parameters to begin with.
    state : what `state` returned before, to go on from there; empty for a fresh start.

    Raises
    ------
    ValueError
        If the state belongs to another optimiser or to a policy of another size.
    """

    def __init__(
        self,
        configuration: OptimizerConfiguration,
        values: Array32,
        state: Mapping[str, NDArray[Any]] | None = None,
    ) -> None:
        self._values = torch.nn.Parameter(torch.from_numpy(np.array(values, dtype=np.float32)))
        self._newest = self._values.data
        self._spare = torch.zeros_like(self._values.data)
        self._optimizer = _build(configuration, self._values)
        plain = configuration.kind == "sgd" and not (
            configuration.momentum or configuration.weight_decay
        )
        self._rate = configuration.learning_rate if plain else None
        if state:
            self._restore(configuration.kind, state)

    @property
    def values(self) -> Array32:
        """Read-only view of the policy parameters, (P,) float32, that the next step changes."""
        view = self._newest.numpy().view()
        view.flags.writeable = False
        return view

    @property
    def state(self) -> dict[str, NDArray[Any]]:
        """Copies of the optimiser's own arrays (moments, step count), by torch's names."""
        state = self._optimizer.state.get(self._values, {})
        return {
            name: tensor.detach().numpy().copy()
            for name, tensor in state.items()
            if isinstance(tensor, torch.Tensor)
        }

    def step(
        self,
        gradient: Array32,
        check: Callable[[], None] | None = None,
        room: Callable[[], Array32] | None = None,
    ) -> None:
        """Move the policy parameters against a gradient.

        Parameters
        ----------
        gradient : (P,) float32.
        check : called when the gradient has been read; if it raises, nothing has moved. None: the
            gradient is as it was.
        room : gives memory (P,) where the result is wanted; it need not be used. Until `settle`
            the policy parameters are there.
        """
        given = torch.from_numpy(gradient if gradient.flags.writeable else gradient.copy())
        if self._rate is not None:
            self._step_plainly(self._rate, given, check, room)
            return
        self.settle()
        if check is not None:
            given = self._spare.copy_(given)
            check()
        self._values.grad = given
        self._optimizer.step()
        self._values.grad = None

    def _step_plainly(
        self,
        rate: float,
        gradient: Tensor,
        check: Callable[[], None] | None,
        room: Callable[[], Array32] | None,
    ) -> None:
        """Take a step of plain SGD in one pass, beside the values that it may have to leave."""
        target = self._spare if room is None else torch.from_numpy(room())
        if target.data_ptr() == self._newest.data_ptr():
            self.settle()
        torch.add(self._newest, gradient, alpha=-rate, out=target)
        if check is not None:
            check()
        if room is None:
            self._spare, self._values.data = self._values.data, target
        self._newest = target

    def settle(self) -> None:
        """Take the policy parameters home, if they were left where they were wanted."""
        if self._newest.data_ptr() != self._values.data_ptr():
            self._newest = self._values.data.copy_(self._newest)

    def _restore(self, kind: Kind, state: Mapping[str, NDArray[Any]]) -> None:
        expected = {"momentum_buffer"} if kind == "sgd" else {"step", "exp_avg", "exp_avg_sq"}
        if set(state) != expected:
            raise ValueError(f"state of {kind} has {sorted(state)}, expected {sorted(expected)}")
        for name, array in state.items():
            if name != "step" and array.shape != tuple(self._values.shape):
                raise ValueError(f"{name} has shape {array.shape}, expected {self._values.shape}")
        groups = self._optimizer.state_dict()["param_groups"]
        tensors = {name: torch.from_numpy(np.array(array)) for name, array in state.items()}
        self._optimizer.load_state_dict({"state": {0: tensors}, "param_groups": groups})


def _build(
    configuration: OptimizerConfiguration, values: torch.nn.Parameter
) -> torch.optim.Optimizer:
    rate, decay = configuration.learning_rate, configuration.weight_decay
    if configuration.kind == "sgd":
        momentum = configuration.momentum
        return torch.optim.SGD([values], lr=rate, momentum=momentum, weight_decay=decay)
    adam = torch.optim.AdamW if configuration.kind == "adamw" else torch.optim.Adam
    return adam([values], lr=rate, weight_decay=decay)
