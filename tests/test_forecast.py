"""What a run is said to cost, against the real thing."""

from __future__ import annotations

import pytest
import torch

from trm_edu.flops import step_flops
from trm_edu.forecast import duration, forecast, kept_for_backward, quantity
from trm_edu.interface import parameter_count
from trm_edu.recipes import RECIPES, Recipe
from trm_edu.variants import build_model

TINY = Recipe(task="sudoku4", hidden=16, n=2, batch_size=8, dtype="float32", device="cpu")


@pytest.mark.parametrize(
    "changes", [{}, {"T": 3, "n": 4}, {"mixer": "attention", "heads": 2}, {"model": "hrm"}, {"mixer": "conv"}]
)
def test_memory_of_the_backward_pass_is_what_autograd_really_keeps(changes: dict) -> None:
    recipe = TINY.replace(**changes)
    config = recipe.model_config("float32")
    model, kept = build_model(recipe.model, config), {}
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}

    def remember(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor  # held, so that no address is used twice
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(remember, lambda tensor: tensor):
        model(torch.ones(8, 16, dtype=torch.long), model.initial_state(8), torch.zeros(8, dtype=torch.long))
    real = sum(tensor.untyped_storage().nbytes() for at, tensor in kept.items() if at not in weights)
    assert kept_for_backward(recipe.model, config, 8) == pytest.approx(real, rel=0.02)


def test_a_forecast_adds_up() -> None:
    cost = forecast(TINY)
    model = build_model("trm", TINY.model_config("float32"))
    assert cost.parameters == parameter_count(model) and cost.puzzle_rows == 0
    assert cost.step_flops == step_flops("trm", model.config, 8)
    assert cost.step_seconds == pytest.approx(2 * cost.step_flops / cost.rate)
    assert cost.seconds == pytest.approx(1000 * cost.step_seconds)
    assert cost.memory_bytes > 24 * cost.parameters
    assert cost.as_dict()["seconds"] == cost.seconds


def test_parts_processes_and_starts_share_the_memory_and_the_work() -> None:
    whole, halves = forecast(TINY), forecast(TINY.replace(accumulate=2))
    assert halves.step_flops == whole.step_flops and halves.memory_bytes < whole.memory_bytes
    two = forecast(TINY, processes=2)
    assert two.step_flops * 2 == whole.step_flops and two.memory_bytes == halves.memory_bytes
    assert forecast(TINY.replace(starts=3)).step_flops == 3 * whole.step_flops


def test_it_is_said_in_words() -> None:
    lines = forecast(RECIPES["sudoku-extreme"].replace(device="cpu")).lines()
    assert lines[0] == "5,028,866 weights and 1 puzzle rows"
    assert lines[1].startswith("32.8 TFLOP a step (matrix products), about ")
    assert "GFLOP/s in bfloat16" in lines[2] or "TFLOP/s in bfloat16" in lines[2]
    assert lines[2].endswith("for 78,125 steps")
    assert [quantity(x, "FLOP") for x in (2e6, 3.28e13, 1e9)] == ["2 MFLOP", "32.8 TFLOP", "1 GFLOP"]
    words = [duration(x) for x in (0.02, 1.5, 119, 121, 7300, 200000)]
    assert words == ["20 ms", "1.5 s", "119 s", "2.02 minutes", "2.03 hours", "2.31 days"]


@pytest.mark.parametrize(("name", "rows"), [("arc-agi-1", 876_420), ("arc-agi-2", 1_191_741)])
def test_arc_at_paper_scale(name: str, rows: int) -> None:
    """The table of ids counts, and a fused attention kernel keeps no table of all pairs of cells."""
    recipe = RECIPES[name].replace(device="cpu")
    cost, part = forecast(recipe), forecast(recipe.replace(accumulate=8))
    assert (cost.parameters, cost.puzzle_rows) == (6_829_058, rows)
    assert cost.step_flops == pytest.approx(428e12, rel=0.01)
    table = 2 * 4 * rows * 512
    assert part.memory_bytes - table - 24 * cost.parameters == pytest.approx((cost.memory_bytes - table) / 8, rel=0.02)
    # 14 layers, bfloat16, 768 x 916 x 512 numbers each: some 25 of these tensors a layer, and no 916 x 916 map
    assert cost.memory_bytes - table < 14 * 2 * 768 * 916 * 512 * 30
