"""What is seen inside a supervision step is what the model computed, for every model of the course."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from trm_edu import TRM, ModelConfig
from trm_edu.errors import RecipeError
from trm_edu.hrm import HRM, HRMConfig
from trm_edu.inside import (
    Unrolled,
    attention_weights,
    influence,
    latent_path,
    principal_components,
    unroll,
)
from trm_edu.interface import Output
from trm_edu.trm import State
from trm_edu.variants import MODELS, build_model

SIZES: dict[str, Any] = {"vocab_size": 8, "seq_len": 36, "hidden": 32, "heads": 4, "T": 3, "n": 2}
RECURSIVE = sorted(set(MODELS) - {"direct"})


def made(name: str, **settings: Any) -> nn.Module:
    boxes = {"box_rows": 2, "box_cols": 3} if name == "symmetric" else {}
    return build_model(name, SIZES | boxes | settings)


def puzzles(count: int = 2) -> Tensor:
    return torch.randint(1, 8, (count, 36))


def trm(**settings: Any) -> TRM:
    return TRM(ModelConfig(**(SIZES | settings)))


def table(unrolled: Unrolled) -> list[tuple[str, str]]:
    """Each update as (state, what it reads)."""
    return [(update.state, " + ".join(update.reads)) for update in unrolled.updates]


# --- what is seen is what was computed ------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("gradient", [False, True])
@pytest.mark.parametrize("name", RECURSIVE)
def test_watching_changes_nothing(name: str, gradient: bool, dtype: str) -> None:
    model, inputs = made(name, dtype=dtype), puzzles()
    state, output = model(inputs, model.initial_state(2), torch.zeros(2, dtype=torch.long))
    unrolled = unroll(model, inputs, gradient=gradient)
    assert all(torch.equal(a, b) for a, b in zip(unrolled.output, output, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(unrolled.state, state, strict=True))
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())
    assert not any(update.value.requires_grad for update in unrolled.updates)


@pytest.mark.parametrize("name", RECURSIVE)
def test_the_last_states_are_those_that_come_back_and_the_heads_read_the_answer(name: str) -> None:
    unrolled = unroll(made(name), puzzles())
    assert len(unrolled) == 3 * (2 + 1)
    last = unrolled.states(9)
    assert torch.equal(torch.cat([last[key] for key in unrolled.start], -1), torch.cat(list(unrolled.state), -1))
    assert torch.equal(unrolled.read(9).logits, unrolled.output.logits)
    assert torch.equal(unrolled.read(9).halt_logit, unrolled.output.halt_logit)


def test_a_step_goes_on_from_a_given_state_and_with_given_ids() -> None:
    model = trm(mixer="attention", prefix_len=2, puzzle_dim=64, puzzle_ids=3)
    model.embed.puzzle.weight.normal_()
    inputs, ids = puzzles(), torch.tensor([2, 1])
    state, _ = model(inputs, model.initial_state(2), ids)
    _, output = model(inputs, state, ids)
    assert torch.equal(unroll(model, inputs, state, ids).output.logits, output.logits)
    assert not torch.equal(unroll(model, inputs, state).output.logits, output.logits), "id 0 is another puzzle"


# --- which network, which state, what it read -----------------------------------------------------------------------


def test_trm_thinks_n_times_and_answers_once_in_each_of_t_recursions() -> None:
    unrolled = unroll(trm(), puzzles())
    assert table(unrolled) == [("z", "z + y + x"), ("z", "z + y + x"), ("y", "y + z")] * 3
    assert [(u.recursion, u.number) for u in unrolled.updates] == [(r, k) for r in (1, 2, 3) for k in (1, 2, 3)]
    assert {update.network for update in unrolled.updates} == {"network"}
    assert unrolled.answer == "y"


def test_hrm_has_two_networks_at_two_frequencies() -> None:
    unrolled = unroll(HRM(HRMConfig(**SIZES)), puzzles())
    assert table(unrolled) == [("z_L", "z_L + z_H + x"), ("z_L", "z_L + z_H + x"), ("z_H", "z_H + z_L")] * 3
    assert [update.network for update in unrolled.updates] == ["f_L", "f_L", "f_H"] * 3
    assert unrolled.answer == "z_H"


def test_the_variants_are_what_they_say() -> None:
    assert [u.network for u in unroll(made("separate_networks"), puzzles()).updates] == ["f_L", "f_L", "f_H"] * 3
    assert table(unroll(made("single_z"), puzzles())) == [("z", "z + x"), ("z", "z + x"), ("z", "z")] * 3
    pads = [("pads1", "pads1 + y + pads2 + x"), ("pads2", "pads2 + y + pads1 + x"), ("y", "y + pads1 + pads2")]
    assert table(unroll(made("multi_scale_z"), puzzles())) == pads * 3


def test_a_value_is_what_its_network_makes_of_what_it_read() -> None:
    unrolled = unroll(made("multi_scale_z"), puzzles())
    for count, update in enumerate(unrolled.updates):
        again = unrolled.evaluate(update, unrolled.states(count))
        torch.testing.assert_close(again, update.value)


def test_rotary_positions_and_the_order_of_the_inputs_are_kept() -> None:
    class Lopsided(nn.Module):
        def forward(self, state: Tensor, injected: Tensor, rotary: Any = None) -> Tensor:
            return (state + 0.5 * injected).tanh()

    lopsided = trm()
    lopsided.network = Lopsided()
    for model in (lopsided, trm(mixer="attention", positions="rotary")):
        unrolled = unroll(model, puzzles())
        update = unrolled.updates[7]
        torch.testing.assert_close(unrolled.evaluate(update, unrolled.states(7)), update.value, rtol=0, atol=1e-6)


@pytest.mark.parametrize("gradient", [False, True])
def test_gradients_are_kept_only_if_asked_for(gradient: bool) -> None:
    seen: list[bool] = []

    class Tells(TRM):
        def latent_recursion(self, x: Tensor, state: State) -> State:
            seen.append(torch.is_grad_enabled())
            return super().latent_recursion(x, state)

    unroll(Tells(ModelConfig(**SIZES)), puzzles(), gradient=gradient)
    assert seen == [False, False, gradient]


def test_a_model_of_one_s_own_may_call_its_network_with_two_inputs() -> None:
    class Mine(TRM):
        def latent_recursion(self, x: Tensor, state: State) -> State:
            y, z = state
            for _ in range(self.config.n):
                z = self.network(z, y + x)
            self.norm(z)
            return State(self.network(y, z), z)

    model = Mine(ModelConfig(**SIZES))
    model.norm = nn.Tanh()  # one input: no update
    model.network.forward = lambda state, injected: (state + injected).tanh()
    unrolled = unroll(model, puzzles())
    torch.testing.assert_close(unrolled.answer_now(2).logits, unrolled.read(3).logits)


class Detached(TRM):
    """Gradients are on in the last recursion, but all before its last update is cut off."""

    def latent_recursion(self, x: Tensor, state: State) -> State:
        y, z = state
        for _ in range(self.config.n):
            z = self.network(z, y + x, self.rotary)
        return State(self.network(y, z.detach(), self.rotary), z)


@pytest.mark.parametrize(
    ("model", "reached"),
    [
        (lambda: trm(), [False] * 6 + [True] * 3),
        (lambda: trm(T=1), [True] * 3),
        (lambda: HRM(HRMConfig(**SIZES)), [False] * 7 + [True] * 2),
        (lambda: made("one_step_gradient"), [False] * 7 + [True] * 2),
        (lambda: Detached(ModelConfig(**SIZES)), [False] * 8 + [True]),
    ],
)
def test_the_gradient_reaches_what_the_papers_say(model: Any, reached: list[bool]) -> None:
    network = model()
    assert [update.gradient for update in unroll(network, puzzles(), gradient=True).updates] == reached
    assert [update.gradient for update in unroll(network, puzzles()).updates] == [None] * len(reached)


# --- a look in between ----------------------------------------------------------------------------------------------


def test_the_answer_changes_only_when_it_is_renewed() -> None:
    unrolled = unroll(trm(), puzzles())
    said = [unrolled.read(count).logits for count in range(10)]
    assert [not torch.equal(a, b) for a, b in zip(said, said[1:], strict=False)] == [False, False, True] * 3
    assert torch.equal(unrolled.states(0)["y"], unrolled.start["y"])


def test_answering_now_after_the_last_thought_is_the_answer_that_follows() -> None:
    unrolled = unroll(trm(), puzzles())
    for recursion in (1, 2, 3):
        torch.testing.assert_close(unrolled.answer_now(3 * recursion - 1).logits, unrolled.read(3 * recursion).logits)
    assert not torch.allclose(unrolled.answer_now(1).logits, unrolled.answer_now(2).logits)


@pytest.mark.parametrize("count", [-1, 10])
def test_an_update_that_does_not_exist_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"no update {count}; this supervision step has 0 to 9"):
        unroll(trm(), puzzles()).states(count)


# --- what cannot be unrolled ----------------------------------------------------------------------------------------


class Difference(TRM):
    def latent_recursion(self, x: Tensor, state: State) -> State:
        y, z = state
        return State(self.network(y, z - x, self.rotary), z)


class Stranger(TRM):
    def latent_recursion(self, x: Tensor, state: State) -> State:
        y, z = state
        return State(self.network(y + 1, z, self.rotary), z)


class Half(TRM):
    def latent_recursion(self, x: Tensor, state: State) -> State:
        y, z = state
        return State(self.network(y, z + 0.5 * x, self.rotary), z)


class Noisy(TRM):
    def latent_recursion(self, x: Tensor, state: State) -> State:
        y, z = state
        return State(self.network(y, z + x + 0.3 * torch.randn_like(x), self.rotary), z)


class Idle(TRM):
    def latent_recursion(self, x: Tensor, state: State) -> State:
        return state


class Breaks(TRM):
    def latent_recursion(self, x: Tensor, state: State) -> State:
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (lambda: made("direct"), "Direct has no recursion to unroll: it renews no state"),
        (lambda: Difference(ModelConfig(**SIZES)), "injected into network is no plain sum of z, x"),
        (lambda: Half(ModelConfig(**SIZES)), "injected into network is no plain sum of z, x"),
        (lambda: Noisy(ModelConfig(**SIZES)), "injected into network is no plain sum of z, x"),
        (lambda: Idle(ModelConfig(**SIZES)), "Idle has no recursion to unroll: it renews no state"),
        (lambda: Stranger(ModelConfig(**SIZES)), "network was called with something that is none of the states y, z"),
    ],
)
def test_what_cannot_be_told_is_refused(model: Any, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        unroll(model(), puzzles())


def test_a_model_that_breaks_is_left_without_hooks() -> None:
    model = Breaks(ModelConfig(**SIZES))
    with pytest.raises(ZeroDivisionError):
        unroll(model, puzzles())
    assert not any(module._forward_hooks for module in model.modules())


# --- where it looks -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"positions": "rotary"},
        {"positions": "rotary2d", "grid_cols": 6},
        {"prefix_len": 2, "puzzle_dim": 64, "puzzle_ids": 1},
    ],
)
def test_attention_weights_are_those_that_mixed_the_values(settings: dict[str, Any]) -> None:
    """Weights times values, through the output matrix, is what the attention gave."""
    model = trm(mixer="attention", **settings)
    unrolled = unroll(model, puzzles())
    weights = attention_weights(unrolled, 5)
    size = 36 + settings.get("prefix_len", 0)
    assert weights.shape == (2, 2, 4, size, size)
    torch.testing.assert_close(weights.sum(-1), torch.ones_like(weights[..., 0]))

    seen: list[tuple[Tensor, Tensor]] = []
    parts = [block.attention for block in model.network.blocks]
    hooks = [p.register_forward_hook(lambda _, given, gave: seen.append((given[0], gave))) for p in parts]
    unrolled.evaluate(unrolled.updates[4], unrolled.states(4))
    for hook in hooks:
        hook.remove()
    for attention, layer, (h, gave) in zip(parts, weights, seen, strict=True):
        values = attention.qkv(h).unflatten(-1, (3, 4, -1)).permute(2, 0, 3, 1, 4)[2]
        torch.testing.assert_close(attention.out((layer @ values).transpose(1, 2).flatten(2)), gave)


def test_attention_is_asked_of_networks_that_have_it_and_of_updates_that_exist() -> None:
    with pytest.raises(RecipeError, match="no attention, its mixer is mlp; use influence"):
        attention_weights(unroll(trm(), puzzles()), 1)
    for update in (0, 10):
        with pytest.raises(ValueError, match=f"no update {update}; this supervision step has 1 to 9"):
            attention_weights(unroll(trm(mixer="attention"), puzzles()), update)


def test_influence_ends_where_the_convolution_does() -> None:
    """One update of z and one of y, one layer each: two cells in every direction and no further."""
    model = trm(mixer="conv", grid_cols=6, n_layers=1, T=1, n=1)
    found = influence(model, puzzles(1), 2 * 6 + 1).reshape(6, 6)
    near = np.zeros((6, 6), bool)
    near[0:5, 0:4] = True
    assert (found[near] > 0).all() and (found[~near] == 0).all()


def test_influence_is_the_slope_of_the_chosen_token_and_skips_the_prefix() -> None:
    model = trm(mixer="attention", prefix_len=2, puzzle_dim=64, puzzle_ids=3)
    model.embed.puzzle.weight.normal_()
    inputs, ids = puzzles(1), torch.tensor([2])
    state, _ = model(inputs, model.initial_state(1), ids)
    found = influence(model, inputs, 7, state, ids)
    x = model.embed(inputs, ids).detach().requires_grad_()
    logits = model.heads(model.answer_state(model.deep_recursion(x, state))).logits[0, 7]
    logits[logits.argmax()].backward()
    np.testing.assert_allclose(found, x.grad[0, 2:].norm(dim=-1), rtol=1e-4)
    assert all(parameter.grad is None for parameter in model.embed.parameters())


@pytest.mark.parametrize("cell", [-1, 36])
def test_influence_on_a_cell_that_does_not_exist_is_refused(cell: int) -> None:
    with pytest.raises(ValueError, match=f"no cell {cell}; the cells are 0 to 35"):
        influence(trm(), puzzles(1), cell)


# --- how it moves ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RECURSIVE)
def test_a_latent_path_is_the_run_of_the_model(name: str) -> None:
    model, inputs = made(name), puzzles()
    states, answers, halting = latent_path(model, inputs, 3)
    state = model.initial_state(2)
    for step in range(4):
        there = np.concatenate([path[step] for path in states.values()], axis=-1)
        np.testing.assert_array_equal(there, torch.cat(list(state), -1).numpy())
        if step < 3:
            state, output = model(inputs, state, torch.zeros(2, dtype=torch.long))
            np.testing.assert_array_equal(answers[step], output.logits.argmax(-1))
            np.testing.assert_allclose(halting[step], output.halt_logit.sigmoid().detach())


def test_a_latent_path_begins_where_it_is_told() -> None:
    model, inputs = trm(), puzzles()
    state, output = model(inputs, model.initial_state(2))
    states, _, _ = latent_path(model, inputs, 1, state=state)
    np.testing.assert_array_equal(states["y"][0], state.y)


def test_paths_without_steps_or_states_are_refused() -> None:
    with pytest.raises(ValueError, match="n_supervision is 0; it must be at least 1"):
        latent_path(trm(), puzzles(), 0)
    with pytest.raises(RecipeError, match="Direct has no recursion: it keeps no state"):
        latent_path(made("direct"), puzzles(), 1)


def test_principal_components_find_the_directions_and_their_shares() -> None:
    angle = np.pi / 6
    along, across = np.array([np.cos(angle), np.sin(angle), 0]), np.array([-np.sin(angle), np.cos(angle), 0])
    t = np.linspace(-1, 1, 101)
    points = np.concatenate((np.outer(t, 3 * along), np.outer(t, across))) + 7
    found, share = principal_components(points)
    np.testing.assert_allclose(share, [0.9, 0.1], atol=1e-12)
    np.testing.assert_allclose(found, (points - 7) @ np.stack((along, across)).T, atol=1e-9)


def test_principal_components_keep_the_shape_and_the_sign() -> None:
    points = np.random.default_rng(0).normal(size=(4, 5, 6))
    found, share = principal_components(points, 3)
    assert found.shape == (4, 5, 3) and share.shape == (3,) and share.sum() < 1
    flipped, _ = principal_components(points[::-1].copy(), 3)
    np.testing.assert_allclose(flipped[::-1], found)
    mirrored, _ = principal_components(-points, 3)
    np.testing.assert_allclose(mirrored, -found)


def test_points_without_directions_are_refused() -> None:
    with pytest.raises(ValueError, match="all points lie in one place"):
        principal_components(np.ones((5, 3)))
    with pytest.raises(ValueError, match="1 points of 3 numbers have no 2 directions"):
        principal_components(np.ones((1, 3)))


def test_an_output_is_detached() -> None:
    output: Output = unroll(trm(), puzzles(), gradient=True).output
    assert not any(part.requires_grad for part in output)
