"""Many processes, one training. `torchrun` starts them; here they learn who they are and exchange what they must.

    torchrun --nproc-per-node 8 -m trm_edu.cli train sudoku-extreme-fast

Every process draws the whole batch from the same generator and works on its own slots. So a run computes the same
numbers, up to rounding, on one device and on many, and a stopped run may go on with another number of processes.
Without torchrun every function here does nothing, or returns what it was given.
"""

from __future__ import annotations

import gc
import inspect
import itertools
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from trm_edu.devices import pick_device
from trm_edu.errors import RecipeError

MEETINGS = itertools.count()  # how often this process has joined the others; all of them join equally often


def world_size() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def is_first() -> bool:
    """Whether this process writes files and talks. It knows so before it has joined the others."""
    return rank() == 0 if dist.is_initialized() else os.environ.get("RANK", "0") == "0"


@contextmanager
def together(device: str) -> Iterator[None]:
    """Join the processes that torchrun started (nccl between CUDA devices, gloo between CPUs), and part at the end."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or dist.is_initialized():
        yield
        return
    cuda = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
    local = int(os.environ.get("LOCAL_RANK", "0"))
    if cuda:
        if local >= torch.cuda.device_count():
            raise RecipeError(
                f"process {local} of this machine has no GPU: there are {torch.cuda.device_count()}; start as many "
                "processes as there are GPUs (torchrun --nproc-per-node), or give --device cpu"
            )
        torch.cuda.set_device(local)
    store, number, count = next(dist.rendezvous("env://"))
    # The store outlives a group. A second group under the same keys would find the addresses of the first, and hang.
    store = dist.PrefixStore(f"trm_edu/{next(MEETINGS)}", store)
    dist.init_process_group("nccl" if cuda else "gloo", store=store, rank=number, world_size=count)
    try:
        yield
        dist.barrier()  # nobody leaves while another still talks to him
    finally:
        gc.collect()  # a DistributedDataParallel that outlives its group ends the program with an abort
        dist.destroy_process_group()


def my_device(name: str) -> torch.device:
    """The device of this process: `pick_device`, and with several processes on one machine each its own GPU."""
    device = pick_device(name)
    return torch.device("cuda", torch.cuda.current_device()) if device.type == "cuda" else device


class Parallel(DistributedDataParallel):
    """DistributedDataParallel around a model of this course: gradients are averaged, buffers are left alone.

    The puzzle table is a buffer with up to hundreds of thousands of rows: it stays equal because every process makes
    the same update to it (`trm_edu.optim.SparseSignSGD`), and is never sent.
    """

    def __init__(self, model: nn.Module):
        known = inspect.signature(DistributedDataParallel.__init__).parameters
        option = "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"  # renamed in 2.13
        super().__init__(model, **{option: False})

    def initial_state(self, batch_size: int) -> tuple[Tensor, ...]:
        return self.module.initial_state(batch_size)


def wrap(model: nn.Module) -> nn.Module:
    """The model as it is called in training: itself, or one that shares its gradients, if it has any."""
    learns = any(weight.requires_grad for weight in model.parameters())
    return Parallel(model) if dist.is_initialized() and learns else model


def my_slots(count: int, accumulate: int) -> list[slice]:
    """The slots of this process, in `accumulate` parts of equal size. RecipeError if they cannot be equal."""
    parts = world_size() * accumulate
    if count % parts:
        raise RecipeError(
            f"batch_size {count} cannot be split into {world_size()} processes x accumulate {accumulate}; it must be a "
            f"multiple of {parts}"
        )
    size, first = count // parts, rank() * accumulate
    return [slice(i * size, (i + 1) * size) for i in range(first, first + accumulate)]


def summed(tensor: Tensor) -> Tensor:
    """The sum over all processes, in place."""
    if dist.is_initialized():
        dist.all_reduce(tensor)
    return tensor


def gathered(tensor: Tensor) -> Tensor:
    """The tensors of all processes, one after the other along the first axis. Any type: what travels is bytes."""
    if not dist.is_initialized():
        return tensor
    mine = tensor.contiguous().flatten().view(torch.uint8)
    all_bytes = [torch.empty_like(mine) for _ in range(world_size())]
    dist.all_gather(all_bytes, mine)
    return torch.cat([each.view(tensor.dtype).view(tensor.shape) for each in all_bytes])


def everyones(value: Any) -> list[Any]:
    """The values of all processes, in order. They may be whatever JSON can say, and differ in size."""
    if not dist.is_initialized():
        return [value]
    device = torch.device("cuda", torch.cuda.current_device()) if dist.get_backend() == "nccl" else torch.device("cpu")
    mine = torch.frombuffer(bytearray(json.dumps(value).encode()), dtype=torch.uint8).to(device)
    sizes = gathered(torch.tensor([len(mine)], device=device)).tolist()
    padded = torch.nn.functional.pad(mine, (0, max(sizes) - len(mine)))
    rows = gathered(padded[None])
    return [json.loads(bytes(row[:size].tolist())) for row, size in zip(rows.cpu(), sizes, strict=True)]


def agreed(value: float, device: torch.device) -> float:
    """The first process's value: clocks differ, and all must stop at the same step."""
    if not dist.is_initialized():
        return value
    tensor = torch.tensor(float(value), dtype=torch.float64, device=device)
    dist.broadcast(tensor, src=0)
    return tensor.item()


def all_equal(value: int, device: torch.device) -> bool:
    """Whether all processes have the same number."""
    if not dist.is_initialized():
        return True
    ends = torch.tensor([value, -value], device=device)
    dist.all_reduce(ends, op=dist.ReduceOp.MAX)
    return (ends[0] == -ends[1]).item()
