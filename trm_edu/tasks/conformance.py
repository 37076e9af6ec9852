"""`check_task`: does a task keep what the `Task` protocol promises? For tests, and for your own puzzle in a notebook.

    >>> from trm_edu.tasks.conformance import check_task
    >>> check_task(get_task("sudoku6"))
    ['protocol', 'puzzles', 'generate', 'text', ...

Each check is one function below; the first promise that is broken raises ConformanceError with the check, the puzzle
(decoded), the place, and what would be right.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import torch

from trm_edu.errors import DataError, PuzzleError, TrmEduError
from trm_edu.tasks import protocol_members
from trm_edu.tasks.base import Line, Look, PuzzleSet, Task, given_cells

SYMMETRIES = 20  # how many random symmetries are tried
LISTED = 64  # and of `all_symmetries`, where a task has it, so many
COPIES = 64  # of one puzzle, to see whether `augment` turns each row in its own way


class ConformanceError(TrmEduError, AssertionError):
    """A task that does not keep what its protocol promises."""


@dataclass
class Case:
    """What is checked. given: whether the caller gave the puzzles. rules: whether rules tell right from wrong."""

    task: Task
    puzzles: PuzzleSet | None
    count: int
    seed: int
    given: bool
    rules: bool

    def pairs(self) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Number, question and answer of each puzzle."""
        return zip(range(len(self.puzzles)), self.puzzles.questions, self.puzzles.answers, strict=True)

    def at(self, cell: int) -> str:
        row, column = divmod(int(cell), self.task.grid_shape[1])
        return f"at row {row + 1} column {column + 1}"

    def puzzle(self, number: int) -> str:
        """'puzzle 3 ('12..')', with its question as text if it has one."""
        question = self.puzzles.questions[number]
        try:
            return f"puzzle {number} ({self.task.decode(question)!r})"
        except Exception:  # decode itself may be what is wrong
            return f"puzzle {number} (tokens {question.tolist()})"


def check_task(task: Task, puzzles: PuzzleSet | None = None, *, count: int = 20, seed: int = 0) -> list[str]:
    """Check everything that can be checked; returns the names of the checks that ran.

    puzzles: look at these instead of `count` generated ones: needed if the task cannot generate. A task that is judged
    by answers (`judged_by`) is not asked for rules; a task without blanks not to refuse open cells; nothing is drawn
    without matplotlib. Raises ConformanceError for the first promise that is broken.
    """
    rules = getattr(task, "judged_by", "rules") == "rules"
    case, ran = Case(task, puzzles, count, seed, puzzles is not None, rules), []
    for name, check in CHECKS.items():
        try:
            if check(case) is not SKIPPED:
                ran.append(name)
        except ConformanceError as error:
            raise ConformanceError(f"{getattr(task, 'name', type(task).__name__)}, {name}: {error}") from None
        except Exception as error:  # whatever the task's own code raises is a finding
            raise ConformanceError(
                f"{getattr(task, 'name', type(task).__name__)}, {name}: raised {type(error).__name__}: {error}"
            ) from error
    return ran


SKIPPED = object()


def fail(what: str) -> NoReturn:
    raise ConformanceError(what)


def same(left: Any, right: Any) -> bool:
    """Equal shape, type and values: two numpy arrays, or two tensors."""
    if isinstance(left, torch.Tensor) != isinstance(right, torch.Tensor):
        return False
    return left.shape == right.shape and left.dtype == right.dtype and bool((left == right).all())


def shown(symmetry: Any) -> str:
    text = repr(symmetry)
    return text if len(text) <= 200 else f"{text[:197]}..."


# --- the checks -----------------------------------------------------------------------------------------------------


def protocol(case: Case) -> None:
    """All members are there and fit together."""
    task = case.task
    missing = [name for name in protocol_members() if not hasattr(task, name)]
    if missing:
        fail(f"it lacks {', '.join(missing)}; see trm_edu.tasks.Task for what they do.")
    if not isinstance(task.name, str) or not task.name:
        fail(f"its name is {task.name!r}; it must be a text.")
    if not 2 <= task.vocab_size <= 256:
        fail(f"vocab_size is {task.vocab_size}; it must be 2 to 256: a token is one byte, and 0 is padding.")
    rows, columns = task.grid_shape
    if rows * columns != task.seq_len:
        fail(f"seq_len is {task.seq_len}, but grid_shape is {rows} x {columns} = {rows * columns} cells.")
    if not isinstance(task.symmetries(), str) or not task.symmetries():
        fail("symmetries() says nothing; it must be a line of text about what the symmetries are.")
    if hasattr(task, "look"):
        for token in range(task.vocab_size):
            if not isinstance(task.look(token), Look):
                fail(f"look({token}) is {task.look(token)!r}; it must be a trm_edu.tasks.Look.")
    if hasattr(task, "lines"):
        for line in task.lines():
            inside = isinstance(line, Line) and max(line.row, line.to_row) <= rows
            if not inside or max(line.column, line.to_column) > columns or min(line) < 0:
                fail(f"lines() holds {line!r}; it must be a trm_edu.tasks.Line within {rows} x {columns} cells.")


def puzzles(case: Case) -> None:
    """There are puzzles, of the right name, shape and type, with tokens of the vocabulary."""
    task = case.task
    if case.puzzles is None:
        try:
            case.puzzles = task.generate(case.count, case.seed)
        except DataError as error:
            fail(f"there are no puzzles to check; give a PuzzleSet, or a smaller count. generate says: {error}")
        if len(case.puzzles) != case.count:
            fail(f"generate({case.count}, {case.seed}) made {len(case.puzzles)} puzzles.")
    found = case.puzzles
    if not isinstance(found, PuzzleSet) or not len(found):
        fail(f"the puzzles are {type(found).__name__} without a puzzle in it; a PuzzleSet with at least one is needed.")
    if found.task != task.name:
        fail(f"the puzzles are of the task {found.task!r}; they must bear the name {task.name!r}.")
    if found.questions.shape[1] != task.seq_len:
        fail(f"questions have {found.questions.shape[1]} cells; seq_len is {task.seq_len}.")
    least = 1 if case.rules else 0  # a grid of another size than the square leaves padding beside it
    for what in ("questions", "answers"):
        tokens = getattr(found, what)
        bad = np.argwhere((tokens < least) | (tokens >= task.vocab_size))
        if len(bad):
            number, cell = bad[0].tolist()
            fail(
                f"{what[:-1]} {number} holds token {tokens[number, cell]} {case.at(cell)}; tokens of a puzzle are "
                f"{least} to {task.vocab_size - 1}."
            )


def generate(case: Case) -> Any:
    """The same arguments give the same puzzles, all different, none that is excluded."""
    task, count, seed = case.task, case.count, case.seed
    try:
        few = task.generate(max(1, count // 4), seed)
    except DataError:
        if case.given:
            return SKIPPED
        raise
    first, again, other = (task.generate(count, s) for s in (seed, seed, seed + 1))
    for what in ("questions", "answers"):
        if not same(getattr(first, what), getattr(again, what)):
            fail(f"generate({count}, {seed}) made other {what} the second time; draw from the seed and nothing else.")
        if not same(getattr(first, what)[: len(few)], getattr(few, what)):
            fail(f"generate({count}, {seed}) does not begin with the {what} of generate({len(few)}, {seed}).")
    if count > 1 and same(first.questions, other.questions):
        fail(f"generate({count}, {seed + 1}) made the same questions as seed {seed}; the seed must matter.")
    prints = task.fingerprint(first.questions)
    if len(np.unique(prints)) != count or first.distinct != count:
        number = next((i for i in range(count) if prints[i] in prints[:i]), None)
        twin = (
            "" if number is None else f"; puzzle {number} is a twin of puzzle {prints.tolist().index(prints[number])}"
        )
        fail(
            f"generate({count}, {seed}) made {len(np.unique(prints))} different fingerprints and says distinct = "
            f"{first.distinct}{twin}. Both must be {count}."
        )
    taken = task.fingerprint(few.questions)
    for exclude in (taken, set(taken.tolist())):
        try:
            others = task.generate(len(few), seed, exclude=exclude)
        except DataError as error:
            fail(f"{len(few)} puzzles besides {len(few)} others are too many ({error}); check with a smaller count.")
        twice = np.isin(task.fingerprint(others.questions), taken)
        if twice.any():
            number = int(np.flatnonzero(twice)[0])
            fail(f"generate(exclude={type(exclude).__name__}) made puzzle {number} although it is excluded.")
    return None


def text(case: Case) -> None:
    """What is written is read back."""
    task = case.task
    for number, question, answer in case.pairs():
        for what, tokens, encode in (("question", question, "encode"), ("answer", answer, "encode_answer")):
            for write in ("decode", "format_grid"):
                for given in (tokens, torch.from_numpy(tokens)):
                    written = getattr(task, write)(given)
                    read = getattr(task, encode)(written)
                    if not isinstance(read, np.ndarray) or read.dtype != np.uint8:
                        fail(f"{encode} gives {getattr(read, 'dtype', type(read).__name__)}; it must be numpy uint8.")
                    if read.shape != tokens.shape:
                        fail(f"{encode} gives shape {list(read.shape)}; it must be [{task.seq_len}].")
                    if not same(read, tokens):
                        cell = int(np.flatnonzero(read != tokens)[0])
                        fail(
                            f"{case.puzzle(number)}: {encode}({write}({what})) has token {read[cell]} {case.at(cell)}, "
                            f"where the {what} has {tokens[cell]}; text must be read back as it was."
                        )
        if "\n" in task.decode(question):
            fail(f"{case.puzzle(number)}: decode gives several lines; it must give one, and format_grid the grid.")
    if hasattr(task, "encode_batch"):
        for what, tokens in (("questions", case.puzzles.questions), ("answers", case.puzzles.answers)):
            read = task.encode_batch([task.decode(row) for row in tokens], complete=what == "answers")
            if not same(read, tokens):
                fail(f"encode_batch reads the {what} in another way than encode; both must give the same tokens.")


def refusals(case: Case) -> Any:
    """Text of a wrong length, foreign characters, open cells in an answer and wrong shapes are refused."""
    if not case.rules:  # a question may have any size, so that no length is wrong
        return SKIPPED
    task, question = case.task, case.puzzles.questions[0]
    written = task.decode(question)
    wrong = [
        ("encode", "text with the last cell missing", written[:-1]),
        ("encode", "text with a cell too many", written + written[-1]),
        ("encode", "empty text", ""),
        ("encode", "text with a foreign character", "\N{SNOWMAN}" + written[1:]),
        ("decode", "a cell too few", question[:-1]),
        ("decode", "padding", np.zeros_like(question)),
        ("decode", "tokens outside the vocabulary", np.full_like(question, 255) if task.vocab_size < 256 else None),
        ("check_question", "a cell too few", question[:-1]),
    ]
    if has_open_cells(task, question):
        wrong.append(("encode_answer", "open cells", written))
    for method, what, value in wrong:
        if value is None:
            continue
        try:
            getattr(task, method)(value)
        except PuzzleError:
            continue
        except Exception as error:
            fail(f"{method} of {what} raised {type(error).__name__}: {error}; it must raise PuzzleError.")
        fail(f"{method} takes {what} ({value!r}); it must raise PuzzleError.")
    return None


def has_open_cells(task: Task, question: np.ndarray) -> bool:
    return not hasattr(task, "look") or not given_cells(task, question).all()


def questions(case: Case) -> None:
    """No question contradicts itself."""
    for number, question, _ in case.pairs():
        for tokens in (question, torch.from_numpy(question)):
            try:
                case.task.check_question(tokens)
            except PuzzleError as error:
                fail(f"{case.puzzle(number)}: check_question refuses it: {error}")


def solutions(case: Case) -> None:
    """The answers solve their questions."""
    task = case.task
    for number, question, answer in case.pairs():
        broken = task.violations(question, answer)
        if broken:
            fail(f"{case.puzzle(number)}: its answer breaks rules: {broken[0]}. The answer must solve the question.")
        if not task.is_solved(question, answer):
            fail(f"{case.puzzle(number)}: is_solved says no to its answer; it must accept it.")
        if case.rules and has_open_cells(task, question) and task.is_solved(question, question):
            fail(f"{case.puzzle(number)}: is_solved takes the question itself, which has open cells, for an answer.")
    verdicts = task.is_solved_batch(case.puzzles.questions, case.puzzles.answers)
    if not verdicts.all():
        number = int(np.flatnonzero(~verdicts)[0])
        fail(f"{case.puzzle(number)}: is_solved_batch says no to its answer; it must accept it.")


def changes(task: Task, answer: np.ndarray) -> np.ndarray:
    """Every answer that differs from this one in one cell: uint8 [L * (V - 1), L]."""
    cells, shifts = np.divmod(np.arange(task.seq_len * (task.vocab_size - 1)), task.vocab_size - 1)
    changed = np.repeat(answer[None], len(cells), axis=0)
    changed[np.arange(len(cells)), cells] = (answer[cells].astype(int) + shifts + 1) % task.vocab_size
    return changed


def single_changes(case: Case) -> Any:
    """No answer with one wrong cell is taken for a solution: every cell, every other token, padding too."""
    if not case.rules:
        return SKIPPED
    for number, question, answer in case.pairs():
        changed = changes(case.task, answer)
        accepted = case.task.is_solved_batch(np.repeat(question[None], len(changed), axis=0), changed)
        if accepted.any():
            wrong = changed[np.flatnonzero(accepted)[0]]
            cell = int(np.flatnonzero(wrong != answer)[0])
            fail(
                f"{case.puzzle(number)}: an answer with token {wrong[cell]} instead of {answer[cell]} {case.at(cell)} "
                "is taken for solved; the rules must refuse it."
            )
    return None


def agreement(case: Case) -> None:
    """violations, is_solved and is_solved_batch say the same of right, wrong and senseless answers."""
    task, rng = case.task, np.random.default_rng(case.seed)
    asked, given = [], []
    for _, question, answer in case.pairs():
        senseless = rng.integers(0, task.vocab_size, task.seq_len)
        tried = [answer, question, np.zeros_like(answer), senseless, rng.permutation(answer)]
        tried += list(rng.permutation(changes(task, answer))[:10])
        asked += [question] * len(tried)
        given += tried
    verdicts = task.is_solved_batch(np.array(asked, np.uint8), np.array(given, np.uint8))
    if verdicts.dtype != bool or verdicts.shape != (len(asked),):
        fail(f"is_solved_batch gives {verdicts.dtype} {list(verdicts.shape)}; it must be bool [{len(asked)}].")
    for question, answer, verdict in zip(asked, np.array(given, np.uint8), verdicts.tolist(), strict=True):
        lines = task.violations(question, answer)
        if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
            fail(f"violations gives {lines!r}; it must be a list of texts.")
        single = bool(task.is_solved(question, answer))
        turned = bool(task.is_solved(torch.from_numpy(question), torch.from_numpy(answer)))
        if not single == turned == verdict == (not lines):
            fail(
                f"of one answer to {task.decode(question)!r} is_solved says {single} (of tensors {turned}), "
                f"is_solved_batch {verdict}, violations {lines[:1] or 'nothing'}; they must agree. The answer's "
                f"tokens: {answer.tolist()}."
            )


def symmetries(case: Case) -> None:
    """A symmetry keeps solutions and fingerprints, can be undone, and does the same to numpy and torch."""
    task, rng, twin = case.task, np.random.default_rng(case.seed), np.random.default_rng(case.seed)
    listed = list(task.all_symmetries())[:LISTED] if hasattr(task, "all_symmetries") else []
    asked, answers = case.puzzles.questions, case.puzzles.answers
    prints = task.fingerprint(asked)
    if prints.dtype != np.uint64 or prints.shape != (len(asked),):
        fail(f"fingerprint gives {prints.dtype} {list(prints.shape)}; it must be uint64 [{len(asked)}].")
    if not same(prints[:1], task.fingerprint(asked[:1])):
        fail(f"{case.puzzle(0)}: its fingerprint alone is another than among others.")
    for _ in range(SYMMETRIES):
        if not same(task.apply(task.random_symmetry(rng), asked), task.apply(task.random_symmetry(twin), asked)):
            fail("random_symmetry draws another symmetry from an equal generator; draw from `rng` and nothing else.")
    for symmetry in [*(task.random_symmetry(rng) for _ in range(SYMMETRIES)), *listed]:
        copy = asked.copy()
        images = task.apply(symmetry, asked), task.apply(symmetry, answers)
        if not same(asked, copy):
            fail("apply wrote over the tokens that it was given; it must leave them as they are.")
        for tokens, image in zip((asked, answers), images, strict=True):
            if not isinstance(image, np.ndarray) or (image.dtype, image.shape) != (tokens.dtype, tokens.shape):
                fail(f"apply of numpy {tokens.dtype} {list(tokens.shape)} changed its type or shape.")
            back = task.apply(task.invert(symmetry), image)
            if not same(back, tokens):
                number, cell = np.argwhere(back != tokens)[0].tolist()
                fail(
                    f"{case.puzzle(number)}: after apply and apply(invert) it has token {back[number, cell]} "
                    f"{case.at(cell)} instead of {tokens[number, cell]}, for the symmetry {shown(symmetry)}."
                )
            for move in (symmetry, task.invert(symmetry)):
                moved = task.apply(move, tokens)
                for dtype in (torch.uint8, torch.int64):
                    turned = task.apply(move, torch.from_numpy(tokens).to(dtype))
                    if not isinstance(turned, torch.Tensor) or turned.dtype != dtype:
                        fail(f"apply of a tensor of {dtype} gives another type; it must stay.")
                    if not same(turned, torch.from_numpy(moved).to(dtype)):
                        fail(f"apply does another thing to a tensor than to numpy, under {shown(move)}.")
            if not same(task.apply(symmetry, tokens[0]), image[0]):
                fail(f"apply does another thing to one puzzle [L] than to many, under {shown(symmetry)}.")
        solved = task.is_solved_batch(*images)
        if not solved.all():
            number = int(np.flatnonzero(~solved)[0])
            why = task.violations(images[0][number], images[1][number])[:1]
            fail(f"{case.puzzle(number)}: turned by {shown(symmetry)}, its answer solves it no more: {why}.")
        other = task.fingerprint(images[0]) != prints
        if other.any():
            number = int(np.flatnonzero(other)[0])
            fail(f"{case.puzzle(number)}: turned by {shown(symmetry)}, its fingerprint changes; it must stay.")


def augment(case: Case) -> None:
    """Each row is turned in a way of its own, which the generator alone decides, and stays solved."""
    task = case.task

    def turned(tokens: tuple[torch.Tensor, torch.Tensor], seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        return task.augment(*tokens, torch.Generator().manual_seed(seed))

    rows = tuple(torch.from_numpy(tokens.copy()) for tokens in (case.puzzles.questions, case.puzzles.answers))
    for dtype in (torch.uint8, torch.int64):
        batch = tuple(tokens.to(dtype) for tokens in rows)
        copies = tuple(tokens.clone() for tokens in batch)
        result = turned(batch, case.seed)
        if not all(same(tokens, copy) for tokens, copy in zip(batch, copies, strict=True)):
            fail("augment wrote over the batch that it was given; it must leave it as it is.")
        for what, before, after in zip(("questions", "answers"), batch, result, strict=True):
            if (after.dtype, after.shape) != (before.dtype, before.shape):
                fail(
                    f"augment gives {what} as {after.dtype} {list(after.shape)}; they must stay {before.dtype} "
                    f"{list(before.shape)}."
                )
        if not all(same(one, two) for one, two in zip(result, turned(batch, case.seed), strict=True)):
            fail("augment gives another result from an equal generator; draw from `generator` and nothing else.")
        asked, answers = (tokens.numpy() for tokens in result)
        if case.rules:  # else the images may be moved to places where only the stored answer goes along
            solved = task.is_solved_batch(asked, answers)
            if not solved.all():
                number = int(np.flatnonzero(~solved)[0])
                why = task.violations(asked[number], answers[number])[:1]
                fail(f"{case.puzzle(number)}: augmented, its answer solves it no more: {why}.")
            other = task.fingerprint(asked) != task.fingerprint(case.puzzles.questions)
            if other.any():
                number = int(np.flatnonzero(other)[0])
                fail(f"{case.puzzle(number)}: augmented, its fingerprint changes; augment must draw a symmetry.")
    rng = np.random.default_rng(case.seed)
    images = {task.apply(task.random_symmetry(rng), case.puzzles.questions[0]).tobytes() for _ in range(COPIES)}
    if len(images) > 1:
        copies = tuple(tokens[:1].repeat(COPIES, 1) for tokens in rows)
        asked, _ = turned(copies, case.seed)
        if len(asked.unique(dim=0)) == 1:
            fail(f"augment turned {COPIES} copies of one puzzle in one way; each row needs a symmetry of its own.")
        if same(asked, turned(copies, case.seed + 1)[0]):
            fail("augment gives the same result from another generator; the generator must matter.")


def draw(case: Case) -> Any:
    """Question and answer can be drawn, with every kind of mark."""
    if importlib.util.find_spec("matplotlib") is None:
        return SKIPPED
    from matplotlib.figure import Figure

    task, question, answer = case.task, case.puzzles.questions[0], case.puzzles.answers[0]
    some, sure = np.arange(task.seq_len) % 5 == 0, np.linspace(0, 1, task.seq_len)
    figure = Figure(figsize=(2, 2))
    for marks in (
        {},
        {"given": question, "changed": some, "wrong": some, "confidence": sure},
        {"given": some},
    ):
        ax = figure.add_subplot()
        for tokens in (answer, torch.from_numpy(answer), np.zeros_like(answer)):
            if task.draw(ax, tokens, **marks) is not ax:
                fail("draw does not return the axes that it was given.")
    figure.canvas.draw()
    return None


CHECKS: dict[str, Callable[[Case], Any]] = {
    "protocol": protocol,
    "puzzles": puzzles,
    "generate": generate,
    "text": text,
    "refusals": refusals,
    "questions": questions,
    "solutions": solutions,
    "single changes": single_changes,
    "agreement": agreement,
    "symmetries": symmetries,
    "augment": augment,
    "draw": draw,
}
