"""Algorithm 2 of the paper: trajectory-centric reinforcement learning of one robot."""
