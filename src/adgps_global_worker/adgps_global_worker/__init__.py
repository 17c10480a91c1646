"""Algorithm 3: trains the global policy from a replay memory, one gradient at a time."""
