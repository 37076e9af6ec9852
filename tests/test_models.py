"""The models: how many weights, how many evaluations, where gradient flows, and that each of them learns."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trm_edu.errors import RecipeError
from trm_edu.hrm import HRM, HRMConfig
from trm_edu.interface import ModelConfig, parameter_count
from trm_edu.layers import Network
from trm_edu.losses import supervision_loss
from trm_edu.supervision import Batch, initial_carry, supervision_step
from trm_edu.trm import TRM, State
from trm_edu.variants import MODELS, OneStepGradient, build_model, model_name

SMALL = ModelConfig(vocab_size=6, seq_len=9, hidden=16, T=3, n=4, heads=2, swiglu_multiple=8)
PREFIX = {"prefix_len": 2, "puzzle_ids": 3, "puzzle_dim": 32}
MIXER = {
    "attention": {"mixer": "attention", "positions": "rotary"},
    "attention in a grid": {"mixer": "attention", "positions": "rotary2d", "grid_cols": 3},
    "mlp": {},
    "conv": {"mixer": "conv", "grid_cols": 3},
}
RECURSIVE = [name for name in MODELS if name not in ("direct", "symmetric")]  # symmetric: tests/test_symmetric.py


def small(name: str = "trm", **changes: object) -> nn.Module:
    return build_model(name, asdict(SMALL) | changes)


def some_inputs(count: int = 3) -> Tensor:
    return torch.randint(SMALL.vocab_size, (count, SMALL.seq_len))


def exact(model: nn.Module) -> nn.Module:
    """The same model in float64, so that two ways to the same gradient agree to many digits."""
    twin = build_model(model_name(model), replace(model.config, dtype="float64")).double()
    twin.load_state_dict(model.state_dict())
    return twin


def gradients(model: nn.Module, scalar: Tensor) -> dict[str, Tensor]:
    """Gradient of every weight; zero where the scalar does not depend on it."""
    names, weights = zip(*model.named_parameters(), strict=True)
    found = torch.autograd.grad(scalar, weights, allow_unused=True)
    return {n: torch.zeros_like(w) if g is None else g for n, w, g in zip(names, weights, found, strict=True)}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return all(torch.allclose(a[name], b[name], rtol=1e-7, atol=1e-9) for name in a)


# --- sizes ------------------------------------------------------------------------------------------------------------

ATTENTION = {"mixer": "attention", "positions": "rotary"}
PUBLISHED_PREFIX = {"prefix_len": 16, "puzzle_ids": 1, "puzzle_dim": 512}
COUNTS = {
    "mixer, Sudoku, L=97": ("trm", {"vocab_size": 11, "seq_len": 81, **PUBLISHED_PREFIX}, 5_028_866),
    "mixer, Sudoku, L=81": ("trm", {"vocab_size": 11, "seq_len": 81}, 4_855_298),
    "attention, Sudoku": ("trm", {"vocab_size": 11, "seq_len": 81, **PUBLISHED_PREFIX, **ATTENTION}, 6_828_034),
    "attention, ARC": ("trm", {"vocab_size": 12, "seq_len": 900, **PUBLISHED_PREFIX, **ATTENTION}, 6_829_058),
    "mixer, maze, L=916": ("trm", {"vocab_size": 6, "seq_len": 900, **PUBLISHED_PREFIX}, 18_795_522),
    "HRM, Sudoku": (
        "hrm",
        {"vocab_size": 11, "seq_len": 81, **ATTENTION, "n_layers": 4, "n_layers_high": 4}
        | {"prefix_len": 1, "puzzle_ids": 1, "puzzle_dim": 512},
        27_275_266,
    ),
}


@pytest.mark.parametrize("case", COUNTS)
def test_parameter_counts_of_the_papers(case: str) -> None:
    name, settings, count = COUNTS[case]
    with torch.device("meta"):  # shapes without numbers
        model = build_model(name, settings)
    assert parameter_count(model) == count


def test_hrm_networks_may_differ_in_depth() -> None:
    model = small("hrm", n_layers=1, n_layers_high=3)
    assert (len(model.f_L.blocks), len(model.f_H.blocks)) == (1, 3)
    assert len(small("hrm", n_layers=2).f_H.blocks) == 2


# --- input, start, output ---------------------------------------------------------------------------------------------


def test_tokens_are_scaled_by_the_root_of_the_width() -> None:
    model, inputs = small(), some_inputs()
    assert torch.allclose(model.embed(inputs), model.embed.tokens.weight[inputs] * 4.0)
    assert model.embed.tokens.weight.std().item() == pytest.approx(0.25, rel=0.25)


def test_learned_positions_keep_the_variance() -> None:
    model, inputs = small(mixer="attention", positions="learned"), some_inputs()
    both = model.embed.tokens.weight[inputs] + model.embed.positions.weight
    assert torch.allclose(model.embed(inputs), both * 4.0 / 2**0.5, atol=1e-6)


def test_prefix_is_the_row_of_the_puzzle_padded_with_zeros() -> None:
    model, inputs = small(prefix_len=2, puzzle_ids=3, puzzle_dim=20), some_inputs()
    assert not model.embed.puzzle.weight.any(), "puzzle vectors start at zero"
    model.embed.puzzle.weight.normal_()
    ids = torch.tensor([2, 0, 2])
    x = model.embed(inputs, ids)
    assert x.shape == (3, 11, 16)
    expected = F.pad(model.embed.puzzle.weight[ids], (0, 12)).reshape(3, 2, 16) * 4.0
    assert torch.equal(x[:, :2], expected)
    assert torch.equal(x[:, 2:], model.embed.tokens.weight[inputs] * 4.0)


def test_prefix_needs_ids() -> None:
    model = small(**PREFIX)
    with pytest.raises(RecipeError, match="give puzzle_ids"):
        model.embed(some_inputs())


def test_puzzle_rows_become_leaves_in_training_only() -> None:
    model, ids = small(**PREFIX), torch.tensor([1, 1, 0])
    model.eval().embed(some_inputs(), ids)
    assert model.embed.puzzle.taken is None
    model.train().embed(some_inputs(), ids).sum().backward()
    taken_ids, rows = model.embed.puzzle.taken
    assert torch.equal(taken_ids, ids)
    assert rows.is_leaf and torch.equal(rows.grad, torch.full((3, 32), 4.0))
    assert "embed.puzzle.weight" not in dict(model.named_parameters())


@pytest.mark.parametrize("name", RECURSIVE)
def test_states_start_from_fixed_random_vectors(name: str) -> None:
    model = small(name)
    state = model.initial_state(5)
    vectors = []
    for tensor in state:
        assert tensor.shape[:2] == (5, 9)
        assert torch.equal(tensor, tensor[:1, :1].expand_as(tensor)), "one vector for every position"
        vectors += list(tensor[0, 0].split(16))
    assert all(0.4 < v.std() < 1.6 for v in vectors)
    assert not any(torch.equal(a, b) for i, a in enumerate(vectors) for b in vectors[:i])
    assert not [n for n, _ in model.named_parameters() if n.endswith("_init")], "they are not learned"


@pytest.mark.parametrize("name", [*RECURSIVE, "direct"])
def test_a_fresh_model_says_not_solved_whatever_it_sees(name: str) -> None:
    model = small(name, **PREFIX)
    _, output = model(some_inputs(), model.initial_state(3), torch.zeros(3, dtype=torch.long))
    assert output.logits.shape == (3, 9, 6)
    assert torch.equal(output.halt_logit, torch.full((3,), -5.0))
    assert torch.equal(output.continue_logit, torch.full((3,), -5.0))


def test_halting_reads_position_0_and_the_answer_leaves_the_prefix_out() -> None:
    heads = small(**PREFIX).heads
    nn.init.normal_(heads.halt.weight)
    y = torch.randn(2, 11, 16)
    out = heads(y)
    scores = y[:, 0] @ heads.halt.weight.T - 5.0
    assert torch.allclose(torch.stack((out.halt_logit, out.continue_logit), 1), scores, atol=1e-5)
    assert torch.allclose(out.logits, y[:, 2:] @ heads.answer.weight.T, atol=1e-6)


# --- evaluations and gradient -----------------------------------------------------------------------------------------


def count_evaluations(model: nn.Module) -> Counter:
    """(network, with gradient?) -> how often it was evaluated in one supervision step."""
    counts: Counter = Counter()

    def watch(name: str, network: nn.Module) -> None:
        network.register_forward_pre_hook(lambda *_: counts.update([(name, torch.is_grad_enabled())]))

    for name, module in model.named_modules():
        if isinstance(module, Network):
            watch(name, module)
    model(some_inputs(), model.initial_state(3))
    return counts


@pytest.mark.parametrize("name", RECURSIVE)
def test_a_step_evaluates_the_networks_t_times_n_plus_1_times(name: str) -> None:
    """T=3, n=4: 15 evaluations; n + 1 = 5 of them, or 2 with the one-step gradient, are differentiated."""
    counts = count_evaluations(small(name))
    expected = {
        "hrm": {("f_L", False): 11, ("f_H", False): 2, ("f_L", True): 1, ("f_H", True): 1},
        "separate_networks": {("f_L", False): 8, ("f_H", False): 2, ("f_L", True): 4, ("f_H", True): 1},
        "one_step_gradient": {("network", False): 13, ("network", True): 2},
    }
    assert counts == expected.get(name, {("network", False): 10, ("network", True): 5})
    assert sum(counts.values()) == 3 * (4 + 1)


@pytest.mark.parametrize("mixer", MIXER)
def test_trm_differentiates_the_whole_last_recursion_and_nothing_before(mixer: str) -> None:
    model, inputs = exact(small(**MIXER[mixer])), some_inputs()
    weigh = torch.randn(3, 9, 6).double()

    def step(cut: bool) -> Tensor:
        """The paper's figure 3 with every evaluation written out; `cut` forgets the graph after T - 1 recursions."""
        x = model.embed(inputs)
        y, z = model.initial_state(3)
        for recursion in range(3):
            if cut and recursion == 2:
                y, z = y.detach(), z.detach()
            for _ in range(4):
                z = model.network(z + y + x, torch.zeros_like(x), model.rotary)
            y = model.network(y + z, torch.zeros_like(x), model.rotary)
        return (model.heads(y).logits * weigh).sum()

    _, output = model(inputs, model.initial_state(3))
    ours = (output.logits * weigh).sum()
    assert torch.allclose(ours, step(cut=True), rtol=1e-9)
    found = gradients(model, ours)
    assert same(found, gradients(model, step(cut=True)))
    assert not same(found, gradients(model, step(cut=False)))
    assert all(g.any() for name, g in found.items() if "halt" not in name)


@pytest.mark.parametrize("make", [HRM, OneStepGradient])
def test_one_step_gradient_passes_through_the_last_two_updates(make: type[TRM]) -> None:
    config = HRMConfig(**asdict(SMALL)) if make is HRM else SMALL
    model, inputs = exact(make(config)), some_inputs()
    f_L, f_H = (model.f_L, model.f_H) if make is HRM else (model.network, model.network)
    weigh = torch.randn(3, 9, 6).double()
    x = model.embed(inputs)
    y, z = model.initial_state(3)
    for _ in range(3):
        for _ in range(4):
            z_before, y_before = z, y
            z = f_L(z, y + x)
        y = f_H(y, z)
    z = f_L(z_before.detach(), y_before.detach() + x)
    y = f_H(y_before.detach(), z)
    _, output = model(inputs, model.initial_state(3))
    ours, expected = ((logits * weigh).sum() for logits in (output.logits, model.heads(y).logits))
    assert torch.allclose(ours, expected, rtol=1e-9)
    assert same(gradients(model, ours), gradients(model, expected))


@pytest.mark.parametrize("T", [1, 2])
@pytest.mark.parametrize("name", RECURSIVE)
def test_no_gradient_passes_from_step_to_step(name: str, T: int) -> None:
    """With T = 1 nothing but the detach cuts the graph."""
    model, inputs = exact(small(name, T=T)), some_inputs()
    first, _ = model(inputs, model.initial_state(3))
    assert not any(tensor.requires_grad for tensor in first)
    second, output = model(inputs, first)
    found = gradients(model, output.logits.sum())
    _, again = model(inputs, type(first)(*(tensor.clone().detach() for tensor in first)))
    assert same(found, gradients(model, again.logits.sum()))


def test_the_step_is_what_the_variant_says() -> None:
    """Single z: n times with the question, once without. Multi-scale: pad i from the sum of everything."""
    x, one = torch.randn(2, 9, 16), small("single_z", n=2)
    (start,) = one.initial_state(2)
    z = one.network(one.network(start, x), x)
    (result,) = one.latent_recursion(x, one.initial_state(2))
    assert torch.allclose(result, one.network(z, torch.zeros_like(z)), atol=1e-6)

    many = small("multi_scale_z", n=2)
    y, pads = many.initial_state(2)
    a, b = pads.split(16, dim=-1)
    a = many.network(a, y + x + b)
    b = many.network(b, y + x + a)
    state = many.latent_recursion(x, many.initial_state(2))
    assert torch.allclose(state.pads, torch.cat((a, b), -1), atol=1e-6)
    assert torch.allclose(state.y, many.network(y, a + b), atol=1e-6)


def test_direct_applies_each_block_once_and_has_no_state() -> None:
    model, inputs = small("direct"), some_inputs()
    h = model.embed(inputs)
    for layer in model.network.blocks:
        h = layer(h)
    state, output = model(inputs, model.initial_state(3))
    assert len(state) == 0
    assert torch.equal(output.logits, h @ model.heads.answer.weight.T)


# --- learning ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*RECURSIVE, "direct"])
def test_every_model_learns_one_batch(name: str) -> None:
    """Random answers to random questions: nothing but memory helps. A fifth of the first loss is left at most."""
    torch.manual_seed(3)
    model = small(name, hidden=32, T=2, n=2, **PREFIX)
    batch = Batch(some_inputs(4), torch.randint(6, (4, 9)), torch.tensor([0, 1, 2, 0]))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    carry, losses = initial_carry(model, batch), []
    for _ in range(80):
        carry, output = supervision_step(model, carry, batch, n_supervision=4, exploration=0.0)
        loss = supervision_loss(output, carry.batch.labels)
        losses.append(loss.answer.item() / 4)
        optimizer.zero_grad()
        (loss.total / 4).backward()
        optimizer.step()
    assert losses[0] == pytest.approx(2.0, abs=0.5)  # about log(6)
    assert max(losses[-4:]) < 0.2 * losses[0]


@pytest.mark.parametrize("name", [*RECURSIVE, "direct"])
def test_bfloat16_forward_is_close_to_float32_and_keeps_float32_weights(name: str) -> None:
    wide = small(name, hidden=32, T=2, n=2)
    narrow = build_model(name, replace(wide.config, dtype="bfloat16"))
    narrow.load_state_dict(wide.state_dict())
    inputs = some_inputs(8)
    (_, a), (state, b) = (m(inputs, m.initial_state(8)) for m in (wide, narrow))
    assert all(tensor.dtype == torch.bfloat16 for tensor in state)
    assert b.logits.dtype == torch.bfloat16 and b.halt_logit.dtype == torch.float32
    assert all(p.dtype == torch.float32 for p in narrow.parameters())
    error = (a.logits - b.logits.float()).norm() / a.logits.norm()
    assert 0 < error < 0.15
    b.logits.float().sum().backward()
    assert narrow.heads.answer.weight.grad.dtype == torch.float32


def test_an_embedding_without_a_prefix_is_added_to_every_cell() -> None:
    model, inputs = small(puzzle_ids=3, puzzle_dim=16), some_inputs()
    ids = torch.arange(len(inputs)) % 3
    plain = model.embed(inputs, ids)
    model.embed.puzzle.weight.normal_()
    expected = plain + model.embed.puzzle.weight[ids][:, None] * 16**0.5
    torch.testing.assert_close(model.embed(inputs, ids), expected)
    assert expected.shape[1] == inputs.shape[1]  # no position more than cells
    state, output = model.train()(inputs, model.initial_state(len(inputs)), ids)
    output.logits.square().sum().backward()
    taken, rows = model.embed.puzzle.taken
    assert torch.equal(taken, ids) and (rows.grad.abs().sum(1) > 0).all()


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"T": 0}, "T is 0; it must be at least 1"),
        ({"vocab_size": 0}, "vocab_size is 0"),
        ({"mixer": "fourier"}, "mixer is 'fourier'; it must be one of mlp, attention, conv"),
        ({"mixer": "conv"}, "mixer conv needs grid_cols, a number of columns that divides seq_len 9; grid_cols is 0"),
        ({"positions": "rotary2d", "grid_cols": 2}, "positions rotary2d needs grid_cols, .* seq_len 9; grid_cols is 2"),
        (
            {"mixer": "conv", "grid_cols": 3, "prefix_len": 1, "puzzle_ids": 1, "puzzle_dim": 16},
            "mixer conv takes cells of a grid only; prefix_len is 1, it must be 0",
        ),
        ({"positions": "rope"}, "positions is 'rope'"),
        ({"dtype": "float16"}, "dtype is 'float16'"),
        ({"mixer": "attention", "heads": 3}, "hidden 16 cannot be split into 3 heads"),
        ({"prefix_len": 1, "puzzle_ids": 1, "puzzle_dim": 17}, "prefix_len must be at least 2"),
        ({"puzzle_ids": 2, "puzzle_dim": 8}, "puzzle_dim is 8; to be added to every cell .* it must be hidden, 16"),
        ({"prefix_len": 1}, "all zero .* or all positive"),
        ({"puzzle_ids": 1}, "all zero .* or all positive"),
        ({"depth": 3}, "unknown model settings depth; ModelConfig has T, "),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(
    changes: dict[str, object], message: str, unchecked_types: None
) -> None:
    with pytest.raises(RecipeError, match=message):
        small(**changes)


def test_models_are_known_by_name() -> None:
    for name in [*RECURSIVE, "direct"]:
        assert model_name(small(name)) == name
    with pytest.raises(RecipeError, match="model 'gpt' does not exist; choose one of trm, "):
        build_model("gpt", SMALL)
    with pytest.raises(RecipeError, match="Linear is not one of the models"):
        model_name(nn.Linear(1, 1))


def test_positions_in_all() -> None:
    assert replace(SMALL, **PREFIX).n_positions == 11
    assert isinstance(small().initial_state(1), State)
