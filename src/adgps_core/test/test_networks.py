"""The network in torch: one flat gradient, and the right one."""

import torch
from core_samples import DIM_O, DIM_U, make_global_policy
from hypothesis import given, settings
from hypothesis import strategies as st

from adgps_core.global_policy import Architecture
from adgps_core.networks import forward, split

_HIDDEN = st.lists(st.integers(1, 5), max_size=2).map(tuple)


def _double(architecture: Architecture, seed: int) -> torch.Tensor:
    policy = make_global_policy(architecture, seed=seed)
    return torch.from_numpy(policy.values.astype("float64")).requires_grad_()


@settings(max_examples=15)
@given(_HIDDEN, st.integers(0, 100))
def test_gradient_is_that_of_finite_differences(hidden: tuple[int, ...], seed: int) -> None:
    """Of every mean and every variance, with respect to every policy parameter."""
    architecture = Architecture(3, 2, hidden, action_scale=2.0)
    generator = torch.Generator().manual_seed(seed)
    scaled = torch.randn(4, 3, dtype=torch.float64, generator=generator)

    def outputs(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return forward(architecture, values, scaled)

    assert torch.autograd.gradcheck(outputs, (_double(architecture, seed),))


def test_every_parameter_counts() -> None:
    """No part of the flat array is left out of the function."""
    architecture = Architecture(DIM_O, DIM_U, (4, 3))
    values = _double(architecture, 1)
    scaled = torch.randn(6, DIM_O, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    mean, variance = forward(architecture, values, scaled)
    ((mean**2).sum() + variance.sum()).backward()
    assert values.grad is not None and (values.grad != 0).all()


def test_split_makes_views() -> None:
    """Nothing is copied for a gradient step, and the order is the architecture's."""
    architecture = Architecture(3, 2, (4,))
    values = torch.arange(float(architecture.size))
    parts = split(architecture, values)
    assert [tuple(part.shape) for part in parts] == architecture.shapes
    assert torch.equal(torch.cat([part.flatten() for part in parts]), values)
    values[0] = -1.0
    assert parts[0][0, 0] == -1.0
