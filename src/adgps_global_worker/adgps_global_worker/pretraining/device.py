"""Where torch computes."""

from __future__ import annotations

import os

import torch

DEVICES = ("cpu", "cuda")


def choose_device(asked: str | None) -> str:
    """Name of the device asked for; None: a GPU where there is one.

    Raises
    ------
    ValueError
        If there is none such.
    """
    if asked not in (None, *DEVICES):
        raise ValueError(f"unknown device {asked!r}, known: {', '.join(DEVICES)}")
    available = torch.cuda.is_available()
    if asked == "cuda" and not available:
        raise ValueError("there is no GPU that torch can use: --device cpu")
    return asked or ("cuda" if available else "cpu")


def use_all_cores() -> None:
    """Have torch use every core, where nothing else runs beside it."""
    torch.set_num_threads(len(os.sched_getaffinity(0)))
