"""How many puzzles a network solves after each supervision step, with an interval and the source of the puzzles."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from trm_edu import parallel
from trm_edu.data import as_tensor, labels_of
from trm_edu.devices import sum_type
from trm_edu.errors import DataError, RecipeError
from trm_edu.inference import (
    ONE_PASS,
    Answers,
    best_by_halting,
    best_by_rules,
    first_to_halt,
    hopeless_above,
    majority,
    run_to_halt,
    several_starts,
    turned_starts,
)
from trm_edu.intervals import wilson_interval
from trm_edu.losses import IGNORE, exact_match
from trm_edu.supervision import Batch, deep_supervision
from trm_edu.tasks import PuzzleSet, get_task

PICKS = ("rules", "halting", "first", "vote")
GIVE_UP_FROM = 3  # a supervision step: before it even answers that come right in the end hold many repeats


Share = tuple[float, float, float]  # a share and the ends of its 95% interval


def told(scores: dict[str, Share]) -> str:
    """Further scores in words, to stand behind the exact accuracy."""
    return "".join(f"; {name} {share:.1%} [{low:.1%}, {high:.1%}]" for name, (share, low, high) in scores.items())


@dataclass
class Evaluation:
    """Scores of one network on one puzzle set.

    `exact[k]` is the share of puzzles with every cell right after supervision step k + 1, `cells[k]` the share of right
    cells. `halting[k]`: mean predicted probability of being right, to hold against `exact[k]`. `scores`: what else the
    task counts, after the last step (a maze: valid paths; ARC: pass@k), as share and ends of the 95% interval.
    """

    task: str
    source: str
    regime: str
    count: int
    n_supervision: int
    exact: list[float]
    cells: list[float]
    halting: list[float]
    interval: tuple[float, float]
    evaluation_seconds: float
    scores: dict[str, Share] = field(default_factory=dict)

    @property
    def compute(self) -> str:
        """The regime: one pass, or test-time compute if there were more steps than the papers take."""
        return "one pass of fixed steps" if self.n_supervision <= ONE_PASS else "test-time compute: fixed steps"

    @property
    def score(self) -> float:
        """Exact accuracy after the last step: the papers' score."""
        return self.exact[-1]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"compute": self.compute}

    def describe(self) -> str:
        """One line with everything that a score must be quoted with."""
        low, high = self.interval
        return (
            f"exact {self.score:.1%} [{low:.1%}, {high:.1%}] of {self.count:,} puzzles after "
            f"{self.n_supervision} steps ({self.compute}){told(self.scores)}; {self.source}; trained on {self.regime}"
        )


@dataclass
class CostedEvaluation:
    """The score of one network on one puzzle set where puzzles do not all cost the same.

    `compute` names the regime and the strategy; `evaluations` counts puzzles times steps, `steps` a puzzle's mean
    share of them, `ratio` holds it against one pass of 16 fixed steps.
    """

    task: str
    source: str
    regime: str
    compute: str
    count: int
    exact: float
    interval: tuple[float, float]
    evaluations: int
    steps: float
    ratio: float
    evaluation_seconds: float
    scores: dict[str, Share] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def describe(self) -> str:
        """One line with everything that a score must be quoted with."""
        low, high = self.interval
        return (
            f"exact {self.exact:.1%} [{low:.1%}, {high:.1%}] of {self.count:,} puzzles ({self.compute})"
            f"{told(self.scores)}; "
            f"{self.steps:.1f} steps a puzzle, {self.ratio:.0%} of {ONE_PASS} fixed steps; "
            f"{self.source}; trained on {self.regime}"
        )


def rows_of(puzzles: PuzzleSet, rows: slice) -> PuzzleSet:
    """Some puzzles of a set. `take` would count anew how many are distinct, which takes longer than all the rest."""
    extra = {name: column[rows] for name, column in puzzles.extra.items()}
    ids = None if puzzles.ids is None else puzzles.ids[rows]
    return PuzzleSet(puzzles.task, puzzles.questions[rows], puzzles.answers[rows], puzzles.source, 0, extra, ids)


@dataclass
class Seen:
    """What went through an evaluation, chunk by chunk. `distinct` adds up only if the chunks share no puzzle."""

    task: str = ""
    source: str = ""
    count: int = 0
    distinct: int = 0
    cells: int = 0

    def through(self, puzzles: PuzzleSet | Iterable[PuzzleSet], size: int) -> Iterator[PuzzleSet]:
        """Pieces of at most `size` puzzles of a set, or of chunks that come one by one. DataError if there are none."""
        for chunk in [puzzles] if isinstance(puzzles, PuzzleSet) else puzzles:
            self.task, self.source = chunk.task, chunk.source
            self.count, self.distinct = self.count + len(chunk), self.distinct + chunk.distinct
            self.cells += np.count_nonzero(chunk.answers)
            for start in range(0, len(chunk), size):
                yield rows_of(chunk, slice(start, start + size))
        if not self.count:
            raise DataError("there is no puzzle to evaluate; give a set that holds at least one")

    def describe(self) -> str:
        """As `PuzzleSet.describe`, of all chunks together."""
        return f"{self.source}: {self.count:,} puzzles of {self.task}, {self.distinct:,} distinct under its symmetries"


@runtime_checkable
class Judge(Protocol):
    """Looks at final answers, piece by piece, and tells further scores in the end."""

    def add(self, piece: PuzzleSet, answers: UInt8[np.ndarray, "N L"], halt_logit: Float[np.ndarray, " N"]) -> None: ...

    def scores(self) -> dict[str, Share]:
        """Of all pieces. Several processes (`trm_edu.parallel`) must all ask; each gets the scores of all."""
        ...


class RuleJudge:
    """Counts what the task's own `scores` says of each answer. Not asked about a task without it (`judges`)."""

    def __init__(self) -> None:
        self.hits: dict[str, int] = {}
        self.count = 0

    def add(self, piece: PuzzleSet, answers: UInt8[np.ndarray, "N L"], halt_logit: Float[np.ndarray, " N"]) -> None:
        self.count += len(answers)
        for name, right in get_task(piece.task).scores(piece.questions, answers).items():
            self.hits[name] = self.hits.get(name, 0) + int(right.sum())

    def scores(self) -> dict[str, Share]:
        everyone = parallel.everyones((self.hits, self.count))
        count = sum(part for _, part in everyone)
        names = dict.fromkeys(name for hits, _ in everyone for name in hits)
        totals = {name: sum(hits.get(name, 0) for hits, _ in everyone) for name in names}
        return {name: (hits / count, *wilson_interval(hits, count)) for name, hits in totals.items()}


def judge_of(puzzles: Any) -> Judge:
    """The judge of a set that brings one, as an ArcMeasure does; else the task's rules."""
    return puzzles.judge() if hasattr(puzzles, "judge") else RuleJudge()


def mine_of(piece: PuzzleSet) -> PuzzleSet:
    """The puzzles of a piece that this process evaluates (`trm_edu.parallel`)."""
    return rows_of(piece, slice(parallel.rank(), None, parallel.world_size()))


def ids_of(piece: PuzzleSet, device: torch.device) -> Tensor:
    """The puzzle ids of a piece on the device, int64 [N]."""
    if piece.ids is None:
        return torch.zeros(len(piece), dtype=torch.long, device=device)
    return torch.from_numpy(piece.ids).to(device)


def score_sums(
    model: nn.Module, pieces: Iterable[PuzzleSet], n_supervision: int, device: torch.device, judge: Judge
) -> Float[Tensor, "3 n_supervision"]:
    """After each step, summed over puzzles: all cells right, cells right, probability of being done. On the device.

    Several processes (`trm_edu.parallel`) share the puzzles; each gets the sums of all.
    """
    sums = torch.zeros(3, n_supervision, dtype=sum_type(device), device=device)
    for piece in map(mine_of, pieces):
        if not len(piece):
            continue
        inputs, labels = as_tensor(piece.questions, device), labels_of(as_tensor(piece.answers, device))
        batch = Batch(inputs, labels, ids_of(piece, device))
        for step, output in enumerate(deep_supervision(model, batch, n_supervision)):
            sums[0, step] += exact_match(output.logits, labels).sum()
            sums[1, step] += (output.logits.argmax(-1) == labels).sum()
            sums[2, step] += output.halt_logit.sigmoid().sum()
        if judges(judge, piece):
            judge.add(piece, output.logits.argmax(-1).byte().cpu().numpy(), output.halt_logit.float().cpu().numpy())
    return parallel.summed(sums)


def judges(judge: Judge, piece: PuzzleSet) -> bool:
    """Whether answers must be brought to the judge at all: for most puzzles the device need not be waited for."""
    return not isinstance(judge, RuleJudge) or hasattr(get_task(piece.task), "scores")


@torch.no_grad()
def evaluate(
    model: nn.Module,
    puzzles: PuzzleSet | Iterable[PuzzleSet],
    *,
    n_supervision: int = 16,
    batch_size: int = 256,
    regime: str = "unknown puzzles",
) -> Evaluation:
    """Run every puzzle for `n_supervision` steps from a fresh start. A model in training mode is put back into it.

    puzzles: a set, or chunks that come one by one, as from `trm_edu.data.stream_csv`. DataError if there is none. If it
    has a `judge` (an ArcMeasure does), that one makes the further scores, else the task's own `scores` does.
    """
    was_training, device = model.training, next(model.parameters()).device
    model.eval()
    started, seen = time.perf_counter(), Seen()
    judge = judge_of(puzzles)
    sums = score_sums(model, seen.through(puzzles, batch_size), n_supervision, device, judge)
    exact, cells, halting = sums.cpu().double().numpy()  # the one time that the device is waited for
    model.train(was_training)
    return Evaluation(
        task=seen.task,
        source=seen.describe(),
        regime=regime,
        count=seen.count,
        n_supervision=n_supervision,
        exact=(exact / seen.count).tolist(),
        cells=(cells / seen.cells).tolist(),
        halting=(halting / seen.count).tolist(),
        interval=wilson_interval(round(exact[-1]), seen.count),
        evaluation_seconds=time.perf_counter() - started,
        scores=judge.scores(),
    )


@torch.no_grad()
def evaluate_answers(
    model: nn.Module,
    puzzles: PuzzleSet | Iterable[PuzzleSet],
    answer: Callable[[PuzzleSet], Answers],
    *,
    compute: str,
    size: int,
    regime: str = "unknown puzzles",
) -> CostedEvaluation:
    """The score of any way to answer: `answer` takes a set of at most `size` puzzles and gives Answers [N].

    compute: the regime and the strategy, in words. A model in training mode is put back into it.
    """
    was_training, device = model.training, next(model.parameters()).device
    model.eval()
    started, seen, evaluations, judge = time.perf_counter(), Seen(), 0, judge_of(puzzles)
    hits = torch.zeros((), dtype=sum_type(device), device=device)
    for piece in seen.through(puzzles, size):
        answers = answer(piece)
        labels = labels_of(as_tensor(piece.answers, device))
        hits += ((answers.tokens == labels) | (labels == IGNORE)).all(-1).sum()
        if judges(judge, piece):
            judge.add(piece, answers.tokens.byte().cpu().numpy(), answers.halt_logit.float().cpu().numpy())
        evaluations += answers.evaluations
    model.train(was_training)
    right = int(hits.item())
    return CostedEvaluation(
        task=seen.task,
        source=seen.describe(),
        regime=regime,
        compute=compute,
        count=seen.count,
        exact=right / seen.count,
        interval=wilson_interval(right, seen.count),
        evaluations=evaluations,
        steps=evaluations / seen.count,
        ratio=evaluations / (ONE_PASS * seen.count),
        evaluation_seconds=time.perf_counter() - started,
        scores=judge.scores(),
    )


def evaluate_halting(
    model: nn.Module,
    puzzles: PuzzleSet | Iterable[PuzzleSet],
    *,
    n_supervision: int = 16,
    halt_above: float = 0.0,
    patience: int | None = None,
    give_up: int | None = None,
    batch_size: int = 256,
    regime: str = "unknown puzzles",
) -> CostedEvaluation:
    """Real halting: each puzzle leaves once the network says that it is done (or, with `patience`, once it settled).

    give_up: a puzzle also leaves, unsolved, if more digits than this stand repeated in its answer from step 3 on: see
    `hopeless_above`. What it saves is `ratio`. The other arguments are those of `run_to_halt`. Raises RecipeError as
    these two do.
    """

    def answer(piece: PuzzleSet) -> Answers:
        limits = {"halt_above": halt_above, "patience": patience, "batch_size": batch_size}
        limits |= {"puzzle_ids": ids_of(piece, device)}
        if give_up is not None:
            limits["hopeless"] = hopeless_above(get_task(piece.task), give_up, GIVE_UP_FROM)
        return run_to_halt(model, as_tensor(piece.questions, device), n_supervision, **limits)

    device = next(model.parameters()).device
    kind = "one pass" if n_supervision <= ONE_PASS else "test-time compute"
    above = f" above {halt_above:g}" if halt_above else ""
    hopeless = "" if give_up is None else f", given up above {give_up} repeats from step {GIVE_UP_FROM}"
    settled = "" if patience is None else f" or {patience} without a change"
    compute = f"{kind} with halting{above}{hopeless}, at most {n_supervision} steps{settled}"
    # large pieces: at the end of each one the batch runs empty
    return evaluate_answers(model, puzzles, answer, compute=compute, size=32 * batch_size, regime=regime)


def evaluate_starts(
    model: nn.Module,
    puzzles: PuzzleSet | Iterable[PuzzleSet],
    *,
    starts: int = 1,
    symmetries: int = 1,
    noise: float = 0.0,
    pick: str = "rules",
    n_supervision: int = 16,
    halt_above: float = 0.0,
    seed: int = 0,
    batch_size: int = 256,
    regime: str = "unknown puzzles",
) -> CostedEvaluation:
    """Several answers to each puzzle, one of which is picked: test-time compute.

    starts: noisy starts of the puzzle itself. symmetries: images of it, from noisy starts if `noise` is above 0.
    pick: "rules" (one that the task's rules accept), "halting" (the surest), "first" (to halt), "vote".
    Raises RecipeError for an unknown `pick`, or for both several starts and several symmetries.
    """
    if pick not in PICKS:
        raise RecipeError(f"pick is {pick!r}; it must be one of {', '.join(PICKS)}")
    if starts > 1 and symmetries > 1:
        raise RecipeError(f"starts is {starts} and symmetries {symmetries}; one must be 1 (symmetries take noise too)")
    count, device, rng = max(starts, symmetries), next(model.parameters()).device, np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(seed)
    limits = {"n_supervision": n_supervision, "halt_above": halt_above, "batch_size": batch_size}
    limits |= {"noise": noise, "generator": generator}

    def answer(piece: PuzzleSet) -> Answers:
        task, questions = get_task(piece.task), piece.questions
        if symmetries > 1:
            answers = turned_starts(model, task, questions, symmetries, rng, **limits)
        else:
            answers = several_starts(model, as_tensor(questions, device), starts, **limits)
        if pick == "rules":
            return best_by_rules(task, questions, answers)
        return {"halting": best_by_halting, "first": first_to_halt, "vote": majority}[pick](answers)

    way = f"{symmetries} symmetries" if symmetries > 1 else f"{starts} starts"
    way += f" with noise {noise:g}" if noise else ""
    compute = f"test-time compute: {way}, picked by {pick}, at most {n_supervision} steps each"
    size = max(1, 4 * batch_size // count)  # all starts of a piece are held in memory
    return evaluate_answers(model, puzzles, answer, compute=compute, size=size, regime=regime)
