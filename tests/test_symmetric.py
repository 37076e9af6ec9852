"""The symmetric network promises that a turned puzzle gives the turned answer, before it has learned anything."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from trm_edu.checkpoints import load_model, save_model
from trm_edu.errors import RecipeError
from trm_edu.flops import evaluation_flops, evaluations
from trm_edu.interface import parameter_count
from trm_edu.recipes import Recipe
from trm_edu.supervision import Batch, Carry, deep_supervision, refill, supervision_step
from trm_edu.symmetric import FIRST_DIGIT, SymmetricConfig, SymmetricTRM
from trm_edu.tasks import get_task
from trm_edu.trainer import Trainer

SIZES = {"hidden": 8, "T": 2, "n": 2, "swiglu_multiple": 8, "dtype": "float64"}


def network(name: str, **settings) -> SymmetricTRM:
    """A random network whose halting head says something."""
    task = get_task(name)
    box = {"box_rows": task.box_rows, "box_cols": task.box_cols}
    model = SymmetricTRM(SymmetricConfig(task.vocab_size, task.seq_len, **SIZES | box | settings)).double().eval()
    torch.nn.init.normal_(model.heads.halt.weight)
    return model


@pytest.mark.parametrize("name", ["sudoku4", "sudoku6", "sudoku9"])
def test_a_turned_puzzle_gives_the_turned_answer(name: str) -> None:
    """Digits relabelled, rows and columns moved. A transposition is left out: rows and columns have weights each."""
    task, model, rng = get_task(name), network(name), np.random.default_rng(0)
    questions = torch.from_numpy(task.generate(3, seed=1).questions.astype(np.int64))
    *_, plain = deep_supervision(model, Batch(questions, questions, torch.zeros(3, dtype=torch.long)), 3)
    turned_some = False
    for _ in range(5):
        symmetry = task.random_symmetry(rng)
        symmetry = type(symmetry)(symmetry.rows, symmetry.columns, symmetry.digits, False)
        turned = task.apply(symmetry, questions)
        turned_some |= not torch.equal(turned, questions)
        *_, output = deep_supervision(model, Batch(turned, turned, torch.zeros(3, dtype=torch.long)), 3)
        assert torch.allclose(output.halt_logit, plain.halt_logit, atol=1e-9)
        assert torch.equal(output.logits.argmax(-1), task.apply(symmetry, plain.logits.argmax(-1)))
    assert turned_some and len(plain.logits.argmax(-1).unique()) > 1, "or this shows nothing"


def test_other_moves_change_the_answer() -> None:
    """Rows of different bands exchanged: no symmetry of Sudoku, and none of the network."""
    task, model = get_task("sudoku6"), network("sudoku6")
    question = torch.from_numpy(task.generate(1, seed=1).questions.astype(np.int64))
    rows = [2, 1, 0, 3, 4, 5]
    moved = question.view(1, 6, 6)[:, rows].reshape(1, 36)
    scores = [
        next(iter(deep_supervision(model, Batch(q, q, torch.zeros(1, dtype=torch.long)), 1))) for q in (question, moved)
    ]
    assert not torch.allclose(scores[0].logits.view(1, 6, 6, -1)[:, rows].reshape(1, 36, -1), scores[1].logits)


def test_what_a_candidate_hears_is_four_means() -> None:
    """Against loops over every candidate of a 2x3 grid."""
    model = network("sudoku6")
    block, h = model.network.blocks[0], torch.randn(2, 216, 8, dtype=torch.float64)
    grid, told = h.view(2, 6, 6, 6, 8), block.hear(h).view(2, 6, 6, 6, 8)
    for r, c, d in [(0, 0, 0), (3, 4, 5), (5, 2, 1)]:
        box = grid[:, r // 2 * 2 : r // 2 * 2 + 2, c // 3 * 3 : c // 3 * 3 + 3, d].flatten(1, 2)
        groups = (
            (block.row, grid[:, r, :, d]),
            (block.column, grid[:, :, c, d]),
            (block.box, box),
            (block.cell, grid[:, r, c]),
        )
        assert torch.allclose(told[:, r, c, d], sum(linear(group.mean(1)) for linear, group in groups))


def test_padding_and_blank_are_never_answered() -> None:
    model = network("sudoku4")
    question = torch.ones(2, 16, dtype=torch.long)
    (output,) = deep_supervision(model, Batch(question, question, torch.zeros(2, dtype=torch.long)), 1)
    assert (output.logits.argmax(-1) >= FIRST_DIGIT).all() and output.logits.shape == (2, 16, 6)


def test_forward_equals_torchs_counter() -> None:
    task = get_task("sudoku6")
    config = SymmetricConfig(8, 36, hidden=16, T=3, n=2, swiglu_multiple=8, box_rows=2, box_cols=3)
    model = SymmetricTRM(config).eval()
    inputs = torch.from_numpy(task.generate(3, seed=1).questions.astype(np.int64))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(inputs, model.initial_state(3))
    heads = 3 * (2 * 16 * 216 + 2 * 32 * 2)
    assert counter.get_total_flops() == 3 * sum(evaluations("symmetric", config)) * evaluation_flops(config) + heads


def test_slots_are_refilled_and_improved_like_those_of_any_model() -> None:
    model = network("sudoku4")
    batch = Batch(*(torch.randint(1, 6, (4, 16)) for _ in range(2)), torch.zeros(4, dtype=torch.long))
    state = type(model.initial_state(4))(*(torch.randn_like(s) for s in model.initial_state(4)))
    halted = torch.tensor([True, False, False, True])
    carry = refill(model, Carry(state, torch.ones(4, dtype=torch.int32), halted, batch), batch)
    for now, before, fresh in zip(carry.state, state, model.initial_state(4), strict=True):
        assert torch.equal(now[halted], fresh[halted]) and torch.equal(now[~halted], before[~halted])
    carry, output = supervision_step(model.train(), carry, batch, n_supervision=4, exploration=0.0)
    output.logits.sum().backward()
    assert carry.steps.tolist() == [1, 2, 2, 1] and all(p.grad is not None for p in model.network.parameters())


def test_weights_and_box_shape_come_back(tmp_path: Path) -> None:
    model = network("sudoku6", dtype="float32").float()
    path = save_model(tmp_path / "m.safetensors", model, task="sudoku6")
    found = load_model(path).model
    assert type(found) is SymmetricTRM and found.config == model.config and found.config.box_cols == 3
    assert all(torch.equal(value, found.state_dict()[key]) for key, value in model.state_dict().items())


def test_a_recipe_of_any_sudoku_trains_it() -> None:
    recipe = Recipe(task="sudoku6", model="symmetric", hidden=8, T=1, n=1, batch_size=4, dtype="float32", device="cpu")
    trainer = Trainer(recipe, get_task("sudoku6").generate(4, seed=0))
    first = [p.clone() for p in trainer.model.parameters()]
    trainer.step()
    moved = [not torch.equal(a, b) for a, b in zip(first, trainer.model.parameters(), strict=True)]
    assert sum(moved) >= len(moved) - 1, "all but the halting weights, which start at a plateau"
    assert trainer.carry.state[0].shape == (4, 216, 8) and parameter_count(trainer.model) == sum(
        map(torch.numel, first)
    )


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(RecipeError, match="boxes of 3x3 is for Sudoku of 81 cells and 11 tokens, not of 36 and 8"):
        SymmetricConfig(8, 36)
    with pytest.raises(RecipeError, match="got prefix_len 0, positions 'rotary', mixer 'attention'"):
        SymmetricConfig(11, 81, positions="rotary", mixer="attention")
