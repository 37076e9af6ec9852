"""What every puzzle offers: `PuzzleSet` holds puzzles with their answers, `Task` lists what a puzzle can do.

Letters in shapes: N puzzles in a set, B rows of a batch, L cells of a puzzle, V tokens of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Integer, UInt8, UInt64
from torch import Generator, Tensor

from trm_edu.errors import DataError, PuzzleError

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
    ids: of each puzzle's row in the table of a model with a puzzle embedding, int64 [N]; None: all 0.

    Raises DataError if shapes, types or `distinct` do not fit together.
    """

    task: str
    questions: np.ndarray
    answers: np.ndarray
    source: str
    distinct: int
    extra: dict[str, np.ndarray] = field(default_factory=dict)
    ids: np.ndarray | None = None

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
        if self.ids is not None and (self.ids.shape != (len(self),) or self.ids.dtype != np.int64):
            raise DataError(f"{self.task} ids: needs int64 [{len(self)}], got {self.ids.dtype} {list(self.ids.shape)}.")
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
        ids = None if self.ids is None else self.ids[chosen]
        return PuzzleSet(self.task, questions, self.answers[chosen], self.source, distinct, extra, ids)

    def describe(self) -> str:
        """One line to print beside every score: source, number of puzzles, how many of them are distinct."""
        return f"{self.source}: {len(self):,} puzzles of {self.task}, {self.distinct:,} distinct under its symmetries"


@dataclass(frozen=True)
class Look:
    """How one token looks in a picture. `Look()` looks like nothing: so look cells that are open in a question.

    text: what stands in the cell; a space is invisible, but no open cell. fill: its colour "#RRGGBB", None for white.
    bold: bold and black even where it is not part of the question (there it always is).
    """

    text: str = ""
    fill: str | None = None
    bold: bool = False


class Line(NamedTuple):
    """A line of a picture from one corner to another, in cells from the top left corner; thick or thin."""

    row: int
    column: int
    to_row: int
    to_column: int
    thick: bool = False


@runtime_checkable
class Task(Protocol):
    """The methods that training, evaluation, solving, plots and widgets rely on. Implement them, then register.

    Tokens: 0 is padding and never part of a puzzle; the rest of 0 .. vocab_size - 1 is the task's own.
    Questions and answers share one vocabulary. `tokens` in a method means one puzzle [L] as numpy or torch.
    A symmetry is whatever object the task makes in `random_symmetry`; callers only hand it back.

    A task may have more, and callers look for it with getattr:
    `look(token: int) -> Look` (from trm_edu.tasks) makes the frames of the widgets fast: without it, `draw` makes them.
    `lines() -> list[Line]` says which lines these show; without it, thin ones around all cells.
    `hint: str` stands in the empty field for a puzzle of one's own. `cell_names: dict[str, str]` says which characters
    a question may hold and what each is called ({"#": "wall"}), where the answer has more; the field offers these.
    `judged_by`: "rules" (the default), or "answers" if no rule tells a right answer from a wrong one.
    `scores(questions, answers) -> dict of bool [N]`: what `evaluate` counts beside exact accuracy, by name.
    `solution_count(question, limit) -> int` lets `solve` refuse a question with no solution, or with several.

    `trm_edu.tasks.GridTask` has all of it but the rules, the symmetries and the generator of your own puzzle;
    `trm_edu.tasks.conformance.check_task` says whether everything fits together.
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


# --- what drawers and tasks share -----------------------------------------------------------------------------------


def as_numpy(values: Any) -> np.ndarray:
    """numpy from numpy, a list, or torch on any device."""
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)


def cells_of(task: Task, values: Any) -> np.ndarray:
    """A value for each cell as numpy [L]. Raises PuzzleError for another shape."""
    values = as_numpy(values)
    if values.shape != (task.seq_len,):
        raise PuzzleError(f"{task.name}: one puzzle has shape [{task.seq_len}], got {list(values.shape)}.")
    return values


def given_cells(task: Any, given: Any) -> Bool[np.ndarray, " L"]:
    """Which cells are part of the question. given: its tokens [L], or bool [L]. Needs the task's `look`.

    A token that looks like nothing (`Look()`) is an open cell.
    """
    given = cells_of(task, given)
    if given.dtype == bool:
        return given
    clues = [token for token in np.unique(given).tolist() if task.look(token) != Look()]
    return np.isin(given, clues)


def text_on(fill: str) -> str:
    """Black or white: what can be read on a colour "#RRGGBB"."""
    red, green, blue = (int(fill[i : i + 2], 16) for i in (1, 3, 5))
    return "#FFFFFF" if 0.299 * red + 0.587 * green + 0.114 * blue < 128 else "#000000"


def grid_lines(rows: int, columns: int, *, thick_rows: int = 0, thick_columns: int = 0) -> list[Line]:
    """Lines around all cells; every `thick_rows`-th and every `thick_columns`-th is thick (0: none)."""
    across = [Line(row, 0, row, columns, bool(thick_rows) and row % thick_rows == 0) for row in range(rows + 1)]
    down = [Line(0, c, rows, c, bool(thick_columns) and c % thick_columns == 0) for c in range(columns + 1)]
    return across + down


def lines_of(task: Any) -> list[Line]:
    """The task's own lines, or thin ones around all cells."""
    return task.lines() if hasattr(task, "lines") else grid_lines(*task.grid_shape)
