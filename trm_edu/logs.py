"""The log of a run: written row by row, whole after a kill, and read back for the pictures.

One JSON object a line, with its kind: `start` or `resume` (recipe, puzzles, device), `step` (loss), `eval` (scores on a
part of the evaluation puzzles), `end` (on all of them). Times are seconds since the start of the run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trm_edu.data import write_whole
from trm_edu.errors import DataError, RecipeError
from trm_edu.recipes import Recipe

LOG_NAME = "log.jsonl"
# What a row of each kind must have to be one of ours. Kinds that are not listed are passed over by every reader.
FIELDS: dict[str, tuple[str, ...]] = {
    "start": ("recipe", "training", "held_out"),
    "resume": ("recipe", "step"),
    "step": ("step", "seconds", "loss"),
    "eval": ("step", "seconds", "exact", "interval", "count"),
    "end": ("step", "seconds", "exact", "interval", "count"),
}


# --- writing --------------------------------------------------------------------------------------------------------


class Log:
    """Rows as JSON lines in `folder`/log.jsonl, if there is a folder, and in memory.

    keep_to: go on with the file that is there, without the rows after this step: they will be written again.
    tensorboard: write the numbers into `folder`/tensorboard as well. RecipeError without the package or a folder.
    """

    def __init__(
        self,
        folder: Path | None,
        on_row: Callable[[dict[str, Any]], None] | None,
        keep_to: int | None = None,
        tensorboard: bool = False,
    ):
        self.rows: list[dict[str, Any]] = []
        self.on_row = on_row
        self.file = None
        self.board = tensorboard_writer(folder, keep_to) if tensorboard else None
        if folder is None:
            return
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / LOG_NAME
        if keep_to is not None and path.exists():
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            whole = [json.loads(line) for line in lines if line.endswith("}\n")]  # a kill may leave half a line
            self.rows = [row for row in whole if row.get("step", 0) <= keep_to]
        write_whole(path, "".join(json.dumps(row) + "\n" for row in self.rows).encode())
        self.file = path.open("a", encoding="utf-8")

    def write(self, kind: str, **row: Any) -> None:
        row = {"kind": kind, **row}
        self.rows.append(row)
        if self.file:
            self.file.write(json.dumps(row) + "\n")
            self.file.flush()
        if self.board:
            for tag, value in board_numbers(row).items():
                self.board.add_scalar(tag, value, row["step"])
            self.board.flush()
        if self.on_row:
            self.on_row(row)

    def close(self) -> None:
        """Close the files. The rows stay in memory; a second call does nothing."""
        for file in (self.file, self.board):
            if file:
                file.close()

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def tensorboard_writer(folder: Path | None, keep_to: int | None) -> Any:
    """A SummaryWriter into `folder`/tensorboard. TensorBoard forgets what was written there earlier after `keep_to`."""
    if folder is None:
        raise RecipeError("tensorboard is True, but the run has no folder to write into; give it one")
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise RecipeError(
            'tensorboard is True, but the package is not installed; type pip install "trm-edu[tensorboard]"'
        ) from None
    return SummaryWriter(str(folder / "tensorboard"), purge_step=0 if keep_to is None else keep_to + 1)


def board_numbers(row: Mapping[str, Any]) -> dict[str, float]:
    """Tag -> number for TensorBoard. `exact` are the scores on the part, `exact_all` the final ones on all puzzles."""
    numbers = {name: row[name] for name in ("loss", "halt", "grad_norm") if row.get(name) is not None}
    if exact := row.get("exact"):
        group = "exact_all" if row["kind"] == "end" else "exact"
        chosen = {f"step_{k}": exact[k - 1] for k in (1, 4) if k <= len(exact)} | {"step_last": exact[-1]}
        numbers |= {f"{group}/{name}": value for name, value in chosen.items()}
    return numbers | {"seconds": row["seconds"]} if numbers else {}


# --- reading --------------------------------------------------------------------------------------------------------


def log_file(path: Path | str) -> Path:
    """The log of a run folder, or the file itself. DataError if there is none."""
    path = Path(path)
    file = path / LOG_NAME if path.is_dir() else path
    if not file.is_file():
        what = f"{path} is a folder without {LOG_NAME}" if path.is_dir() else f"{path} does not exist"
        raise DataError(f"{what}; give the folder of a run (trm-edu train writes runs/NAME-seedN) or its {LOG_NAME}")
    return file


def read_log(path: Path | str) -> list[dict[str, Any]]:
    """The rows of a run folder or a log file. A half last line, left by a kill or not yet written out, is passed over.

    Raises DataError if there is no such file, no whole row in it, or something in it that is no row of a run.
    """
    file = log_file(path)
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is no log of a run: {error}") from None
    rows = [read_row(line, f"{file}, line {i}") for i, line in enumerate(lines[:-1], start=1)]
    if not rows:
        raise DataError(f"{file} has no whole row; a run writes its first one before its first step")
    if rows[0]["kind"] != "start":
        raise DataError(f"{file} begins with a row of kind {rows[0]['kind']!r}; the log of a run begins with 'start'")
    return rows


def read_row(line: str, where: str) -> dict[str, Any]:
    """One line of a log. DataError that begins with `where` if it is no row of a run."""
    try:
        row = json.loads(line)
    except ValueError as error:
        raise DataError(f"{where} is no row of a run: {error}") from None
    if not isinstance(row, dict) or not isinstance(row.get("kind"), str):
        raise DataError(f"{where} is no row of a run: it must be a JSON object with a kind, not {line[:40]!r}")
    if missing := [name for name in FIELDS.get(row["kind"], ()) if name not in row]:
        raise DataError(f"{where} is no row of a run: kind {row['kind']!r} without {', '.join(missing)}")
    return row


@dataclass(frozen=True)
class RunLog:
    """One run as its log tells it. `rows` are continuous: see `continuous`."""

    name: str  # of the recipe
    seed: int
    rows: list[dict[str, Any]]
    path: Path | None = None

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]], path: Path | None = None) -> RunLog:
        """From the rows of `read_log` or `train(...).log`. DataError if they do not begin with a start."""
        rows = continuous(rows)
        if not rows or rows[0]["kind"] != "start":
            raise DataError(f"the rows of a run begin with kind 'start', not {[row['kind'] for row in rows[:1]]}")
        recipe = rows[0]["recipe"]
        return cls(recipe["name"], recipe["seed"], rows, path)

    @property
    def start(self) -> dict[str, Any]:
        """The first row: puzzles, device, versions."""
        return self.rows[0]

    @property
    def recipe(self) -> dict[str, Any]:
        """Every setting. One that this run's version did not know has its default."""
        return Recipe().as_dict() | self.start["recipe"]

    @property
    def steps(self) -> int:
        """Optimizer steps that were logged."""
        return self.rows[-1].get("step", 0)

    @property
    def seconds(self) -> float:
        """Seconds from the start to the last row. Evaluations on the way count, the final one does not."""
        return max((seconds_at(row) for row in self.rows if "seconds" in row), default=0.0)

    @property
    def finished(self) -> bool:
        """Whether the final evaluation, on all the evaluation puzzles, is there."""
        return self.rows[-1]["kind"] == "end"

    @property
    def resumed(self) -> list[int]:
        """The steps at which the run was taken up again."""
        return [row["step"] for row in self.rows if row["kind"] == "resume"]

    @property
    def scores(self) -> list[dict[str, Any]]:
        """The evaluations on the way, then the final one."""
        return [row for row in self.rows if row["kind"] == "eval"] + self.rows[-1:] * self.finished

    @property
    def losses(self) -> list[dict[str, Any]]:
        """The rows with a loss."""
        return [row for row in self.rows if row["kind"] == "step"]


def load_run(path: Path | str) -> RunLog:
    """`read_log` as a RunLog."""
    return RunLog.of(read_log(path), Path(path))


def seconds_at(row: Mapping[str, Any]) -> float:
    """Seconds at which the last step of this row was done: the final evaluation is no training."""
    return row.get("train_seconds", row["seconds"])


def continuous(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows without those that a resumed run wrote again, on one clock.

    `train` leaves them so. A log whose run wrote on behind the rows of the killed one, or began to count its seconds
    anew, becomes so here.
    """
    kept: list[dict[str, Any]] = []
    shift, resumed = 0.0, False
    for row in map(dict, rows):
        if row["kind"] == "resume":
            kept = [before for before in kept if before.get("step", 0) <= row["step"]]
            resumed = True
        elif "seconds" in row:
            if resumed:
                reached = max((seconds_at(before) for before in kept if "seconds" in before), default=0.0)
                shift = shift if seconds_at(row) + shift >= reached else reached
                resumed = False
            row |= {name: row[name] + shift for name in ("seconds", "train_seconds") if name in row}
        kept.append(row)
    return kept
