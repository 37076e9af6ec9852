"""`trm-edu verify tests/golden` notices a change of any one line of what it is there to prove.

Each case replaces one line of the library, loads the changed sources under a name of their own, and lets that copy
verify the golden folder. A case whose line no longer stands in the source fails, so that the list stays true.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
COPY = "mutated_trm_edu"

# name -> (file, line as it stands, line to put in its place)
MUTATIONS: dict[str, tuple[str, str, str]] = {
    # The recursion
    "n + 1 updates of z": ("trm", "for _ in range(self.config.n):", "for _ in range(self.config.n + 1):"),
    "T + 1 recursions": ("trm", "for _ in range(self.config.T - 1):", "for _ in range(self.config.T):"),
    "y is updated with x": (
        "trm",
        "y = self.network(y, z, self.rotary)",
        "y = self.network(y, z + x, self.rotary)",
    ),
    "z is updated without x": (
        "trm",
        "z = self.network(z, y + x, self.rotary)",
        "z = self.network(z, y, self.rotary)",
    ),
    "z is updated without y": (
        "trm",
        "z = self.network(z, y + x, self.rotary)",
        "z = self.network(z, x, self.rotary)",
    ),
    "y is not fed back": ("trm", "y = self.network(y, z, self.rotary)", "y = self.network(z, 0 * z, self.rotary)"),
    "y and z change places": ("trm", "return State(y, z)", "return State(z, y)"),
    "the heads read z": ("trm", "return state[0]", "return state[-1]"),
    "gradient through all T recursions": ("trm", "with torch.no_grad():", "with torch.enable_grad():"),
    "gradient of the last update alone": (
        "trm",
        "y = self.network(y, z, self.rotary)",
        "y = self.network(y, z.detach(), self.rotary)",
    ),
    "state is not detached": ("trm", "type(state)(*(s.detach() for s in state))", "type(state)(*state)"),
    "states start from zero": ("trm", "return State(self.y_init.to(dtype)", "return State(0 * self.y_init.to(dtype)"),
    "single z thinks without x": (
        "variants",
        "z = self.network(z, x, self.rotary)",
        "z = self.network(z, 0 * x, self.rotary)",
    ),
    "single z answers with x": ("variants", "z = self.network(z, torch.zeros_like(z)", "z = self.network(z, x"),
    "pads read the others alone": ("variants", "y + x + others", "x + others"),
    "pads read themselves twice": ("variants", "pads[:i] + pads[i + 1 :]", "pads"),
    "y reads the last pad alone": ("variants", "sum(pads[1:], pads[0])", "pads[-1]"),
    # HRM
    "z_H is updated at every tick": (
        "hrm",
        "z_L = self.f_L(z_L, z_H + x, self.rotary)",
        "z_L = self.f_L(z_L, z_H + x, self.rotary); z_H = self.f_H(z_H, z_L, self.rotary)",
    ),
    "f_L in the place of f_H": (
        "hrm",
        "z_H = self.f_H(z_H, z_L, self.rotary)",
        "z_H = self.f_L(z_H, z_L, self.rotary)",
    ),
    "HRM differentiates every tick": ("hrm", "with torch.no_grad():", "with torch.enable_grad():"),
    "HRM's last cycle is one tick longer": ("hrm", "range(self.config.n - last_cycle)", "range(self.config.n)"),
    "HRM's target without the sigmoid": ("supervision", "ahead.halt_logit, best).sigmoid()", "ahead.halt_logit, best)"),
    "HRM's target ignores the last step": (
        "supervision",
        "carry.steps >= n_supervision, ahead",
        "carry.steps < 0, ahead",
    ),
    "HRM's target takes the smaller value": ("supervision", "torch.maximum(", "torch.minimum("),
    "HRM halts above 0": ("supervision", "output.continue_logit if q_learning else 0.0", "0.0"),
    # Norms and layers
    "eps outside the root": (
        "layers",
        "torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)",
        "1 / (wide.square().mean(-1, keepdim=True).sqrt() + eps)",
    ),
    "eps ten times as large": ("layers", "NORM_EPS = 1e-5", "NORM_EPS = 1e-4"),
    "eps ten times as small": ("layers", "NORM_EPS = 1e-5", "NORM_EPS = 1e-6"),
    "the norm subtracts the mean": (
        "layers",
        "wide = x.float() if x.dtype == torch.bfloat16 else x",
        "wide = x - x.mean(-1, keepdim=True)",
    ),
    "the norm divides by the standard deviation": (
        "layers",
        "wide.square().mean(-1, keepdim=True)",
        "wide.var(-1, keepdim=True)",
    ),
    "pre-norm": ("layers", "return rms_norm(h + self.mlp(h))", "return h + self.mlp(rms_norm(h))"),
    "pre-norm in attention": (
        "layers",
        "h = rms_norm(h + self.attention(h, rotary))",
        "h = h + self.attention(rms_norm(h), rotary)",
    ),
    "no residual": ("layers", "return rms_norm(h + self.mlp(h))", "return rms_norm(self.mlp(h))"),
    "the token mixer's norm acts on channels": (
        "layers",
        "h = rms_norm(columns + self.token_mixer(columns)).transpose(1, 2)",
        "h = rms_norm((columns + self.token_mixer(columns)).transpose(1, 2))",
    ),
    "gate and up change places": ("layers", "F.silu(gate) * up", "gate * F.silu(up)"),
    "sigmoid in the place of silu": ("layers", "F.silu(gate)", "F.sigmoid(gate)"),
    "v is turned, q is not": ("layers", "q, k = rotary(q), rotary(k)", "v, k = rotary(v), rotary(k)"),
    "v is turned as well": ("layers", "q, k = rotary(q), rotary(k)", "q, k, v = rotary(q), rotary(k), rotary(v)"),
    "queries turn the other way": (
        "layers",
        "q, k = rotary(q), rotary(k)",
        "q, k = 2 * q * rotary.cos - rotary(q), rotary(k)",
    ),
    "neighbouring channels are paired": (
        "layers",
        "angle = torch.cat([torch.outer(axis, frequency) for axis in axes], dim=1).repeat(1, 2)",
        "angle = torch.cat([torch.outer(axis, frequency) for axis in axes], dim=1).repeat_interleave(2, 1)",
    ),
    "attention looks backward only": (
        "layers",
        "F.scaled_dot_product_attention(q, k, v)",
        "F.scaled_dot_product_attention(q, k, v, is_causal=True)",
    ),
    "attention without its scale": (
        "layers",
        "F.scaled_dot_product_attention(q, k, v)",
        "F.scaled_dot_product_attention(q, k, v, scale=1.0)",
    ),
    "the injection is left out": ("layers", "h = state + injected", "h = state"),
    # Input and output
    "embedding is not scaled": ("interface", "return x * config.hidden**0.5", "return x"),
    "positions are not rescaled": ("interface", ".weight.to(dtype)) * 0.5**0.5", ".weight.to(dtype))"),
    "prefix behind the cells": (
        "interface",
        "(config.prefix_len, config.hidden)), x), dim=1)",
        "(config.prefix_len, config.hidden)), x)[::-1], dim=1)",
    ),
    "the halting head reads the last position": ("interface", "self.halt(y[:, 0])", "self.halt(y[:, -1])"),
    "halt and continue change places": (
        "interface",
        "self.prefix_len :], halt, go_on)",
        "self.prefix_len :], go_on, halt)",
    ),
    # Halting and refill
    "halts below 0": ("supervision", "done = output.halt_logit > threshold", "done = output.halt_logit < threshold"),
    "halts at the last step alone": (
        "supervision",
        "return done | (steps >= n_supervision)",
        "return steps >= n_supervision",
    ),
    "never halts by age": ("supervision", "return done | (steps >= n_supervision)", "return done"),
    "halts one step late": ("supervision", "done | (steps >= n_supervision)", "done | (steps > n_supervision)"),
    "minimal age from 1": ("supervision", "torch.randint(2, n_supervision + 1", "torch.randint(1, n_supervision + 1"),
    "minimal age below N": ("supervision", "torch.randint(2, n_supervision + 1", "torch.randint(2, n_supervision"),
    "nine of ten explore": (
        "supervision",
        "torch.rand(count, **draw) < exploration",
        "torch.rand(count, **draw) > exploration",
    ),
    "nobody explores": ("supervision", "if exploration > 0:", "if False:"),
    "a minimal age may be passed by a step": (
        "supervision",
        "done & (steps >= at_least)",
        "done & (steps > at_least)",
    ),
    "one step does not halt": (
        "supervision",
        "halted = torch.ones_like(carry.halted)",
        "halted = torch.zeros_like(carry.halted)",
    ),
    "steps are not reset": ("supervision", "carry.steps.masked_fill(carry.halted, 0)", "carry.steps"),
    "steps do not count": ("supervision", "steps = carry.steps + 1", "steps = carry.steps"),
    "state is not reset": (
        "supervision",
        "state = type(carry.state)(*(choose(carry.halted, new, old)",
        "state = type(carry.state)(*(old",
    ),
    "z is not reset": (
        "supervision",
        "return Carry(state, carry.steps.masked_fill",
        "return Carry(type(state)(*state[:-1], carry.state[-1]), carry.steps.masked_fill",
    ),
    "y is not reset": (
        "supervision",
        "return Carry(state, carry.steps.masked_fill",
        "return Carry(type(state)(carry.state[0], *state[1:]), carry.steps.masked_fill",
    ),
    "every state is reset": (
        "supervision",
        "state = type(carry.state)(*(choose(carry.halted, new, old)",
        "state = type(carry.state)(*(new",
    ),
    "questions are not refilled": (
        "supervision",
        "torch.zeros_like(carry.halted), puzzles)",
        "torch.zeros_like(carry.halted), puzzles._replace(inputs=carry.batch.inputs))",
    ),
    "labels are not refilled": (
        "supervision",
        "torch.zeros_like(carry.halted), puzzles)",
        "torch.zeros_like(carry.halted), puzzles._replace(labels=carry.batch.labels))",
    ),
    "puzzle ids are not refilled": (
        "supervision",
        "torch.zeros_like(carry.halted), puzzles)",
        "torch.zeros_like(carry.halted), puzzles._replace(puzzle_ids=carry.batch.puzzle_ids))",
    ),
    "every slot is refilled": (
        "supervision",
        "puzzles = Batch(*(choose(carry.halted, new, old)",
        "puzzles = Batch(*(new",
    ),
    "choose is upside down": (
        "supervision",
        "*[1] * (old.dim() - 1)), new, old)",
        "*[1] * (old.dim() - 1)), old, new)",
    ),
    "evaluation starts afresh at every step": (
        "supervision",
        "state, output = model(batch.inputs, state, batch.puzzle_ids)",
        "_, output = model(batch.inputs, state, batch.puzzle_ids)",
    ),
    # Losses
    "halting loss of weight 1": ("losses", "HALT_WEIGHT = 0.5", "HALT_WEIGHT = 1.0"),
    "loss not a mean per puzzle": (
        "losses",
        "answer = (cell_loss(output.logits, labels).sum(-1) / counted).sum()",
        "answer = cell_loss(output.logits, labels).sum() / counted.sum() * len(labels)",
    ),
    "ignored cells are counted": (
        "losses",
        "counted = (labels != IGNORE).sum(-1).clamp_min(1)",
        "counted = labels.shape[1]",
    ),
    "a puzzle with ignored cells is never right": (
        "losses",
        "((logits.argmax(-1) == labels) | (labels == IGNORE)).all(-1)",
        "(logits.argmax(-1) == labels).all(-1)",
    ),
    "one right cell is right": ("losses", "| (labels == IGNORE)).all(-1)", "| (labels == IGNORE)).any(-1)"),
    "stable-max takes the other branch": ("losses", "torch.where(logits < 0, 1 /", "torch.where(logits > 0, 1 /"),
    "stable-max is steeper below 0": ("losses", "1 / (1 - logits.clamp_max(0))", "1 / (1 - 2 * logits.clamp_max(0))"),
    # Optimizers
    "AdamATan2 corrects m inside the arc tangent": (
        "optim",
        'p.sub_(torch.atan2(m_i, (v_i / (1 - beta2**count)).sqrt()), alpha=group["lr"] / (1 - beta1**count))',
        'p.sub_(torch.atan2(m_i / (1 - beta1**count), (v_i / (1 - beta2**count)).sqrt()), alpha=group["lr"])',
    ),
    "AdamATan2 does not correct v": ("optim", "(v_i / (1 - beta2**count)).sqrt()", "v_i.sqrt()"),
    "AdamATan2 does not decay": (
        "optim",
        '1 - group["lr"] * group["weight_decay"])\n            torch',
        "1.0)\n            torch",
    ),
    "sign-SGD does not decay": ("optim", 'table[ids] * (1 - group["lr"] * group["weight_decay"])', "table[ids]"),
    "sign-SGD takes signs before it adds": (
        "optim",
        "(ids[:, None] == ids).to(grads.dtype) @ grads",
        "(ids[:, None] == ids).to(grads.dtype) @ grads.sign()",
    ),
    "the average is the weight": ("optim", "self.weights, 1 - self.rate)", "self.weights, self.rate)"),
    "the schedule warms up from 1": ("optim", "return base * step / warmup", "return base * (step + 1) / warmup"),
    "the cosine ends at 0": ("optim", "base * (min_ratio + (1 - min_ratio) * 0.5", "base * (0.5"),
}


class SourceLoader(Loader):
    """Runs a module's source under the copy's name."""

    def __init__(self, source: str, path: Path):
        self.source, self.path = source, path

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = str(self.path)
        exec(compile(self.source.replace("trm_edu", COPY), str(self.path), "exec"), module.__dict__)


class CopyFinder(MetaPathFinder):
    """Finds the modules of the copy: the library's own sources, but for one line."""

    def __init__(self, file: str, line: str, replacement: str):
        self.changed, self.line, self.replacement = file, line, replacement

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        package, _, module = name.partition(".")
        if package != COPY:
            return None
        source_path = ROOT / "trm_edu" / f"{module or '__init__'}.py"
        source = source_path.read_text(encoding="utf-8")
        if module == self.changed and self.line:
            assert self.line in source, f"{self.line!r} no longer stands in {source_path.name}; mend this list"
            source = source.replace(self.line, self.replacement)
        return spec_from_loader(name, SourceLoader(source, source_path), is_package=not module)


@pytest.fixture
def forget_the_copy() -> Iterator[None]:
    before = list(sys.meta_path)
    yield
    sys.meta_path[:] = before
    for name in [name for name in sys.modules if name.split(".")[0] == COPY]:
        del sys.modules[name]


def lines_of_verify(file: str, line: str, replacement: str) -> Iterator[str]:
    """What the changed copy says about each golden file, one by one."""
    sys.meta_path.insert(0, CopyFinder(file, line, replacement))
    verify = importlib.import_module(f"{COPY}.verify")
    for path in sorted((ROOT / "tests" / "golden").glob("*.npz")):
        report = verify.verify_file(path)
        yield report.line()


def test_the_unchanged_copy_passes(forget_the_copy: None) -> None:
    lines = list(lines_of_verify("layers", "", ""))
    assert len(lines) == 7 and all(line.startswith("ok ") for line in lines), lines
    assert sys.modules[f"{COPY}.trm"].TRM is not importlib.import_module("trm_edu.trm").TRM


@pytest.mark.parametrize("name", MUTATIONS)
def test_verify_fails_for(name: str, forget_the_copy: None) -> None:
    for line in lines_of_verify(*MUTATIONS[name]):
        if line.startswith("FAIL "):
            print(line)
            return
    pytest.fail(f"{MUTATIONS[name]} changes the model and verify does not notice")
