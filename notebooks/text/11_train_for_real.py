# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 11 · Train for real
#
# **Question: what changes at full size?**
#
# *You will be able to* read and change a training recipe, say what a run will cost before you start it, find out where
# its time goes, stop and resume it without losing a bit, and spread it over several processes.
#
# *You need* PyTorch and lesson 10 (or 06): what a supervision step is, and how slots are refilled. FLOPs were met in
# lesson 02.
#
# *Time*: it runs in about a minute and a half on two CPU cores. Reading it takes about an hour.
#
# *The course*: 00 start · 01-03 puzzles and parts · 04-07 HRM's ideas · 08-09 what made it better · 10 TRM complete
# · **11-13 full size** · 14-15 beyond

# %%
import dataclasses
import importlib
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from safetensors.torch import load_file
from torch import nn
from torch.testing import assert_close
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

import trm_edu
from trm_edu import optim, plots
from trm_edu.devices import cpp_compiler, device_name, matmul_rate
from trm_edu.flops import evaluation_flops, forward_equivalents, step_flops
from trm_edu.logs import load_run, read_log
from trm_edu.losses import supervision_loss
from trm_edu.plots import BLACK, BLUE, GREEN, ORANGE, VERMILION
from trm_edu.recipes import RECIPES, Recipe
from trm_edu.resume import newest_state
from trm_edu.train import load_sets
from trm_edu.trainer import Trainer

# %% [markdown]
# **No figure of a GPU in this lesson was measured by us.** What it says of an H100 is arithmetic, or what others
# published. *This* machine it measures while you watch.
#
# ## 1. A recipe is a record
#
# A run depends on many settings. The library keeps all of them in one frozen record, the seed among them.

# %%
# NBVAL_CHECK_OUTPUT
small, full = RECIPES["laptop-sudoku6"], RECIPES["sudoku-extreme"]  # lesson 10's run, and the paper's
try:
    small.lr = 1.0
except dataclasses.FrozenInstanceError as error:
    print("refused:", error)

# %% [markdown]
# `small.replace(lr=1.0)` makes a new record; the old one stays. **Predict:** which settings differ between a minute on
# a laptop and the paper's run? Does any of them name other *code*?


# %%
def difference(a, b):
    return {name: (a[name], b[name]) for name in a if a[name] != b[name] and name != "name"}


for name, (ours, papers) in difference(small.as_dict(), full.as_dict()).items():
    print(f"{name:>20}  {ours!s:>10}  ->  {papers}")

# %% [markdown]
# Two of them name other code: the loss (stable-max in float64, not in float32) and the optimizer (the published
# AdamATan2, not AdamW). The rest are numbers and switches. Network, recursion, slots and loop are those of lesson 10.
# What changes is the amount.
#
# ## 2. What will it cost?
#
# Lesson 02 counted a network without prefix. The published one has a prefix: 97 positions. By hand, its token mixer for
# one puzzle: 512 channels, and for each the SwiGLU's *three* matrices of 97 x 512; a multiply-add is 2 operations. Two
# layers make an *evaluation*. A training step makes T(n + 1) of them for each puzzle; those with gradient cost three
# times a forward pass. First the layer, then functions, then the library's.

# %%
# NBVAL_CHECK_OUTPUT
mixer = 3 * 2 * 97 * 512 * 512  # matrices, operations, positions, width over positions, channels
channels = 3 * 2 * 512 * 1536 * 97  # matrices, operations, channels, width over channels, positions
print(f"one layer, one puzzle: {mixer / 1e6:.1f} + {channels / 1e6:.1f} MFLOP")


# %%
def evaluation(S, D, W_cells, W, layers=2):
    return layers * (3 * 2 * S * W_cells * D + 3 * 2 * D * W * S)


def step_cost(one, T, n, batch):
    return ((T - 1) * (n + 1) + 3 * (n + 1)) * one * batch


# %%
# NBVAL_CHECK_OUTPUT
config = full.model_config("bfloat16")
assert evaluation(97, 512, 512, 1536) == 2 * (mixer + channels) == evaluation_flops(config)
full_step = step_cost(evaluation_flops(config), T=3, n=6, batch=768)
assert full_step == step_flops("trm", config, 768)
print(f"{forward_equivalents('trm', config)} forward equivalents, {full_step / 1e12:.1f} TFLOP a step")

# %% [markdown]
# Is the formula right? PyTorch can count for us. Its *meta* device knows shapes and no numbers. So the full-size step,
# backward pass included, runs here without any arithmetic.

# %%
# NBVAL_CHECK_OUTPUT
with torch.device("meta"), FlopCounterMode(display=False) as counter:
    model = trm_edu.TRM(config)
    ids = torch.zeros(768, dtype=torch.long)
    _, output = model(torch.zeros(768, 81, dtype=torch.long), model.initial_state(768), ids)
    (output.logits.float().sum() + output.halt_logit.float().sum()).backward()
counted = counter.get_total_flops()
print(f"torch counts {counted / 1e12:.1f} TFLOP, {counted / full_step - 1:.3%} more: the heads")

# %% [markdown]
# How many steps? The paper counts epochs of 1,000 puzzles; a step offers 768. The README of the published code says
# 50,000 epochs, the paper 60,000. How long? An H100 is sold with 989 TFLOP/s in dense bf16. Nobody gets that. What
# counts is the *share* of the peak that a program reaches. No published run states more than about 35%. **Predict** the
# hours for 35% and for 50%.

# %%
# NBVAL_CHECK_OUTPUT
for epochs in (50_000, 60_000):
    steps = epochs * 1000 // 768
    print(f"{epochs:,} epochs: {steps:,} steps, {steps * full_step / 1e18:.2f} million TFLOP")
    for share in (0.35, 0.5):
        rate = share * 989e12 / full_step
        print(f"    computed for {share:.0%}: {rate:.1f} steps a second, {steps / rate / 3600:.1f} hours")
assert steps == full.steps

# %% [markdown]
# One to two hours, on paper. Reports for this recipe reach from one hour to 36 (section 9).
#
# ## 3. This machine
#
# A machine's rate can be measured: time a product whose FLOPs you know.

# %%
a = torch.randn(512, 512)
a @ a  # the first call also sets things up
started = time.perf_counter()
for _ in range(50):
    a @ a
by_hand = 50 * 2 * 512**3 / (time.perf_counter() - started)
rate, rate16 = (matmul_rate(torch.device("cpu"), kind, seconds=0.5) for kind in (torch.float32, torch.bfloat16))
print(device_name(torch.device("cpu")))
print(f"float32: {by_hand / 1e9:.0f} GFLOP/s by hand, {rate / 1e9:.0f} by the library; bf16: {rate16 / 1e9:.0f}")
days = full.steps * full_step / rate / 86400
print(f"The paper's run at this rate in float32: {days:,.0f} days")
assert days > 1

# %% [markdown]
# So the paper's run is not for a CPU. What share does *our* training step reach? We take it apart with a
# clock: new puzzles, recursions without gradient, the one with gradient and the loss, backward, and the rest.

# %%
sets = load_sets(small)
trainer = Trainer(small.replace(dtype="float32", device="cpu"), sets[0])
model, (optimizer,) = trainer.model, trainer.optimizers
PARTS = ["new puzzles", "forward, no gradient", "forward, gradient", "backward", "clip, optimizer, EMA"]


# %%
def timed_step():
    marks = [time.perf_counter()]
    batch = next(trainer.stream)
    state = model.initial_state(small.batch_size)
    marks.append(time.perf_counter())
    with torch.no_grad():
        x = model.embed(batch.inputs, batch.puzzle_ids)
        for _ in range(small.T - 1):
            state = model.latent_recursion(x, state)
    marks.append(time.perf_counter())
    state = model.latent_recursion(model.embed(batch.inputs, batch.puzzle_ids), state)
    loss = supervision_loss(model.heads(state.y), batch.labels).total / small.batch_size
    marks.append(time.perf_counter())
    loss.backward()
    marks.append(time.perf_counter())
    nn.utils.clip_grad_norm_(model.parameters(), small.clip)
    optimizer.step()
    optimizer.zero_grad()
    trainer.ema.update()
    return np.diff([*marks, time.perf_counter()])


# %% [markdown]
# **Predict** the shares of time from the FLOPs. T = 2, n = 2: 3 evaluations without gradient, 3 with, and a backward
# pass that costs as much as 6. That is a quarter, a quarter, a half, and nothing for the rest.

# %%
times = np.median([timed_step() for _ in range(40)][10:], axis=0)
expected = np.array([0, 3, 3, 6, 0]) / forward_equivalents("trm", small.model_config("float32"))
measured = times / times.sum()
cost = step_flops("trm", small.model_config("float32"), small.batch_size)
print(f"{cost / 1e9:.2f} GFLOP in {1e3 * times.sum():.0f} ms: {cost / times.sum() / rate:.0%} of the rate of products")

# %%
ax = Figure(figsize=(7.2, 2.8), layout="constrained").subplots()
rows = np.arange(len(PARTS))
ax.barh(rows - 0.2, measured, 0.38, color=BLUE, label="by the clock")
ax.barh(rows + 0.2, expected, 0.38, color=ORANGE, hatch="//", edgecolor="white", label="by FLOPs")
ax.set_yticks(rows, PARTS)
ax.invert_yaxis()
ax.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
ax.set(xlabel="share of a training step", xlim=(0, 1.35 * max(measured.max(), 0.5)))
ax.legend(loc="center right", frameon=False)
ax.spines[["top", "right"]].set_visible(False)
said = "; ".join(f"{name} {share:.0%}" for name, share in zip(PARTS, measured, strict=True))
plots.show(ax, f"Bars: where the time of a training step goes, by the clock: {said}. FLOPs say 0, 25, 25, 50 and 0%.")
assert measured[3] > measured[1]

# %% [markdown]
# The backward pass takes more than the recursions without gradient. In our runs the two bars of a part were close:
# FLOPs told well how the time divides. How long it is, they do not tell: the share above the picture says how far we
# stay behind bare products. Norms, sums and `silu` read and write whole tensors and multiply no matrices. How many
# operations does PyTorch start, one after the other, for *one* evaluation of the network?

# %%
class Count(TorchDispatchMode):
    calls = products = 0

    def __torch_dispatch__(self, operation, types, arguments=(), named=None):
        self.calls += 1
        self.products += operation.name() in ("aten::mm", "aten::bmm", "aten::addmm")
        return operation(*arguments, **(named or {}))


with torch.device("meta"), torch.no_grad(), Count() as count:
    trm_edu.TRM(small.model_config("float32")).network(torch.empty(32, 36, 64), torch.empty(32, 36, 64))
print(f"{count.calls} operations, {count.products} of them matrix products")
assert count.products == 12 < count.calls / 3

# %% [markdown]
# `torch.compile` reads the whole recursion once and writes a program in which neighbours are *fused*: a norm and its
# sum become one pass over memory. That takes a C++ compiler (on a CPU) and time before the first step. We do not wait
# for it here. Our benchmark did, on two cores; its log is in the repository.

# %%
log = Path("../benchmarks/results/step_time.json")
timed = json.loads(log.read_text())["rows"] if log.exists() else {}
print("a C++ compiler is here" if cpp_compiler() else "no C++ compiler is here: recipes run uncompiled")
print("ms, share of products, seconds of the first step" if timed else f"{log} is missing: clone the whole repository.")
for name, row in ((name, row) for name, row in timed.items() if "at the authors" not in name):
    print(f"{name:<35}", *(f"{row[k]:8.2f}" for k in ("ms", "share_of_matmul", "first_step_seconds")))
if timed:
    eager, compiled = (timed[f"laptop-sudoku6, float32, {way}"] for way in ("eager", "compiled"))
    assert compiled["ms"] < eager["ms"]
    assert eager["share_of_matmul"] < timed["authors' shapes, float32, eager"]["share_of_matmul"]
    wait, gain = compiled["first_step_seconds"] - eager["first_step_seconds"], (eager["ms"] - compiled["ms"]) / 1000
    print(f"float32: compiling pays off after {wait / gain:,.0f} steps; laptop-sudoku6 has {small.steps:,}")

# %% [markdown]
# Compiling is for long runs. And in that log the wide network (D = 512) reaches a larger share than the narrow one (D =
# 64): more of its time is products. On a GPU products are so fast that everything else shows.
#
# ## 4. Two number formats
#
# bf16 has half the bytes of float32, and many processors multiply it faster. It keeps 8 binary digits of a
# number. By hand: after 1 comes 1 + 1/128. Nothing lies between.
#
# **Predict:** a weight is 1. An optimizer adds 0.001 a thousand times. What is it then?

# %%
# NBVAL_CHECK_OUTPUT
for kind in (torch.float32, torch.bfloat16):
    weight = torch.tensor(1.0, dtype=kind)
    for _ in range(1000):
        weight += 0.001
    print(kind, round(weight.item(), 3), "next number after 1:", 1 + torch.finfo(kind).eps)

# %% [markdown]
# Each small update is rounded away. Nothing fails; the weight just never moves. At the paper's rate it would happen to
# real weights. AdamW moves a weight by about the learning rate:

# %%
# NBVAL_CHECK_OUTPUT
for start in (0.1, 0.04, 0.01):
    weight = torch.tensor(start, dtype=torch.bfloat16)
    print(start, "moves" if (weight + full.lr) != weight else "is stuck")

# %% [markdown]
# So weights, moments and average stay in float32. Only the *products* see a rounded copy, and their gradients come back
# to the float32 weights. That is what the library does.

# %%
# NBVAL_CHECK_OUTPUT
mixed = trm_edu.TRM(small.model_config("bfloat16"))
questions, answers = (torch.from_numpy(a[:4]).long() for a in (sets[0].questions, sets[0].answers))
state, output = mixed(questions, mixed.initial_state(4))
supervision_loss(output, answers).total.backward()
print({p.dtype for p in mixed.parameters()}, {p.grad.dtype for p in mixed.parameters()}, "z:", state.z.dtype)

# %% [markdown]
# Which format is faster depends on the processor: see the two rates of section 3. `dtype="auto"` measures and decides.
#
# ## 5. The learning rate over time
#
# Two ideas. *Warm-up*: the first steps are small, since AdamW's moments know nothing yet. *Cosine*: the last ones are
# small too, to settle. By hand, with peak 1, 4 steps of warm-up, 12 in all, and half of the peak at the end:
#
# - step 1: 1/4. Step 4: 1.
# - step 8: half way from 4 to 12. The cosine of a quarter turn is 0, so it stands half way from 1 to 1/2: 3/4.
# - step 12: 1/2.


# %%
def learning_rate(step, base, warmup, total, min_ratio):
    if step < warmup:
        return base * step / warmup
    progress = min(1.0, (step - warmup) / (total - warmup))  # 0 to 1
    falling = (1 + math.cos(math.pi * progress)) / 2  # 1 to 0
    return base * (min_ratio + (1 - min_ratio) * falling)


# %%
shown = [learning_rate(step, 1, 4, 12, 0.5) for step in (1, 4, 8, 12)]
assert_close(shown, [1 / 4, 1.0, 3 / 4, 1 / 2])
for r in RECIPES.values():
    for step in np.linspace(0, 1.1 * r.steps, 50).astype(int).tolist():
        theirs = optim.learning_rate(step, base=r.lr, warmup=r.warmup, total=r.steps, min_ratio=r.min_lr_ratio)
        assert_close(learning_rate(step, r.lr, r.warmup, r.steps, r.min_lr_ratio), theirs)
print(f"equal to the library in all {len(RECIPES)} recipes")

# %%
ax = Figure(figsize=(6.4, 2.6), layout="constrained").subplots()
steps = np.arange(1001)
for ratio, colour, line in ((1.0, BLACK, "-"), (0.1, BLUE, "--"), (0.0, VERMILION, ":")):
    ax.plot(steps, [learning_rate(s, 1, 100, 1000, ratio) for s in steps], line, color=colour)
    ax.annotate(f" min_lr_ratio {ratio:g}", (1000, ratio), color=colour, va="center", annotation_clip=False)
ax.set(xlabel="optimizer step", ylabel="share of the peak rate", xlim=(0, 1000), ylim=(0, 1.05))
ax.spines[["top", "right"]].set_visible(False)
plots.show(ax, "Three schedules rise to the peak at step 100. Then one stays there, one falls to 0.1, one to 0.")

# %% [markdown]
# The published code calls its schedule a cosine and sets `lr_min_ratio` to 1. Look at the last line of the function:
# `1 - min_ratio` is 0, and the cosine is multiplied away. The rate is *constant*. Then the last weights jitter, and
# averaging them (EMA, lesson 09) is what settles.
#
# ## 6. Kill it
#
# A run of hours will be interrupted. What must be on the disk, so that it goes on *as if nothing had happened*? We try:
# a tiny run on 4x4 Sudoku, in a process of its own. It saves a state every 30 steps. First, undisturbed:

# %%
scratch = tempfile.TemporaryDirectory()  # gone when the lesson ends
folder = Path(scratch.name)
options = "--device cpu --dtype float32 --steps 240 --hidden 16 --batch-size 8 --save-every 30 --eval-every 120 --json"
command = [sys.executable, "-m", "trm_edu.cli", "train", "laptop-sudoku4", *options.split()]
quiet = {"env": os.environ | {"OMP_NUM_THREADS": "1"}, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
whole = subprocess.run([*command, "--out", str(folder / "whole")], check=True, **quiet)

# %% [markdown]
# Now the same command with another folder. When its log reports step 100, we kill the process (SIGKILL: it cannot even
# say goodbye).

# %%
run, process = folder / "run", subprocess.Popen([*command, "--out", str(folder / "run")], **quiet)
log = run / "log.jsonl"
while not log.exists() or '"step": 100,' not in log.read_text():
    assert process.poll() is None, "the run ended by itself"
    time.sleep(0.01)
process.kill()
process.wait()
before = read_log(run)
print("left in the folder:", sorted(file.name for file in run.iterdir()))

# %%
saved, _ = newest_state(run)
sizes = {}
for name, tensor in saved.tensors.items():
    part = name.split("/")[0]
    sizes[part] = sizes.get(part, 0) + tensor.numel()
print(f"step {saved.facts['step']}; numbers in the state file: {sizes}")

# %% [markdown]
# Five parts: weights, their average, the optimizer's moments (two for each weight), the carry with its half-solved
# puzzles, and the random generators. The step number, on which the schedule depends, stands beside them.
#
# The published checkpoints hold weights alone. **Predict:** is that so bad? We go on both ways and watch the loss.

# %%
tiny = Recipe.from_dict(saved.facts["recipe"])
all_of_it, weights_alone = (Trainer(tiny, load_sets(tiny)[0]) for _ in range(2))
all_of_it.load_state(saved)
weights_alone.model.load_state_dict(all_of_it.model.state_dict())
for trainer in (all_of_it, weights_alone):
    trainer.losses = [trainer.step().answer.item() / tiny.batch_size for _ in range(4)]
    print([round(loss, 3) for loss in trainer.losses])
assert all_of_it.losses != weights_alone.losses

# %% [markdown]
# Other losses from the first step on: other puzzles in the slots, with fresh y and z, and a learning rate that warms up
# once more. It is a *new* run with good weights. Now the same command again, and the proof:

# %%
# NBVAL_CHECK_OUTPUT
subprocess.run([*command, "--out", str(run)], check=True, **quiet)
weights = {name: load_file(folder / name / "model.safetensors") for name in ("whole", "run")}
for name, tensor in weights["whole"].items():
    assert torch.equal(tensor, weights["run"][name])
logs = {name: read_log(folder / name) for name in ("whole", "run")}
losses = {name: [(r["step"], r["loss"]) for r in rows if r["kind"] == "step"] for name, rows in logs.items()}
assert losses["whole"] == losses["run"]
print("resumed", sum(r["kind"] == "resume" for r in logs["run"]), "time; every weight and loss equal, to the last bit")

# %%
back, reached = saved.facts["step"], max(r.get("step", 0) for r in before)
ax = Figure(figsize=(7.2, 1.9), layout="constrained").subplots()
ax.barh(1, back, color=GREEN, height=0.5)
ax.barh(1, max(reached - back, 0), left=back, color="white", edgecolor=VERMILION, hatch="///", height=0.5)
ax.barh(0, tiny.steps - back, left=back, color=GREEN, height=0.5)
ax.plot([*range(30, back + 1, 30)], [1] * (back // 30), "v", color=BLACK)
ax.annotate(f" killed after step {reached}; the hatched part is done again", (max(reached, back), 1), va="center")
ax.annotate(f"goes on from step {back}  ", (back, 0), va="center", ha="right")
ax.set_yticks([1, 0], ["first process", "second process"])
ax.set(xlabel="optimizer step (triangles: states saved)", xlim=(0, tiny.steps), ylim=(-0.5, 1.5))
ax.spines[["top", "right"]].set_visible(False)
plots.show(
    ax, f"Two bars. The first process is killed after step {reached}; the second goes on from the state of step {back}."
)

# %% [markdown]
# Our benchmark [`kills.py`](../benchmarks/kills.py) killed one real run twenty times at random moments, with the same
# end. A state file is written beside its place and then renamed: a kill leaves it whole or not at all. (All this on a
# CPU. A GPU may add numbers in another order.)
#
# ## 7. Two processes
#
# More devices: each works on a part of the batch, and they average their gradients. Is that the same? By hand: four
# puzzles with gradients 1, 2, 3, 6. The batch's gradient is their mean, 3.

# %%
# NBVAL_CHECK_OUTPUT
gradients = np.array([1.0, 2.0, 3.0, 6.0])
for cut in (2, 3):
    parts = [float(part.mean()) for part in (gradients[:cut], gradients[cut:])]
    print(f"parts of {cut} and {4 - cut}: means {parts}, their mean {sum(parts) / 2}; all: {gradients.mean()}")

# %% [markdown]
# Equal parts: yes. Unequal parts: no. So the library refuses a batch that cannot be split evenly.
#
# `torchrun` starts the processes; PyTorch's `DistributedDataParallel` averages the gradients. For real:
#
# ```text
# torchrun --nproc-per-node 8 -m trm_edu.cli train sudoku-extreme
# ```
#
# (`torchrun` has options of its own that begin with `--n`. To change n, write `-m -- trm_edu.cli`.) Here, two processes
# with four slots each, against one with eight: 12 steps from the same start, in both formats.

# %%
WORKER = """
import sys, torch
from pathlib import Path
from safetensors.torch import save_file
from trm_edu import parallel, variants
from trm_edu.recipes import RECIPES
from trm_edu.train import load_sets, train

def both_formats(where):
    change = dict(steps=12, warmup=4, hidden=16, batch_size=8, eval_supervision=4, device="cpu")
    recipe = RECIPES["laptop-sudoku4"].replace(**change)
    for kind in ("float32", "float64"):
        torch.manual_seed(0)
        model = variants.build_model("trm", recipe.model_config(kind)).to(getattr(torch, kind))
        run = train(recipe, where / kind, model=model, sets=load_sets(recipe), progress=False)
        if parallel.is_first():
            save_file(run.model.state_dict(), where / kind / "exact.safetensors")

if __name__ == "__main__":
    both_formats(Path(sys.argv[1]))
"""
(folder / "worker.py").write_text(WORKER)
torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
two = subprocess.run([*torchrun, str(folder / "worker.py"), str(folder / "two")], check=True, **quiet)

# %%
sys.path.insert(0, str(folder))
worker = importlib.import_module("worker")
worker.both_formats(folder / "one")  # the same function in one process: this one

# %%
apart = {}
for kind in ("float32", "float64"):
    one, two = (load_file(folder / name / kind / "exact.safetensors") for name in ("one", "two"))
    apart[kind] = max((one[key] - two[key]).abs().max().item() for key in one)
    print(f"{kind}: one process against two: weights differ by at most {apart[kind]:.1e}")
assert [read_log(folder / name / kind)[0]["processes"] for name in ("one", "two")] == [1, 2] and apart[kind] < 1e-8

# %% [markdown]
# In float64 nothing is left but rounding: the same computation. In float32 the rounding is some 500 million times
# coarser. And it grows from step to step: AdamW divides each gradient by its own size, so even one that is nothing but
# rounding moves its weight. So bit-equal needs the same number of processes.
#
# ## 8. The log of a real run
#
# The 9x9 network that ships with the course was trained on one core: 1,000 puzzles of Sudoku-Extreme, D = 128, 10,000
# steps. **One run, one seed.** It is measured on sx-proxy, our stand-in for the test split. Do not compare its scores
# with published ones. **Predict**, when you see it: from the middle on the loss *rises*, and the score rises too. How
# can both be?

# %%
log = Path("../benchmarks/results/sudoku9.jsonl")
shipped = load_run(log) if log.exists() else None
if shipped:
    plots.show(plots.training_curves(shipped), plots.curves_text(shipped))
else:
    print(f"{log} is missing: this lesson was opened alone. Clone the whole repository for this section.")

# %%
if shipped:
    r = Recipe.from_dict(shipped.recipe)
    print(f"reveal {r.reveal}, until {r.reveal_until:.0%} of the steps")
    losses = {k: np.mean([row["loss"] for row in shipped.losses if k < row["step"] <= k + 2000]) for k in (4000, 8000)}
    assert losses[4000] < losses[8000] and shipped.scores[4]["exact"][-1] < shipped.scores[-1]["exact"][-1]

# %% [markdown]
# The run was made easier. At step k of K, a puzzle shows a random share, up to 1 - k/K, of its open cells with their
# answers. So the loss is of ever harder puzzles; the score is always of whole ones. Compare training losses only on
# equal data. The log holds the throughput and the cost too:

# %%
if shipped:
    flops = r.steps * step_flops(r.model, r.model_config("float32"), r.batch_size)
    print(f"{r.steps * r.batch_size / shipped.seconds:.0f} slots a second for {shipped.seconds / 60:.0f} minutes")
    print(f"{flops / 1e12:.0f} TFLOP in all, {flops / shipped.seconds / 1e9:.0f} GFLOP/s")
    print(f"{flops / full_step:.1f} steps of the paper's run, which has {full.steps:,}")

# %% [markdown]
# That whole run costs as much arithmetic as about 17 steps of the paper's. So it is no small copy of the paper's
# result.
#
# ## 9. What others paid for 50, 75, 87%
#
# One study published its curve (arXiv 2601.19085): 1,000 puzzles, one pass of 16 steps, T = 6, n = 9, batch 384, 8,000
# steps in 47 minutes on an RTX 5090. It ends at 85.5 ± 1.3 over four seeds. We read between its points, and count, with
# and without a prefix: we do not know which it has.

# %%
# NBVAL_CHECK_OUTPUT
curve = {1000: 13, 2000: 22, 3000: 45, 4000: 58, 5000: 72, 6000: 83, 7000: 87}  # step: exact accuracy in %
theirs = [full.replace(T=6, n=9, prefix_len=p).model_config("float32") for p in (0, 16)]
one_step = [step_flops("trm", c, 384) for c in theirs]
for level in (50, 75, 87):
    step = np.interp(level, list(curve.values()), list(curve))
    low, high = (step * f / 1e18 for f in one_step)
    print(f"{level}%: step {step:,.0f}, {low:.2f} to {high:.2f} million TFLOP")
# %%
# NBVAL_CHECK_OUTPUT
official = 65_104 * full_step
print(f"official recipe, 50,000 epochs: 87.4%, {official / 1e18:.2f} million TFLOP")
rates = [8000 * flops / (47 * 60) / 1e12 for flops in one_step]
print(f"computed from their times: {rates[0]:.0f} to {rates[1]:.0f} TFLOP/s in the study,")
print(f"at least {official / (36 * 3600) / 1e12:.0f} in the official run (less than 36 hours on an L40S)")
assert 7000 * max(one_step) < official / 8

# %% [markdown]
# All of this is regime A: 1,000 puzzles, one pass, no restarts, no votes. Three readings:
#
# - Half of the puzzles cost less than half of what 87% cost. The last points are the dear ones.
# - That schedule needs an eighth of the official arithmetic, or less. A recipe can be worth more than a machine. But
#   read it roughly: it is one curve, whose last point lies above the mean of the seeds at its end; and the official run
#   may have stood at its score before its end.
# - A third report (nano-trm: AdamW, no prefix, compiled) says about one hour on an H100 for about 87%, on 1% of the
#   test split. We know no number of steps, so we compute nothing.
#
# Our `sudoku-extreme-fast` is a plan made from such leads. Nobody has run it on a GPU: it is no result.
#
# Now do the [exercises](../exercises/11_train_for_real.ipynb).
#
# ## What we now know
#
# - Full size changes numbers, not the network: a recipe says which.
# - A step's cost follows from its shapes, and so do hours, once you know the *share of the peak*. Only a clock tells
#   that.
# - Weights stay in float32: bf16 swallows small updates. A cosine that ends at 1 is a constant.
# - A run that saves weights, average, moments, carry, generators and its step ends bit by bit as if it had never been
#   killed.
# - Equal parts, averaged gradients: two processes compute what one computes.
#
# **Check yourself**
#
# 1. Your run reaches 20% of the peak. Which two measurements tell you why?
# 2. You resume from weights alone. Name three things that are different at the next step.
# 3. A colleague's loss falls faster than yours. What do you ask first?
#
# <details><summary>Answers</summary>
#
# 1. The time of each part of a step, and how many operations without products it starts. (And the rate of a bare
#    product, to know what is possible.)
# 2. Of these: optimizer moments, averaged weights, the puzzles in the slots with their y and z, the random draws, the
#    learning rate.
# 3. Whether the puzzles are equally hard, and the loss is the same function.
#
# </details>
#
# **Read on.** [`trm_edu/recipes.py`](../trm_edu/recipes.py), [`trm_edu/resume.py`](../trm_edu/resume.py),
# [`trm_edu/parallel.py`](../trm_edu/parallel.py); the card of the shipped network,
# [`sudoku9.md`](../trm_edu/assets/sudoku9.md). Lesson 12 leaves Sudoku for mazes.
