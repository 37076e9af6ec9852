"""Make the README's pictures: the shipped network at work on one puzzle, and one of its supervision steps unrolled.

    python pictures/make.py           # writes pictures/*.gif and *.png, prints the lines for the README
    python pictures/make.py --check   # writes nothing; fails if README or pictures say something else than the network

The puzzle is chosen by a rule, not by hand: of the ten puzzles of `generate(10, seed=2025)`, the one on which the
network takes the most supervision steps until it says that it is done and is right (at most 16; of equals the first).
A newspaper's puzzle takes two or three: there is little to see. The forward pass is in float64, so that rounding on
another machine, which 16 steps would magnify, changes nothing. A file is written whole or not at all, and the same
machine writes the same bytes.
"""

from __future__ import annotations

import argparse
import io
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import nn

from trm_edu import plots
from trm_edu.checkpoints import shipped_model
from trm_edu.data import write_whole
from trm_edu.errors import DataError
from trm_edu.interface import parameter_count
from trm_edu.plots.style import DARK_GREEN, DARK_VERMILION
from trm_edu.solve import Step, solve
from trm_edu.tasks import Task, get_task

ROOT = Path(__file__).resolve().parents[1]
TASK, COUNT, SEED, N_SUPERVISION = "sudoku9", 10, 2025, 16
LEAST = 5  # steps; of fewer an animation would show nothing
GIF, ROW, UNROLLED = "thinking.gif", "thinking.png", "unrolled.png"
FIRST, STEP, LAST = 2000, 700, 5000  # how long a frame stands, in milliseconds
GIF_DPI, PNG_DPI = 100, 130
GIF_COLOURS, PNG_COLOURS = 64, 96  # enough for smooth letters, and a fraction of the size
MARKS = "yellow: changed      cross: wrong      short bar: less than 95% sure"


@dataclass
class Trace:
    """What the network did: the chosen puzzle, its solution [L], the steps; and how many of the ten it solved."""

    model: nn.Module
    task: Task
    question: np.ndarray
    solution: np.ndarray
    steps: list[Step]
    solved: int

    @property
    def open(self) -> np.ndarray:
        """Bool [L]: the cells that the question leaves open."""
        return self.question == self.task.encode("." * self.task.seq_len)

    @property
    def wrong(self) -> list[int]:
        """How many cells are wrong after each step."""
        return [int(plots.changed_cells(self.solution, step.answer).sum()) for step in self.steps]

    @property
    def changed(self) -> list[int]:
        """How many cells each step changed; the first changes none, because there all open cells are new."""
        pairs = zip(self.steps, self.steps[1:], strict=False)
        return [0, *(int(plots.changed_cells(before.answer, after.answer).sum()) for before, after in pairs)]

    def sure(self, step: Step) -> float:
        """Mean confidence of the open cells."""
        return float(step.confidence[self.open].mean())


def choose() -> Trace:
    """Let the shipped network solve the ten puzzles, one start each, and keep the one that the rule names."""
    model, task = shipped_model(TASK, dtype="float64").model, get_task(TASK)
    puzzles = task.generate(COUNT, seed=SEED)
    budget = {"n_supervision": N_SUPERVISION, "starts": 1}
    found = [solve(model, task, question, **budget) for question in puzzles.questions]
    solved = [i for i, solution in enumerate(found) if solution.solved and solution.best.said_done]
    chosen = max(solved, key=lambda i: len(found[i].best.steps), default=None)  # of equals the first
    if chosen is None or len(found[chosen].best.steps) < LEAST:
        raise DataError(f"the network solves none of the {COUNT} puzzles in {LEAST} to {N_SUPERVISION} steps")
    question, answer = puzzles.questions[chosen], puzzles.answers[chosen]
    return Trace(model, task, question, answer, found[chosen].best.steps, len(solved))


# --- what is to be seen, in words -----------------------------------------------------------------------------------


def texts(trace: Trace) -> dict[str, str]:
    """The alternative text of every picture, from the trace."""
    count, clues = len(trace.steps), int((~trace.open).sum())
    early = max(step.halt_probability for step in trace.steps[:-1])
    end = trace.steps[-1].halt_probability
    shown = plots.shown_steps(count)
    which = f"a generated Sudoku with {clues} clues and {int(trace.open.sum())} open cells"
    rows = [
        f"after step {i}: {trace.wrong[i - 1]} wrong, mean confidence {trace.sure(trace.steps[i - 1]):.0%}"
        for i in shown
    ]
    return {
        GIF: (
            f"Animation: a network of {parameter_count(trace.model):,} weights solves {which} in {count} supervision "
            f"steps. The first frame is the question, then comes the answer after every step, with changed cells in "
            f"yellow and wrong ones crossed. Wrong cells after each step: {', '.join(map(str, trace.wrong))}. The "
            f"probability that the network gives for being done stays at or below {early:.1%} before the last step and "
            f"is {end:.1%} after it; the rules of Sudoku confirm the answer."
        ),
        ROW: (
            f"{len(rows) + 1} grids in a row: {which}, and the network's answers: {'; '.join(rows)}. Changed cells are "
            f"yellow, wrong ones crossed; a short bar stands in cells of which the network is less than 95% sure."
        ),
        UNROLLED: plots.unrolled_text(trace.model, n_supervision=N_SUPERVISION),
    }


def caption(trace: Trace) -> str:
    """Where the puzzle comes from."""
    return (
        f"The shipped 9x9 network at work: the question, then its answer after each of {len(trace.steps)} supervision "
        f"steps. A generated puzzle with minimal clues and one solution: of the {COUNT} that `generate({COUNT}, "
        f"seed={SEED})` makes, the network solves {trace.solved} within {N_SUPERVISION} steps, and this one takes the "
        "most. Computed in float64, so that every machine sees the same. Made by [pictures/make.py](pictures/make.py)."
    )


def differences(trace: Trace, readme: Path, folder: Path) -> list[str]:
    """What README and pictures say and the network does not do, a line each."""
    page, found = readme.read_text(encoding="utf-8"), []
    for name, text in texts(trace).items():
        said = re.findall(rf"!\[([^\]]*)\]\(pictures/{re.escape(name)}\)", page)
        if not said:
            found.append(f"{readme.name} does not show pictures/{name}")
        found += [
            f"{readme.name} says of pictures/{name}:\n  {one}\nbut the network does:\n  {text}"
            for one in (" ".join(one.split()) for one in said)
            if one != text
        ]
        path = folder / name
        if not path.is_file():
            found.append(f"pictures/{name} does not exist; run python pictures/make.py")
        elif (stored := description(path)) != text:
            found.append(f"pictures/{name} was made when the network did:\n  {stored}\nnow it does:\n  {text}")
    if f"pictures/{GIF})" in page and caption(trace) not in " ".join(page.split()):
        found.append(f"{readme.name} lacks the caption of pictures/{GIF}:\n  {caption(trace)}")
    return found


def description(path: Path) -> str:
    """The text that `main` stored inside a picture; empty if there is none."""
    with Image.open(path) as image:
        image.load()
        text = image.info.get("comment", b"").decode() if path.suffix == ".gif" else image.info.get("Description", "")
    return " ".join(text.split())


# --- the pictures ---------------------------------------------------------------------------------------------------


def frame(trace: Trace, number: int) -> Figure:
    """One frame: 0 is the question, k the answer after step k."""
    figure = Figure(figsize=(6.4, 4.1), facecolor="white")
    figure.text(0.5, 0.945, "A tiny network solves a Sudoku, step by step", fontsize=13, weight="bold", ha="center")
    ax = figure.add_axes((0.13 / 6.4, 0.42 / 4.1, 3.35 / 6.4, 3.35 / 4.1))
    if number == 0:
        plots.grid(trace.task, trace.question, ax)
        lines = [("the question", "black"), (f"{(~trace.open).sum()} clues, {trace.open.sum()} open cells", "black")]
    else:
        step = trace.steps[number - 1]
        before = trace.steps[number - 2].answer if number > 1 else step.answer
        marks = {"changed": plots.changed_cells(before, step.answer), "confidence": step.confidence}
        marks["wrong"] = plots.changed_cells(trace.solution, step.answer)
        plots.grid(trace.task, step.answer, ax, given=trace.question, **marks)
        lines = [
            (f"after step {number} of {len(trace.steps)}", "black"),
            (f"wrong cells: {trace.wrong[number - 1]}", DARK_VERMILION),
            ("the first answer" if number == 1 else f"changed cells: {trace.changed[number - 1]}", "black"),
            (f"{trace.sure(step):.0%} sure on average", "black"),
            (f"says “done”: {step.halt_probability:.1%}", "black"),
        ]
    for i, (line, colour) in enumerate(lines):
        style = {"fontsize": 13 if i == 0 else 11.5, "weight": "bold" if i == 0 else "normal", "color": colour}
        figure.text(3.78 / 6.4, (3.52 - 0.27 * i) / 4.1, line, va="center", **style)
    if number == len(trace.steps):
        figure.text(3.78 / 6.4, 2.05 / 4.1, "solved: every rule holds", fontsize=11.5, weight="bold", color=DARK_GREEN)
    chart(trace, number, figure.add_axes((4.15 / 6.4, 0.86 / 4.1, 2.1 / 6.4, 0.95 / 4.1)))
    figure.text(0.13 / 6.4, 0.15 / 4.1, MARKS, fontsize=9.5)
    return figure


def chart(trace: Trace, number: int, ax: Axes) -> None:
    """How many cells were wrong after each step so far."""
    wrong = trace.wrong[:number]
    bars = ax.bar(range(1, number + 1), wrong, width=0.8, color=plots.VERMILION, edgecolor="black", linewidth=0.5)
    if number:
        bars[-1].set_hatch("////")
        ax.bar_label(bars, [*[""] * (number - 1), f"{wrong[-1]}"], fontsize=9, padding=1)
    ax.set(xlim=(0, len(trace.steps) + 0.6), ylim=(0, max(trace.wrong) * 1.25))
    ax.set_xticks([1, *range(4, len(trace.steps) + 1, 4)])
    ax.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    ax.tick_params(labelsize=9)
    ax.set_xlabel("supervision step", fontsize=10)
    ax.set_ylabel("cells wrong", fontsize=10)
    ax.spines[["top", "right"]].set_visible(False)


def row(trace: Trace) -> Figure:
    """The question and the answers after steps 1, 2, 4 and the last."""
    shown = plots.shown_steps(len(trace.steps))
    side, width = 1.92, 1.92 * (len(shown) + 1) + 0.2
    figure = Figure(figsize=(width, side + 0.92), facecolor="white")
    places = [
        figure.add_axes(
            ((0.14 + side * i) / width, 0.36 / (side + 0.92), (side - 0.1) / width, (side - 0.1) / (side + 0.92))
        )
        for i in range(len(shown) + 1)
    ]
    titles = [f"after step {step}\nwrong cells: {trace.wrong[step - 1]}" for step in shown]
    plots.answer_row(
        trace.task,
        trace.question,
        [step.answer for step in trace.steps],
        shown,
        solution=trace.solution,
        titles=titles,
        confidences=[step.confidence for step in trace.steps],
        axes=places,
    )
    places[0].set_title(f"question\n{(~trace.open).sum()} clues")
    for ax in places:
        ax.title.set_fontsize(11)
    figure.text(
        0.14 / width, 0.12 / (side + 0.92), MARKS.replace("changed", "changed since the grid before"), fontsize=10
    )
    return figure


def unrolled(trace: Trace) -> Figure:
    """One supervision step of the shipped network, on white with a margin."""
    return plots.unrolled(trace.model, n_supervision=N_SUPERVISION).figure


def pixels(figure: Figure, dpi: int, margin: float = 0.0) -> Image.Image:
    """The figure as RGB, with a white margin in inches."""
    buffer = io.BytesIO()
    box = {"bbox_inches": "tight", "pad_inches": margin} if margin else {}
    figure.savefig(buffer, format="png", dpi=dpi, facecolor="white", **box)
    with Image.open(buffer) as image:
        return image.convert("RGB")


def few_colours(image: Image.Image, count: int) -> Image.Image:
    """The image with a palette of `count` colours. Pillow's usual method may turn white a little grey."""
    return image.quantize(count, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)


def as_png(figure: Figure, text: str, margin: float = 0.0) -> bytes:
    """A PNG of few colours with its description inside."""
    info, buffer = PngInfo(), io.BytesIO()
    info.add_itxt("Description", text)
    few_colours(pixels(figure, PNG_DPI, margin), PNG_COLOURS).save(buffer, format="png", optimize=True, pnginfo=info)
    return buffer.getvalue()


def as_gif(frames: Sequence[Image.Image], text: str) -> bytes:
    """An endless GIF with one palette for all frames, the last of which stands longest."""
    width, height = frames[0].size
    together = Image.new("RGB", (width, height * len(frames)))
    for i, image in enumerate(frames):
        together.paste(image, (0, height * i))
    palette = few_colours(together, GIF_COLOURS)
    first, *others = (image.quantize(palette=palette, dither=Image.Dither.NONE) for image in frames)
    durations = [FIRST, *[STEP] * (len(frames) - 2), LAST]
    buffer = io.BytesIO()
    many = {"save_all": True, "append_images": others, "duration": durations, "loop": 0, "comment": text.encode()}
    first.save(buffer, format="gif", optimize=False, **many)
    return buffer.getvalue()


def make(trace: Trace) -> dict[str, bytes]:
    """The content of every file."""
    said = texts(trace)
    frames = [pixels(frame(trace, i), GIF_DPI) for i in range(len(trace.steps) + 1)]
    return {
        GIF: as_gif(frames, said[GIF]),
        ROW: as_png(row(trace), said[ROW]),
        UNROLLED: as_png(unrolled(trace), said[UNROLLED], margin=0.12),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "pictures", help="folder of the pictures")
    parser.add_argument("--check", action="store_true", help="compare README and pictures with what the network does")
    parser.add_argument("--readme", type=Path, default=ROOT / "README.md", help="the page that --check reads")
    args = parser.parse_args(arguments)
    trace = choose()
    if args.check:
        found = differences(trace, args.readme, args.out)
        print("\n".join(found) if found else "README and pictures say what the network does")
        return 1 if found else 0
    for name, content in make(trace).items():
        write_whole(args.out / name, content)
        print(f"wrote {args.out / name}: {len(content) / 1000:.0f} kB", file=sys.stderr)
    said = texts(trace)
    print(f"![{said[GIF]}](pictures/{GIF})\n\n{caption(trace)}\n")
    print(f"![{said[ROW]}](pictures/{ROW})\n\n![{said[UNROLLED]}](pictures/{UNROLLED})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
