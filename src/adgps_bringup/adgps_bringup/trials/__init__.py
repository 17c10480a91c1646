"""Trials: how good a policy is, over a grid, for each robot (paper, figure 9)."""
