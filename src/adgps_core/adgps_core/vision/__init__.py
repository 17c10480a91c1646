"""What a camera's image says, as 64 numbers: the convolutional network of the paper's figure 8.

`architecture.py` says which layers there are and lays their parameters out in one flat array,
`network.py` is the function in torch, where gradients are needed, `features.py` is the same one in
numpy, for robots; `observation.py` joins features and state into what the global policy sees.
"""
