"""`GridTask`: a puzzle of your own on a grid of characters. You write its rules and a maker; the rest is here.

Token 0 is padding, and the character characters[i] is token i + 1. Put the digits first and digit d is token d.
Cells are numbered in reading order from 0; rows and columns in messages count from 1. A whole example, futoshiki, is
in examples/futoshiki.py; `trm_edu.tasks.conformance.check_task` tells whether a task keeps what it promises.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Bool, Int64, Integer, UInt8, UInt64
from torch import Tensor

from trm_edu.errors import DataError, PuzzleError
from trm_edu.tasks.base import Look, PuzzleSet, Tokens, as_numpy, cells_of

if TYPE_CHECKING:
    import matplotlib.axes


@dataclass(frozen=True)
class GridSymmetry:
    """One symmetry: cell c of the image shows what stood in cell cells[c], and token t has become image[t].

    cells: a permutation of 0 .. L - 1. image: a permutation of 0 .. V - 1 that leaves padding (0) alone.
    """

    cells: tuple[int, ...]
    image: tuple[int, ...]

    def inverse(self) -> GridSymmetry:
        """The symmetry that undoes this one."""
        return GridSymmetry(*(tuple(np.argsort(order).tolist()) for order in (self.cells, self.image)))

    def then(self, other: GridSymmetry) -> GridSymmetry:
        """This symmetry first, then `other`, as one."""
        return GridSymmetry(tuple(self.cells[c] for c in other.cells), tuple(other.image[t] for t in self.image))


def group_of(generators: Iterable[GridSymmetry], *, at_most: int = 10_000) -> list[GridSymmetry]:
    """Every symmetry that the given ones make together, the identity first. DataError if there are too many to list."""
    generators = list(generators)
    if not generators:
        raise DataError("a group needs at least one symmetry to start from, got none.")
    first = generators[0]
    found = {GridSymmetry(tuple(range(len(first.cells))), tuple(range(len(first.image)))): None}  # keeps its order
    fresh = list(found)
    while fresh:
        fresh = list(dict.fromkeys(s.then(g) for s in fresh for g in generators if s.then(g) not in found))
        found.update(dict.fromkeys(fresh))
        if len(found) > at_most:
            raise DataError(
                f"these symmetries make more than {at_most:,} together: too many to list. Write random_symmetry and "
                "fingerprint instead of all_symmetries, or start from fewer."
            )
    return list(found)


class GridTask:
    """All of `Task` for a grid of characters. Subclass it, call `super().__init__(...)`, and write these methods:

    rules(question, answer)  a line for each rule that the answer [L] breaks. Required (or `is_solved_batch`).
    make(rng)                a new puzzle: question [L] and answer [L], or both [rows, columns]. Needed to generate.
    all_symmetries()         the symmetries, if they can be listed (see `group_of`). Default: only the identity.
    look(token), lines()     how it looks, if the characters and thin lines are not what you want.
    cell_names               which characters a question may hold and what each is called, {"#": "wall"}, where the
                             characters alone say too little. Default: all, under their own names.

    Clues that must stay and cells that must be filled are watched here; `rules` need not look at them. Symmetries that
    are too many to list: write `random_symmetry`, `symmetries` and a `fingerprint` that none of them changes.
    """

    patience = 2_000  # makes in a row that bring nothing new before `generate` gives up

    def __init__(self, name: str, grid_shape: tuple[int, int], characters: str, *, blanks: str = "") -> None:
        """blanks: those of `characters` that a question leaves open; no answer holds them.

        Raises DataError if the parts do not fit together or the class lacks its rules.
        """
        kind = type(self).__name__
        if not isinstance(name, str) or not name.strip():
            raise DataError(f"{kind}: name is {name!r}; it must be a text such as 'futoshiki4'.")
        if len(grid_shape) != 2 or not all(isinstance(n, int) and n >= 1 for n in grid_shape):
            raise DataError(f"{name}: grid_shape is {grid_shape!r}; it must be two numbers from 1 up: rows, columns.")
        if not 1 <= len(characters) <= 255:
            raise DataError(f"{name}: {len(characters)} characters; there must be 1 to 255, as a token is one byte.")
        twice = sorted({c for c in characters if characters.count(c) > 1})
        if twice:
            raise DataError(f"{name}: character {twice[0]!r} stands twice in characters; each is one token.")
        odd = [c for c in characters if c != " " and (c.isspace() or not c.isprintable())]
        if odd:
            raise DataError(f"{name}: {odd[0]!r} in characters cannot be typed or seen; take a printable one.")
        stray = [c for c in blanks if c not in characters]
        if stray:
            raise DataError(f"{name}: blank {stray[0]!r} is not among the characters {characters!r}; add it there.")
        if set(characters) == set(blanks):
            raise DataError(f"{name}: every character is a blank, so no answer could be written; add some more.")
        self.name, self.grid_shape, self.characters, self.blanks = name, tuple(grid_shape), characters, blanks
        self.vocab_size, self.seq_len = len(characters) + 1, grid_shape[0] * grid_shape[1]
        self.hint = f"{grid_shape[0]} rows of {grid_shape[1]} cells: {characters}"
        if blanks:
            self.hint += f" ({' '.join(map(repr, blanks))} is open)"
        if not any(self._has_own(method) for method in ("rules", "violations", "is_solved_batch")):
            raise DataError(f"{kind} has no rules: write rules(question, answer), a line for each rule that is broken.")
        if self._has_own("random_symmetry") and not self._has_own("fingerprint"):
            raise DataError(
                f"{kind} has a random_symmetry, but no fingerprint of its own: write one that no symmetry changes, "
                "or list all_symmetries instead of both."
            )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def _has_own(self, method: str) -> bool:
        """Whether a subclass has written this method anew."""
        return getattr(type(self), method) is not getattr(GridTask, method)

    def token(self, character: str) -> int:
        """The token of a character. Raises PuzzleError for a foreign one."""
        if len(character) != 1 or character not in self.characters:
            raise PuzzleError(f"{self.name}: {character!r} is none of the characters {self.characters!r}.")
        return self.characters.index(character) + 1

    # --- text -------------------------------------------------------------------------------------------------

    def encode(self, text: str) -> UInt8[np.ndarray, " L"]:
        """Text to tokens uint8 [L], on one line or on many. White space is skipped, unless a space is a character.

        Raises PuzzleError for a wrong number of cells or a foreign character. Does not check the rules.
        """
        if not isinstance(text, str):
            raise PuzzleError(f"{self.name}: a puzzle is text of {self.seq_len} cells, got {type(text).__name__}.")
        cells = [(i, c) for i, c in enumerate(text) if c in self.characters or not c.isspace()]
        foreign = [(i, c) for i, c in cells if c not in self.characters]
        found = len(cells) - len(foreign)
        if foreign:
            at, character = foreign[0]
            raise PuzzleError(
                f"{self.name}: character {character!r} at position {at + 1} is no cell (cells are "
                f"{self.characters!r}). Found {found} cells, need {self.seq_len}."
            )
        if found != self.seq_len:
            rows, columns = self.grid_shape
            raise PuzzleError(
                f"{self.name}: found {found} cells, need {self.seq_len}: {rows} rows of {columns} "
                f"(cells are {self.characters!r})."
            )
        return np.array([self.characters.index(c) + 1 for _, c in cells], np.uint8)

    def encode_answer(self, text: str) -> UInt8[np.ndarray, " L"]:
        """Like `encode`, but raises PuzzleError if a cell is open."""
        tokens = self.encode(text)
        still_open = np.flatnonzero(self.is_open(tokens))
        if len(still_open):
            raise PuzzleError(
                f"{self.name}: an answer has no open cells, this has {len(still_open)}, first {self.at(still_open[0])}."
            )
        return tokens

    def decode(self, tokens: Tokens) -> str:
        """Tokens to L characters. Raises PuzzleError for padding or tokens out of range."""
        return "".join(self.characters[token - 1] for token in self._puzzle(tokens).tolist())

    def format_grid(self, tokens: Tokens) -> str:
        """Tokens to one line of text a row; `encode` reads it back."""
        text, columns = self.decode(tokens), self.grid_shape[1]
        return "\n".join(text[start : start + columns] for start in range(0, self.seq_len, columns))

    def at(self, cell: int | np.integer) -> str:
        """'at row 2 column 3': for messages."""
        row, column = divmod(int(cell), self.grid_shape[1])
        return f"at row {row + 1} column {column + 1}"

    def is_open(self, tokens: Integer[np.ndarray, "*shape"]) -> Bool[np.ndarray, "*shape"]:
        """Which cells hold a blank."""
        return np.isin(tokens, self._open_tokens)

    @cached_property
    def _open_tokens(self) -> list[int]:
        return [self.token(character) for character in self.blanks]

    def _puzzle(self, tokens: Any) -> UInt8[np.ndarray, " L"]:
        """One puzzle as uint8 [L]; raises PuzzleError for a wrong shape or a token that is no character."""
        tokens = cells_of(self, tokens)
        bad = np.flatnonzero((tokens < 1) | (tokens >= self.vocab_size))
        if len(bad):
            raise PuzzleError(
                f"{self.name}: token {tokens[bad[0]]} {self.at(bad[0])} is no cell; "
                f"characters are tokens 1 to {self.vocab_size - 1}.",
                cells=bad,
            )
        return tokens.astype(np.uint8)

    # --- rules ------------------------------------------------------------------------------------------------

    def rules(self, question: UInt8[np.ndarray, " L"], answer: UInt8[np.ndarray, " L"]) -> list[str]:
        """A line for each broken rule of the puzzle. Your part.

        Both hold characters only (1 .. V - 1), but the answer may be any: a network's, with open cells in it, too.
        """
        raise NotImplementedError

    def check_question(self, tokens: Tokens) -> None:
        """Raise PuzzleError if this cannot be a question. Here: if it is not well-formed. Override it to say more.

        Give the error the cells that are to blame (`cells=`), and a widget crosses them.
        """
        self._puzzle(tokens)

    def violations(self, question: Tokens, answer: Tokens) -> list[str]:
        """A line for each clue that changed and each cell that is open or foreign, then those of `rules`."""
        question, answer = self._puzzle(question), cells_of(self, answer)
        lines, foreign = [], False
        asked, left = self.is_open(question), self.is_open(answer)
        for cell in np.flatnonzero((answer != question) & ~asked | left | (answer < 1) | (answer >= self.vocab_size)):
            clue, token = int(question[cell]), int(answer[cell])
            if not 1 <= token < self.vocab_size:
                foreign = True
                lines.append(f"cell {self.at(cell)} holds token {token}, which is no character")
            elif left[cell]:
                lines.append(f"cell {self.at(cell)} is open")
            else:
                now = f"{self.characters[clue - 1]!r} to {self.characters[token - 1]!r}"
                lines.append(f"clue {self.at(cell)} changed from {now}")
        if self._has_own("rules"):
            return lines if foreign else lines + list(self.rules(question, answer.astype(np.uint8)))
        if lines or self._has_own("violations") or self.is_solved_batch(question[None], answer[None])[0]:
            return lines
        return ["the answer does not keep the rules"]

    def is_solved(self, question: Tokens, answer: Tokens) -> bool:
        """Whether `answer` solves `question` by the rules."""
        return bool(self.is_solved_batch(self._puzzle(question)[None], cells_of(self, answer)[None])[0])

    def is_solved_batch(
        self, questions: Integer[np.ndarray, "N L"], answers: Integer[np.ndarray, "N L"]
    ) -> Bool[np.ndarray, " N"]:
        """`is_solved` for many: bool [N]. Here one by one; write it vectorised if evaluation should be faster."""
        questions, answers = self._set(questions), self._set(answers)
        if len(questions) != len(answers):
            raise PuzzleError(f"{self.name}: {len(questions)} questions, but {len(answers)} answers.")
        pairs = zip(questions, answers, strict=True)
        return np.array([not self.violations(question, answer) for question, answer in pairs], bool)

    def is_complete(
        self, questions: Integer[np.ndarray, "N L"], answers: Integer[np.ndarray, "N L"]
    ) -> Bool[np.ndarray, " N"]:
        """Whether every clue is kept and every cell filled with a character: for an `is_solved_batch` of your own."""
        kept = self.is_open(questions) | (questions == answers)
        filled = (answers >= 1) & (answers < self.vocab_size) & ~self.is_open(answers)
        return (kept & filled).all(-1)

    def _set(self, tokens: Any) -> np.ndarray:
        tokens = as_numpy(tokens)
        if tokens.ndim != 2 or tokens.shape[1] != self.seq_len:
            raise PuzzleError(f"{self.name}: a set of puzzles has shape [N, {self.seq_len}], got {list(tokens.shape)}.")
        return tokens

    # --- symmetries -------------------------------------------------------------------------------------------

    def symmetry(self, cells: Any = None, swap: Mapping[str, str] | None = None) -> GridSymmetry:
        """A symmetry from a moved grid of cell numbers [L] or [rows, columns] and from what becomes of characters.

        `task.symmetry(task.cells()[:, ::-1], {"<": ">", ">": "<"})` mirrors left and right and turns two signs.
        """
        image = list(range(self.vocab_size))
        for before, after in (swap or {}).items():
            image[self.token(before)] = self.token(after)
        cells = self.cells() if cells is None else np.asarray(cells)
        return GridSymmetry(tuple(cells.reshape(-1).tolist()), tuple(image))

    def cells(self) -> Int64[np.ndarray, "rows columns"]:
        """The cells' numbers where they stand: turn or mirror it and give it to `symmetry`."""
        return np.arange(self.seq_len).reshape(self.grid_shape)

    def all_symmetries(self) -> list[GridSymmetry]:
        """Every symmetry once, the identity among them. Here only that one."""
        return [self.symmetry()]

    @cached_property
    def _listed(self) -> list[GridSymmetry]:
        listed = list(self.all_symmetries())
        if not listed:
            raise DataError(f"{self.name}: all_symmetries is empty; it must hold at least the identity.")
        return listed

    def symmetries(self) -> str:
        """How many symmetries there are."""
        if self._has_own("random_symmetry"):
            return "random moves of cells and exchanges of characters, not counted"
        count = len(self._listed)
        return f"{count} moves of cells and exchanges of characters" if count > 1 else "none but the identity"

    def random_symmetry(self, rng: np.random.Generator) -> GridSymmetry:
        """A symmetry drawn uniformly from `all_symmetries`."""
        return self._listed[int(rng.integers(len(self._listed)))]

    @lru_cache(maxsize=4096)  # noqa: B019 - tasks live as long as the program
    def _maps(self, symmetry: GridSymmetry) -> tuple[np.ndarray, np.ndarray]:
        """Source cell of each cell [L] and image of each token [V]; raises DataError if they cannot be undone."""
        cells, image = np.array(symmetry.cells), np.array(symmetry.image)
        if not np.array_equal(np.sort(cells), np.arange(self.seq_len)):
            raise DataError(f"{self.name}: the cells of a symmetry must be a permutation of 0 to {self.seq_len - 1}.")
        if not np.array_equal(np.sort(image), np.arange(self.vocab_size)) or image[0] != 0:
            raise DataError(
                f"{self.name}: the image of a symmetry is {image.tolist()}; it must be a permutation of 0 to "
                f"{self.vocab_size - 1} with 0 (padding) first. Does every exchange of characters have its way back?"
            )
        if not np.array_equal(np.sort(image[self._open_tokens]), np.sort(self._open_tokens)):
            raise DataError(
                f"{self.name}: the image of a symmetry turns a blank into another character, or one into it."
            )
        return cells, image

    def apply(self, symmetry: GridSymmetry, tokens: Any) -> Any:
        """The image of tokens [..., L]; numpy or torch as they came, with their type and device."""
        if tokens.shape[-1] != self.seq_len:
            raise PuzzleError(f"{self.name}: the last axis needs {self.seq_len} cells, got {list(tokens.shape)}.")
        cells, image = self._maps(symmetry)
        if isinstance(tokens, Tensor):
            moved = tokens[..., torch.from_numpy(cells).to(tokens.device)]
            return torch.from_numpy(image).to(tokens.device)[moved.long()].to(tokens.dtype)
        return image[tokens[..., cells]].astype(tokens.dtype)

    def invert(self, symmetry: GridSymmetry) -> GridSymmetry:
        """The symmetry that undoes `symmetry`."""
        return symmetry.inverse()

    @cached_property
    def _tables(self) -> tuple[Int64[np.ndarray, "G L"], Int64[np.ndarray, "G V"]]:
        """Cells and images of all listed symmetries."""
        cells, images = zip(*map(self._maps, self._listed), strict=True)
        return np.stack(cells), np.stack(images)

    def augment(
        self, questions: Integer[Tensor, "B L"], answers: Integer[Tensor, "B L"], generator: torch.Generator
    ) -> tuple[Integer[Tensor, "B L"], Integer[Tensor, "B L"]]:
        """One random symmetry for each row, the same for its question and its answer. Types stay.

        Runs on the device of the tensors, where `generator` lives too; the same state of it gives the same result.
        """
        draw = {"generator": generator, "device": questions.device}
        if self._has_own("random_symmetry"):
            rng = np.random.default_rng(int(torch.randint(2**62, (), **draw)))
            sizes = (self.seq_len, self.vocab_size)
            drawn = [self._maps(self.random_symmetry(rng)) for _ in range(len(questions))]
            tables = [np.reshape([pair[i] for pair in drawn], (len(drawn), n)) for i, n in enumerate(sizes)]
            cells, images = (torch.from_numpy(table).long().to(questions.device) for table in tables)
        else:
            chosen = torch.randint(len(self._listed), (len(questions),), **draw)
            cells, images = (torch.from_numpy(table).to(questions.device)[chosen] for table in self._tables)
        question, answer = (
            images.gather(1, tokens.gather(1, cells).long()).to(tokens.dtype) for tokens in (questions, answers)
        )
        return question, answer

    @cached_property
    def _codes(self) -> UInt64[np.ndarray, "L V"]:
        """A random number for each token in each cell, the same on every machine."""
        raw = hashlib.shake_128(b"trm_edu grid").digest(8 * self.seq_len * self.vocab_size)
        return np.frombuffer(raw, "<u8").astype(np.uint64).reshape(self.seq_len, self.vocab_size)

    def fingerprint(self, questions: Integer[np.ndarray, "N L"]) -> UInt64[np.ndarray, " N"]:
        """Equal for any two puzzles that a listed symmetry turns into each other, different for (nearly) all others."""
        questions, everywhere = self._set(questions), np.arange(self.seq_len)
        least = np.full(len(questions), np.iinfo(np.uint64).max, np.uint64)
        for cells, image in zip(*self._tables, strict=True):
            codes = self._codes[everywhere, image[questions[:, cells]]]
            least = np.minimum(least, np.bitwise_xor.reduce(codes, axis=1))
        return least

    # --- generation -------------------------------------------------------------------------------------------

    def make(self, rng: np.random.Generator) -> tuple[Any, Any]:
        """A new puzzle, drawn with `rng` and nothing else: question and answer, each [L] or [rows, columns]. Your part.

        Whatever it returns may come twice; `generate` keeps one of each kind.
        """
        raise DataError(
            f"{self.name} makes no puzzles: write make(rng) in {type(self).__name__}, or read puzzles from a CSV file."
        )

    def generate(
        self, count: int, seed: int, *, exclude: Collection[int] | UInt64[np.ndarray, " M"] | None = None
    ) -> PuzzleSet:
        """`count` puzzles with pairwise different fingerprints, none of them in `exclude`.

        The same arguments give the same puzzles, and a larger count begins with those of a smaller one. Raises
        DataError if `patience` puzzles in a row bring nothing new, or if an answer does not solve its question.
        """
        if count < 0 or not 0 <= seed < 2**63:
            raise DataError(f"{self.name}: count {count} and seed {seed} must not be negative (seed below 2**63).")
        rng, known = np.random.default_rng(seed), set() if exclude is None else {int(value) for value in exclude}
        questions, answers, since_new = [], [], 0
        while len(questions) < count:
            size = min(max(count - len(questions), since_new), 256)  # fingerprints of many at once cost less
            made = [self._made(rng) for _ in range(size)]
            prints = self.fingerprint(np.stack([question for question, _ in made])).tolist()
            for (question, answer), value in zip(made, prints, strict=True):
                since_new += 1
                if value not in known and len(questions) < count:
                    known.add(value)
                    questions.append(question)
                    answers.append(answer)
                    since_new = 0
            if since_new >= self.patience:
                raise DataError(
                    f"{self.name}: found {len(questions)} different puzzles of the {count} asked for "
                    f"({0 if exclude is None else len(exclude)} excluded); {since_new:,} more brought nothing new."
                )
        shape = (count, self.seq_len)
        question_array, answer_array = (np.array(rows, np.uint8).reshape(shape) for rows in (questions, answers))
        wrong = np.flatnonzero(~self.is_solved_batch(question_array, answer_array))
        if len(wrong):
            question, answer = question_array[wrong[0]], answer_array[wrong[0]]
            broken = self.violations(question, answer) or ["is_solved_batch says no, violations finds nothing"]
            raise DataError(
                f"{self.name}: make returned an answer that does not solve its question: {broken[0]}. "
                f"Question {self.decode(question)!r}, answer tokens {answer.tolist()}."
            )
        return PuzzleSet(self.name, question_array, answer_array, f"generated (seed {seed})", count)

    def _made(self, rng: np.random.Generator) -> tuple[UInt8[np.ndarray, " L"], UInt8[np.ndarray, " L"]]:
        """What `make` returns, checked and flat."""
        made = self.make(rng)
        if not isinstance(made, tuple) or len(made) != 2:
            raise DataError(f"{self.name}: make returned {type(made).__name__}; it must return (question, answer).")
        flat = []
        for what, tokens in zip(("question", "answer"), made, strict=True):
            tokens = as_numpy(tokens)
            if tokens.size != self.seq_len or not np.issubdtype(tokens.dtype, np.integer):
                raise DataError(
                    f"{self.name}: make returned a {what} of {tokens.dtype} {list(tokens.shape)}; it must be whole "
                    f"numbers [{self.seq_len}] or {list(self.grid_shape)}."
                )
            tokens = tokens.reshape(-1)
            out = np.flatnonzero((tokens < 1) | (tokens >= self.vocab_size))
            if len(out):
                raise DataError(
                    f"{self.name}: make returned a {what} with token {tokens[out[0]]} {self.at(out[0])}; characters "
                    f"are tokens 1 to {self.vocab_size - 1}."
                )
            flat.append(tokens.astype(np.uint8))
        return flat[0], flat[1]

    # --- pictures ---------------------------------------------------------------------------------------------

    def look(self, token: int) -> Look:
        """The character as it is; blanks and padding look like nothing."""
        if not 1 <= token < self.vocab_size:
            return Look("?") if token else Look()
        character = self.characters[token - 1]
        return Look() if character in self.blanks else Look(character)

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
        """Draw one grid [L] on matplotlib axes, which are cleared first; returns them. `look` and `lines` say how.

        given: the question's tokens [L], or bool [L]; these cells are bold black, the others blue. Default: all.
        changed: bool [L], tinted yellow. wrong: bool [L], vermilion with a cross in the corner.
        confidence: [L] in 0 .. 1; an open cell that is less than 95% sure bears a bar of that length.
        """
        from trm_edu.tasks._drawing import draw_grid  # imports matplotlib

        return draw_grid(ax, self, tokens, given, changed, wrong, confidence)
