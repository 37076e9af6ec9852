"""Puzzle sets: where they come from, and how they become batches.

A set is looked for in this order: the path you give; the folder in the environment variable TRM_EDU_DATA; the Hugging
Face hub (its cache first). Puzzles are generated only if you ask for "generated" by name. Nothing is ever replaced
silently: what is missing is an error that says what to type, and every set knows its source.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import hashlib
import io
import itertools
import json
import os
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64, Integer, UInt8, UInt64
from torch import Tensor

from trm_edu.errors import DataError, PuzzleError
from trm_edu.losses import IGNORE
from trm_edu.supervision import Batch
from trm_edu.tasks import PuzzleSet, Task, get_task

DATA_VARIABLE = "TRM_EDU_DATA"


@dataclass(frozen=True)
class DataSet:
    """A named set: its file under TRM_EDU_DATA and, if it is public, its place on the hub."""

    task: str
    title: str
    local: str
    repo: str | None = None
    file: str | None = None


DATA_SETS = {
    "sudoku-extreme-1k": DataSet(
        "sudoku9",
        "Sudoku-Extreme, one public draw of 1,000 training rows",
        "sudoku/sudoku_extreme_1k_train.csv.gz",
    ),
    "sx-proxy": DataSet(
        "sudoku9",
        "sx-proxy (dev), a stand-in for the Sudoku-Extreme test split; not comparable with published scores",
        "sudoku/sx_proxy_dev.csv.gz",
    ),
    "sudoku-extreme-train": DataSet(
        "sudoku9",
        "Sudoku-Extreme, training split",
        "sudoku/sudoku_extreme_train.csv",
        "sapientinc/sudoku-extreme",
        "train.csv",
    ),
    "sudoku-extreme-test": DataSet(
        "sudoku9",
        "Sudoku-Extreme, test split",
        "sudoku/sudoku_extreme_test.csv",
        "sapientinc/sudoku-extreme",
        "test.csv",
    ),
    "maze-hard-train": DataSet(
        "maze30",
        "Maze-Hard 30x30, training split",
        "maze/maze_hard_train.csv.gz",
        "sapientinc/maze-30x30-hard-1k",
        "train.csv",
    ),
    "maze-hard-test": DataSet(
        "maze30",
        "Maze-Hard 30x30, test split",
        "maze/maze_hard_test.csv.gz",
        "sapientinc/maze-30x30-hard-1k",
        "test.csv",
    ),
    "maze-hard-test-a": DataSet(
        "maze30",
        "Maze-Hard 30x30, first half of the test split",
        "maze/maze_hard_test_a.csv.gz",
    ),
}


def csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows of a plain or gzipped UTF-8 CSV with their line numbers, header first, blank lines left out.

    It holds one row at a time. Raises DataError with the file if it cannot be read.
    """
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            binary = gzip.GzipFile(fileobj=raw) if packed else raw
            reader = csv.reader(io.TextIOWrapper(binary, encoding="utf-8", newline=""))
            for row in reader:
                if row:
                    yield reader.line_num, row
    except (OSError, EOFError, UnicodeDecodeError, zlib.error, csv.Error) as error:
        raise DataError(f"{path} cannot be read as a (gzipped) UTF-8 CSV: {error}") from None


def csv_columns(path: Path) -> tuple[dict[str, int], Iterator[tuple[int, list[str]]]]:
    """Where each named column stands, and the rows below the header. DataError without `question` and `answer`."""
    rows = csv_rows(path)
    _, names = next(rows, (0, []))
    if missing := {"question", "answer"} - set(names):
        raise DataError(f"{path} has columns {names}; {' and '.join(sorted(missing))} must be among them")
    return {name: place for place, name in enumerate(names)}, rows


def encode_column(task: Task, texts: Sequence[str], *, complete: bool) -> UInt8[np.ndarray, "N L"]:
    """Questions, or answers if `complete`, to tokens: at once where the task can (`encode_batch`), else one by one."""
    if batch := getattr(task, "encode_batch", None):
        return batch(texts, complete=complete)
    return np.stack([task.encode_answer(text) if complete else task.encode(text) for text in texts])


def encode_rows(
    path: Path, task: Task, columns: dict[str, int], rows: Sequence[tuple[int, list[str]]]
) -> tuple[UInt8[np.ndarray, "N L"], UInt8[np.ndarray, "N L"], dict[str, np.ndarray]]:
    """Questions, answers and further numeric columns of rows. DataError names the file and the first bad line."""

    def column(name: str) -> list[str]:
        place = columns[name]
        return [row[place] if place < len(row) else "" for _, row in rows]

    texts = column("question"), column("answer")
    try:
        questions, answers = (encode_column(task, part, complete=k == 1) for k, part in enumerate(texts))
    except PuzzleError:
        for (line, _), question, answer in zip(rows, *texts, strict=True):
            try:
                task.encode(question)
                task.encode_answer(answer)
            except PuzzleError as error:
                raise DataError(f"{path}, line {line}: {error}") from None
        raise  # not reached unless a task's encode_batch refuses what its encode takes
    numeric = {}
    for name in columns.keys() - {"question", "answer", "source"}:
        # a column of words says nothing that a score could use
        with contextlib.suppress(ValueError):
            numeric[name] = np.array([float(value) for value in column(name)])
    return questions, answers, {name: numeric[name] for name in columns if name in numeric}


def stream_csv(
    path: Path,
    task: Task,
    chunk: int = 8192,
    *,
    source: str | None = None,
    exclude: UInt64[np.ndarray, " M"] | None = None,
) -> Iterator[PuzzleSet]:
    """Read a CSV of the hub's form (header with `question` and `answer`, `.` for a blank), plain or gzip, in chunks.

    Further numeric columns become `extra`. `exclude`: fingerprints of puzzles to leave out. The memory that it takes
    is that of one chunk, and 8 bytes a puzzle for its fingerprint: `distinct` of a chunk counts what no earlier row of
    the file is equivalent to, so that the sum over chunks is right for the file. Raises DataError with the file and
    the line once the chunk is reached.
    """
    columns, rows = csv_columns(path)
    known, empty = np.zeros(0, np.uint64), True
    while part := list(itertools.islice(rows, chunk)):
        empty = False
        questions, answers, extra = encode_rows(path, task, columns, part)
        prints = task.fingerprint(questions)
        if exclude is not None:
            kept = ~np.isin(prints, exclude)
            questions, answers, prints = questions[kept], answers[kept], prints[kept]
            extra = {name: values[kept] for name, values in extra.items()}
        prints = np.unique(prints)
        place = np.searchsorted(known, prints)
        new = np.searchsorted(known, prints, side="right") == place
        known = np.insert(known, place[new], prints[new])
        yield PuzzleSet(task.name, questions, answers, source or f"file {path.name}", int(new.sum()), extra)
    if empty:
        raise DataError(f"{path} holds a header and no puzzles")


def whole(chunks: Iterable[PuzzleSet]) -> PuzzleSet:
    """One set of the chunks of a file. A further column must be one of numbers in every chunk."""
    chunks = list(chunks)
    first = chunks[0]
    names = [name for name in first.extra if all(name in chunk.extra for chunk in chunks)]
    questions, answers = (np.concatenate([getattr(c, name) for c in chunks]) for name in ("questions", "answers"))
    extra = {name: np.concatenate([chunk.extra[name] for chunk in chunks]) for name in names}
    return PuzzleSet(first.task, questions, answers, first.source, sum(chunk.distinct for chunk in chunks), extra)


def read_csv(path: Path, task: Task, *, source: str, rows: int | None = None) -> PuzzleSet:
    """A CSV as one set: see `stream_csv`. `rows` stops early."""
    if rows is not None:
        return next(stream_csv(path, task, rows, source=source))
    return whole(stream_csv(path, task, source=source))


def read_rows(path: Path, task: Task, numbers: Integer[np.ndarray, " K"], *, source: str) -> PuzzleSet:
    """The rows of a CSV with these numbers (0 is the first puzzle), in this order; no other row is looked at."""
    columns, rows = csv_columns(path)
    order = np.argsort(numbers)
    wanted = iter(numbers[order].tolist())
    chosen, number = [], next(wanted, None)
    for at, row in enumerate(rows):
        if at == number:
            chosen.append(row)
            if (number := next(wanted, None)) is None:
                break
    back = np.argsort(order)
    questions, answers, extra = encode_rows(path, task, columns, chosen)
    distinct = len(np.unique(task.fingerprint(questions)))
    extra = {name: values[back] for name, values in extra.items()}
    return PuzzleSet(task.name, questions[back], answers[back], source, distinct, extra)


def rows_besides(path: Path, task: Task, taken: UInt64[np.ndarray, " M"], chunk: int = 8192) -> Int64[np.ndarray, " K"]:
    """Numbers of the rows of a CSV whose fingerprints are none of `taken`; it holds one chunk at a time."""
    columns, rows = csv_columns(path)
    free = []
    while part := list(itertools.islice(rows, chunk)):
        questions, _, _ = encode_rows(path, task, columns, part)
        free.append(~np.isin(task.fingerprint(questions), taken))
    return np.flatnonzero(np.concatenate(free)) if free else np.zeros(0, np.int64)


def download(data_set: DataSet) -> Path:
    """The file from the hub's cache, or from the hub. The first download is remembered by commit and SHA-256.

    Every later use, on this machine, must give the same bytes. Raises DataError if the hub cannot be reached or the
    bytes differ.
    """
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    pins = Path(constants.HF_HOME) / "trm_edu_pins.json"
    known = json.loads(pins.read_text()) if pins.exists() else {}
    key = f"{data_set.repo}/{data_set.file}"
    revision = known.get(key, {}).get("revision")
    try:
        path = Path(hf_hub_download(data_set.repo, data_set.file, repo_type="dataset", revision=revision))
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise DataError(
            f"{data_set.title} is neither in the hub's cache nor to be had from the hub ({type(error).__name__}); go "
            f"online once, or put the file at {data_set.local} in a folder and set {DATA_VARIABLE} to that folder"
        ) from None
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if key in known and known[key]["sha256"] != digest:
        raise DataError(
            f"{path} has SHA-256 {digest[:12]}..., but {known[key]['sha256'][:12]}... was recorded at the first "
            "download; delete the file to fetch it again"
        )
    known[key] = {"revision": path.parent.name, "sha256": digest}
    write_whole(pins, json.dumps(known, indent=1).encode())
    return path


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all: a temporary file beside it, then a rename.

    Raises OSError that names the file: a disk that is full says only that it is.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None and error.filename is None:
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise


def find_file(name: str) -> Path:
    """Where a named data set lies. Raises DataError that says what to type if it is not to be had."""
    data_set = DATA_SETS[name]
    folder = os.environ.get(DATA_VARIABLE)
    if folder:
        path = Path(folder) / data_set.local
        if path.exists():
            return path
    if data_set.repo is None:
        where = (
            f"{DATA_VARIABLE} is {folder!r} and holds no {data_set.local}" if folder else f"{DATA_VARIABLE} is not set"
        )
        raise DataError(
            f"{name} ({data_set.title}) is not here: {where}. Set {DATA_VARIABLE} to a folder that holds "
            f"{data_set.local}, give a CSV file instead, or use --data generated"
        )
    return download(data_set)


def find_csv(name: str, task: Task) -> tuple[Path, str]:
    """The file called `name`, a path or one of DATA_SETS, and its source in words. DataError if there is none."""
    if name in DATA_SETS:
        if DATA_SETS[name].task != task.name:
            raise DataError(f"{name} holds puzzles of {DATA_SETS[name].task}, not of {task.name}")
        return find_file(name), DATA_SETS[name].title
    if Path(name).exists():
        return Path(name), f"file {Path(name).name}"
    raise DataError(f"{name!r} is neither a file nor a data set; known: generated, {', '.join(DATA_SETS)}")


def load_puzzles(
    name: str,
    task: Task | str,
    *,
    count: int | None = None,
    seed: int = 0,
    exclude: PuzzleSet | None = None,
    clues: int | None = None,
) -> PuzzleSet:
    """The puzzles called `name`: a path to a CSV, "generated", or one of DATA_SETS.

    count: how many (a generated set needs it; of a file it is a random draw with `seed`, all if None). Of a large file
    only the rows of the draw are encoded; with `exclude` all are looked at, chunk by chunk.
    exclude: leave out every puzzle that a symmetry could turn into one of these.
    clues: for generated Sudoku only: stop removing clues at this number instead of at a minimal puzzle.
    Raises DataError for an unknown name, a missing or malformed file, or too few puzzles.
    """
    task = get_task(task) if isinstance(task, str) else task
    taken = None if exclude is None else task.fingerprint(exclude.questions)
    if name == "generated":
        if count is None:
            raise DataError("generated puzzles need a count, for example count=1000")
        options = {} if clues is None else {"clues": clues}
        return task.generate(count, seed, exclude=taken, **options)
    if clues is not None:
        raise DataError(f"clues is {clues}, but only generated puzzles can have it chosen; leave it out for {name!r}")
    path, source = find_csv(name, task)
    if count is None:
        return whole(stream_csv(path, task, source=source, exclude=taken))
    if taken is None:
        rows = np.arange(sum(1 for _ in csv_columns(path)[1]))
    else:
        rows = rows_besides(path, task, taken)
    if count > len(rows):
        raise DataError(f"{name} holds {len(rows)} puzzles (after exclusions), {count} were asked for")
    if count < len(rows):
        rows = rows[np.random.default_rng(seed).permutation(len(rows))[:count]]
    return read_rows(path, task, rows, source=source)


def stream_puzzles(
    name: str, task: Task | str, *, chunk: int = 8192, exclude: PuzzleSet | None = None
) -> Iterator[PuzzleSet]:
    """All puzzles of a CSV or of one of DATA_SETS, for files that do not fit into memory: see `stream_csv`."""
    task = get_task(task) if isinstance(task, str) else task
    path, source = find_csv(name, task)
    taken = None if exclude is None else task.fingerprint(exclude.questions)
    return stream_csv(path, task, chunk, source=source, exclude=taken)


def as_tensor(tokens: UInt8[np.ndarray, "N L"], device: torch.device | str) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(tokens)).long().to(device)


def labels_of(answers: Integer[Tensor, "B L"]) -> Integer[Tensor, "B L"]:
    """Answers as labels: padding (token 0, never part of a puzzle) does not count."""
    return answers.masked_fill(answers == 0, IGNORE)


class BatchStream:
    """An endless stream of batches, drawn with replacement and turned by a random symmetry each time.

    Everything happens on `device`. The same seed gives the same stream; `generator` is its whole state.
    The labels cover every cell, clues included, as in the published code.

    reveal: each puzzle of a batch shows a random share, between 0 and this, of its open cells with their answers: the
    same puzzles, made easier. 0, the published setting, changes nothing. Set it anew at any time.
    """

    reveal = 0.0

    def __init__(
        self, puzzles: PuzzleSet, batch_size: int, *, seed: int, device: torch.device | str, augment: bool = True
    ):
        self.task = get_task(puzzles.task)
        self.questions, self.answers = as_tensor(puzzles.questions, device), as_tensor(puzzles.answers, device)
        self.batch_size, self.augment, self.device = batch_size, augment, torch.device(device)
        self.generator = torch.Generator(device).manual_seed(seed)
        self.ids = torch.zeros(batch_size, dtype=torch.long, device=device)

    def __iter__(self) -> BatchStream:
        return self

    def __next__(self) -> Batch:
        shape, total = (self.batch_size,), len(self.questions)
        chosen = torch.randint(total, shape, generator=self.generator, device=self.device)
        questions, answers = self.questions[chosen], self.answers[chosen]
        if self.augment:
            questions, answers = self.task.augment(questions, answers, self.generator)
        if self.reveal:
            draw = {"generator": self.generator, "device": self.device}
            share = self.reveal * torch.rand(self.batch_size, 1, **draw)
            questions = torch.where(torch.rand(questions.shape, **draw) < share, answers, questions)
        return Batch(questions, labels_of(answers), self.ids)


def stream_of(
    puzzles: Any, batch_size: int, *, seed: int, device: torch.device | str, augment: bool = True
) -> Iterator[Batch]:
    """The endless stream of batches of a set: its own if it has one (an ArcSet does), else a `BatchStream`."""
    make = getattr(puzzles, "stream", None) or partial(BatchStream, puzzles)
    return make(batch_size, seed=seed, device=device, augment=augment)
