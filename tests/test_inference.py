"""Test-time compute: halting with a batch that is kept full, several starts, which answer to believe, what it costs."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sudoku_reference import S4, S6, S9, units_of
from torch import Tensor, nn

from trm_edu import cli
from trm_edu import evaluate as evaluation
from trm_edu.checkpoints import save_model
from trm_edu.data import as_tensor
from trm_edu.errors import DataError, PuzzleError, RecipeError
from trm_edu.evaluate import evaluate, evaluate_halting, evaluate_starts
from trm_edu.inference import (
    Answers,
    best_by_halting,
    best_by_rules,
    first_to_halt,
    hopeless_above,
    majority,
    noisy_state,
    run_to_halt,
    several_starts,
    surest,
    turned_starts,
    vote_over_symmetries,
)
from trm_edu.interface import ModelConfig, Output
from trm_edu.supervision import Batch, deep_supervision
from trm_edu.tasks import PuzzleSet, Sudoku, get_task
from trm_edu.trm import State
from trm_edu.variants import MODELS, build_model

TASK = get_task("sudoku4")
SIZES = {"hidden": 16, "n_layers": 1, "T": 1, "n": 2, "heads": 2, "swiglu_multiple": 8}


def network(name: str, **settings: Any) -> nn.Module:
    """An untrained 4x4 network that halts sometimes."""
    boxes = {"box_rows": 2, "box_cols": 2} if name == "symmetric" else {}
    model = build_model(name, SIZES | {"vocab_size": 6, "seq_len": 16} | boxes | settings).eval()
    nn.init.normal_(model.heads.halt.weight)
    return model


class Script(nn.Module):
    """Plays a table: puzzle p (its first token) says `answers[p, t]` and `halts[p, t]` at its own step t + 1.

    It takes the step from the state and writes down the puzzles and ids of each call.
    """

    def __init__(self, answers: Tensor, halts: Tensor):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.answers, self.halts = answers, halts
        self.calls: list[list[int]] = []
        self.ids: list[list[int]] = []

    def initial_state(self, count: int) -> State:
        return State(torch.zeros(count, 1, 1), torch.zeros(count, 1, 1))

    def forward(self, inputs: Tensor, state: State, puzzle_ids: Tensor | None = None) -> tuple[State, Output]:
        puzzle, step = inputs[:, 0], state.y[:, 0, 0].long()
        self.calls.append(puzzle.tolist())
        self.ids.append(puzzle_ids.tolist())
        logits = nn.functional.one_hot(self.answers[puzzle, step], 4).float()
        return State(state.y + 1, state.z), Output(logits, self.halts[puzzle, step], torch.zeros(len(inputs)))


def script(puzzles: int, steps: int, seed: int) -> tuple[Script, Tensor]:
    """A random table whose answers often stay for a few steps, and the inputs that go with it."""
    draw = torch.Generator().manual_seed(seed)
    fresh = torch.randint(0, 4, (puzzles, steps, 3), generator=draw)
    changes = torch.rand(puzzles, steps, generator=draw) < 0.6
    changes[:, 0] = True
    since = torch.where(changes, torch.arange(steps), 0).cummax(1).values
    answers = fresh[torch.arange(puzzles)[:, None], since]
    answers[0, 0] = 0  # which is not the same as no answer yet
    halts = torch.randn(puzzles, steps, generator=draw) - 1.5
    inputs = torch.stack([torch.arange(puzzles), *[torch.zeros(puzzles, dtype=torch.long)] * 2], dim=1)
    return Script(answers, halts), inputs


def alone(
    model: Script, puzzle: int, limit: int, above: float, patience: int | None, lost: Tensor | None = None
) -> tuple[int, bool, bool]:
    """The step at which one puzzle leaves, whether it halted, whether it was given up: read off the tables."""
    unchanged = 0
    for t in range(limit):
        same = t > 0 and torch.equal(model.answers[puzzle, t], model.answers[puzzle, t - 1])
        unchanged = unchanged + 1 if same else 0
        if model.halts[puzzle, t] > above:
            return t + 1, True, False
        settled = patience is not None and unchanged >= patience
        if t + 1 < limit and (settled or (lost is not None and lost[puzzle, t])):
            return t + 1, False, True
    return limit, False, False


# --- real halting -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 3, 8, 100])
@pytest.mark.parametrize("patience", [None, 1, 3])
@pytest.mark.parametrize("above", [0.0, -0.7])
def test_a_puzzle_leaves_as_if_it_were_alone(batch_size: int, patience: int | None, above: float) -> None:
    for seed in range(5):
        model, inputs = script(23, 12, seed)
        left = [alone(model, puzzle, 10, above, patience) for puzzle in range(23)]
        answers = run_to_halt(model, inputs, 10, halt_above=above, patience=patience, batch_size=batch_size)
        steps = torch.tensor([step for step, *_ in left])
        assert len(set(steps.tolist())) >= 3, "or this shows little"
        assert torch.equal(answers.steps, steps)
        assert answers.halted.tolist() == [halted for _, halted, _ in left]
        assert answers.given_up.tolist() == [given_up for *_, given_up in left]
        rows = torch.arange(23)
        assert torch.equal(answers.tokens, model.answers[rows, steps - 1])
        assert torch.equal(answers.halt_logit, model.halts[rows, steps - 1])
        assert answers.evaluations == steps.sum() == sum(map(len, model.calls))
        assert answers.ratio == pytest.approx(answers.evaluations / (16 * 23))


def test_a_free_slot_is_taken_at_once() -> None:
    model, inputs = script(40, 8, seed=1)
    steps = run_to_halt(model, inputs, 8, batch_size=6).steps
    sizes = [len(call) for call in model.calls]
    drained = next(i for i, call in enumerate(model.calls) if 39 in call)
    assert set(sizes[:drained]) == {6}, "full as long as a puzzle waits"
    assert sorted(sizes[drained:], reverse=True) == sizes[drained:]
    assert len(sizes) < math.ceil(40 / 6) * steps.max(), "fewer calls than without refill"
    assert all(len(set(call)) == len(call) for call in model.calls), "no puzzle sits in two slots"
    entered = list(dict.fromkeys(puzzle for call in model.calls for puzzle in call))
    assert entered == list(range(40)), "in their order"


@pytest.mark.parametrize("name", sorted(set(MODELS) - {"symmetric"}))
def test_fixed_steps_are_deep_supervision_bit_for_bit(name: str) -> None:
    model = network(name)
    inputs = torch.randint(1, 6, (9, 16))
    batch = Batch(inputs, inputs, torch.zeros(9, dtype=torch.long))
    with torch.no_grad():
        *_, last = deep_supervision(model, batch, 5)
    answers = run_to_halt(model, inputs, 5, halt_above=math.inf)
    assert torch.equal(answers.tokens, last.logits.argmax(-1)) and torch.equal(answers.halt_logit, last.halt_logit)
    assert answers.steps.tolist() == [5] * 9 and answers.evaluations == 45
    assert not answers.halted.any() and not answers.given_up.any()


@pytest.mark.parametrize("name", sorted(set(MODELS) - {"direct", "symmetric"}))
def test_a_network_answers_in_company_as_it_does_alone(name: str) -> None:
    """Rounding depends on the size of the batch, hence a tolerance for logits; seed and thresholds leave room."""
    model = network(name)
    nn.init.constant_(model.heads.halt.bias, 0.0)
    inputs = torch.randint(1, 6, (30, 16))
    together = run_to_halt(model, inputs, 8, batch_size=7)
    assert len(set(together.steps.tolist())) > 1, "or this shows nothing"
    for i in range(30):
        single = run_to_halt(model, inputs[i : i + 1], 8)
        assert together.steps[i] == single.steps[0] and torch.equal(together.tokens[i], single.tokens[0])
        torch.testing.assert_close(together.halt_logit[i], single.halt_logit[0], atol=1e-4, rtol=1e-4)


def test_ids_and_starts_stay_with_their_puzzle() -> None:
    model, inputs = script(9, 6, seed=3)
    ids = torch.arange(100, 109)
    ahead = State(torch.full((9, 1, 1), 2.0), torch.zeros(9, 1, 1))  # they begin at the table's third column
    ahead.y[4] = 0.0
    answers = run_to_halt(model, inputs, 3, state=ahead, puzzle_ids=ids, halt_above=0.5, batch_size=4)
    for puzzles, own in zip(model.calls, model.ids, strict=True):
        assert own == [100 + puzzle for puzzle in puzzles]
    for puzzle, steps in enumerate(answers.steps.tolist()):
        column = steps - 1 + (0 if puzzle == 4 else 2)
        assert torch.equal(answers.tokens[puzzle], model.answers[puzzle, column])
    model.ids.clear()
    run_to_halt(model, inputs, 2)
    assert model.ids and not any(map(any, model.ids)), "0 unless given"


def test_no_puzzles_cost_nothing() -> None:
    model, inputs = script(2, 3, seed=0)
    answers = run_to_halt(model, inputs[:0])
    assert answers.tokens.shape == (0, 3) and answers.evaluations == 0 and not model.calls


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"n_supervision": 0}, "n_supervision is 0; it must be at least 1"),
        ({"patience": 0}, "patience is 0; it must be at least 1"),
        ({"batch_size": -4}, "batch_size is -4; it must be at least 1"),
        ({"halt_above": math.nan}, "halt_above is nan; it must be a number"),
        ({"hopeless": lambda x, y, steps: steps}, r"hopeless gave int64 \[2\]; it must give bool \[2\]"),
        ({"hopeless": lambda x, y, steps: y > 1}, r"hopeless gave bool \[2, 3\]; it must give bool \[2\]"),
        ({"state": State(torch.zeros(3, 1, 1), torch.zeros(3, 1, 1))}, "state has 3 starts for 2 puzzles"),
    ],
)
def test_what_cannot_be_run_is_refused(wrong: dict[str, Any], words: str) -> None:
    model, inputs = script(2, 3, seed=0)
    with pytest.raises(RecipeError, match=words):
        run_to_halt(model, inputs, **wrong)


# --- giving up --------------------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**16),
    puzzles=st.integers(1, 12),
    limit=st.integers(1, 8),
    batch_size=st.integers(1, 13),
    patience=st.none() | st.integers(1, 3),
    share=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
)
def test_giving_up_changes_no_other_answer(
    seed: int, puzzles: int, limit: int, batch_size: int, patience: int | None, share: float
) -> None:
    model, inputs = script(puzzles, 8, seed)
    lost = torch.rand(puzzles, 8, generator=torch.Generator().manual_seed(seed)) < share
    asked = []

    def hopeless(inputs: Tensor, tokens: Tensor, steps: Tensor) -> Tensor:
        puzzle = inputs[:, 0]
        assert torch.equal(tokens, model.answers[puzzle, steps - 1]), "asked of what was just answered"
        asked.append(puzzle.tolist())
        return lost[puzzle, steps - 1]

    options = {"patience": patience, "batch_size": batch_size}
    plain, model.calls = run_to_halt(model, inputs, limit, **options), []
    answers = run_to_halt(model, inputs, limit, **options, hopeless=hopeless)
    left = [alone(model, puzzle, limit, 0.0, patience, lost) for puzzle in range(puzzles)]
    got = zip(answers.steps.tolist(), answers.halted.tolist(), answers.given_up.tolist(), strict=True)
    assert list(got) == left
    rows = torch.arange(puzzles)
    assert torch.equal(answers.tokens, model.answers[rows, answers.steps - 1]), "given up, it keeps its last answer"
    kept = ~answers.given_up
    for name in ("tokens", "halt_logit", "halted", "steps"):
        assert torch.equal(getattr(answers, name)[kept], getattr(plain, name)[kept])
    assert (answers.steps <= plain.steps).all() and not (answers.halted & answers.given_up).any()
    assert answers.evaluations == answers.steps.sum() == sum(map(len, model.calls)) and asked == model.calls
    if share == 1.0:
        assert (answers.steps == 1).all()


def test_the_slot_of_a_hopeless_puzzle_is_taken_at_once() -> None:
    model, inputs = script(10, 8, seed=1)
    odd = lambda inputs, tokens, steps: inputs[:, 0] % 2 == 1  # noqa: E731
    answers = run_to_halt(model, inputs, 4, halt_above=math.inf, hopeless=odd, batch_size=2)
    assert model.calls[:5] == [[0, 1], [0, 2], [0, 2], [0, 2], [2, 3]]
    assert answers.given_up.tolist() == [False, True] * 5 and answers.evaluations == 5 * 4 + 5


def test_repeats_counted_by_hand() -> None:
    right = S4.encode("1234341221434321")
    row = S4.encode("1134341221434321")  # 1 twice in row 1 and box 1, and in column 2
    blank = S4.encode(".234341221434321")  # its row, column and box lack a digit
    grids = torch.from_numpy(np.stack([right, row, blank, np.full(16, 2), np.full(16, 1), np.zeros(16), right]))
    grids[6, 0] = 6  # no token of 4x4
    assert S4.repeats(grids).tolist() == [0, 3, 3, 12 * 3, 12 * 4, 12 * 4, 3]
    assert S4.repeats(grids[:0]).shape == (0,)
    for shape in ((16,), (2, 15)):
        with pytest.raises(PuzzleError, match=r"sudoku4: a set of puzzles has shape \[N, 16\], got"):
            S4.repeats(torch.zeros(shape, dtype=torch.long))


@settings(max_examples=60)
@given(data=st.data(), task=st.sampled_from([S4, S6, S9, Sudoku(2, 4)]), dtype=st.sampled_from(["int64", "uint8"]))
def test_repeats_against_a_loop(data: st.DataObject, task: Sudoku, dtype: str) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**16)))
    answers = np.repeat(task.generate(1, seed=0).answers, 5, 0)
    wrong = rng.random(answers.shape) < np.array([[0], [0.02], [0.1], [0.5], [1]])
    answers = np.where(wrong, rng.integers(0, task.vocab_size + 2, answers.shape), answers).astype(dtype)
    counts = []
    for answer in answers.tolist():
        count = 0
        for unit in units_of(task):
            digits = set()
            for cell in unit:
                if 2 <= answer[cell] < task.side + 2 and answer[cell] not in digits:
                    digits.add(answer[cell])
                else:
                    count += 1
        counts.append(count)
    assert task.repeats(torch.from_numpy(answers)).tolist() == counts and counts[0] == 0
    solved = task.is_solved_batch(answers, answers)
    assert [count == 0 for count in counts] == solved.tolist(), "no repeats is to be right, but for the clues"


def test_hopeless_above_by_hand() -> None:
    one, many = S4.encode("1134341221434321"), np.full(16, 2)  # 3 and 36 repeats
    tokens = torch.from_numpy(np.stack([one, many])[[0, 0, 1, 1, 1]]).long()
    steps = torch.tensor([3, 9, 2, 3, 9])
    for repeats, from_step, lost in ((3, 3, [0, 0, 0, 1, 1]), (2, 3, [1, 1, 0, 1, 1]), (36, 1, [0] * 5)):
        assert hopeless_above(S4, repeats, from_step)(tokens, tokens, steps).tolist() == list(map(bool, lost))
    assert hopeless_above(S4, 3)(tokens, tokens, steps).tolist() == [False, False, False, True, True], "step 3"


def test_thresholds_and_tasks_that_cannot_be_are_refused() -> None:
    class Mute(Sudoku):
        repeats = None

    with pytest.raises(RecipeError, match="sudoku4 does not count repeats; give up by rules needs a task that does"):
        hopeless_above(Mute(2, 2), 3)
    with pytest.raises(RecipeError, match="repeats is -1; it must be at least 0"):
        hopeless_above(S4, -1)
    with pytest.raises(RecipeError, match="from_step is 0; it must be at least 1"):
        hopeless_above(S4, 3, 0)


# --- several starts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", sorted(set(MODELS) - {"direct", "symmetric"}))
def test_noise_goes_to_the_latent_state_only(name: str, dtype: str) -> None:
    model = network(name, hidden=32, dtype=dtype)
    own = model.initial_state(40)

    def draw(seed: int, noise: float = 0.5) -> tuple[Tensor, ...]:
        return noisy_state(model, 40, noise, torch.Generator().manual_seed(seed))

    *others, z = draw(1)
    assert type(draw(1)) is type(own) and z.dtype == own[-1].dtype and z.shape == own[-1].shape
    assert all(torch.equal(new, old) for new, old in zip(others, own[:-1], strict=True))
    shift = z.float() - own[-1].float()
    assert shift.std().item() == pytest.approx(0.5, rel=0.03) and abs(shift.mean().item()) < 0.01
    assert torch.equal(z, draw(1)[-1]) and not torch.equal(z, draw(2)[-1])
    assert all(torch.equal(new, old) for new, old in zip(draw(1, noise=0.0), own, strict=True))


def test_noise_that_cannot_be_is_refused() -> None:
    model = network("direct")
    with pytest.raises(RecipeError, match="Direct has no latent state that noise could go to"):
        noisy_state(model, 2, 1.0)
    assert noisy_state(model, 2, 0.0) == ()
    with pytest.raises(RecipeError, match="noise is -0.5; it must be at least 0"):
        noisy_state(model, 2, -0.5)


@pytest.fixture
def small() -> nn.Module:
    model = build_model("trm", SIZES | {"vocab_size": 6, "seq_len": 16}).eval()
    nn.init.normal_(model.heads.halt.weight)
    return model


def test_the_first_start_is_the_networks_own(small: nn.Module) -> None:
    inputs = torch.randint(1, 6, (7, 16))

    def run(seed: int, **more: Any) -> Answers:
        return several_starts(small, inputs, 4, noise=1.0, generator=torch.Generator().manual_seed(seed), **more)

    found, plain = run(1, n_supervision=3, halt_above=math.inf), run_to_halt(small, inputs, 3, halt_above=math.inf)
    assert found.tokens.shape == (4, 7, 16) and found.steps.shape == (4, 7) and found.evaluations == 4 * 7 * 3
    assert found.ratio == pytest.approx(4 * 3 / 16), "in passes over the 7 puzzles"
    assert torch.equal(found.tokens[0], plain.tokens)
    torch.testing.assert_close(found.halt_logit[0], plain.halt_logit)
    assert (found.halt_logit[1:] != found.halt_logit[0]).all() and (found.halt_logit[1] != found.halt_logit[2]).all()
    again, other = (run(seed, n_supervision=3, halt_above=math.inf) for seed in (1, 2))
    assert torch.equal(again.halt_logit, found.halt_logit) and not torch.equal(other.halt_logit, found.halt_logit)


def test_ids_are_those_of_the_puzzle_at_every_start() -> None:
    model, inputs = script(3, 2, seed=0)
    several_starts(model, inputs, 2, puzzle_ids=torch.tensor([7, 8, 9]), n_supervision=1)
    assert model.ids == [[7, 8, 9, 7, 8, 9]] and model.calls == [[0, 1, 2, 0, 1, 2]]


@pytest.mark.parametrize(("starts", "noise"), [(0, 1.0), (3, 0.0)])
def test_starts_that_would_all_be_the_same_are_refused(starts: int, noise: float) -> None:
    model, inputs = script(2, 3, seed=0)
    with pytest.raises(RecipeError, match=f"starts is {starts} with noise {noise}"):
        several_starts(model, inputs, starts, noise=noise)


class Solver(nn.Module):
    """Answers every 4x4 puzzle rightly, but for `blind`, which it fills with ones; surer of a right answer."""

    def __init__(self, blind: np.ndarray | None = None, pad: bool = False):
        super().__init__()
        self.config = ModelConfig(6, 16, hidden=1, heads=1, swiglu_multiple=8)
        self.weight = nn.Parameter(torch.zeros(1))
        self.blind, self.pad = blind, pad
        self.seen: list[np.ndarray] = []

    def initial_state(self, count: int) -> State:
        return State(torch.zeros(count, 1, 1), torch.zeros(count, 1, 1))

    def forward(self, inputs: Tensor, state: State, puzzle_ids: Tensor | None = None) -> tuple[State, Output]:
        questions = inputs.numpy().astype(np.uint8)
        self.seen.append(questions)
        fooled = torch.tensor([self.blind is not None and bool((self.blind == q).all(-1).any()) for q in questions])
        answers = [np.full(16, 2) if f else TASK.solve_by_search(q) for q, f in zip(questions, fooled, strict=True)]
        logits = nn.functional.one_hot(torch.from_numpy(np.stack(answers)).long(), 6).float()
        if self.pad:
            logits[:, 3, 0] = 2.0
        done = (state.y[:, 0, 0] >= 1) & (state.z[:, 0, 0] < 5)
        halts = torch.where(done, torch.where(fooled, 0.5, 2.0), -1.0)
        return State(state.y + 1, state.z), Output(logits, halts, torch.zeros(len(inputs)))


@pytest.fixture(scope="module")
def puzzles() -> PuzzleSet:
    return TASK.generate(12, seed=2)


def test_turned_puzzles_are_answered_and_turned_back(puzzles: PuzzleSet) -> None:
    model = Solver()
    answers = turned_starts(model, TASK, puzzles.questions, 4, np.random.default_rng(0), batch_size=100)
    assert np.array_equal(answers.tokens.numpy(), np.broadcast_to(puzzles.answers, (4, 12, 16)))
    images = model.seen[0].reshape(4, 12, 16)
    assert np.array_equal(images[0], puzzles.questions), "the first one is the puzzle itself"
    assert len({image.tobytes() for image in images}) == 4
    for image in images:
        assert np.array_equal(TASK.fingerprint(image), TASK.fingerprint(puzzles.questions))
    assert answers.evaluations == 2 * 4 * 12 and (answers.steps == 2).all()
    with pytest.raises(RecipeError, match="count is 0; a puzzle needs at least 1 image"):
        turned_starts(model, TASK, puzzles.questions, 0, np.random.default_rng(0))


def test_turned_puzzles_follow_the_generator_and_take_noise(puzzles: PuzzleSet) -> None:
    def seen(seed: int) -> bytes:
        model = Solver()
        turned_starts(model, TASK, puzzles.questions, 3, np.random.default_rng(seed))
        return model.seen[0].tobytes()

    assert seen(1) == seen(1) != seen(2)
    loud = {"noise": 1e6, "generator": torch.Generator().manual_seed(0)}
    answers = turned_starts(Solver(), TASK, puzzles.questions, 3, np.random.default_rng(0), n_supervision=4, **loud)
    assert answers.halted[0].all() and not answers.halted[1:].all(), "half of the noise is above 5"


def test_a_vote_over_symmetries_outvotes_the_puzzle_itself(puzzles: PuzzleSet) -> None:
    model = Solver(blind=puzzles.questions)
    answers = vote_over_symmetries(model, TASK, puzzles.questions, 3, np.random.default_rng(1))
    assert np.array_equal(answers.tokens.numpy(), puzzles.answers) and answers.evaluations == 2 * 3 * 12
    one = vote_over_symmetries(model, TASK, puzzles.questions, 1, np.random.default_rng(1))
    assert (one.tokens == 2).all()


# --- which answer to believe ------------------------------------------------------------------------------------------


def answers_of(tokens: list[Any], logits: list[Any], steps: list[Any] | None = None, halted: Any = None) -> Answers:
    """[K, N] by hand: one token an answer stands for all its cells."""
    logits = torch.tensor(logits)
    steps = torch.ones(logits.shape, dtype=torch.long) if steps is None else torch.tensor(steps)
    halted = logits > 0 if halted is None else torch.tensor(halted)
    tokens = torch.tensor(tokens)[..., None].expand(*logits.shape, 16)
    return Answers(tokens, logits, halted, ~halted & (steps < 16), steps, 99)


def chosen(answers: Answers) -> list[int]:
    assert answers.evaluations == 99, "what was run stays counted"
    assert answers.tokens.shape == (*answers.halt_logit.shape, 16) and answers.tokens.dim() == 2
    return answers.tokens[:, 0].tolist()


def test_the_surest_answer() -> None:
    answers = answers_of([[1, 2, 3], [4, 5, 6]], [[-1.0, 0.5, 2.0], [-0.5, 0.4, 2.0]])
    best = best_by_halting(answers)
    assert chosen(best) == [4, 2, 3], "of equals the first"
    assert best.halt_logit.tolist() == [-0.5, 0.5, 2.0] and best.halted.tolist() == [False, True, True]


def test_the_first_to_halt() -> None:
    steps = [[3, 2, 5, 16, 2], [2, 2, 1, 16, 9], [9, 7, 9, 16, 1]]
    halted = [[True, True, True, False, False], [True, True, False, False, True], [True, True, True, False, False]]
    logits = [[1.0, 1.0, 1.0, -3.0, -1.0], [2.0, 2.0, -9.0, -2.0, 1.0], [9.0, 9.0, 9.0, -4.0, -1.0]]
    answers = answers_of([[1] * 5, [2] * 5, [3] * 5], logits, steps, halted)
    first = first_to_halt(answers)
    assert chosen(first) == [2, 2, 1, 2, 2], "fewest steps; the surer of equals; one that only settled has not halted"
    assert first.steps.tolist() == [2, 2, 5, 16, 9] and first.given_up.tolist() == [False] * 5
    among = surest(answers_of([[1], [2]], [[1.0], [2.0]], [[3], [4]], [[True], [False]]), torch.ones(2, 1) > 0)
    assert chosen(among) == [2] and among.given_up.tolist() == [True]


def test_the_majority() -> None:
    tokens = [[1, 1, 1, 1], [2, 2, 2, 1], [1, 2, 3, 2], [3, 1, 4, 2], [3, 3, 5, 2]]
    logits = [
        [0.0, 3.0, 1.0, 9.0],
        [9.0, 2.5, 5.0, 9.0],
        [0.0, 2.5, 2.0, 0.0],
        [-1.0, 1.0, 3.0, 0.0],
        [0.5, 9.0, 4.0, 0.0],
    ]
    voted = majority(answers_of(tokens, logits))
    assert chosen(voted) == [1, 2, 2, 2], "votes first, then the mean logit (2.5 beats 2.0), then the surest"
    assert voted.halt_logit.tolist() == [0.0, 2.5, 5.0, 0.0]


def test_a_whole_answer_is_voted_for_not_its_cells() -> None:
    rows = torch.tensor([[[1, 1, 2]], [[1, 2, 1]], [[2, 1, 1]]])
    logits = torch.tensor([[0.0], [1.0], [0.5]])
    answers = Answers(rows, logits, logits > 0, logits < -9, torch.ones(3, 1, dtype=torch.long), 3)
    assert majority(answers).tokens.tolist() == [[1, 2, 1]], "cell by cell it would be [1, 1, 1], which nobody said"


def test_the_rules_choose_an_answer_that_they_accept(puzzles: PuzzleSet) -> None:
    right, wrong = torch.from_numpy(puzzles.answers[:3]).long(), torch.full((3, 16), 2)
    tokens = torch.stack([wrong, right, right])
    tokens[1:, 2] = 3  # the third puzzle is solved by nobody
    logits = torch.tensor([[9.0, 9.0, 1.0], [-4.0, 2.0, 2.0], [-5.0, 3.0, 0.0]])
    answers = Answers(tokens, logits, logits > 0, logits < -9, torch.ones(3, 3, dtype=torch.long), 9)
    best = best_by_rules(TASK, puzzles.questions[:3], answers)
    assert torch.equal(best.tokens[:2], right[:2]) and (best.tokens[2] == 3).all()
    assert best.halt_logit.tolist() == [-4.0, 3.0, 2.0], "the surest of those accepted, or of all"


# --- scores -----------------------------------------------------------------------------------------------------------


def test_halting_keeps_the_score_and_counts_what_it_saves(puzzles: PuzzleSet) -> None:
    model = Solver(blind=puzzles.questions[:3]).train()
    score = evaluate_halting(model, puzzles, batch_size=5, regime="nothing")
    assert score.exact == 9 / 12 and score.count == 12 and score.interval == evaluation.wilson_interval(9, 12)
    assert (score.evaluations, score.steps, score.ratio) == (24, 2.0, 2 / 16)
    assert model.training, "put back as it was"
    told = score.describe()
    assert "(one pass with halting, at most 16 steps); 2.0 steps a puzzle, 12% of 16 fixed steps" in told
    assert puzzles.describe() in told and told.endswith("trained on nothing")
    assert evaluate_halting(model, puzzles, n_supervision=17).compute.startswith("test-time compute with halting")
    slow = evaluate_halting(model, puzzles, halt_above=3.0, n_supervision=4)
    assert (slow.evaluations, slow.exact) == (48, 9 / 12)
    settled = evaluate_halting(model, puzzles, halt_above=3.0, patience=1)
    assert settled.evaluations == 24 and "at most 16 steps or 1 without a change" in settled.compute


def test_giving_up_saves_what_the_unsolved_cost(puzzles: PuzzleSet) -> None:
    """The three blind puzzles hold 36 repeats and never halt above 1."""
    model = Solver(blind=puzzles.questions[:3])
    dear = evaluate_halting(model, puzzles, halt_above=1.0)
    score = evaluate_halting(model, puzzles, halt_above=1.0, give_up=35)
    assert (dear.evaluations, score.evaluations) == (9 * 2 + 3 * 16, 9 * 2 + 3 * 3)
    assert dear.exact == score.exact == 9 / 12
    assert dear.compute == "one pass with halting above 1, at most 16 steps"
    told = "one pass with halting above 1, given up above 35 repeats from step 3, at most 16 steps"
    assert score.compute == told and f"({told}); 2.2 steps a puzzle" in score.describe()
    assert evaluate_halting(model, puzzles, halt_above=1.0, give_up=36).evaluations == dear.evaluations
    both = evaluate_halting(model, puzzles, halt_above=1.0, give_up=35, patience=1)
    assert both.evaluations == 24 and both.compute == f"{told} or 1 without a change"
    with pytest.raises(RecipeError, match="repeats is -1"):
        evaluate_halting(model, puzzles, give_up=-1)


def test_the_command_gives_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = save_model(tmp_path / "random.safetensors", network("trm"), task="sudoku4")

    def run(*words: object) -> tuple[int, str, str]:
        return cli.main(["evaluate", str(weights), "--count", "6", *map(str, words)]), *capsys.readouterr()

    status, out, _ = run("--halt", "--halt-above", 9e9, "--give-up", 0)
    assert status == 0 and "18 evaluations, 81% fewer than 16 fixed steps" in out
    assert "(one pass with halting above 9e+09, given up above 0 repeats from step 3, at most 16 steps)" in out
    assert "96 evaluations" in run("--halt", "--halt-above", 9e9, "--give-up", 48)[1]
    assert " or 2 without a change)" in run("--halt", "--halt-above", -2, "--patience", 2)[1]
    for words, told in {
        ("--give-up", 3): "--give-up 3 needs --halt",
        ("--halt-above", 2.5): "--halt-above 2.5 needs --halt",
        ("--halt", "--patience", 2, "--starts", 4): "--patience 2 is for one start of each puzzle: leave out --starts",
        ("--halt", "--give-up", -1): "--give-up is -1; it must be at least 0",
        ("--halt", "--patience", 0): "--patience is 0; it must be at least 1",
        ("--halt", "--halt-above", "nan"): "halt_above is nan; it must be a number",
    }.items():
        status, out, error = run(*words)
        assert (status, out) == (2, "") and told in error and error.count("\n") == 1


def test_padding_counts_as_wrong_in_every_score(puzzles: PuzzleSet) -> None:
    for score in (evaluate(Solver(pad=True), puzzles).score, evaluate_halting(Solver(pad=True), puzzles).exact):
        assert score == 0.0
    answers = run_to_halt(Solver(pad=True), as_tensor(puzzles.questions, "cpu"))
    assert (answers.tokens[:, 3] == 0).all() and (answers.tokens[:, 4] != 0).all()


@pytest.mark.parametrize(("pick", "right"), [("rules", 12), ("halting", 12), ("first", 12), ("vote", 12)])
def test_symmetries_solve_what_one_pass_does_not(pick: str, right: int, puzzles: PuzzleSet) -> None:
    model = Solver(blind=puzzles.questions)
    assert evaluate(model, puzzles).score == 0
    score = evaluate_starts(model, puzzles, symmetries=3, pick=pick, batch_size=2)
    assert round(score.exact * 12) == right and score.evaluations == 3 * 2 * 12 and score.steps == 6
    assert score.compute == f"test-time compute: 3 symmetries, picked by {pick}, at most 16 steps each"


def test_each_pick_is_its_own(puzzles: PuzzleSet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three answers, each of which only one rule would take."""
    count = len(puzzles)
    right, one, two = torch.from_numpy(puzzles.answers).long(), *(torch.full((count, 16), k) for k in (2, 3))

    def fake(*args: Any, **options: Any) -> Answers:
        tokens = torch.stack([right, one, two, right * 0 + 4, right * 0 + 4])
        logits = torch.tensor([-3.0, 5.0, 1.0, -1.0, -1.0])[:, None].repeat(1, count)
        steps = torch.tensor([9, 5, 2, 7, 7])[:, None].repeat(1, count)
        return Answers(tokens, logits, logits > 0, logits < -9, steps, 1)

    kept: list[Answers] = []
    true = evaluation.evaluate_answers
    monkeypatch.setattr(evaluation, "several_starts", fake)
    monkeypatch.setattr(
        evaluation, "evaluate_answers", lambda m, p, answer, **k: kept.append(answer(p)) or true(m, p, answer, **k)
    )
    for pick in evaluation.PICKS:
        evaluate_starts(Solver(), puzzles, starts=5, noise=1.0, pick=pick)
    assert [answers.tokens[1, 0].item() for answers in kept] == [right[1, 0].item(), 2, 3, 4]
    assert cli.PICKS == evaluation.PICKS


def test_noisy_starts_are_scored_and_repeat_with_their_seed(small: nn.Module, puzzles: PuzzleSet) -> None:
    def run(seed: int, **options: Any) -> dict[str, Any]:
        options = {"starts": 3, "noise": 1.0, "pick": "halting", "n_supervision": 3, "batch_size": 4} | options
        score = evaluate_starts(small, puzzles, seed=seed, **options)
        return dataclasses.asdict(score) | {"evaluation_seconds": 0}

    nn.init.constant_(small.heads.halt.bias, 0.0)
    assert run(1) == run(1) and run(1)["evaluations"] != run(2)["evaluations"]
    assert run(1)["compute"] == "test-time compute: 3 starts with noise 1, picked by halting, at most 3 steps each"
    with pytest.raises(RecipeError, match="starts is 3 and symmetries 2; one must be 1"):
        run(1, symmetries=2)
    with pytest.raises(RecipeError, match="pick is 'best'; it must be one of rules, halting, first, vote"):
        run(1, pick="best")


def in_chunks(puzzles: PuzzleSet, size: int) -> Iterator[PuzzleSet]:
    for start in range(0, len(puzzles), size):
        yield puzzles.take(slice(start, start + size))


@pytest.mark.parametrize("size", [1, 5, 12])
def test_chunks_score_as_the_whole(size: int, small: nn.Module, puzzles: PuzzleSet) -> None:
    whole = evaluate(small, puzzles, n_supervision=3, batch_size=4)
    score = evaluate(small, in_chunks(puzzles, size), n_supervision=3, batch_size=4)
    assert (score.source, score.count, score.interval) == (puzzles.describe(), 12, whole.interval)
    assert score.exact == whole.exact and score.cells == whole.cells and 0 < score.cells[0] < 1
    assert score.halting == pytest.approx(whole.halting, rel=1e-5)
    twice = puzzles.take(np.r_[0:12, 0:3])
    assert evaluate(small, twice, n_supervision=1).source == twice.describe() and twice.distinct == 12
    model = Solver(blind=puzzles.questions[:3])
    assert evaluate_halting(model, in_chunks(puzzles, size)).exact == 9 / 12
    with pytest.raises(DataError, match="there is no puzzle to evaluate"):
        evaluate(small, iter([]))


def test_an_evaluation_waits_for_the_device_once(
    small: nn.Module, puzzles: PuzzleSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    for name in ("item", "cpu", "tolist", "numpy", "__bool__", "__float__", "__int__"):
        true = getattr(Tensor, name)
        monkeypatch.setattr(
            Tensor, name, lambda self, *args, true=true, name=name: asked.append(name) or true(self, *args)
        )
    evaluate(small, puzzles, n_supervision=3, batch_size=2)
    assert asked == ["cpu", "numpy"]


def test_the_sums_are_exact_and_stand_in_one_tensor(small: nn.Module, puzzles: PuzzleSet) -> None:
    sums = evaluation.score_sums(small, in_chunks(puzzles, 5), 3, torch.device("cpu"), evaluation.RuleJudge())
    assert sums.shape == (3, 3) and sums.dtype == torch.float64
    score = evaluate(small, puzzles, n_supervision=3)
    assert torch.equal(sums[0] / 12, torch.tensor(score.exact, dtype=torch.float64))
    assert (sums[1] / (12 * 16)).tolist() == score.cells


def test_one_pass_and_test_time_compute_are_told_apart(small: nn.Module, puzzles: PuzzleSet) -> None:
    assert "after 16 steps (one pass of fixed steps); " in evaluate(small, puzzles).describe()
    longer = evaluate(small, puzzles, n_supervision=17)
    assert "after 17 steps (test-time compute: fixed steps); " in longer.describe()
    assert longer.as_dict()["compute"] == "test-time compute: fixed steps"
