"""The ways from a gradient to the newest parameters that `param_server.py` compares."""
