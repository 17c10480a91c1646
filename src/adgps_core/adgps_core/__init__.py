"""The vocabulary that several packages share: trajectories, policies, tasks, conversions."""
