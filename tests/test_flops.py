"""The FLOP count against torch's own counter, and against the figures that the course quotes."""

from __future__ import annotations

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from trm_edu.flops import evaluation_flops, evaluations, forward_equivalents, step_flops
from trm_edu.interface import ModelConfig
from trm_edu.variants import MODELS, build_model


@pytest.mark.parametrize("name", sorted(set(MODELS) - {"symmetric"}))  # symmetric: tests/test_symmetric.py
@pytest.mark.parametrize("mixer", ["mlp", "attention", "conv"])
def test_forward_equals_torchs_counter(name: str, mixer: str) -> None:
    """torch counts the products of a real forward pass; ours must be the same but for the two heads."""
    config = ModelConfig(7, 12, hidden=16, T=3, n=2, heads=2, mixer=mixer, swiglu_multiple=8, grid_cols=4)
    model = build_model(name, config).eval()
    inputs = torch.randint(1, 7, (3, 12))
    # torch counts the products of plain attention, but not those inside its fused CPU kernel
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model(inputs, model.initial_state(3))
    heads = 3 * (2 * 16 * 7 * 12 + 2 * 16 * 2)
    assert counter.get_total_flops() == 3 * sum(evaluations(name, config)) * evaluation_flops(config) + heads


def test_training_step_is_thirty_five_forward_passes() -> None:
    config = ModelConfig(11, 81, T=3, n=6)
    assert evaluations("trm", config) == (14, 7)
    assert forward_equivalents("trm", config) == 35
    assert forward_equivalents("trm", config, q_learning=True) == 56  # and all 21 of the step ahead


@pytest.mark.parametrize(
    ("settings", "tera"),
    [
        ({"prefix_len": 16, "puzzle_ids": 1, "puzzle_dim": 512}, 32.8),
        ({}, 24.0),
        ({"mixer": "attention", "prefix_len": 16, "puzzle_ids": 1, "puzzle_dim": 512}, 36.6),
        ({"mixer": "attention"}, 30.4),
    ],
)
def test_full_size_steps(settings: dict, tera: float) -> None:
    """TFLOP of a step of 768 Sudoku puzzles at the paper's size, as lesson 11 will quote them."""
    assert step_flops("trm", ModelConfig(11, 81, **settings), 768) / 1e12 == pytest.approx(tera, abs=0.05)
