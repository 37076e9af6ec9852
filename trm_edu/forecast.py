"""What a run will cost, said before it starts: weights, arithmetic, memory, time on the device at hand."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any
from unittest.mock import patch

import torch

from trm_edu.devices import device_name, faster_dtype, matmul_rate, pick_device
from trm_edu.flops import step_flops
from trm_edu.interface import ModelConfig, parameter_count
from trm_edu.recipes import Recipe
from trm_edu.variants import build_model

SHARE = 0.5  # of the measured rate of matrix products that a step reaches: 0.4 to 0.8 in benchmarks/results
# Bytes a weight besides itself, its gradient, its moving average and the copy that is evaluated (4 bytes each).
MOMENTS = {"adamw": 8, "adam_atan2": 8, "muon": 5}  # Muon keeps one moment of the matrices


@dataclass(frozen=True)
class Forecast:
    """Estimates for one process; `step_seconds` is arithmetic alone, at half of the measured rate."""

    parameters: int
    puzzle_rows: int
    step_flops: int
    memory_bytes: int
    rate: float
    step_seconds: float
    steps: int
    device: str
    dtype: str

    @property
    def seconds(self) -> float:
        return self.steps * self.step_seconds

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"seconds": self.seconds}

    def lines(self) -> list[str]:
        """For a person, before a run."""
        return [
            f"{self.parameters:,} weights" + (f" and {self.puzzle_rows:,} puzzle rows" if self.puzzle_rows else ""),
            f"{quantity(self.step_flops, 'FLOP')} a step (matrix products), about {self.memory_bytes / 1e9:.2g} GB",
            f"{self.device}: {quantity(self.rate, 'FLOP/s')} in {self.dtype}; at half of that "
            f"{duration(self.step_seconds)} a step, {duration(self.seconds)} for {self.steps:,} steps",
        ]


def quantity(value: float, unit: str) -> str:
    """1.5e12 -> "1.5 TFLOP"."""
    for prefix, size in (("P", 1e15), ("T", 1e12), ("G", 1e9)):
        if value >= size:
            return f"{value / size:.3g} {prefix}{unit}"
    return f"{value / 1e6:.3g} M{unit}"


def duration(seconds: float) -> str:
    """In the unit in which a person would say it."""
    for name, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {name}"
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1e3:.3g} ms"


class FusedAttention(torch.autograd.Function):
    """What a fused attention kernel keeps for its backward pass: q, k, v, its output and one number a row.

    It stands in for torch's own on the meta device, where torch falls back to plain attention, which would keep a
    table of all pairs of positions: at the size of ARC twenty times as much as a GPU's kernel.
    """

    @staticmethod
    def forward(ctx: Any, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        mixed = torch.empty_like(q)
        ctx.save_for_backward(q, k, v, mixed, q.new_empty(q.shape[:-1], dtype=torch.float32))
        return mixed


def kept_for_backward(model_name: str, config: ModelConfig, batch_size: int) -> int:
    """Bytes that one training step keeps for its backward pass, weights not counted.

    Nothing is computed: the step runs on torch's meta device, and autograd is asked what it would keep. That is the
    plain, uncompiled step; a compiled one keeps less.
    """
    kept: dict[int, tuple[torch.UntypedStorage, int]] = {}

    def remember(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        kept[storage._cdata] = (storage, storage.nbytes())  # holding it: a freed address would be given out again
        return tensor

    with torch.device("meta"):
        model = build_model(model_name, config)
        inputs, ids = (
            torch.zeros(batch_size, config.seq_len, dtype=torch.long),
            torch.zeros(batch_size, dtype=torch.long),
        )
        weights = {p.untyped_storage()._cdata for p in model.parameters()}
        with (
            torch.autograd.graph.saved_tensors_hooks(remember, lambda tensor: tensor),
            patch("torch.nn.functional.scaled_dot_product_attention", FusedAttention.apply),
        ):
            model(inputs, model.initial_state(batch_size), ids)
    return sum(size for key, (_, size) in kept.items() if key not in weights)


def forecast(recipe: Recipe, *, processes: int = 1) -> Forecast:
    """What this recipe costs on the device that it would use. Measures the device's matrix products for 0.1 s."""
    device = pick_device(recipe.device)
    dtype = faster_dtype(device) if recipe.dtype == "auto" else recipe.dtype
    config = recipe.model_config(dtype)
    with torch.device("meta"):
        model = build_model(recipe.model, config)
    weights, slots = parameter_count(model), recipe.batch_size * recipe.starts // processes
    puzzle_rows = config.puzzle_ids
    memory = weights * (16 + MOMENTS[recipe.optimizer]) + 8 * puzzle_rows * config.puzzle_dim  # and the evaluated copy
    memory += kept_for_backward(recipe.model, config, max(1, slots // recipe.accumulate))
    flops = step_flops(recipe.model, config, slots, q_learning=recipe.q_learning)
    rate = matmul_rate(device, config.torch_dtype)
    return Forecast(
        weights, puzzle_rows, flops, memory, rate, flops / (SHARE * rate), recipe.steps, device_name(device), dtype
    )
