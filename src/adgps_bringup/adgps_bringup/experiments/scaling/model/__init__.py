"""The training loop as a discrete-event simulation, fed with measured times: many more robots."""
