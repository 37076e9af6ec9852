"""Puzzle sets: where they come from, and how they become batches.

A set is looked for in this order: the path you give; the folder in the environment variable TRM_EDU_DATA; the Hugging
Face hub (its cache first). Puzzles are generated only if you ask for "generated" by name. Nothing is ever replaced
silently: what is missing is an error that says what to type, and every set knows its source.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import os
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from trm_edu.errors import DataError, PuzzleError
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
}


def read_csv(path: Path, task: Task, *, source: str, rows: int | None = None) -> PuzzleSet:
    """Read a CSV of the hub's form (header with `question` and `answer`, `.` for a blank), plain or gzip.

    Further numeric columns become `extra`. `rows` stops early. Raises DataError with the file and the line.
    """
    try:
        raw = path.read_bytes()
        if raw[:2] == b"\x1f\x8b":
            raw = gzip.decompress(raw)
        text = raw.decode("utf-8")
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise DataError(f"{path} cannot be read as a (gzipped) UTF-8 CSV: {error}") from None
    reader = csv.DictReader(io.StringIO(text, newline=""))
    columns = reader.fieldnames or []
    if missing := {"question", "answer"} - set(columns):
        raise DataError(f"{path} has columns {columns}; {' and '.join(sorted(missing))} must be among them")
    questions, answers, extra = [], [], {name: [] for name in columns if name not in ("question", "answer", "source")}
    for line, row in enumerate(reader, start=2):
        if rows is not None and len(questions) >= rows:
            break
        try:
            questions.append(task.encode(row["question"] or ""))
            answers.append(task.encode_answer(row["answer"] or ""))
        except PuzzleError as error:
            raise DataError(f"{path}, line {line}: {error}") from None
        for name in extra:
            extra[name].append(row[name])
    if not questions:
        raise DataError(f"{path} holds a header and no puzzles")
    numeric = {}
    for name, column in extra.items():
        try:
            numeric[name] = np.array([float(value) for value in column])
        except (TypeError, ValueError):
            continue  # a column of words says nothing that a score could use
    questions, answers = np.stack(questions), np.stack(answers)
    distinct = len(np.unique(task.fingerprint(questions)))
    return PuzzleSet(task.name, questions, answers, source, distinct, numeric)


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
    """Write a file so that it is there whole or not at all: a temporary file beside it, then a rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
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

    count: how many (a generated set needs it; of a file it is a random draw with `seed`, all if None).
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
    if name in DATA_SETS:
        if DATA_SETS[name].task != task.name:
            raise DataError(f"{name} holds puzzles of {DATA_SETS[name].task}, not of {task.name}")
        puzzles = read_csv(find_file(name), task, source=DATA_SETS[name].title)
    elif Path(name).exists():
        puzzles = read_csv(Path(name), task, source=f"file {Path(name).name}")
    else:
        raise DataError(f"{name!r} is neither a file nor a data set; known: generated, {', '.join(DATA_SETS)}")
    if taken is not None:
        puzzles = puzzles.take(~np.isin(task.fingerprint(puzzles.questions), taken))
    if count is not None and count < len(puzzles):
        puzzles = puzzles.take(np.random.default_rng(seed).permutation(len(puzzles))[:count])
    if count is not None and count > len(puzzles):
        raise DataError(f"{name} holds {len(puzzles)} puzzles (after exclusions), {count} were asked for")
    return puzzles


def as_tensor(tokens: UInt8[np.ndarray, "N L"], device: torch.device | str) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(tokens)).long().to(device)


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
        return Batch(questions, answers, self.ids)
