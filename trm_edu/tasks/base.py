"""What every puzzle offers: `PuzzleSet` holds puzzles with their answers, `Task` lists what a puzzle can do.

Letters in shapes: N puzzles in a set, B rows of a batch, L cells of a puzzle, V tokens of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Integer, UInt8, UInt64
from torch import Generator, Tensor

from trm_edu.errors import DataError

if TYPE_CHECKING:
    import matplotlib.axes

Tokens = Integer[np.ndarray, " L"] | Integer[Tensor, " L"]  # one puzzle


@dataclass(frozen=True, eq=False)
class PuzzleSet:
    """Puzzles of one task, with their answers and where they come from.

    task: name of the task, as `get_task` knows it.
    questions, answers: tokens, uint8 [N, L].
    source: where the puzzles come from, in words that can stand beside a score.
    distinct: how many of them are different from all others under the symmetries of the task (at most N).
    extra: further columns, each [N], such as `rating`, `guesses` or `clues`.

    Raises DataError if shapes, types or `distinct` do not fit together.
    """

    task: str
    questions: np.ndarray
    answers: np.ndarray
    source: str
    distinct: int
    extra: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("questions", "answers"):
            array = getattr(self, name)
            if array.ndim != 2 or array.dtype != np.uint8:
                raise DataError(f"{self.task} {name}: needs uint8 [N, L], got {array.dtype} {list(array.shape)}.")
        if self.questions.shape != self.answers.shape:
            shapes = f"{list(self.questions.shape)} and {list(self.answers.shape)}"
            raise DataError(f"{self.task}: questions and answers need one shape, got {shapes}.")
        if not 0 <= self.distinct <= len(self):
            raise DataError(f"{self.task}: distinct is {self.distinct}, but the set holds {len(self)} puzzles.")
        for name, column in self.extra.items():
            if len(column) != len(self):
                raise DataError(f"{self.task}: column {name!r} has {len(column)} rows, the set has {len(self)}.")

    def __len__(self) -> int:
        return len(self.questions)

    def take(self, indices: Integer[np.ndarray, " K"] | Bool[np.ndarray, " N"] | slice) -> PuzzleSet:
        """The puzzles at `indices` (anything that numpy accepts for one axis), with `distinct` counted anew."""
        chosen = np.arange(len(self))[indices]
        questions = self.questions[chosen]
        if self.distinct == len(self):
            distinct = len(np.unique(chosen))
        else:
            from trm_edu.tasks import get_task  # the registry imports this module

            distinct = len(np.unique(get_task(self.task).fingerprint(questions)))
        extra = {name: column[chosen] for name, column in self.extra.items()}
        return PuzzleSet(self.task, questions, self.answers[chosen], self.source, distinct, extra)

    def describe(self) -> str:
        """One line to print beside every score: source, number of puzzles, how many of them are distinct."""
        return f"{self.source}: {len(self):,} puzzles of {self.task}, {self.distinct:,} distinct under its symmetries"


@runtime_checkable
class Task(Protocol):
    """The methods that training, evaluation, solving, plots and widgets rely on. Implement them, then register.

    Tokens: 0 is padding and never part of a puzzle; the rest of 0 .. vocab_size - 1 is the task's own.
    Questions and answers share one vocabulary. `tokens` in a method means one puzzle [L] as numpy or torch.
    A symmetry is whatever object the task makes in `random_symmetry`; callers only hand it back.
    """

    name: str
    vocab_size: int
    seq_len: int
    grid_shape: tuple[int, int]

    def encode(self, text: str) -> UInt8[np.ndarray, " L"]:
        """Text to the tokens of a question. Raises PuzzleError for a wrong length or a foreign character."""
        ...

    def encode_answer(self, text: str) -> UInt8[np.ndarray, " L"]:
        """Text to the tokens of a complete answer. Raises PuzzleError also if cells are left open."""
        ...

    def decode(self, tokens: Tokens) -> str:
        """Tokens to text on one line; `encode` reads it back."""
        ...

    def format_grid(self, tokens: Tokens) -> str:
        """Tokens to lines of text for a terminal; `encode` reads them back."""
        ...

    def check_question(self, tokens: Tokens) -> None:
        """Raise PuzzleError, naming row, column and value, if the question contradicts itself. Else do nothing."""
        ...

    def violations(
        self,
        question: Tokens,
        answer: Tokens,
    ) -> list[str]:
        """One readable line for each broken rule; an empty list means solved and correct by the rules."""
        ...

    def is_solved(
        self,
        question: Tokens,
        answer: Tokens,
    ) -> bool:
        """Whether `answer` solves `question` by the rules. No stored solution is needed."""
        ...

    def is_solved_batch(
        self, questions: Integer[np.ndarray, "N L"], answers: Integer[np.ndarray, "N L"]
    ) -> Bool[np.ndarray, " N"]:
        """`is_solved` for many, vectorised."""
        ...

    def augment(
        self, questions: Integer[Tensor, "B L"], answers: Integer[Tensor, "B L"], generator: Generator
    ) -> tuple[Integer[Tensor, "B L"], Integer[Tensor, "B L"]]:
        """One random symmetry for each row, the same for its question and its answer.

        Runs on the device of the tensors, where `generator` must live too. Types stay as they are.
        """
        ...

    def symmetries(self) -> str:
        """What the symmetries are and how many, in one line."""
        ...

    def random_symmetry(self, rng: np.random.Generator) -> Any:
        """A symmetry drawn uniformly."""
        ...

    def apply(self, symmetry: Any, tokens: Any) -> Any:
        """The symmetry's image of tokens [..., L]: numpy in, numpy out; torch in, torch out on the same device."""
        ...

    def invert(self, symmetry: Any) -> Any:
        """The symmetry that undoes `symmetry`: apply(invert(s), apply(s, tokens)) equals tokens."""
        ...

    def fingerprint(self, questions: Integer[np.ndarray, "N L"]) -> UInt64[np.ndarray, " N"]:
        """Hashes that are equal for any two puzzles that a symmetry turns into each other."""
        ...

    def generate(
        self, count: int, seed: int, *, exclude: Collection[int] | UInt64[np.ndarray, " M"] | None = None
    ) -> PuzzleSet:
        """`count` puzzles with pairwise different fingerprints, none of them in `exclude`.

        The same arguments give the same puzzles on every machine. Raises DataError if there are too few.
        """
        ...

    def draw(
        self,
        ax: matplotlib.axes.Axes,
        tokens: Any,
        *,
        given: Any = None,
        changed: Any = None,
        wrong: Any = None,
        confidence: Any = None,
    ) -> matplotlib.axes.Axes:
        """Draw one puzzle [L] on matplotlib axes, which are cleared first; returns them.

        given: the question's tokens [L], or bool [L]: which cells are part of the question.
        changed, wrong: bool [L], cells to mark. confidence: [L] in 0 .. 1.
        """
        ...
