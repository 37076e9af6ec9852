"""The command line: trm-edu doctor | data | train | evaluate | solve | verify | plot.

Exit status: 0 done, 1 done with a negative answer (not solved, parity lost), 2 something about the input is wrong; then
one line on stderr says what.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import importlib.util
import io
import json
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trm_edu import __version__
from trm_edu.errors import DataError, RecipeError, TrmEduError

if TYPE_CHECKING:
    from trm_edu.checkpoints import Checkpoint
    from trm_edu.tasks import PuzzleSet, Task

EXIT_NO, EXIT_WRONG_INPUT = 1, 2
PICKS = ("rules", "halting", "first", "vote")  # as in trm_edu.evaluate, which takes seconds to import
LEAST = {"count": 1, "steps": 1, "starts": 1, "symmetries": 1, "batch": 1, "seed": 0, "show": 0, "noise": 0}
LEAST |= {"patience": 1, "give_up": 0, "augmentations": 0}
IDS = ("right", "blank", "wrong")  # as in trm_edu.arc_score


def say(value: dict[str, Any], as_json: bool, lines: Sequence[str]) -> None:
    """Print for a program or for a person."""
    print(json.dumps(value) if as_json else "\n".join(lines))


class OneLineParser(argparse.ArgumentParser):
    """argparse whose errors are one line."""

    def error(self, message: str) -> None:
        self.exit(EXIT_WRONG_INPUT, f"{self.prog}: {message} (see {self.prog} --help)\n")


# --- doctor ---------------------------------------------------------------------------------------------------------


def doctor(args: argparse.Namespace) -> int:
    """What is installed, which device, what will run here. Also compiles the puzzle kernels once, for later speed."""
    import torch

    from trm_edu.checkpoints import DEFAULT, shipped_model
    from trm_edu.data import DATA_SETS, DATA_VARIABLE
    from trm_edu.devices import cpp_compiler, device_name, faster_dtype, matmul_rate, pick_device
    from trm_edu.solve import recursion_trace, solve
    from trm_edu.tasks import get_task

    device = pick_device()
    versions = {}
    for package in (
        "torch",
        "numpy",
        "numba",
        "safetensors",
        "jupyterlab",
        "ipywidgets",
        "anywidget",
        "matplotlib",
        "jupytext",
        "nbval",
    ):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    dtype = faster_dtype(device)
    rates = {name: matmul_rate(device, getattr(torch, name)) / 1e9 for name in ("float32", "bfloat16")}
    folder = os.environ.get(DATA_VARIABLE)
    data = {name: bool(folder and (Path(folder) / entry.local).exists()) for name, entry in DATA_SETS.items()}
    networks = {}
    for name in DEFAULT:
        task, checkpoint = get_task(name), shipped_model(name)
        entry = networks[name] = {"ran": True, "trained_on": checkpoint.regime}
        if getattr(task, "judged_by", "rules") == "rules":
            question = task.generate(1, seed=0).questions[0]
            entry["solved_a_generated_puzzle"] = solve(checkpoint.model, task, question).solved
        else:  # tasks of ARC are made by people: any grid shows that the network runs
            recursion_trace(checkpoint.model, task.encode("012/345")[None], 1)
    compiler = cpp_compiler()
    found = {
        "trm_edu": __version__,
        "python": platform.python_version(),
        "packages": versions,
        "device": str(device),
        "processor": device_name(device),
        "gflops": rates,
        "dtype": dtype,
        "compiler": compiler,
        "data": data,
        "networks": networks,
    }
    lesson = all(versions[name] for name in ("jupyterlab", "ipywidgets", "anywidget", "matplotlib", "jupytext"))
    lines = [
        f"trm-edu {__version__}, Python {found['python']}",
        *(f"  {name} {version or 'not installed'}" for name, version in versions.items()),
        f"device: {device} ({found['processor']})",
        f"  matrix products: {rates['float32']:.0f} GFLOP/s in float32, {rates['bfloat16']:.0f} in bfloat16; "
        f"training will use {dtype}",
        f"  torch.compile: {'a C++ compiler is there' if compiler else 'no C++ compiler; recipes run uncompiled'}",
        f"data ({DATA_VARIABLE}={folder or 'not set'}):",
        *(f"  {name}: {'found' if there else 'not in that folder'}" for name, there in data.items()),
        "networks:",
        *(
            f"  {name}: runs"
            + {True: ", solved a generated puzzle", False: ", did not solve a generated puzzle"}.get(
                entry.get("solved_a_generated_puzzle"), ""
            )
            for name, entry in networks.items()
        ),
        "lessons: "
        + ("ready (make lab)" if lesson else 'packages are missing; type make lab, or pip install -e ".[course]"'),
        "training here: `trm-edu train laptop-sudoku6` takes about a minute on two cores",
    ]
    say(found, args.json, lines)
    return 0


# --- data -----------------------------------------------------------------------------------------------------------


def data(args: argparse.Namespace) -> int:
    """Which puzzles and data sets are known; with a name, load it and describe it."""
    from trm_edu.arc_tasks import TASK_SETS
    from trm_edu.data import DATA_SETS, load_puzzles
    from trm_edu.tasks import get_task, task_names

    if args.name is None:
        tasks = {}
        for name in task_names():
            try:
                tasks[name] = get_task(name).symmetries()
            except TrmEduError as error:  # a broken package must not hide the others
                tasks[name] = f"not to be had: {error}"
        sets = {name: entry.title for name, entry in DATA_SETS.items()}
        lines = ["tasks:", *(f"  {k}: symmetries: {v}" for k, v in tasks.items())]
        lines += ["data sets:", *(f"  {k}: {v}" for k, v in sets.items()), "  generated: made here, needs --count"]
        lines += [f"sets of ARC tasks: {', '.join(TASK_SETS)}"]
        say({"tasks": tasks, "data_sets": sets, "arc_task_sets": list(TASK_SETS)}, args.json, lines)
        return 0
    if args.name in TASK_SETS:
        return arc_data(args)
    task = get_task(args.task or (DATA_SETS[args.name].task if args.name in DATA_SETS else "sudoku6"))
    puzzles = load_puzzles(args.name, task, count=args.count, seed=args.seed)
    shown = [task.decode(question) for question in puzzles.questions[: args.show]]
    lines = [puzzles.describe(), *(task.format_grid(question) + "\n" for question in puzzles.questions[: args.show])]
    say(
        {"source": puzzles.source, "count": len(puzzles), "distinct": puzzles.distinct, "puzzles": shown},
        args.json,
        lines,
    )
    return 0


def arc_data(args: argparse.Namespace) -> int:
    """A set of ARC tasks in numbers, and the first ones as text."""
    import numpy as np

    from trm_edu.arc_tasks import load_tasks

    tasks = load_tasks(args.name)
    if args.count is not None:
        order = np.random.default_rng(args.seed).permutation(len(tasks))[: args.count]
        tasks = [tasks[i] for i in sorted(order.tolist())]
    pairs = {"train": sum(len(task.train) for task in tasks), "test": sum(len(task.test) for task in tasks)}
    lines = [f"{tasks[0].source}: {len(tasks)} tasks, {pairs['train']} demonstrations, {pairs['test']} test pairs"]
    for task in tasks[: args.show]:
        lines.append(f"\ntask {task.id}, first demonstration")
        for name, grid in zip(("input", "output"), task.train[0], strict=True):
            lines += [name, *("  " + "".join(map(str, row)) for row in grid.tolist())]
    value = {"source": tasks[0].source, "tasks": [task.id for task in tasks], "pairs": pairs}
    say(value, args.json, lines)
    return 0


# --- train ----------------------------------------------------------------------------------------------------------


def without_frame(text: str) -> str:
    """What tyro says in its first frame, as one line: it draws a frame of several lines around every error."""
    words: list[str] = []
    for line in text.splitlines()[1:]:  # the first line is a title
        inside = line.strip("│| ")
        if set(inside) - set("─-╰╯+"):
            words.append(inside)
        elif words:
            break
    return " ".join(words).removeprefix("Error parsing Recipe: ")


def train_command(argv: list[str]) -> int:
    """`trm-edu train NAME [--field value ...]`; the options are the fields of the recipe."""
    import tyro

    from trm_edu.recipes import RECIPES, Recipe, get_recipe

    own_options = "[--out FOLDER] [--dry-run] [--tensorboard] [--json]"
    usage = f"trm-edu train NAME {own_options} [--FIELD VALUE ...], NAME one of: {', '.join(RECIPES)}"
    if not argv:
        raise RecipeError(f"the name of a recipe is missing: {usage}")
    if argv[0] in ("-h", "--help"):
        print(usage + "\n`trm-edu train NAME --help` lists every field of a recipe with its meaning.")
        return 0
    name, rest = argv[0], argv[1:]
    if name.startswith("-"):
        raise DataError(f"the name of a recipe comes first, then options such as {name}: {usage}")
    own = OneLineParser(prog=f"trm-edu train {name}", add_help=False, allow_abbrev=False)
    own.add_argument("--out", default=None)
    own.add_argument("--json", action="store_true")
    own.add_argument("--dry-run", action="store_true")
    own.add_argument("--tensorboard", action="store_true")
    default = get_recipe(name)
    options, rest = own.parse_known_args(rest)
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            recipe = tyro.cli(Recipe, default=default, args=rest, prog=f"trm-edu train {name} {own_options}")
    except SystemExit as stop:
        if not stop.code:  # --help
            return 0
        raise RecipeError(f"{without_frame(complaint.getvalue())} (see trm-edu train {name} --help)") from None

    from trm_edu.forecast import forecast
    from trm_edu.parallel import is_first
    from trm_edu.train import finished_run, load_sets, train

    talks = is_first() and not options.json
    cost = forecast(recipe, processes=int(os.environ.get("WORLD_SIZE", "1")))
    if talks:
        print("\n".join(cost.lines()), flush=True)
    if options.dry_run:
        if options.json:
            print(json.dumps({"recipe": recipe.as_dict(), **cost.as_dict()}))
        return 0
    folder = Path(options.out or f"runs/{recipe.name}-seed{recipe.seed}")
    if done := finished_run(folder):
        raise RecipeError(f"{folder} holds a finished run ({done}); choose another --out, or delete that folder")
    sets = load_sets(recipe)
    if talks:
        print(f"training on {sets[0].describe()}\nmeasuring on {sets[1].describe()}", flush=True)
    run = train(recipe, folder, sets=sets, progress=not options.json, tensorboard=options.tensorboard)
    if not is_first():
        return 0
    score = run.evaluation
    steps = [k for k in (1, 4, 16) if k <= score.n_supervision]
    value = {"recipe": recipe.as_dict(), "folder": str(folder), "seconds": run.seconds, **score.as_dict()}
    lines = [
        score.describe(),
        "exact after step " + ", ".join(f"{k}: {score.exact[k - 1]:.1%}" for k in steps),
        f"{run.seconds:.1f} s; weights and log in {folder}",
    ]
    say(value, options.json, lines)
    return 0


# --- evaluate -------------------------------------------------------------------------------------------------------


def checkpoint_for(path: str | None, task: str) -> Checkpoint:
    from trm_edu.checkpoints import load_model, shipped_model

    return load_model(path) if path else shipped_model(task)


def training_puzzles(checkpoint: Checkpoint, task: Task) -> tuple[PuzzleSet | None, str]:
    """The puzzles that a network was trained on, to be left out of a test, and a line that says if they could be."""
    from trm_edu.data import load_puzzles

    recipe = checkpoint.recipe
    if checkpoint.task != task.name or "train_data" not in recipe:
        return None, "the training puzzles are not known: some of these may be among them"
    draw = {"count": recipe.get("train_count"), "seed": recipe.get("data_seed", 0)}
    try:
        training = load_puzzles(recipe["train_data"], task, **draw)
    except DataError as error:
        return None, f"the training puzzles are not at hand, some of these may be among them: {error}"
    return training, f"none is equivalent to one of the {len(training):,} training puzzles"


def evaluate_command(args: argparse.Namespace) -> int:
    """Exact accuracy of a network on a puzzle set: one pass of fixed steps, with halting, or test-time compute."""
    from trm_edu.data import load_puzzles, stream_puzzles
    from trm_edu.evaluate import evaluate, evaluate_halting, evaluate_starts
    from trm_edu.solve import check_fits
    from trm_edu.tasks import get_task

    several = args.starts > 1 or args.symmetries > 1
    if args.pick and not several:
        raise DataError(f"--pick {args.pick} needs something to pick from: give --starts or --symmetries above 1")
    if args.noise and not several:
        raise DataError(f"--noise is {args.noise:g}, but the only start is the network's own: give --starts above 1")
    early = {name: getattr(args, name) for name in ("halt_above", "patience", "give_up")}
    early = {name: value for name, value in early.items() if value is not None}
    if early and (several or not args.halt):
        name, value = next(iter(early.items()))
        why = "is for one start of each puzzle: leave out --starts and --symmetries" if several else "needs --halt"
        raise DataError(f"--{name.replace('_', '-')} {value:g} {why}")
    checkpoint = checkpoint_for(args.weights, args.task or "sudoku9")
    task = get_task(args.task or checkpoint.task)
    check_fits(checkpoint.model, task)
    if getattr(task, "judged_by", "rules") == "answers":
        return evaluate_arc(args, checkpoint)
    for name in ("ids", "submission", "augmentations"):
        if getattr(args, name) is not None:
            raise DataError(f"--{name} is for ARC tasks, not for {task.name}")
    training, overlap = training_puzzles(checkpoint, task)
    if args.data == "generated" or args.count is not None or args.clues is not None:
        count = 1000 if args.data == "generated" and args.count is None else args.count
        puzzles = load_puzzles(args.data, task, count=count, seed=args.seed, clues=args.clues, exclude=training)
    else:
        puzzles = stream_puzzles(args.data, task, exclude=training)
    options = {"n_supervision": args.steps, "batch_size": args.batch, "regime": checkpoint.regime}
    if several:
        options |= {"starts": args.starts, "symmetries": args.symmetries, "pick": args.pick or "rules"}
        noise = 1.0 if args.noise is None and args.starts > 1 else args.noise or 0.0
        score = evaluate_starts(checkpoint.model, puzzles, **options, noise=noise, seed=args.seed)
    elif args.halt:
        score = evaluate_halting(checkpoint.model, puzzles, **options, **early)
    else:
        score = evaluate(checkpoint.model, puzzles, **options)
    lines = [score.describe()]
    if several or args.halt:
        saved = 1 - score.ratio
        change = f"{saved:.0%} fewer" if saved >= 0 else f"{-saved:.0%} more"
        lines.append(f"  {score.evaluations:,} evaluations, {change} than 16 fixed steps of each puzzle")
    else:
        steps = [k for k in (1, 2, 4, 8, 16, 32, 64) if k <= score.n_supervision]
        lines += [f"  after step {k:2d}: {score.exact[k - 1]:.1%}" for k in steps]
    lines += [f"  {overlap}", f"  {score.evaluation_seconds:.1f} s"]
    say(score.as_dict() | {"overlap": overlap}, args.json, lines)
    return 0


def evaluate_arc(args: argparse.Namespace, checkpoint: Checkpoint) -> int:
    """Votes over augmentations on the tasks that the network has ids for: those of its recipe."""
    from dataclasses import replace

    from trm_edu.arc_score import VotingJudge
    from trm_edu.evaluate import evaluate, evaluate_halting
    from trm_edu.recipes import Recipe
    from trm_edu.train import load_sets
    from trm_edu.voting import copying_the_input

    for name in ("starts", "symmetries"):
        if getattr(args, name) > 1:
            raise DataError(f"--{name} is for puzzles with rules; ARC votes over --augmentations")
    if not checkpoint.recipe:
        raise DataError(f"{checkpoint.path} does not say its recipe, so nobody knows which task each id stands for")
    recipe = Recipe.from_dict(checkpoint.recipe)
    if args.data not in ("generated", recipe.eval_data):
        raise DataError(
            f"this network has ids for the tasks of {recipe.eval_data}, not for {args.data}; learn rows for those "
            f"first: trm-edu train {recipe.name} --start-from WEIGHTS --only-ids True --eval-data {args.data}"
        )
    _, measure = load_sets(recipe)
    votes = measure.augmentations if args.augmentations is None else args.augmentations
    measure = replace(measure, augmentations=votes, ids=args.ids or "right")
    judge = VotingJudge(measure)
    measure = replace(measure, own_judge=judge)
    options = {"n_supervision": args.steps, "batch_size": args.batch, "regime": checkpoint.regime}
    score = (evaluate_halting if args.halt else evaluate)(checkpoint.model, measure, **options)
    copied = copying_the_input(measure.pairs.tasks)
    lines = [score.describe(), f"  copying the input: pass@1 {copied.pass_at_1:.1%}"]
    if args.submission:
        judge.voting.write_submission(args.submission)
        lines.append(f"  two attempts for every test input: {args.submission}")
    lines.append(f"  {score.evaluation_seconds:.1f} s")
    say(score.as_dict() | {"copying_the_input": copied._asdict()}, args.json, lines)
    return 0


# --- solve ----------------------------------------------------------------------------------------------------------


def read_puzzle(text: str) -> str:
    """The puzzle itself, or the content of a file if it is given as @FILE, or standard input if it is -."""
    if text == "-":
        try:
            return sys.stdin.read()
        except UnicodeDecodeError as error:
            raise DataError(f"standard input cannot be read as text: {error}") from None
    if text.startswith("@"):
        path = Path(text[1:])
        if not path.is_file():
            raise DataError(f"{path} is not a file; give the puzzle itself, @FILE with a puzzle in it, or - for stdin")
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path} cannot be read as text: {error}") from None
    return text


def task_of(text: str) -> str:
    """Which puzzle a text is: the first task that can read it."""
    from trm_edu.tasks import get_task, task_names

    cells, meant = sum(not (ch.isspace() or ch in "|+-") for ch in text), "sudoku9"
    for name in reversed(task_names()):
        with contextlib.suppress(TrmEduError):  # also that of a broken package that offers a task
            meant = name if get_task(name).seq_len == cells else meant
    for name in task_names():
        with contextlib.suppress(TrmEduError):
            get_task(name).encode(text)
            return name
    get_task(meant).encode(text)  # says exactly what is wrong with the text
    raise DataError("this text is no puzzle of any known task; name the one that is meant with --task")


def solve_command(args: argparse.Namespace) -> int:
    """Solve a puzzle, show every step, verify the answer."""
    from trm_edu.solve import check_input, solve
    from trm_edu.tasks import get_task

    text = read_puzzle(args.puzzle)
    checkpoint = checkpoint_for(args.weights, "") if args.weights else None
    task = get_task(args.task or (checkpoint.task if checkpoint else task_of(text)))
    if getattr(task, "judged_by", "rules") == "answers":
        raise DataError(
            f"{task.name}: a question alone cannot be solved, because its id says which task it belongs to; "
            "trm-edu evaluate WEIGHTS --submission FILE answers the tests of whole tasks"
        )
    question = task.encode(text)
    check_input(task, question)
    checkpoint = checkpoint or checkpoint_for(None, task.name)

    def show(step: Any) -> None:
        print(f"step {step.number}, sure to be done: {step.halt_probability:.0%}")
        print(task.format_grid(step.answer) + "\n", flush=True)

    quiet = args.json or args.quiet
    if not quiet:
        print("question\n" + task.format_grid(question) + "\n")
    budget = {"n_supervision": args.steps, "starts": args.starts, "noise": args.noise, "seed": args.seed}
    solution = solve(checkpoint.model, task, question, **budget, checked=True, on_step=None if quiet else show)
    best = solution.best
    value = {
        "solved": solution.solved,
        "answer": task.decode(best.answer),
        "start": best.start,
        "steps": len(best.steps),
        "attempts": len(solution.attempts),
        "supervision_steps": solution.steps_used,
        "violations": best.violations,
        "seconds": solution.seconds,
        "trained_on": checkpoint.regime,
    }
    tried = f"{len(solution.attempts)} start{'s' if len(solution.attempts) > 1 else ''}, {solution.steps_used} steps"
    if solution.solved:
        if best.start > 1 and not quiet:
            print(f"start {best.start} (the puzzle turned by a symmetry)\n{task.format_grid(best.answer)}\n")
        lines = [f"solved and verified: {task.decode(best.answer)}", f"  {tried}, {solution.seconds:.2f} s"]
    else:
        belief = "believes that it is done" if best.said_done else "does not believe that it is done"
        lines = [
            f"not solved: the best answer breaks {len(best.violations)} rules, and the network {belief}",
            *(f"  {line}" for line in best.violations[:3]),
            f"  {tried}, {solution.seconds:.2f} s; more starts may help: --starts {4 * args.starts}",
        ]
    say(value, args.json, lines)
    return 0 if solution.solved else EXIT_NO


# --- verify ---------------------------------------------------------------------------------------------------------


def verify_command(args: argparse.Namespace) -> int:
    """Replay reference vectors; one line a file."""
    from trm_edu.verify import verify_folder

    reports = verify_folder(Path(args.folder))
    rows = [
        {"file": r.file, "passed": r.passed, "errors": r.errors, "halting": r.halting, "problem": r.problem}
        for r in reports
    ]
    say({"passed": all(r.passed for r in reports), "files": rows}, args.json, [report.line() for report in reports])
    return 0 if all(report.passed for report in reports) else EXIT_NO


# --- plot -------------------------------------------------------------------------------------------------------------

# Suffix -> the name that this format has for the alternative text, which travels inside the file.
PICTURES = {".png": "Description", ".svg": "Description", ".pdf": "Subject"}


def plot_command(args: argparse.Namespace) -> int:
    """Draw the logs of runs; a line for each run and the alternative text of the picture."""
    from trm_edu.data import write_whole
    from trm_edu.logs import load_run, log_file

    out = Path(args.out)
    if out.suffix.lower() not in PICTURES:
        raise DataError(f"--out is {args.out}; its name must end in {', '.join(PICTURES)}")
    paths = {log_file(path).resolve(): path for path in args.runs}  # a run that is given twice is no second seed
    runs = [load_run(path) for path in paths.values()]
    try:
        from trm_edu.plots import curves_text, figure_of, training_curves
    except ModuleNotFoundError as error:
        missing = (error.name or "").split(".")[0]
        if missing not in ("matplotlib", "PIL"):
            raise
        raise DataError(f'{missing} draws the picture and is not installed; pip install "trm-edu[course]"') from None

    figure, alt = figure_of(training_curves(runs, x=args.x)), curves_text(runs, x=args.x)
    picture, kind = io.BytesIO(), out.suffix.lower()
    options = {"metadata": {PICTURES[kind]: alt}, "dpi": 150, "facecolor": "white", "bbox_inches": "tight"}
    figure.savefig(picture, format=kind[1:], **options)
    write_whole(out, picture.getvalue())
    rows, lines = [], []
    for run in runs:
        score = run.scores[-1] if run.scores else {"exact": [None], "interval": None, "count": None}
        row = {"recipe": run.name, "seed": run.seed, "steps": run.steps, "seconds": run.seconds}
        row |= {"finished": run.finished, "resumed_at": run.resumed, "device": run.start.get("device")}
        row |= {"exact": score["exact"][-1], "interval": score["interval"], "count": score["count"]}
        rows.append(row | {"path": str(run.path)})
        took = f"{run.name}, seed {run.seed}: {run.steps:,} steps, {run.seconds / 60:.1f} min on {row['device']}"
        low, high = row["interval"] or (0.0, 1.0)
        said = "not measured yet"
        if run.scores:
            said = f"exact {row['exact']:.1%} [{low:.1%}, {high:.1%}] of {row['count']:,} puzzles"
        ending = "" if run.finished else ", not finished"
        if run.resumed:
            ending += f", resumed at step {' and '.join(f'{step:,}' for step in run.resumed)}"
        lines.append(f"{took}, {said}{ending}")
    say({"out": str(out), "runs": rows, "alt": alt}, args.json, [*lines, f"{out}: {alt}"])
    return 0


def build_parser() -> argparse.ArgumentParser:
    parser = OneLineParser(prog="trm-edu", description="Learn, train and use the Tiny Recursive Model.")
    parser.add_argument("--version", action="version", version=f"trm-edu {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, parser_class=OneLineParser)

    def command(name: str, function: Any, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(function=function)
        sub.add_argument("--json", action="store_true", help="print one JSON object for a program to read")
        return sub

    command("doctor", doctor, "what is installed, which device, what will run here")

    sub = command("data", data, "list tasks and data sets, or load one and describe it")
    sub.add_argument("name", nargs="?", help="a data set, a CSV file, or generated")
    sub.add_argument("--task", help="which puzzle, such as sudoku6 or maze10")
    sub.add_argument("--count", type=int, help="how many puzzles")
    sub.add_argument("--seed", type=int, default=0, help="of the draw or the generator")
    sub.add_argument("--show", type=int, default=1, help="print the first puzzles")

    commands.add_parser("train", help="train a recipe: trm-edu train laptop-sudoku6", add_help=False)

    sub = command("evaluate", evaluate_command, "exact accuracy of a network on a puzzle set")
    sub.add_argument("weights", nargs="?", help="a .safetensors file (default: the shipped network of the task)")
    sub.add_argument("--task", help="which puzzle (default: the one the network was trained on)")
    sub.add_argument("--data", default="generated", help="a data set, a CSV file, or generated (default)")
    sub.add_argument("--count", type=int, help="how many puzzles (default: 1000 generated ones; all of a file)")
    sub.add_argument("--clues", type=int, help="generated Sudoku only: stop removing clues at this number")
    sub.add_argument("--seed", type=int, default=1, help="of the draw or the generator")
    sub.add_argument("--steps", type=int, default=16, help="supervision steps (default 16)")
    sub.add_argument("--batch", type=int, default=256, help="puzzles side by side (default 256)")
    sub.add_argument("--halt", action="store_true", help="a puzzle leaves once the network says that it is done")
    sub.add_argument("--halt-above", type=float, help="with --halt: the halt logit that counts as done (default 0)")
    sub.add_argument("--give-up", type=int, help="with --halt: from step 3 on, answers that repeat more digits leave")
    sub.add_argument("--patience", type=int, help="with --halt: answers that stay the same for so many steps leave")
    sub.add_argument("--augmentations", type=int, help="ARC: how many of each task vote beside the task itself")
    sub.add_argument("--ids", choices=IDS, help="ARC: show the tasks under their right, a blank or a wrong id")
    sub.add_argument("--submission", help="ARC: write two attempts for every test input to this JSON file")
    sub.add_argument("--starts", type=int, default=1, help="test-time compute: noisy starts of a puzzle, each to halt")
    sub.add_argument("--symmetries", type=int, default=1, help="test-time compute: turned images of it, each to halt")
    sub.add_argument("--noise", type=float, help="of further starts (default 1 for --starts, 0 for --symmetries)")
    sub.add_argument("--pick", choices=PICKS, help="which answer of several counts (default rules)")

    sub = command("solve", solve_command, "solve a puzzle: a Sudoku of 81 or 36 characters (. for a blank), a maze")
    sub.add_argument("puzzle", help="the cells row by row, or @FILE, or - for standard input")
    sub.add_argument("--weights", help="a .safetensors file (default: the shipped network)")
    sub.add_argument("--task", help="which puzzle (default: that of the weights, or the first that can read it)")
    sub.add_argument("--steps", type=int, default=32, help="most supervision steps of one start (default 32)")
    sub.add_argument("--starts", type=int, default=16, help="most starts (default 16)")
    sub.add_argument("--noise", type=float, default=0.0, help="on the latent state of further starts (default 0)")
    sub.add_argument("--seed", type=int, default=0, help="of the further starts")
    sub.add_argument("--quiet", action="store_true", help="only the result")

    sub = command("verify", verify_command, "prove parity with the authors' code on a folder of reference vectors")
    sub.add_argument("folder", help="for example tests/golden")

    sub = command("plot", plot_command, "draw loss and accuracy of runs; those that differ only in seed share a colour")
    sub.add_argument("runs", nargs="+", metavar="RUN", help="the folder of a run, or its log.jsonl")
    sub.add_argument("--out", default="curves.png", help="where to; .png, .svg or .pdf (default curves.png)")
    sub.add_argument("--x", default="step", choices=("step", "seconds", "puzzles"), help="the axis (default step)")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status. Errors of the input are one line on stderr and status 2."""
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        if argv[:1] == ["train"]:
            return train_command(argv[1:])
        args = build_parser().parse_args(argv)
        for name, least in LEAST.items():
            value = getattr(args, name, None)
            if value is not None and not value >= least:  # nan is no number either
                raise DataError(f"--{name.replace('_', '-')} is {value}; it must be at least {least}")
        return args.function(args)
    except TrmEduError as error:
        print(f"trm-edu: {error}", file=sys.stderr)
        return EXIT_WRONG_INPUT
    except OSError as error:  # a folder that cannot be written to, a full disk
        print(f"trm-edu: {error}", file=sys.stderr)
        return EXIT_WRONG_INPUT
    except KeyboardInterrupt:
        goes_on = "; the same command goes on from the last state" if argv[:1] == ["train"] else ""
        print(f"trm-edu: stopped{goes_on}", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
