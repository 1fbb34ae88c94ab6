"""The trainer's loss, batches and optimiser in PyTorch: what `npm run bench -- training` compares with.

One argument: {"inputDim", "hidden", "batchStates", "trajectoryStates", "trajectories", "threads"} as JSON. Prints one
line about itself; then trains an epoch for each line of input and prints its seconds.
"""

import json
import sys
import time

import torch

settings = json.loads(sys.argv[1])
length, count = settings["trajectoryStates"], settings["trajectories"]
torch.set_num_threads(settings["threads"])
torch.manual_seed(1)

states = torch.randn(count, length, settings["inputDim"])
rewards = torch.randn(count)
widths = [settings["inputDim"], *settings["hidden"]]
layers = []
for inputs, outputs in zip(widths, widths[1:]):
    layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
network = torch.nn.Sequential(*layers, torch.nn.Linear(widths[-1], 1))
optimiser = torch.optim.Adam(network.parameters(), lr=1e-4)
batch = settings["batchStates"] // length  # whole trajectories


def train_epoch():
    for chosen in torch.randperm(count).split(batch):
        values = network(states[chosen].flatten(0, 1)).view(len(chosen), length)
        # V(h_t) is to be V(h_t+1), taken as it is, and the reward at the end
        targets = torch.cat([values[:, 1:].detach(), rewards[chosen, None]], dim=1)
        loss = (values - targets).square().sum() / len(chosen)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()


print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads", flush=True)
for _ in sys.stdin:
    start = time.perf_counter()
    train_epoch()
    print(time.perf_counter() - start, flush=True)
