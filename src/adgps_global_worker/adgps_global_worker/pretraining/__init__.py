"""Pre-training of the vision network on poses (paper, section V-B).

The convolutions learn to tell where the object and the end-effector are, by supervised learning on
images whose poses are known. What is left of it are the convolutions: their feature points say
where things are, and the global policy learns from these.
"""
