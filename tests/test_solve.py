"""A puzzle in, a verified answer out: the network proposes, the rules decide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from trm_edu.checkpoints import shipped_model
from trm_edu.errors import CheckpointError, PuzzleError
from trm_edu.interface import ModelConfig, Output
from trm_edu.solve import Step, check_fits, check_input, recursion_trace, solve
from trm_edu.tasks import PuzzleSet, Sudoku, get_task
from trm_edu.trm import State
from trm_edu.variants import build_model

TASK = get_task("sudoku6")


class Oracle(nn.Module):
    """Knows every answer: shows it from step `right_from` on, says that it is done from step `done_from` on.

    `late`: each further puzzle of a batch is done that many steps later. `blind`: a question that it never answers
    rightly. It writes down how many puzzles came in each call.
    """

    def __init__(self, right_from: int = 1, done_from: int = 1, late: int = 0, blind: np.ndarray | None = None):
        super().__init__()
        self.config = ModelConfig(TASK.vocab_size, TASK.seq_len, hidden=1, heads=1, swiglu_multiple=8)
        self.weight = nn.Parameter(torch.zeros(1))
        self.right_from, self.done_from, self.late, self.blind = right_from, done_from, late, blind
        self.calls: list[int] = []

    def initial_state(self, count: int) -> State:
        return State(torch.zeros(count, 1, 1), torch.zeros(count, 1, 1))

    def forward(self, inputs: Tensor, state: State, puzzle_ids: Tensor | None = None) -> tuple[State, Output]:
        self.calls.append(len(inputs))
        step = int(state.y[0, 0, 0]) + 1
        answers = []
        for question in inputs.numpy().astype(np.uint8):
            unsolvable = self.blind is not None and np.array_equal(question, self.blind)
            right = step >= self.right_from and not unsolvable
            answers.append(TASK.solve_by_search(question) if right else np.full(36, 2, np.uint8))
        logits = 5.0 * nn.functional.one_hot(torch.from_numpy(np.stack(answers)).long(), TASK.vocab_size)
        halt = torch.where(step >= self.done_from + self.late * torch.arange(len(inputs)), 2.0, -2.0)
        return State(state.y + 1, state.z), Output(logits, halt, torch.zeros(len(inputs)))


@pytest.fixture(scope="module")
def puzzles() -> PuzzleSet:
    return TASK.generate(5, seed=2)


@pytest.fixture
def question(puzzles: PuzzleSet) -> np.ndarray:
    return puzzles.questions[0]


def test_a_right_answer_is_verified_and_ends_the_search(puzzles: PuzzleSet) -> None:
    model = Oracle(right_from=2, done_from=3)
    solution = solve(model, TASK, puzzles.questions[1])
    assert solution.solved and solution.steps_used == 3 and len(solution.attempts) == 1
    assert np.array_equal(solution.best.answer, puzzles.answers[1])
    assert solution.best.violations == [] and solution.best.said_done and solution.best.start == 1
    assert model.calls == [1, 1, 1], "it stops when the network says that it is done"
    assert solution.seconds > 0 and np.array_equal(solution.question, puzzles.questions[1])


def test_steps_are_shown_as_they_are(question: np.ndarray) -> None:
    shown: list[Step] = []
    solve(Oracle(right_from=2, done_from=3), TASK, question, on_step=shown.append)
    assert [step.number for step in shown] == [1, 2, 3]
    assert [bool(TASK.violations(question, step.answer)) for step in shown] == [True, False, False]
    assert [step.halt_probability > 0.5 for step in shown] == [False, False, True]
    expected = torch.tensor([5.0] + [0.0] * 7).softmax(0)[0].item()
    assert all(np.allclose(step.confidence, expected) for step in shown)


def test_a_network_that_is_never_done_stops_at_the_budget(question: np.ndarray) -> None:
    model = Oracle(done_from=99)
    solution = solve(model, TASK, question, n_supervision=4)
    assert solution.solved and solution.steps_used == 4 and not solution.best.said_done


def test_the_rules_decide_not_the_network(question: np.ndarray) -> None:
    model = Oracle(right_from=99, done_from=1)
    solution = solve(model, TASK, question, starts=1)
    assert not solution.solved and solution.best.said_done
    assert any("changed" in line or "holds" in line for line in solution.best.violations)
    assert model.calls == [1]


def test_further_starts_are_turned_puzzles_and_their_answers_are_turned_back(question: np.ndarray) -> None:
    model = Oracle(done_from=2, blind=question)
    solution = solve(model, TASK, question, starts=5, n_supervision=6)
    assert solution.solved and len(solution.attempts) == 5
    assert model.calls == [1, 1, 4, 4], "the further starts run together"
    assert [attempt.start for attempt in solution.attempts] == [1, 2, 3, 4, 5]
    assert [bool(attempt.violations) for attempt in solution.attempts] == [True, False, False, False, False]
    assert solution.best.start == 2 and TASK.is_solved(question, solution.best.answer)
    assert all(step.confidence is None for attempt in solution.attempts[1:] for step in attempt.steps)
    assert solution.steps_used == 10


def test_each_start_ends_when_it_is_done(question: np.ndarray) -> None:
    solution = solve(Oracle(late=2, blind=question), TASK, question, starts=4, n_supervision=4)
    assert [len(attempt.steps) for attempt in solution.attempts] == [1, 1, 3, 4]
    assert [attempt.said_done for attempt in solution.attempts] == [True, True, True, False]
    assert solution.steps_used == 9


def test_the_seed_decides_the_further_starts() -> None:
    torch.manual_seed(0)
    model = build_model("trm", ModelConfig(8, 36, hidden=8, T=1, n=1, swiglu_multiple=8)).eval()
    question = TASK.generate(1, seed=4).questions[0]

    def answers(seed: int) -> list[list[int]]:
        found = solve(model, TASK, question, starts=4, n_supervision=2, seed=seed)
        assert not found.solved and len(found.attempts) == 4
        assert len(found.best.violations) == min(len(a.violations) for a in found.attempts)
        return [attempt.answer.tolist() for attempt in found.attempts]

    assert answers(1) == answers(1)
    assert answers(1)[0] == answers(2)[0] and answers(1)[1:] != answers(2)[1:]


def test_noise_goes_to_the_further_starts_only() -> None:
    torch.manual_seed(0)
    model = build_model("trm", ModelConfig(8, 36, hidden=8, T=1, n=1, swiglu_multiple=8)).eval()
    torch.nn.init.normal_(model.heads.halt.weight)
    question = TASK.generate(1, seed=4).questions[0]

    def sure(noise: float, seed: int = 1) -> list[float]:
        found = solve(model, TASK, question, starts=4, n_supervision=2, seed=seed, noise=noise)
        return [attempt.steps[0].halt_probability for attempt in found.attempts]

    plain, noisy = sure(0.0), sure(1.0)
    assert noisy == sure(1.0) and noisy[0] == plain[0]
    assert all(new != old for new, old in zip(noisy[1:], plain[1:], strict=True)), "the same turns, other starts"
    assert sure(1.0, seed=2)[1:] != noisy[1:]


def test_each_puzzle_of_a_trace_ends_when_all_are_done(puzzles: PuzzleSet) -> None:
    trace = recursion_trace(Oracle(done_from=3), puzzles.questions, 8)
    assert len(trace) == 3
    answers, confidence, halt = trace[-1]
    assert np.array_equal(answers, puzzles.answers) and answers.dtype == np.uint8
    assert confidence.shape == (5, 36) and (halt > 0.5).all()


def test_padding_is_never_part_of_an_answer(question: np.ndarray) -> None:
    """A network that has learned nothing may prefer token 0, which no grid can show."""
    model = build_model("trm", ModelConfig(8, 36, hidden=8, T=1, n=1, swiglu_multiple=8)).eval()
    with torch.no_grad():
        model.heads.answer.weight[0] = 50 * model.heads.answer.weight[1]
    solution = solve(model, TASK, question, starts=3, n_supervision=2)
    state, output = model(torch.from_numpy(question[None].astype(np.int64)), model.initial_state(1))
    assert (output.logits.argmax(-1) == 0).any(), "or this shows nothing"
    best = output.logits.softmax(-1)[0, :, 1:].max(-1)
    (first, *_), *_ = (attempt.steps for attempt in solution.attempts)
    assert np.array_equal(first.answer, best.indices.numpy() + 1)
    assert np.allclose(first.confidence, best.values.detach().numpy())
    for attempt in solution.attempts:
        TASK.format_grid(attempt.answer)


# --- improper puzzles and networks that do not fit --------------------------------------------------------------------


def changed(question: np.ndarray, change: Callable[[np.ndarray], Any]) -> np.ndarray:
    copy = question.copy()
    change(copy)
    return copy


def test_improper_puzzles_are_refused_before_the_network_is_asked(question: np.ndarray) -> None:
    first = np.flatnonzero(question > 1)[0]
    several = changed(question, lambda q: q.__setitem__(first, 1))
    twice = changed(question, lambda q: q.__setitem__(slice(0, 2), 5))
    none = TASK.encode("12345." + "......" * 4 + ".....6")  # row 1 needs a 6 in the last column, which has one
    for improper, words in ((several, "more than one solution"), (twice, "contradict"), (none, "has no solution")):
        model = Oracle()
        with pytest.raises(PuzzleError, match=words):
            solve(model, TASK, improper)
        assert not model.calls
    check_input(TASK, question)


def test_a_task_that_cannot_count_solutions_is_taken_at_its_word(question: np.ndarray) -> None:
    class NoCount(Sudoku):
        solution_count = None

    empty = np.ones(36, np.uint8)
    with pytest.raises(PuzzleError, match="more than one solution"):
        check_input(TASK, empty)
    check_input(NoCount(2, 3), empty)
    with pytest.raises(PuzzleError, match="contradict"):
        check_input(NoCount(2, 3), changed(question, lambda q: q.__setitem__(slice(0, 2), 5)))


def test_a_network_of_another_size_is_refused() -> None:
    model = build_model("trm", ModelConfig(11, 81, hidden=8, T=1, n=1, swiglu_multiple=8))
    with pytest.raises(CheckpointError, match="takes 81 cells and 11 tokens; sudoku6 has 36 and 8"):
        check_fits(model, TASK)
    with pytest.raises(CheckpointError, match="takes 81 cells"):
        solve(model, TASK, TASK.generate(1, seed=0).questions[0])
    check_fits(model, get_task("sudoku9"))


# --- the shipped networks ---------------------------------------------------------------------------------------------


def test_the_shipped_6x6_network_solves_unseen_minimal_puzzles() -> None:
    model = shipped_model("sudoku6").model
    puzzles = TASK.generate(20, seed=987)
    solved = [solve(model, TASK, question).solved for question in puzzles.questions]
    assert sum(solved) >= 19


def test_the_shipped_9x9_network_solves_ordinary_puzzles() -> None:
    task, model = get_task("sudoku9"), shipped_model("sudoku9").model
    puzzles = task.generate(5, seed=987, clues=36)
    solved = [solve(model, task, question).solved for question in puzzles.questions]
    assert sum(solved) >= 4


def test_steps_of_the_puzzle_as_it_is_keep_the_state_before_them() -> None:
    """From it the step can be made once more; of a turned puzzle no state is kept, because its cells lie elsewhere."""
    torch.manual_seed(0)
    model = build_model("trm", ModelConfig(vocab_size=8, seq_len=36, hidden=16))
    solution = solve(model, TASK, TASK.generate(1, seed=0).questions[0], n_supervision=3, starts=2)
    first, turned = solution.attempts
    inputs = torch.from_numpy(solution.question.astype("int64"))[None]
    for step in first.steps:
        _, output = model(inputs, step.before)
        assert output.logits[0, :, 1:].argmax(-1).add(1).tolist() == step.answer.tolist()
    assert len(first.steps) == 3 and [step.before for step in turned.steps] == [None] * 3
