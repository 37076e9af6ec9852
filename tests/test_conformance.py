"""`check_task` finds nothing wrong with the tasks of this repository, and every fault that is planted."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from trm_edu.arc import arc_sets
from trm_edu.arc_tasks import fits, load_tasks
from trm_edu.errors import DataError, PuzzleError
from trm_edu.tasks import GridTask, Line, PuzzleSet, Sudoku, get_task, task_names
from trm_edu.tasks.conformance import CHECKS, ConformanceError, check_task

S4 = Sudoku(2, 2)
SWAPPED = np.arange(16)
SWAPPED[[0, 1]] = 1, 0  # two cells of a row change places: no symmetry


# --- sound tasks ----------------------------------------------------------------------------------------------------


BY_RULES = [name for name in task_names() if getattr(get_task(name), "judged_by", "rules") == "rules"]


def test_the_tasks_of_the_library_are_among_those_that_are_checked() -> None:
    assert {"sudoku4", "sudoku6", "sudoku9", "maze7", "maze10", "maze30"} <= set(BY_RULES)
    assert {"arc7", "arc10", "arc30"} <= set(task_names()) - set(BY_RULES)


@pytest.mark.parametrize("name", BY_RULES)
def test_every_check_runs_and_passes_for_the_tasks_of_the_library(name: str) -> None:
    task = get_task(name)
    assert check_task(task, count=12 if task.seq_len < 400 else 4, seed=5) == list(CHECKS)


@pytest.mark.parametrize("side", [10, 30])
def test_arc_passes_with_real_pairs(side: int) -> None:
    """ARC cannot generate, and no rule judges it: what is left is checked on pairs of real tasks."""
    tasks = fits(load_tasks("arc-agi-1-training"), side)[:6]
    puzzles = next(arc_sets(tasks, [], side=side, augmentations=0)[0].chunks())
    ran = check_task(get_task(f"arc{side}"), puzzles)
    assert set(CHECKS) - set(ran) == {"refusals", "single changes", "generate"}


def test_the_puzzles_may_be_given() -> None:
    puzzles = S4.generate(6, seed=9)
    assert check_task(S4, puzzles) == list(CHECKS)


class Halves(GridTask):
    """Write the left half of a row of four again at its right. It cannot generate, and nothing is open."""

    def __init__(self) -> None:
        super().__init__("halves", (1, 4), "ab", blanks="")

    def violations(self, question: Any, answer: Any) -> list[str]:
        left, right = np.asarray(question)[:2].tolist(), np.asarray(answer).tolist()
        return [] if right == left * 2 else ["the halves differ"]


def test_what_cannot_be_checked_is_left_out_and_said() -> None:
    task = Halves()
    with pytest.raises(ConformanceError, match="halves, puzzles: there are no puzzles to check; give a PuzzleSet"):
        check_task(task)
    questions = np.array(list(itertools.product((1, 2), repeat=4)), np.uint8)
    answers = np.concatenate([questions[:, :2]] * 2, axis=1)
    ran = check_task(task, PuzzleSet("halves", questions, answers, "all of them", 16))
    assert ran == [name for name in CHECKS if name != "generate"]


class ByAnswers(Sudoku):
    """A task that only its stored answers judge: it takes any complete grid, so that its rules must not be asked."""

    judged_by = "answers"

    def violations(self, question: Any, answer: Any) -> list[str]:
        return [] if self.is_solved(question, answer) else ["a cell is empty"]

    def is_solved_batch(self, questions: Any, answers: Any) -> np.ndarray:
        return (answers > 1).all(1)


def test_a_task_that_answers_judge_is_not_asked_for_rules() -> None:
    puzzles = S4.generate(6, seed=9)
    ran = check_task(ByAnswers(2, 2), puzzles)
    assert ran == [name for name in CHECKS if name not in ("refusals", "single changes")]


# --- planted faults -------------------------------------------------------------------------------------------------


def mutant(**members: Any) -> Sudoku:
    """A 4x4 Sudoku with some members replaced; what is no function becomes an attribute of the object."""
    methods = {k: v for k, v in members.items() if callable(v) or isinstance(v, property)}
    task = type("Mutant", (Sudoku,), methods)(2, 2)
    for name in members.keys() - methods.keys():
        setattr(task, name, members[name])
    return task


def lacking(self: Any) -> Any:
    raise AttributeError


def generator(change: Callable[[Any, PuzzleSet, int, int], PuzzleSet]) -> Callable[..., PuzzleSet]:
    """`generate` whose result `change(task, puzzles, count, seed)` replaces."""

    def generate(self: Any, count: int, seed: int, *, exclude: Any = None) -> PuzzleSet:
        return change(self, Sudoku.generate(self, count, seed, exclude=exclude), count, seed)

    return generate


def with_a_zero(puzzles: PuzzleSet) -> PuzzleSet:
    questions = puzzles.questions.copy()
    questions[2, 6] = 0
    return dataclasses.replace(puzzles, questions=questions)


def twins(self: Any, puzzles: PuzzleSet, count: int, seed: int) -> PuzzleSet:
    if count < 4:
        return puzzles
    return puzzles.take(np.array([0, 1, 2, 1, *range(4, count)]))


counted = itertools.count()
draws = np.random.default_rng(0)


def rejecting(method: str, when: Callable[..., bool], value: Any) -> Callable[..., Any]:
    """A method of Sudoku that gives `value` where `when(task, *arguments)`."""

    def replaced(self: Any, *arguments: Any, **options: Any) -> Any:
        return value if when(self, *arguments) else getattr(Sudoku, method)(self, *arguments, **options)

    return replaced


def last_cell_free(self: Any, questions: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """Takes any digit for right in the last cell."""
    answers = answers.copy()
    legal = (answers[:, -1] > 1) & (answers[:, -1] < 6)
    row = answers[:, 12:15]
    answers[legal, -1] = (14 - row.astype(int).sum(1))[legal].clip(0, 5)
    open_now = questions.copy()
    open_now[:, -1] = 1
    return Sudoku.is_solved_batch(self, open_now, answers)


def padding_is_solved(self: Any, questions: np.ndarray, answers: np.ndarray) -> np.ndarray:
    return Sudoku.is_solved_batch(self, questions, answers) | (answers == 0).all(1)


def crashing(self: Any, question: Any, answer: Any) -> list[str]:
    """A student's rule: it looks every token up in a table that knows no padding."""
    {2: 0, 3: 1, 4: 2, 5: 3, 1: 4}[int(answer[0])]
    return Sudoku.violations(self, question, answer)


def swapping(self: Any, symmetry: Any, tokens: Any) -> Any:
    moved = Sudoku.apply(self, symmetry, tokens)
    return moved[..., torch.from_numpy(SWAPPED) if isinstance(moved, torch.Tensor) else SWAPPED]


def only_numpy(self: Any, symmetry: Any, tokens: Any) -> Any:
    return tokens if isinstance(tokens, torch.Tensor) else Sudoku.apply(self, symmetry, tokens)


def in_place(self: Any, symmetry: Any, tokens: Any) -> Any:
    tokens[...] = Sudoku.apply(self, symmetry, tokens)
    return tokens


def one_by_one_untouched(self: Any, symmetry: Any, tokens: Any) -> Any:
    return tokens if tokens.ndim == 1 else Sudoku.apply(self, symmetry, tokens)


def augment_all_alike(self: Any, questions: Any, answers: Any, generator: torch.Generator) -> Any:
    rng = np.random.default_rng(int(torch.randint(2**31, (), generator=generator)))
    symmetry = Sudoku.random_symmetry(self, rng)
    return Sudoku.apply(self, symmetry, questions), Sudoku.apply(self, symmetry, answers)


def augmented(change: Callable[..., Any]) -> Callable[..., Any]:
    def augment(self: Any, questions: Any, answers: Any, generator: torch.Generator) -> Any:
        return change(self, questions, answers, Sudoku.augment(self, questions, answers, generator))

    return augment


def augment_without_generator(self: Any, questions: Any, answers: Any, generator: torch.Generator) -> Any:
    return Sudoku.augment(self, questions, answers, torch.Generator().manual_seed(next(counted)))


def augment_with_a_fixed_seed(self: Any, questions: Any, answers: Any, generator: torch.Generator) -> Any:
    return Sudoku.augment(self, questions, answers, torch.Generator().manual_seed(0))


def augment_in_place(self: Any, questions: Any, answers: Any, generator: torch.Generator) -> Any:
    pair = Sudoku.augment(self, questions, answers, generator)
    return questions.copy_(pair[0]), answers.copy_(pair[1])


def with_one_clue_more(self: Any, questions: Any, answers: Any, pair: Any) -> Any:
    question, answer = pair
    first = (question == 1).long().argmax(1, keepdim=True)
    return question.scatter(1, first, answer.gather(1, first)), answer


def no_generate(self: Any, *_: Any, **__: Any) -> PuzzleSet:
    raise DataError("none")


def blank_frame(self: Any, tokens: Any) -> str:
    return Sudoku.format_grid(self, tokens).replace("1", ".")


MUTANTS: dict[str, tuple[str, dict[str, Any], str]] = {
    # name: the check that must find it, what is replaced, what the message must say
    "no draw": ("protocol", {"draw": property(lacking)}, "it lacks draw"),
    "no name": ("protocol", {"name": ""}, "its name is ''"),
    "many tokens": ("protocol", {"vocab_size": 300}, "vocab_size is 300; it must be 2 to 256"),
    "cells do not fit": ("protocol", {"seq_len": 15}, "seq_len is 15, but grid_shape is 4 x 4 = 16 cells"),
    "silent symmetries": ("protocol", {"symmetries": lambda self: ""}, "symmetries() says nothing"),
    "look of text": ("protocol", {"look": lambda self, token: "x"}, "look(0) is 'x'; it must be"),
    "line outside": ("protocol", {"lines": lambda self: [Line(0, 0, 0, 5)]}, "to_column=5"),
    "one too many": (
        "puzzles",
        {"generate": lambda self, count, seed, **_: S4.generate(count + 1, seed)},
        "(8, 0) made 9 puzzles",
    ),
    "another's puzzles": (
        "puzzles",
        {"generate": generator(lambda self, made, *_: dataclasses.replace(made, task="sudoku6"))},
        "of the task 'sudoku6'; they must bear the name 'sudoku4'",
    ),
    "padding in a question": (
        "puzzles",
        {"generate": generator(lambda self, made, *_: with_a_zero(made))},
        "question 2 holds token 0 at row 2 column 3; tokens of a puzzle are 1 to 5",
    ),
    "cannot generate": (
        "puzzles",
        {"generate": no_generate},
        "give a PuzzleSet, or a smaller count. generate says: none",
    ),
    "unseeded": (
        "generate",
        {"generate": lambda self, count, seed, **_: S4.generate(count, next(counted))},
        "made other questions the second time",
    ),
    "prefix": (
        "generate",
        {"generate": lambda self, count, seed, **_: S4.generate(count, seed + count)},
        "does not begin with the questions of generate(2, 0)",
    ),
    "seed ignored": (
        "generate",
        {"generate": lambda self, count, seed, **_: S4.generate(count, 0)},
        "made the same questions as seed 0",
    ),
    "twins": ("generate", {"generate": generator(twins)}, "puzzle 3 is a twin of puzzle 1"),
    "distinct": (
        "generate",
        {"generate": generator(lambda self, made, *_: dataclasses.replace(made, distinct=1))},
        "says distinct = 1",
    ),
    "exclude ignored": (
        "generate",
        {"generate": lambda self, count, seed, **_: S4.generate(count, seed)},
        "generate(exclude=ndarray) made puzzle 0 although it is excluded",
    ),
    "exclude leaves too few": (
        "generate",
        {
            "generate": lambda self, count, seed, exclude=None: (
                S4 if exclude is None else mutant(generate=no_generate)
            ).generate(count, seed)
        },
        "2 puzzles besides 2 others are too many (none); check with a smaller count",
    ),
    "exclude takes no set": (
        "generate",
        {
            "generate": lambda self, count, seed, exclude=None: S4.generate(
                count, seed, exclude=None if isinstance(exclude, set) else exclude
            )
        },
        "generate(exclude=set) made puzzle",
    ),
    "decode mixes": (
        "text",
        {"decode": lambda self, tokens: Sudoku.decode(self, tokens)[::-1]},
        "encode(decode(question)) has token",
    ),
    "grid is lossy": ("text", {"format_grid": blank_frame}, "encode(format_grid(question)) has token 1 at row"),
    "long tokens": (
        "text",
        {"encode": lambda self, text: Sudoku.encode(self, text).astype(int)},
        "must be numpy uint8",
    ),
    "column of tokens": ("text", {"encode": lambda self, text: Sudoku.encode(self, text)[:, None]}, "shape [16, 1]"),
    "lines": (
        "text",
        {"decode": lambda self, tokens: S4.decode(tokens) + "\n", "format_grid": lambda self, t: S4.format_grid(t)},
        "decode gives several lines",
    ),
    "batch": (
        "text",
        {"encode_batch": lambda self, texts, complete: Sudoku.encode_batch(self, texts[::-1])},
        "encode_batch reads the questions in another way",
    ),
    "takes short text": (
        "refusals",
        {"encode": lambda self, text: Sudoku.encode(self, text + "." if len(text) == 15 else text)},
        "encode takes text with the last cell missing",
    ),
    "takes long text": (
        "refusals",
        {"encode": lambda self, text: Sudoku.encode(self, text[:-1] if len(text) == 17 else text)},
        "encode takes text with a cell too many",
    ),
    "takes foreign text": (
        "refusals",
        {"encode": lambda self, text: Sudoku.encode(self, text.replace("\N{SNOWMAN}", "."))},
        "encode takes text with a foreign character",
    ),
    "other error": (
        "refusals",
        {"encode": lambda self, text: S4.encode(text) if len(text) != 15 else {}["length"]},
        "encode of text with the last cell missing raised KeyError: 'length'; it must raise PuzzleError",
    ),
    "takes open cells": ("refusals", {"encode_answer": Sudoku.encode}, "encode_answer takes open cells"),
    "writes padding": (
        "refusals",
        {"decode": rejecting("decode", lambda self, tokens: not tokens.any(), "." * 16)},
        "decode takes padding",
    ),
    "check takes any shape": (
        "refusals",
        {"check_question": lambda self, tokens: None},
        "check_question takes a cell too few",
    ),
    "refuses questions": (
        "questions",
        {"check_question": lambda self, tokens: S4._puzzle(tokens[:-1])},
        "check_question refuses it: sudoku4",
    ),
    "strict violations": (
        "solutions",
        {"violations": lambda self, question, answer: ["too beautiful"]},
        "breaks rules: too beautiful",
    ),
    "strict is_solved": ("solutions", {"is_solved": lambda self, question, answer: False}, "is_solved says no"),
    "strict batch": (
        "solutions",
        {"is_solved_batch": lambda self, q, a: S4.is_solved_batch(q, a) & (len(q) == 1)},
        "is_solved_batch says no",
    ),
    "question solves itself": (
        "solutions",
        {"is_solved_batch": lambda self, q, a: S4.is_solved_batch(q, a) | (q == a).all(1)},
        "is_solved takes the question itself",
    ),
    "last cell free": (
        "single changes",
        {"is_solved_batch": last_cell_free},
        "at row 4 column 4 is taken for solved",
    ),
    "padding solves": (
        "agreement",
        {"is_solved_batch": padding_is_solved},
        "is_solved says True (of tensors True), is_s",
    ),
    "rules crash": ("agreement", {"violations": crashing}, "raised KeyError: 0"),
    "tuple of lines": (
        "agreement",
        {"violations": lambda self, q, a: tuple(S4.violations(q, a))},
        "must be a list of texts",
    ),
    "verdicts as numbers": (
        "agreement",
        {"is_solved_batch": lambda self, q, a: np.where(S4.is_solved_batch(q, a), -1, 0)},
        "is_solved_batch gives int64",
    ),
    "breaks rules": ("symmetries", {"apply": swapping}, "its answer solves it no more: ["),
    "tensors untouched": ("symmetries", {"apply": only_numpy}, "another thing to a tensor than to numpy"),
    "apply in place": ("symmetries", {"apply": in_place}, "apply wrote over the tokens"),
    "one puzzle untouched": ("symmetries", {"apply": one_by_one_untouched}, "to one puzzle [L] than to many"),
    "wide images": (
        "symmetries",
        {"apply": lambda self, s, tokens: S4.apply(s, tokens).astype(int)},
        "changed its type or shape",
    ),
    "wide tensors": (
        "symmetries",
        {"apply": lambda self, s, t: S4.apply(s, t).long() if isinstance(t, torch.Tensor) else S4.apply(s, t)},
        "apply of a tensor of torch.uint8 gives another type",
    ),
    "no way back": (
        "symmetries",
        {"invert": lambda self, symmetry: symmetry},
        "after apply and apply(invert) it has token",
    ),
    "own dice": (
        "symmetries",
        {"random_symmetry": lambda self, rng: S4.random_symmetry(draws)},
        "another symmetry from an equal gen",
    ),
    "moving prints": (
        "symmetries",
        {"fingerprint": lambda self, q: q.astype(np.uint64) @ np.arange(1, 17, dtype=np.uint64)},
        "its fingerprint changes; it must stay",
    ),
    "signed prints": (
        "symmetries",
        {"fingerprint": lambda self, q: S4.fingerprint(q).astype(np.int64)},
        "it must be uint64 [8]",
    ),
    "prints of a crowd": (
        "symmetries",
        {"fingerprint": lambda self, q: S4.fingerprint(q) + np.uint64(len(q) == 1)},
        "alone is another than among others",
    ),
    "all rows alike": ("augment", {"augment": augment_all_alike}, "64 copies of one puzzle in one way"),
    "answers stay": (
        "augment",
        {"augment": augmented(lambda self, q, a, pair: (pair[0], a))},
        "augmented, its answer solves it no more",
    ),
    "augment widens": (
        "augment",
        {"augment": augmented(lambda self, q, a, pair: (pair[0].long(), pair[1]))},
        "must stay torch.uint8 [8, 16]",
    ),
    "augment's own dice": ("augment", {"augment": augment_without_generator}, "another result from an equal generator"),
    "augment's fixed seed": (
        "augment",
        {"augment": augment_with_a_fixed_seed},
        "the same result from another generator",
    ),
    "augment in place": ("augment", {"augment": augment_in_place}, "augment wrote over the batch"),
    "augment helps": ("augment", {"augment": augmented(with_one_clue_more)}, "augmented, its fingerprint changes"),
    "draw gives nothing": ("draw", {"draw": lambda self, ax, tokens, **marks: None}, "does not return the axes"),
    "draw takes no marks": ("draw", {"draw": lambda self, ax, tokens: ax}, "raised TypeError"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_planted_fault_is_found_by_its_check(name: str) -> None:
    check, members, message = MUTANTS[name]
    with pytest.raises(ConformanceError, match=re.escape(message)) as caught:
        check_task(mutant(**members), count=8)
    assert f", {check}: " in str(caught.value)


@pytest.mark.parametrize(
    ("puzzles", "message"),
    [
        (S4.generate(0, 0), "without a puzzle in it; a PuzzleSet with at least one is needed"),
        (S4.generate(2, 0).questions, "the puzzles are ndarray"),
        (dataclasses.replace(get_task("sudoku6").generate(2, 0), task="sudoku4"), "have 36 cells; seq_len is 16"),
    ],
    ids=["none", "array", "long"],
)
def test_given_puzzles_that_do_not_fit_are_refused(puzzles: Any, message: str) -> None:
    with pytest.raises(ConformanceError, match=f"sudoku4, puzzles: .*{message}"):
        check_task(S4, puzzles)


def test_every_check_has_a_mutant() -> None:
    assert {check for check, _, _ in MUTANTS.values()} == set(CHECKS)


def test_a_puzzle_error_of_a_check_is_a_finding_too() -> None:
    def refuse(self: Any, tokens: Any) -> str:
        raise PuzzleError("never")

    with pytest.raises(ConformanceError, match="sudoku4, text: raised PuzzleError: never"):
        check_task(mutant(decode=refuse), count=4)
