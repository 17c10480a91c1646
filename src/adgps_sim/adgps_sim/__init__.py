"""PyBullet in place of the arms."""
