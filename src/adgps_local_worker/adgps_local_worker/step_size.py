"""How far the next local step may go (Levine, Finn, Darrell & Abbeel 2016, section 4.2)."""

from __future__ import annotations


def adapt_step_size(
    multiplier: float,
    predicted_improvement: float,
    actual_improvement: float,
    low: float = 0.1,
    high: float = 3.0,
) -> float:
    """Scale the divergence bound by how well the model predicted the last step's improvement.

    If the actual improvement of a step ε is a ε + b ε² with a from the prediction, the best step
    is ε · predicted / (2 (predicted - actual)).

    Parameters
    ----------
    multiplier : of the divergence bound, so far.
    predicted_improvement : cost before minus cost after the last step, by the old model.
    actual_improvement : the same, with the cost after the step by the model fitted after it.
    low, high : bounds of the new multiplier; one change is within a factor of 0.1 to 5.

    Returns
    -------
    The new multiplier.
    """
    shortfall = max(
        1e-4 * max(abs(predicted_improvement), 1.0),
        predicted_improvement - actual_improvement,
    )
    change = min(max(predicted_improvement / (2 * shortfall), 0.1), 5.0)
    return min(max(multiplier * change, low), high)
