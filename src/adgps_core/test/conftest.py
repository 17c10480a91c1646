"""Settings of this package's tests."""

import torch

torch.set_num_threads(1)  # small matrices: threads wait for each other longer than they compute
