"""Prove that this library computes what the authors' code computes: replay recorded calls and compare every number.

A folder of vectors holds one `.npz` a model (its configuration, weights, inputs and the numbers that the published code
gave), optionally `optim_and_losses.npz` and files of tasks. tests/golden/README.md describes the keys.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from trm_edu.authors import from_authors, name_map
from trm_edu.errors import DataError, TrmEduError
from trm_edu.hrm import HRM
from trm_edu.interface import Output, PuzzleEmbedding
from trm_edu.losses import IGNORE, cell_loss_named, stablemax_cross_entropy, supervision_loss
from trm_edu.optim import EMA, AdamATan2, SparseSignSGD, learning_rate
from trm_edu.supervision import (
    Batch,
    Carry,
    deep_supervision,
    halting,
    initial_carry,
    q_continue_target,
    supervision_step,
)
from trm_edu.variants import MultiScaleZ, SingleZ, build_model, model_name

TOLERANCE = {"outputs": 1e-5, "carry": 1e-5, "evaluation": 1e-5, "loss": 1e-5, "gradients": 1e-4}
# Where our own float32 and float64 runs of a step differ by more than a quarter of the tolerance, the step itself
# amplifies rounding, and no two processors can agree better than that. Then the tolerance is this many times the gap.
OWN_ROUNDING = 4.0
IN_KEYS = ("inputs", "labels", "puzzle_identifiers")
OUT_KEYS = ("logits", "q_halt_logits", "q_continue_logits")
LOSSES = {"stablemax_cross_entropy": "stablemax", "softmax_cross_entropy": "softmax"}


@dataclass
class Report:
    """What the comparison of one file found. `errors` are the largest ones by kind, see `compare`."""

    file: str
    errors: dict[str, float] = field(default_factory=dict)
    halting: tuple[int, int] | None = None
    compared: int = 0
    failed: list[str] = field(default_factory=list)
    rounding: dict[str, float] = field(default_factory=dict)
    problem: str | None = None

    def compare(self, kind: str, ours: Any, theirs: Any, *, exact: Any = None, floor: float = 1.0) -> None:
        """Record the largest difference, relative to the largest recorded entry (to `floor` if that is larger).

        `exact` is what we get in float64; see OWN_ROUNDING. A wrong shape or a NaN counts as infinitely wrong.
        """
        error = relative_error(ours, theirs, floor)
        rounding = 0.0 if exact is None else relative_error(ours, exact, floor)
        if not error <= max(TOLERANCE[kind], OWN_ROUNDING * rounding) or error == float("inf"):
            self.failed.append(kind)
        self.errors[kind] = max(self.errors.get(kind, 0.0), error)
        self.rounding[kind] = max(self.rounding.get(kind, 0.0), rounding)
        self.compared += 1

    @property
    def passed(self) -> bool:
        agreed = self.halting is None or self.halting[0] == self.halting[1]
        return self.problem is None and self.compared > 0 and not self.failed and agreed

    def line(self) -> str:
        """One line for a person."""
        verdict = "ok  " if self.passed else "FAIL"
        if self.problem:
            return f"{verdict} {self.file}: {self.problem}"
        parts = []
        for kind, error in self.errors.items():
            amplified = error > TOLERANCE[kind] and self.rounding[kind] > 0
            parts.append(f"{kind} {error:.1e}" + f" (own rounding {self.rounding[kind]:.1e})" * amplified)
        if self.halting:
            parts.append(f"halting {self.halting[0]}/{self.halting[1]} decisions agree")
        return f"{verdict} {self.file}: {', '.join(parts)} ({self.compared} arrays)"


def relative_error(ours: Any, theirs: Any, floor: float) -> float:
    """Largest difference divided by the largest entry of `theirs` (at least `floor`); inf for a wrong shape or NaN."""
    ours, theirs = torch.as_tensor(ours).detach().double(), torch.as_tensor(np.asarray(theirs)).double()
    if ours.shape != theirs.shape or not ours.numel():
        return float("inf")
    error = (ours - theirs).abs().max().item() / max(theirs.abs().max().item(), floor)
    return error if error == error else float("inf")


def in_float64(model: nn.Module) -> nn.Module:
    """The same model with every weight and operation in float64."""
    twin = build_model(model_name(model), replace(model.config, dtype="float64")).double()
    twin.load_state_dict(model.state_dict())
    return twin.train(model.training)


def batch_from(vectors: dict[str, np.ndarray], call: int) -> Batch:
    """The batch that was offered at a call."""
    read = {key: torch.from_numpy(vectors[f"call{call}/in/{key}"].astype(np.int64)) for key in IN_KEYS}
    return Batch(read["inputs"], read["labels"], read["puzzle_identifiers"])


def carry_names(model: nn.Module) -> list[str]:
    """The authors' names of the states, in the order of our state tuple (multi-scale pads are compared one by one)."""
    if isinstance(model, SingleZ):
        return ["z_L"]
    if isinstance(model, MultiScaleZ):
        return ["z_H", *(f"z_L{i + 1}" for i in range(model.config.n))]
    return ["z_H", "z_L"]


def recorded_state(model: nn.Module, vectors: dict[str, np.ndarray], call: int) -> tuple[Tensor, ...]:
    """The state after a call, as the authors' code left it."""
    tensors = [torch.from_numpy(vectors[f"call{call}/carry/{name}"]) for name in carry_names(model)]
    if isinstance(model, MultiScaleZ):
        tensors = [tensors[0], torch.cat(tensors[1:], dim=-1)]
    return type(model.initial_state(1))(*tensors)


def carry_tensors(model: nn.Module, state: tuple[Tensor, ...]) -> list[Tensor]:
    if isinstance(model, MultiScaleZ):
        return [state.y, *state.pads.chunk(model.config.n, dim=-1)]
    return list(state)


def compare_gradients(report: Report, model: nn.Module, vectors: dict[str, np.ndarray], call: int) -> None:
    """Every recorded gradient against ours. A call records all of them, or those of the puzzle embedding alone."""
    prefix = f"call{call}/grad/"
    recorded = {key[len(prefix) :]: value for key, value in vectors.items() if key.startswith(prefix)}
    if not recorded:
        return
    names = name_map(model)
    ours = {names[name]: p.grad for name, p in model.named_parameters() if p.grad is not None}
    if model.embed.puzzle is not None:
        ours["puzzle_emb.local_weights"] = model.embed.puzzle.taken[1].grad
    if set(recorded) not in (set(ours), {"puzzle_emb.local_weights"}):
        odd = sorted(set(ours) ^ set(recorded))
        raise DataError(f"gradients of {', '.join(odd)} stand on one side only (call {call})")
    for name, value in recorded.items():
        report.compare("gradients", ours[name], value, floor=1e-8)


def verify_model(vectors: dict[str, np.ndarray], meta: dict[str, Any], report: Report) -> None:
    """Replay the training calls, then the evaluation, of one recorded model.

    Our state is compared after every call, and then replaced by the recorded one. A random network amplifies the
    rounding of its state from step to step (100 times in three steps), and what differs then is two processors.
    """
    config = meta["config"]
    weights = {key[2:]: torch.from_numpy(value) for key, value in vectors.items() if key.startswith("w/")}
    model = from_authors(weights, config).train()
    cell_loss = cell_loss_named(LOSSES[meta["loss"]])
    n_supervision, q_learning = config["halt_max_steps"], isinstance(model, HRM)
    rule = {"n_supervision": n_supervision, "exploration": config["halt_exploration_prob"], "q_learning": q_learning}
    twin = in_float64(model)
    agreed = decisions = 0
    carry = None
    for call in range(meta["calls"]):
        batch = batch_from(vectors, call)
        carry = initial_carry(model, batch) if carry is None else carry
        wide = carry._replace(state=type(carry.state)(*(tensor.double() for tensor in carry.state)))
        carry, output = supervision_step(model, carry, batch, **rule)
        with torch.no_grad():
            exact, exact_output = supervision_step(twin, wide, batch, **rule)
        target = None
        if q_learning:
            target = q_continue_target(model, carry, n_supervision)
            report.compare("outputs", target, vectors[f"call{call}/target_q_continue"])
        labels = carry.batch.labels
        loss = supervision_loss(output, labels, cell_loss=cell_loss, continue_target=target)
        model.zero_grad()
        (loss.total / len(labels)).backward()

        def recorded(key: str, call: int = call) -> np.ndarray:
            return vectors[f"call{call}/{key}"]

        for ours, wide_ours, key in zip(output, exact_output, OUT_KEYS, strict=True):
            report.compare("outputs", ours, recorded(key), exact=wide_ours)
        states = zip(
            carry_names(model), carry_tensors(model, carry.state), carry_tensors(model, exact.state), strict=True
        )
        for name, ours, wide_ours in states:
            report.compare("carry", ours, recorded(f"carry/{name}"), exact=wide_ours)
        report.compare("carry", carry.steps, recorded("carry/steps"))
        halted = torch.from_numpy(recorded("carry/halted"))
        agreed, decisions = agreed + int((carry.halted == halted).sum()), decisions + len(halted)
        report.compare("loss", loss.total, recorded("loss"))
        report.compare("loss", loss.answer, recorded("metrics/lm_loss"))
        report.compare("loss", loss.halt, recorded("metrics/q_halt_loss"))
        if q_learning:
            report.compare("loss", loss.continue_, recorded("metrics/q_continue_loss"))
        finished = carry.halted & (labels != IGNORE).any(-1)
        report.compare("loss", (loss.correct & finished).sum(), recorded("metrics/exact_accuracy"))
        compare_gradients(report, model, vectors, call)
        if any(tensor.requires_grad for tensor in carry.state):
            raise DataError(f"the carry after call {call} still holds a graph; it must be detached")
        carry = carry._replace(state=recorded_state(model, vectors, call))
    report.halting = (agreed, decisions)
    check_rules(model, carry, n_supervision)
    check_exploration(n_supervision)
    verify_evaluation(model.eval(), vectors, n_supervision, report)


@torch.no_grad()
def check_rules(model: nn.Module, carry: Carry, n_supervision: int) -> None:
    """Cases of the rules that a few recorded calls may not contain, made here from the last of them.

    Raises DataError where an only step does not halt, an answer that is right wherever it counts is not right, or the
    last step's target (HRM) looks at the continue logit.
    """
    after, output = supervision_step(model, carry, carry.batch, n_supervision=1)
    if not after.halted.all():
        raise DataError("with n_supervision 1 every slot must halt after its only step")
    right = output.logits.argmax(-1)
    right[:, ::2] = IGNORE
    if not supervision_loss(output, right).correct.all():
        raise DataError("an answer must count as right if it is right in every cell that is not ignored")
    if not isinstance(model, HRM):
        return
    state = model.initial_state(len(right))
    for _ in range(n_supervision):
        carry = carry._replace(state=state, steps=torch.full_like(carry.steps, n_supervision))
        state, ahead = model(carry.batch.inputs, state, carry.batch.puzzle_ids)
        if not torch.allclose(q_continue_target(model, carry, n_supervision), ahead.halt_logit.sigmoid(), atol=1e-5):
            raise DataError("at the last step the target of the continue logit must be the next halt value")


def check_exploration(n_supervision: int, slots: int = 40_000) -> None:
    """Exploration is random, so no vector records it: its law is checked instead, on slots that are sure to be done.

    A slot explores with probability p, and then its minimal age is uniform over 2..N. So at step s a share of
    1 - p + p (s - 1) / (N - 1) halts. Raises DataError where the share is off by more than five standard errors.
    """
    if n_supervision == 1:
        return
    sure = Output(torch.zeros(slots, 1, 1), torch.ones(slots), torch.zeros(slots))
    generator = torch.Generator().manual_seed(0)
    for probability in (0.1, 1.0):
        for step in range(1, n_supervision + 1):
            rule = {"n_supervision": n_supervision, "exploration": probability, "generator": generator}
            share = halting(sure, torch.full((slots,), step), **rule).double().mean().item()
            expected = 1 - probability + probability * (step - 1) / (n_supervision - 1)
            if abs(share - expected) > 2.5 / slots**0.5:
                raise DataError(
                    f"with exploration {probability} a share of {share:.3f} halts at step {step} of {n_supervision}; "
                    f"it must be {expected:.3f}"
                )


@torch.no_grad()
def verify_evaluation(model: nn.Module, vectors: dict[str, np.ndarray], n_supervision: int, report: Report) -> None:
    """A fresh start on the batch that was offered last, all the steps, no halting."""
    last = max(int(key[4 : key.index("/")]) for key in vectors if key.startswith("call"))
    batch = batch_from(vectors, last)
    twin = in_float64(model)
    runs = (deep_supervision(each, batch, n_supervision) for each in (model, twin))
    for step, (output, exact) in enumerate(zip(*runs, strict=True)):
        for ours, wide_ours, key in zip(output[:2], exact[:2], OUT_KEYS[:2], strict=True):
            report.compare("evaluation", ours, vectors[f"eval{step}/{key}"], exact=wide_ours)


def verify_optimizers(vectors: dict[str, np.ndarray], report: Report) -> None:
    """AdamATan2, sparse sign-SGD, learning-rate schedules, EMA and the stable-max loss."""
    meta = json.loads(vectors["adam_atan2/meta"].item())
    weight = nn.Parameter(torch.from_numpy(vectors["adam_atan2/p0"].copy()))
    optimizer = AdamATan2([weight], lr=meta["lr"], betas=tuple(meta["betas"]), weight_decay=meta["weight_decay"])
    for k in range(1, 1 + sum(key.startswith("adam_atan2/g") for key in vectors)):
        weight.grad = torch.from_numpy(vectors[f"adam_atan2/g{k}"])
        optimizer.step()
        report.compare("outputs", weight, vectors[f"adam_atan2/p{k}"])

    before = torch.from_numpy(vectors["sign_sgd/weights_before"])
    table = PuzzleEmbedding(*before.shape)
    table.weight.copy_(before)
    table.train()(torch.from_numpy(vectors["sign_sgd/ids"]).long())
    table.taken[1].grad = torch.from_numpy(vectors["sign_sgd/grad"])
    SparseSignSGD(table, **json.loads(vectors["sign_sgd/meta"].item())).step()
    report.compare("outputs", table.weight, vectors["sign_sgd/weights_after"])

    for name in sorted({key.split("/")[1] for key in vectors if key.startswith("lr/")}):
        meta = json.loads(vectors[f"lr/{name}/meta"].item())
        schedule = {"base": meta["base_lr"], "warmup": meta["warmup_steps"], "total": meta["total_steps"]}
        rates = [
            learning_rate(int(step), **schedule, min_ratio=meta["min_ratio"]) for step in vectors[f"lr/{name}/steps"]
        ]
        report.compare("outputs", torch.tensor(rates, dtype=torch.float64), vectors[f"lr/{name}/values"])

    holder = nn.Module()
    holder.weight = nn.Parameter(torch.from_numpy(vectors["ema/p0"].copy()))
    ema = EMA(holder, float(vectors["ema/rate"]))
    for k in range(1, 1 + sum(key.startswith("ema/shadow") for key in vectors)):
        holder.weight.data.copy_(torch.from_numpy(vectors[f"ema/p{k}"]))
        ema.update()
        report.compare("outputs", ema.average[0], vectors[f"ema/shadow{k}"])

    logits, labels = torch.from_numpy(vectors["stablemax/logits"]), torch.from_numpy(vectors["stablemax/labels"])
    report.compare("loss", stablemax_cross_entropy(logits, labels), vectors["stablemax/loss_per_token"])


def verify_file(path: Path) -> Report:
    """Compare one `.npz` file. What cannot be read becomes the report's `problem`; nothing is raised."""
    report = Report(path.name)
    try:
        with np.load(path, allow_pickle=False) as archive:
            vectors = {key: archive[key] for key in archive.files}
        if "meta" in vectors:
            verify_model(vectors, json.loads(vectors["meta"].item()), report)
        elif any(key.startswith("adam_atan2/") for key in vectors):
            verify_optimizers(vectors, report)
        else:
            report.problem = "holds neither a model (`meta`) nor optimizer vectors (`adam_atan2/...`)"
    except KeyError as error:
        report.problem = f"entry {error} is missing"
    except TrmEduError as error:
        report.problem = str(error)
    except Exception as error:  # a damaged or foreign file may break anything on the way; none of it is parity
        report.problem = f"cannot be replayed: {' '.join(str(error).split()) or type(error).__name__}"
    return report


def verify_folder(folder: Path) -> list[Report]:
    """One report for each `.npz` file in the folder, by name. DataError if the folder or its files are missing."""
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; give one that holds reference vectors, such as tests/golden")
    files = sorted(folder.glob("*.npz"))
    if not files:
        raise DataError(f"{folder} holds no .npz files; give a folder of reference vectors, such as tests/golden")
    return [verify_file(path) for path in files]
