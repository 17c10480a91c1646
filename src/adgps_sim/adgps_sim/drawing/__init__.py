"""What is to be seen in a physics world, as triangles that OpenCV draws.

`panda.npz` holds the arm's visual meshes, simplified by `tools/light_visuals.py`. They are those of
Franka Emika's `franka_description` (Apache License 2.0), as `pybullet_data` has them.
"""
