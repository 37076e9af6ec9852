"""Losses and their gradients, optimizers against plain restatements of their rules, averages and schedules."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from trm_edu.errors import RecipeError
from trm_edu.interface import ModelConfig, Output, PuzzleEmbedding
from trm_edu.losses import (
    CELL_LOSSES,
    IGNORE,
    cell_loss_named,
    exact_match,
    log_stablemax,
    softmax_cross_entropy,
    stablemax_cross_entropy,
    supervision_loss,
)
from trm_edu.optim import EMA, AdamATan2, SparseSignSGD, learning_rate, make_optimizers
from trm_edu.variants import build_model


@pytest.fixture(scope="module")
def golden(repository: Path) -> dict[str, np.ndarray]:
    with np.load(repository / "tests" / "golden" / "optim_and_losses.npz") as archive:
        return {key: archive[key] for key in archive.files}


# --- stable-max -------------------------------------------------------------------------------------------------------


def stablemax_in_words(row: list[float]) -> list[float]:
    s = [x + 1 if x >= 0 else 1 / (1 - x) for x in row]
    return [math.log(value / sum(s)) for value in s]


@given(st.lists(st.floats(-1e4, 1e4), min_size=2, max_size=6))
@settings(max_examples=60, deadline=None)
def test_stablemax_is_its_definition(row: list[float]) -> None:
    ours = log_stablemax(torch.tensor(row, dtype=torch.float64))
    assert torch.allclose(ours, torch.tensor(stablemax_in_words(row), dtype=torch.float64), atol=1e-9)
    assert ours.exp().sum().item() == pytest.approx(1.0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_stablemax_has_finite_and_right_gradients_at_0_and_far_out(dtype: torch.dtype) -> None:
    logits = torch.tensor([[0.0, 1e4, -1e4], [-0.0, 0.0, 0.0], [-1e4, -1e4, 1.0], [1e4, 1e4, 1e4]], dtype=dtype)
    logits.requires_grad_()
    log_stablemax(logits)[:, 0].sum().backward()
    assert logits.grad.isfinite().all()
    # d log s0/sum s: (1 - p0) s0'/s0 for the picked one, -s_j'/sum s for the others; s' = 1 above 0, s^2 below
    s = torch.where(logits < 0, 1 / (1 - logits), 1 + logits).detach().double()
    slope = torch.where(logits < 0, s.square(), 1.0)
    expected = -slope / s.sum(-1, keepdim=True)
    expected[:, 0] += slope[:, 0] / s[:, 0]
    assert torch.allclose(logits.grad.double(), expected, rtol=1e-4, atol=1e-12)


def test_float32_stablemax_is_close_to_float64_in_value_and_gradient() -> None:
    labels = torch.randint(11, (64, 81))
    for scale in (0.1, 3.0, 100.0):
        results = []
        for name in ("stablemax", "stablemax32"):
            logits = torch.randn(64, 81, 11, generator=torch.Generator().manual_seed(5)).mul(scale).requires_grad_()
            loss = CELL_LOSSES[name](logits, labels)
            loss.sum().backward()
            results.append((loss.detach(), logits.grad))
        (exact, exact_grad), (fast, fast_grad) = results
        assert (exact.dtype, fast.dtype) == (torch.float64, torch.float32)
        assert torch.allclose(fast.double(), exact, rtol=1e-5, atol=1e-6)
        assert (fast_grad - exact_grad).abs().max() < 1e-5 * exact_grad.abs().max()


def test_stablemax_equals_the_published_numbers(golden: dict[str, np.ndarray]) -> None:
    logits, labels = (torch.from_numpy(golden[f"stablemax/{key}"]) for key in ("logits", "labels"))
    expected = torch.from_numpy(golden["stablemax/loss_per_token"])
    assert (labels == IGNORE).any() and not expected[labels == IGNORE].any()
    assert torch.allclose(stablemax_cross_entropy(logits, labels).double(), expected.double(), atol=1e-9)


# --- softmax ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_softmax_with_label_smoothing_is_its_definition(smoothing: float) -> None:
    logits, labels = torch.randn(3, 4, 5), torch.tensor([[0, 1, 2, 3], [4, 0, IGNORE, 1], [IGNORE] * 4])
    log_p = logits.log_softmax(-1)
    target = F.one_hot(labels.clamp_min(0), 5) * (1 - smoothing) + smoothing / 5
    expected = torch.where(labels == IGNORE, 0.0, -(target * log_p).sum(-1))
    assert torch.allclose(softmax_cross_entropy(logits, labels, smoothing), expected, atol=1e-5)


def test_named_losses() -> None:
    logits, labels = torch.randn(2, 3, 5), torch.randint(5, (2, 3))
    smooth = softmax_cross_entropy(logits, labels, 0.2)
    assert torch.equal(cell_loss_named("softmax_smooth")(logits, labels), smooth)
    assert not torch.allclose(cell_loss_named("softmax")(logits, labels), smooth)
    with pytest.raises(RecipeError, match="loss 'mse' does not exist; choose one of stablemax, stablemax32, softmax"):
        cell_loss_named("mse")


# --- one supervision step ---------------------------------------------------------------------------------------------


def output_for(answers: Tensor, vocab: int = 5, halt: float = 0.3) -> Output:
    """Logits whose largest entry is the answer."""
    count = len(answers)
    logits = torch.rand(count, answers.shape[1], vocab) + 2 * F.one_hot(answers, vocab)
    return Output(logits, torch.full((count,), halt), torch.full((count,), -0.7))


def test_exact_match_means_every_cell_that_counts() -> None:
    answers = torch.tensor([[1, 2, 3], [1, 2, 3], [1, 2, 3]])
    labels = torch.tensor([[1, 2, 3], [1, 2, 4], [1, IGNORE, 3]])
    assert exact_match(output_for(answers).logits, labels).tolist() == [True, False, True]


@pytest.mark.parametrize("name", CELL_LOSSES)
def test_answer_loss_is_a_mean_per_puzzle_summed_over_puzzles(name: str) -> None:
    labels = torch.tensor([[1, 2, 3, 4], [1, IGNORE, IGNORE, IGNORE], [IGNORE] * 4])
    output = output_for(torch.randint(5, (3, 4)))
    cells = CELL_LOSSES[name](output.logits, labels)
    loss = supervision_loss(output, labels, cell_loss=CELL_LOSSES[name])
    assert loss.answer.item() == pytest.approx((cells[0].mean() + cells[1, 0]).item(), rel=1e-5)


def test_halting_is_trained_towards_the_whole_answer_is_right_now() -> None:
    answers = torch.tensor([[1, 2, 3], [1, 2, 3]])
    labels = torch.tensor([[1, 2, 3], [1, 2, 0]])  # the second misses one cell of three
    output = output_for(answers, halt=0.3)
    loss = supervision_loss(output, labels)
    sure = 1 / (1 + math.exp(-0.3))
    assert loss.correct.tolist() == [True, False]
    assert loss.halt.item() == pytest.approx(-math.log(sure) - math.log(1 - sure), rel=1e-5)
    assert not loss.continue_
    assert loss.total.item() == pytest.approx((loss.answer + 0.5 * loss.halt).item())
    heavier = supervision_loss(output, labels, halt_weight=1.0)
    assert heavier.total.item() == pytest.approx((loss.answer + loss.halt).item())


def test_the_continue_logit_is_trained_only_with_a_target() -> None:
    output = output_for(torch.tensor([[1, 2]]))
    target = torch.tensor([0.25])
    loss = supervision_loss(output, torch.tensor([[1, 2]]), continue_target=target)
    p = 1 / (1 + math.exp(0.7))
    assert loss.continue_.item() == pytest.approx(-0.25 * math.log(p) - 0.75 * math.log(1 - p), rel=1e-5)
    assert loss.total.item() == pytest.approx((loss.answer + 0.5 * (loss.halt + loss.continue_)).item())


# --- AdamATan2 --------------------------------------------------------------------------------------------------------


def test_adam_atan2_equals_the_published_rows(golden: dict[str, np.ndarray]) -> None:
    meta = json.loads(golden["adam_atan2/meta"].item())
    weight = nn.Parameter(torch.from_numpy(golden["adam_atan2/p0"]).clone())
    optimizer = AdamATan2([weight], lr=meta["lr"], betas=tuple(meta["betas"]), weight_decay=meta["weight_decay"])
    for k in range(1, 6):
        weight.grad = torch.from_numpy(golden[f"adam_atan2/g{k}"])
        optimizer.step()
        assert torch.allclose(weight.double(), torch.from_numpy(golden[f"adam_atan2/p{k}"]).double(), atol=1e-6)


def test_adam_atan2_is_its_rule_over_many_weights_and_steps() -> None:
    lr, (b1, b2), decay = 0.1, (0.8, 0.9), 0.5
    weights = [nn.Parameter(torch.randn(3, dtype=torch.float64)), nn.Parameter(torch.randn(2, 2, dtype=torch.float64))]
    plain = [(w.detach().clone(), torch.zeros_like(w), torch.zeros_like(w)) for w in weights]
    optimizer = AdamATan2(weights, lr=lr, betas=(b1, b2), weight_decay=decay)
    for t in range(1, 6):
        for i, weight in enumerate(weights):
            weight.grad = torch.randn_like(weight) * 10.0 ** (t - 3)
            w, m, v = plain[i]
            m = b1 * m + (1 - b1) * weight.grad
            v = b2 * v + (1 - b2) * weight.grad**2
            step = torch.atan2(m, (v / (1 - b2**t)).sqrt()) / (1 - b1**t)
            plain[i] = (w * (1 - lr * decay) - lr * step, m, v)
        optimizer.step()
    for weight, (w, _, _) in zip(weights, plain, strict=True):
        assert torch.allclose(weight, w, atol=1e-12)


def test_adam_atan2_leaves_weights_without_a_gradient_alone_and_refuses_nonsense() -> None:
    idle, busy = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    optimizer = AdamATan2([idle, busy], lr=0.1)
    busy.grad = torch.zeros(2)
    optimizer.step()
    assert torch.equal(idle, torch.ones(2))
    assert torch.allclose(busy, torch.full((2,), 1 - 0.1 * 0.01)), (
        "zero gradients decay the weight and move nothing else"
    )
    with pytest.raises(RecipeError, match=r"lr -1, betas \(0.9, 0.95\), weight_decay 0.01; lr and weight_decay must"):
        AdamATan2([idle], lr=-1)
    with pytest.raises(RecipeError, match=r"betas must lie in \[0, 1\)"):
        AdamATan2([idle], betas=(0.9, 1.0))


# --- sparse sign-SGD --------------------------------------------------------------------------------------------------


def one_sparse_step(ids: list[int], grad: Tensor, table: Tensor, lr: float = 0.1, decay: float = 0.5) -> Tensor:
    embedding = PuzzleEmbedding(*table.shape)
    embedding.weight.copy_(table)
    optimizer = SparseSignSGD(embedding, lr=lr, weight_decay=decay)
    embedding.train()(torch.tensor(ids)).backward(grad)
    optimizer.step()
    assert embedding.taken is None, "the gradient is used once"
    return embedding.weight


def test_sign_sgd_equals_the_published_step(golden: dict[str, np.ndarray]) -> None:
    meta = json.loads(golden["sign_sgd/meta"].item())
    ids, grad = golden["sign_sgd/ids"].tolist(), torch.from_numpy(golden["sign_sgd/grad"])
    assert len(set(ids)) < len(ids)
    before, after = (torch.from_numpy(golden[f"sign_sgd/weights_{when}"]) for when in ("before", "after"))
    assert torch.allclose(one_sparse_step(ids, grad, before, meta["lr"], meta["weight_decay"]), after, atol=1e-7)


def test_sign_sgd_by_row() -> None:
    table = torch.full((5, 2), 2.0)
    grad = torch.tensor([[3.0, -1.0], [-5.0, 0.5], [0.0, 0.0], [1e-9, 1e9]])
    after = one_sparse_step([4, 4, 1, 2], grad, table)
    kept = 2.0 * (1 - 0.1 * 0.5)
    assert torch.allclose(after[4], torch.tensor([kept + 0.1, kept + 0.1])), "sum first, sign second: -2 and -0.5"
    assert torch.allclose(after[1], torch.tensor([kept, kept])), "no gradient: decay alone"
    assert torch.allclose(after[2], torch.tensor([kept - 0.1, kept - 0.1])), "the size of a gradient means nothing"
    assert torch.equal(after[[0, 3]], table[[0, 3]]), "rows that were not used stay"


def test_sign_sgd_without_a_training_call_does_nothing() -> None:
    embedding = PuzzleEmbedding(3, 2)
    optimizer = SparseSignSGD(embedding)
    embedding.weight.fill_(1.0)
    optimizer.step()
    embedding.train()(torch.tensor([0]))  # used, but no backward
    optimizer.step()
    assert torch.equal(embedding.weight, torch.ones(3, 2))


# --- EMA --------------------------------------------------------------------------------------------------------------


def test_ema_equals_the_published_rows(golden: dict[str, np.ndarray]) -> None:
    holder = nn.Module()
    holder.weight = nn.Parameter(torch.from_numpy(golden["ema/p0"]).clone())
    ema = EMA(holder, float(golden["ema/rate"]))
    for k in range(1, 4):
        holder.weight.data.copy_(torch.from_numpy(golden[f"ema/p{k}"]))
        ema.update()
        assert torch.allclose(ema.average[0], torch.from_numpy(golden[f"ema/shadow{k}"]), atol=1e-6)


def test_ema_is_copied_saved_and_loaded() -> None:
    model, other = nn.Linear(3, 2), nn.Linear(3, 2)
    first = model.weight.detach().clone()
    ema = EMA(model, 0.75)
    with torch.no_grad():
        model.weight.add_(1.0)
    assert torch.equal(ema.average[0], first), "the average owns its memory"
    ema.update()
    ema.copy_to(other)
    assert torch.allclose(other.weight, first + 0.25)
    again = EMA(nn.Linear(3, 2), 0.75)
    again.load_state_dict(ema.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(again.average, ema.average, strict=True))
    with pytest.raises(RecipeError, match=r"EMA rate is 1.0; it must lie in \[0, 1\)"):
        EMA(model, 1.0)


# --- schedule ---------------------------------------------------------------------------------------------------------


def test_schedule_ends_and_middle() -> None:
    plan = {"base": 2.0, "warmup": 10, "total": 110, "min_ratio": 0.1}
    at = [learning_rate(step, **plan) for step in (0, 5, 10, 60, 110, 500)]
    assert at == pytest.approx([0.0, 1.0, 2.0, 1.1, 0.2, 0.2])
    assert learning_rate(0, base=2.0, warmup=0, total=10) == 2.0
    assert learning_rate(7, base=2.0, warmup=7, total=7, min_ratio=0.5) == 2.0


@given(step=st.integers(0, 300), warmup=st.integers(0, 50))
@settings(max_examples=50, deadline=None)
def test_schedule_with_ratio_1_is_constant_after_the_warm_up(step: int, warmup: int) -> None:
    rate = learning_rate(step, base=3.0, warmup=warmup, total=100)
    assert rate == pytest.approx(3.0 if step >= warmup else 3.0 * step / warmup)


def test_schedules_equal_the_published_values(golden: dict[str, np.ndarray]) -> None:
    for name in ("constant", "cosine"):
        meta = json.loads(golden[f"lr/{name}/meta"].item())
        plan = {"base": meta["base_lr"], "warmup": meta["warmup_steps"], "total": meta["total_steps"]}
        ours = [learning_rate(int(s), **plan, min_ratio=meta["min_ratio"]) for s in golden[f"lr/{name}/steps"]]
        assert ours == pytest.approx(golden[f"lr/{name}/values"].tolist(), rel=1e-6)


# --- who optimises what -----------------------------------------------------------------------------------------------

SIZES = ModelConfig(6, 5, hidden=8, T=1, n=1, heads=2, swiglu_multiple=8, prefix_len=1, puzzle_ids=3, puzzle_dim=8)


def names_in(model: nn.Module, optimizer: torch.optim.Optimizer) -> set[str]:
    names = {id(p): name for name, p in model.named_parameters()}
    return {names[id(p)] for group in optimizer.param_groups for p in group["params"]}


@pytest.mark.parametrize("name", ["trm", "hrm", "direct"])
def test_muon_gets_exactly_the_matrices_inside_the_blocks(name: str) -> None:
    model = build_model(name, SIZES)
    muon, adamw, sparse = make_optimizers(model, "muon", lr=1e-3, weight_decay=0.1, muon_lr=0.02)
    others = {"embed.tokens.weight", "heads.answer.weight", "heads.halt.weight", "heads.halt.bias"}
    assert isinstance(muon, torch.optim.Muon) and isinstance(adamw, torch.optim.AdamW)
    assert names_in(model, adamw) == others
    assert names_in(model, muon) == {n for n, _ in model.named_parameters()} - others
    assert all(p.dim() == 2 for group in muon.param_groups for p in group["params"])
    assert isinstance(sparse, SparseSignSGD) and sparse.embedding is model.embed.puzzle
    assert [o.param_groups[0]["base_lr"] for o in (muon, adamw, sparse)] == [0.02, 1e-3, 1e-2]


@pytest.mark.parametrize(("name", "cls"), [("adamw", torch.optim.AdamW), ("adam_atan2", AdamATan2)])
def test_the_other_optimizers_get_every_weight(name: str, cls: type) -> None:
    model = build_model("trm", SIZES)
    dense, sparse = make_optimizers(model, name, lr=1e-3, weight_decay=0.3)
    assert type(dense) is cls and dense.param_groups[0]["weight_decay"] == 0.3
    assert dense.param_groups[0]["betas"] == (0.9, 0.95)
    assert names_in(model, dense) == {n for n, _ in model.named_parameters()}
    without = build_model("trm", ModelConfig(6, 5, hidden=8, swiglu_multiple=8))
    assert len(make_optimizers(without, name, lr=1e-3, weight_decay=0.0)) == 1


def test_unknown_optimizer_is_refused() -> None:
    with pytest.raises(RecipeError, match="optimizer 'sgd' does not exist; choose one of adamw, adam_atan2, muon"):
        make_optimizers(build_model("trm", SIZES), "sgd", lr=0.1, weight_decay=0.0)
