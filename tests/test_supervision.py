"""The carry: refill, halting, exploration; and that the slots compute what the paper's loop computes."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from trm_edu.interface import ModelConfig, Output
from trm_edu.losses import supervision_loss
from trm_edu.optim import make_optimizers
from trm_edu.supervision import (
    Batch,
    Carry,
    choose,
    deep_supervision,
    halting,
    initial_carry,
    q_continue_target,
    refill,
    supervision_step,
)
from trm_edu.variants import MODELS, build_model

CELLS, VOCAB = 5, 6
RECURSIVE = [name for name in MODELS if name not in ("direct", "symmetric")]  # symmetric: tests/test_symmetric.py
SIZES = ModelConfig(
    VOCAB, CELLS, hidden=8, T=2, n=2, heads=2, swiglu_multiple=8, prefix_len=1, puzzle_ids=9, puzzle_dim=8
)


def make_model(name: str = "trm") -> nn.Module:
    return build_model(name, SIZES)


def make_batch(count: int = 4) -> Batch:
    cells = torch.randint(VOCAB, (2, count, CELLS))
    return Batch(cells[0], cells[1], torch.randint(9, (count,)))


def everything(carry: Carry) -> list[Tensor]:
    """All that belongs to a slot, age apart."""
    return [*carry.state, *carry.batch]


def output_saying(halt: Tensor, go_on: Tensor | None = None) -> Output:
    return Output(torch.zeros(len(halt), CELLS, VOCAB), halt, torch.zeros_like(halt) if go_on is None else go_on)


# --- refill -----------------------------------------------------------------------------------------------------------


def test_choose_works_slot_by_slot_whatever_the_shape() -> None:
    mask = torch.tensor([True, False])
    for shape in ((2,), (2, 3), (2, 3, 4)):
        chosen = choose(mask, torch.ones(shape), torch.zeros(shape))
        assert chosen.shape == shape and chosen[0].all() and not chosen[1].any()


def test_at_the_start_every_slot_counts_as_halted() -> None:
    model, batch = make_model(), make_batch()
    carry = initial_carry(model, batch)
    assert carry.halted.all() and not carry.steps.any()
    assert [len(tensor) for tensor in everything(carry)] == [4] * 5


@given(halted=st.lists(st.booleans(), min_size=4, max_size=4), name=st.sampled_from(RECURSIVE))
@settings(max_examples=30, deadline=None)
def test_question_answer_id_state_and_age_change_together_or_not_at_all(halted: list[bool], name: str) -> None:
    model, old, offered = make_model(name), make_batch(), make_batch()
    state = type(model.initial_state(4))(*(torch.randn_like(tensor) for tensor in model.initial_state(4)))
    carry = Carry(state, torch.tensor([3, 1, 2, 4], dtype=torch.int32), torch.tensor(halted), old)
    after = refill(model, carry, offered)
    fresh = initial_carry(model, offered)
    for slot, was_halted in enumerate(halted):
        source = fresh if was_halted else carry
        for got, expected in zip(everything(after), everything(source), strict=True):
            assert torch.equal(got[slot], expected[slot])
        assert after.steps[slot] == (0 if was_halted else carry.steps[slot])
    assert not after.halted.any()


def test_a_slot_keeps_its_puzzle_until_it_halts_whatever_is_offered() -> None:
    """Four slots that halt at different ages, forced by the halting head; each is followed by hand."""
    model = make_model()
    carry = initial_carry(model, make_batch())
    puzzle, age = [None] * 4, [0] * 4
    waiting = [True] * 4
    for _ in range(7):
        offered = make_batch()
        carry, output = supervision_step(model, carry, offered, n_supervision=3, exploration=0.0)
        for slot in range(4):
            if waiting[slot]:
                puzzle[slot], age[slot] = [tensor[slot].clone() for tensor in offered], 0
            age[slot] += 1
            assert carry.steps[slot] == age[slot]
            for mine, theirs in zip(puzzle[slot], carry.batch, strict=True):
                assert torch.equal(mine, theirs[slot])
        forced = torch.tensor([True, False, age[2] == 2, False])
        assert torch.equal(carry.halted, torch.tensor(age) >= 3), "the network is never sure: bias -5"
        carry = carry._replace(halted=carry.halted | forced)
        waiting = carry.halted.tolist()
    assert age == [1, 1, 1, 1]


@pytest.mark.parametrize("name", RECURSIVE)
def test_a_slot_computes_what_it_would_alone(name: str) -> None:
    """Neighbours of other ages change nothing: slot 1 continues while slot 0 is refilled."""
    model = make_model(name).eval()
    first, second = make_batch(2), make_batch(2)
    carry, _ = supervision_step(model, initial_carry(model, first), first, n_supervision=9, exploration=0.0)
    carry = carry._replace(halted=torch.tensor([True, False]))
    carry, output = supervision_step(model, carry, second, n_supervision=9, exploration=0.0)
    (fresh,) = deep_supervision(model, second, 1)
    _, continued = deep_supervision(model, first, 2)
    assert torch.allclose(output.logits[0], fresh.logits[0], atol=1e-5)
    assert torch.allclose(output.logits[1], continued.logits[1], atol=1e-5)
    assert carry.steps.tolist() == [1, 2]


# --- the paper's loop -------------------------------------------------------------------------------------------------


def trained(step: Callable[[nn.Module, Batch, list[torch.optim.Optimizer]], None], name: str) -> dict[str, Tensor]:
    """Weights after two batches, with one optimizer step after each supervision step."""
    torch.manual_seed(11)
    model = make_model(name)
    optimizers = make_optimizers(model, "adamw", lr=1e-2, weight_decay=0.1)
    for _ in range(2):
        step(model, make_batch(), optimizers)
    return copy.deepcopy(model.state_dict())


def learn(output: Output, labels: Tensor, model: nn.Module, optimizers: list[torch.optim.Optimizer]) -> None:
    (supervision_loss(output, labels).total / len(labels)).backward()
    for optimizer in optimizers:
        optimizer.step()
    model.zero_grad()


@pytest.mark.parametrize("name", [*RECURSIVE, "direct"])
def test_slots_that_never_halt_early_are_the_papers_loop_to_the_bit(name: str) -> None:
    def with_loop(model: nn.Module, batch: Batch, optimizers: list[torch.optim.Optimizer]) -> None:
        for output in deep_supervision(model, batch, 4):
            learn(output, batch.labels, model, optimizers)

    carries: list[Carry] = []

    def with_slots(model: nn.Module, batch: Batch, optimizers: list[torch.optim.Optimizer]) -> None:
        carry = carries.pop() if carries else initial_carry(model, batch)
        for step in range(1, 5):
            assert carry.halted.all() == (step == 1)
            noise = batch if step == 1 else make_batch_apart()
            carry, output = supervision_step(model, carry, noise, n_supervision=4, exploration=0.0)
            assert torch.equal(carry.batch.inputs, batch.inputs)
            learn(output, carry.batch.labels, model, optimizers)
        assert carry.halted.all()
        carries.append(carry)

    def make_batch_apart() -> Batch:
        with torch.random.fork_rng():  # the two runs must see the same batches
            torch.manual_seed(99)
            return make_batch()

    loop, slots = trained(with_loop, name), trained(with_slots, name)
    assert all(torch.equal(loop[key], slots[key]) for key in loop)
    start = trained(lambda *_: None, name)
    assert not torch.equal(start["heads.answer.weight"], loop["heads.answer.weight"])


# --- halting ----------------------------------------------------------------------------------------------------------


def test_halting_rule_truth_table() -> None:
    """Without exploration: at the last step, or with a logit above 0 (Q-learning: above the continue logit)."""
    for halt, go_on, step, q_learning in itertools.product(
        (-2.0, 0.0, 2.0), (-3.0, 0.0, 3.0), (1, 3, 4), (False, True)
    ):
        output = output_saying(torch.tensor([halt]), torch.tensor([go_on]))
        rule = {"n_supervision": 4, "exploration": 0.0, "q_learning": q_learning}
        (stops,) = halting(output, torch.tensor([step]), **rule).tolist()
        assert stops == (step == 4 or halt > (go_on if q_learning else 0.0)), (halt, go_on, step, q_learning)


def test_the_last_step_halts_even_a_slot_that_explores() -> None:
    steps = torch.full((500,), 4)
    sure = output_saying(torch.full((500,), 9.0))
    assert halting(sure, steps, n_supervision=4, exploration=1.0).all()
    assert halting(output_saying(torch.full((500,), -9.0)), steps, n_supervision=4, exploration=1.0).all()


def test_a_slot_that_is_not_done_never_halts_early() -> None:
    output = output_saying(torch.full((500,), -0.1))
    for step in range(1, 6):
        assert not halting(output, torch.full((500,), step), n_supervision=6, exploration=0.5).any()


def test_exploration_draws_the_minimal_age_uniformly_from_2_to_n() -> None:
    """All slots are sure to be done and all explore: the share that may stop at age s is (s - 1) / (N - 1)."""
    count = 40_000
    sure = output_saying(torch.ones(count))
    generator = torch.Generator().manual_seed(0)
    for step in range(1, 7):
        age = torch.full((count,), step)
        stopped = halting(sure, age, n_supervision=6, exploration=1.0, generator=generator)
        assert stopped.float().mean().item() == pytest.approx((step - 1) / 5, abs=0.01)


@pytest.mark.parametrize("exploration", [0.0, 0.1, 0.7])
def test_exploration_has_its_probability(exploration: float) -> None:
    count = 40_000
    first = torch.ones(count, dtype=torch.int32)
    stopped = halting(output_saying(torch.ones(count)), first, n_supervision=16, exploration=exploration)
    assert stopped.float().mean().item() == pytest.approx(1 - exploration, abs=0.008)


def test_exploration_follows_its_generator() -> None:
    def draw(seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        steps = torch.full((200,), 2)
        return halting(output_saying(torch.ones(200)), steps, n_supervision=9, exploration=0.5, generator=generator)

    assert torch.equal(draw(1), draw(1))
    assert not torch.equal(draw(1), draw(2))


def test_one_supervision_step_needs_no_rule() -> None:
    model = make_model()
    carry = initial_carry(model, make_batch())
    for _ in range(3):
        offered = make_batch()
        carry, _ = supervision_step(model, carry, offered, n_supervision=1, exploration=0.5)
        assert carry.halted.all() and (carry.steps == 1).all()
        assert torch.equal(carry.batch.labels, offered.labels)


def test_the_step_carries_no_graph_and_halting_none() -> None:
    model = make_model()
    carry, output = supervision_step(model, initial_carry(model, make_batch()), make_batch())
    assert output.logits.requires_grad
    assert not any(tensor.requires_grad for tensor in carry.state)


# --- Q-learning -------------------------------------------------------------------------------------------------------


def test_q_target_is_the_value_of_the_next_step() -> None:
    model, batch = make_model("hrm"), make_batch(32)
    nn.init.normal_(model.heads.halt.weight)
    nn.init.zeros_(model.heads.halt.bias)
    carry, _ = supervision_step(model, initial_carry(model, batch), batch, n_supervision=3, exploration=0.0)
    carry = carry._replace(steps=torch.arange(32) % 3 + 1)
    _, ahead = model(carry.batch.inputs, carry.state, carry.batch.puzzle_ids)
    target = q_continue_target(model, carry, 3)
    for slot in range(32):
        halt, go_on = ahead.halt_logit[slot], ahead.continue_logit[slot]
        expected = torch.sigmoid(halt if slot % 3 == 2 else torch.maximum(halt, go_on))
        assert torch.allclose(target[slot], expected, atol=1e-6)
    assert not target.requires_grad
    assert (ahead.continue_logit > ahead.halt_logit)[2::3].any(), "or the last step would show nothing"


def test_q_learning_halts_where_the_halt_value_is_higher() -> None:
    model, batch = make_model("hrm"), make_batch(64)
    nn.init.normal_(model.heads.halt.weight, std=3.0)
    carry, output = supervision_step(
        model, initial_carry(model, batch), batch, n_supervision=9, exploration=0.0, q_learning=True
    )
    assert torch.equal(carry.halted, output.halt_logit > output.continue_logit)
    assert 0 < carry.halted.sum() < 64
    assert not torch.equal(carry.halted, output.halt_logit > 0)
