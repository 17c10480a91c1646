"""The global policy's parameters: versions, updates, checkpoints."""
