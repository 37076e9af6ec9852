"""The pages in docs/: facts of the ledger that no other test holds; form, links, commands and figures of the pages."""

from __future__ import annotations

import ast
import json
import math
import re
import shlex
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributed.run import get_args_parser

from trm_edu import cli, tasks
from trm_edu.data import load_puzzles, stream_of
from trm_edu.evaluate import evaluate
from trm_edu.forecast import forecast
from trm_edu.interface import ModelConfig, Output, parameter_count
from trm_edu.losses import IGNORE, supervision_loss
from trm_edu.optim import AdamATan2, learning_rate
from trm_edu.recipes import RECIPES, Recipe, get_recipe
from trm_edu.supervision import Batch, halting, initial_carry, supervision_step
from trm_edu.tasks import get_task
from trm_edu.trainer import Trainer
from trm_edu.trm import TRM
from trm_edu.variants import build_model

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
LEDGER, QUESTIONS = DOCS / "paper_and_code.md", DOCS / "questions.md"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
PARTS = ["Paper", "Code", "Here", "Matters?", "Test"]
PUBLISHED = ("sudoku-extreme", "maze-hard", "arc-agi-1", "arc-agi-2")
THREAD = re.compile(
    r"https://github\.com/(?:SamsungSAILMontreal/TinyRecursiveModels|sapientinc/HRM)/(?:issues|pull)/\d+"
)

SIZES = ModelConfig(vocab_size=6, seq_len=5, hidden=8, T=2, n=2, swiglu_multiple=8)
TINY = Recipe(
    name="tiny", task="sudoku4", train_count=8, eval_count=10, hidden=8, n_layers=1, T=1, n=1, heads=2, dtype="float32",
    n_supervision=3, batch_size=4, steps=6, warmup=2, eval_every=3, eval_part=4, device="cpu",
)  # fmt: skip


def some_batch(count: int) -> Batch:
    cells = torch.randint(6, (2, count, 5))
    return Batch(cells[0], cells[1], torch.zeros(count, dtype=torch.long))


def say(model: nn.Module, logit: float) -> None:
    """From now on the halting head says this, whatever it sees."""
    nn.init.zeros_(model.heads.halt.weight)
    nn.init.constant_(model.heads.halt.bias, logit)


# --- the ledger: steps and states -------------------------------------------------------------------------------------


def test_slots_of_one_batch_get_different_ages() -> None:
    """A network that is sure of some puzzles and not of others; the paper's loop would have one age for all."""
    model = TRM(SIZES)
    nn.init.normal_(model.heads.halt.weight, std=3.0)
    nn.init.zeros_(model.heads.halt.bias)
    carry = initial_carry(model, some_batch(32))
    for _ in range(5):
        carry, _ = supervision_step(model, carry, some_batch(32), n_supervision=16, exploration=0.0)
    assert len(carry.steps.unique()) > 2


def test_published_slots_age_together_until_one_halts() -> None:
    assert not any(get_recipe(name).stagger for name in PUBLISHED)
    recipe = TINY.replace(n_supervision=16, stagger=False, batch_size=8, lr=0.0, weight_decay=0.0)
    trainer = Trainer(recipe, load_puzzles("generated", get_task("sudoku4"), count=8))
    seen = []
    for age in [*range(1, 17), 1]:
        trainer.step()
        assert (trainer.carry.steps == age).all()
        seen.append(trainer.carry.batch.inputs)
    assert all(torch.equal(inputs, seen[0]) for inputs in seen[:16]) and not torch.equal(seen[16], seen[0])


@pytest.mark.parametrize("T", [1, 2, 3])
def test_detaching_the_incoming_carry_matters_for_one_recursion_only(T: int) -> None:
    """The state of a first step, with its graph or without it, enters a second step."""
    config = ModelConfig(6, 5, hidden=8, T=T, n=2, swiglu_multiple=8, dtype="float64")
    model = TRM(config).double()
    inputs, weigh = torch.randint(6, (3, 5)), torch.randn(3, 5, 6).double()

    def gradient(cut: bool) -> list[Tensor]:
        x = model.embed(inputs)
        state = model.deep_recursion(x, model.initial_state(3))
        assert state.y.requires_grad
        if cut:
            state = type(state)(*(tensor.detach() for tensor in state))
        loss = (model.heads(model.deep_recursion(x, state).y).logits * weigh).sum()
        return list(torch.autograd.grad(loss, [*model.network.parameters(), model.embed.tokens.weight]))

    same = [torch.allclose(a, b, rtol=1e-9) for a, b in zip(gradient(True), gradient(False), strict=True)]
    assert all(same) if T > 1 else not any(same)


def test_exploration_is_drawn_anew_at_every_step() -> None:
    """All slots are sure and explore, 2..4: they halt at step 2, 3, 4 with 1/3, 4/9, 2/9. One draw each: thirds."""
    count = 30_000
    sure = Output(torch.zeros(count, 1, 1), torch.ones(count), torch.zeros(count))
    generator, waiting, shares = torch.Generator().manual_seed(0), torch.ones(count, dtype=torch.bool), []
    for step in range(1, 5):
        rule = {"n_supervision": 4, "exploration": 1.0, "generator": generator}
        halted = waiting & halting(sure, torch.full((count,), step), **rule)
        shares.append(halted.double().mean().item())
        waiting &= ~halted
    assert shares == pytest.approx([0, 1 / 3, 4 / 9, 2 / 9], abs=0.015)


def test_evaluation_runs_all_steps_however_sure_the_network_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(get_recipe(name).eval_supervision == get_recipe(name).n_supervision == 16 for name in PUBLISHED)
    task = get_task("sudoku4")
    model = build_model("trm", TINY.model_config("float32"))
    say(model, 9.0)
    calls: list[bool] = []
    forward = TRM.forward
    monkeypatch.setattr(TRM, "forward", lambda self, *args: calls.append(self.training) or forward(self, *args))
    puzzles = task.generate(6, seed=0)
    score = evaluate(model, puzzles, n_supervision=16, batch_size=6, regime="nothing")
    assert calls == [False] * 16 and len(score.exact) == 16
    batch = Batch(
        *(torch.from_numpy(part).long() for part in (puzzles.questions, puzzles.answers)), torch.zeros(6).long()
    )
    carry, _ = supervision_step(model.train(), initial_carry(model, batch), batch, exploration=0.0)
    assert carry.halted.all(), "in training the same network halts after one step"


# --- the ledger: the network ------------------------------------------------------------------------------------------


def test_the_prefix_makes_97_positions_of_which_one_is_learned() -> None:
    assert get_recipe("sudoku-extreme").model_config("float32").n_positions == 97
    assert get_recipe("sudoku-extreme-fast").model_config("float32").n_positions == 81
    trainer = Trainer(TINY.replace(prefix_len=16), load_puzzles("generated", get_task("sudoku4"), count=8))
    for _ in range(3):
        trainer.step()
    prefix = trainer.model.embed(trainer.carry.batch.inputs, trainer.carry.batch.puzzle_ids)[:, :16]
    assert prefix[:, 0].all() and not prefix[:, 1:].any()
    assert (prefix == prefix[:1]).all() and not trainer.carry.batch.puzzle_ids.any(), "one vector for all puzzles"


def test_widths_of_the_published_networks() -> None:
    def widths(name: str, **changes: Any) -> tuple[int | None, int]:
        recipe = get_recipe(name).replace(**changes)
        with torch.device("meta"):
            block = build_model(recipe.model, recipe.model_config("float32")).network.blocks[0]
        return block.token_mixer and block.token_mixer.down.weight.shape[1], block.mlp.down.weight.shape[1]

    assert widths("sudoku-extreme") == (512, 1536)
    assert widths("sudoku-extreme", prefix_len=0) == (256, 1536)
    assert widths("maze-hard") == (None, 1536)


def test_the_page_states_the_counts_of_the_networks() -> None:
    attention = {"mixer": "attention", "positions": "rotary"}
    prefix = {"prefix_len": 16, "puzzle_ids": 1, "puzzle_dim": 512}
    sudoku = {"vocab_size": 11, "seq_len": 81}
    hrm = sudoku | attention | prefix | {"prefix_len": 1, "n_layers": 4, "n_layers_high": 4}
    networks = {
        "mixer on Sudoku": ("trm", sudoku | prefix),
        "prefix": ("trm", sudoku),
        "attention on Sudoku": ("trm", sudoku | prefix | attention),
        "on ARC": ("trm", {"vocab_size": 12, "seq_len": 900} | prefix | attention),
        "mixer on mazes": ("trm", {"vocab_size": 6, "seq_len": 900} | prefix),
        "HRM on Sudoku": ("hrm", hrm),
    }
    text = " ".join(ledger_sections()["13. How many weights"].split())
    for words, (name, settings) in networks.items():
        with torch.device("meta"):
            count = f"{parameter_count(build_model(name, settings)):,}"
        assert f"{words} {count}" in text or f"({count} without)" in text, (words, count)
    assert f"{get_recipe('arc-agi-1').puzzle_ids:,} ids" in text


# --- the ledger: loss and optimizers ----------------------------------------------------------------------------------


def test_the_loss_covers_the_given_cells() -> None:
    puzzles = load_puzzles("generated", get_task("sudoku6"), count=4)
    batch = next(stream_of(puzzles, 4, seed=0, device="cpu", augment=True))
    assert (batch.labels != IGNORE).all()
    given = batch.inputs == batch.labels
    assert 0 < given.sum() < given.numel()
    right = nn.functional.one_hot(batch.labels, 8).float() * 20
    wrong = torch.where(given[..., None], right.roll(1, dims=-1), right)  # right wherever the question is open

    def loss(logits: Tensor) -> float:
        return supervision_loss(Output(logits, torch.zeros(4), torch.zeros(4)), batch.labels).answer.item()

    assert loss(wrong) > 2 * loss(right)


def test_adam_atan2_begins_like_adam_and_goes_on_with_a_quarter_of_pi() -> None:
    """The gradient never changes, at two scales. A correction inside the arc tangent would begin with pi / 4 too."""
    for scale in (1e-3, 1e3):
        steps = {}
        for name, make in (("atan2", AdamATan2), ("adamw", torch.optim.AdamW)):
            weight = nn.Parameter(torch.zeros(1, dtype=torch.float64))
            optimizer, path = make([weight], lr=1.0, betas=(0.9, 0.95), weight_decay=0.0), [0.0]
            for _ in range(400):
                weight.grad = torch.full_like(weight, scale)
                optimizer.step()
                path.append(-weight.item())
            steps[name] = [b - a for a, b in zip(path, path[1:], strict=False)]
        assert steps["atan2"][0] == pytest.approx(10 * math.atan(0.1)) and steps["adamw"][0] == pytest.approx(
            1, abs=1e-4
        )
        assert steps["atan2"][-1] == pytest.approx(math.pi / 4) and steps["adamw"][-1] == pytest.approx(1, abs=1e-4)


def test_the_published_rate_is_constant_after_the_warm_up() -> None:
    for name in PUBLISHED:
        recipe = get_recipe(name)
        plan = {"warmup": recipe.warmup, "total": recipe.steps, "min_ratio": recipe.min_lr_ratio}
        rates = [learning_rate(step, base=recipe.lr, **plan) for step in (1000, 2000, 30_000, recipe.steps)]
        assert rates == pytest.approx([5e-5, 1e-4, 1e-4, 1e-4])


def test_epochs_are_steps() -> None:
    """An epoch draws each of the 1,000 puzzles once."""
    steps = {epochs: int(epochs * 1000 / 768) for epochs in (50_000, 60_000)}
    assert steps == {50_000: 65_104, 60_000: 78_125}
    assert get_recipe("sudoku-extreme").steps == steps[60_000] and get_recipe("maze-hard").steps == steps[50_000]


# --- the ledger: data and ablations -----------------------------------------------------------------------------------


def test_which_published_recipes_augment() -> None:
    assert get_recipe("sudoku-extreme").augment and not get_recipe("maze-hard").augment
    assert get_recipe("laptop-maze").augment
    assert all(get_recipe(name).augmentations == 1000 for name in ("arc-agi-1", "arc-agi-2"))


def test_t_and_n_of_the_published_recipes() -> None:
    found = [(get_recipe(name).T, get_recipe(name).n) for name in PUBLISHED]
    assert found == [(3, 6), (3, 4), (3, 6), (3, 6)]


def test_the_q_continue_path_of_trm_runs_and_costs_a_second_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """One call with gradient for the loss, one without for the target."""
    calls: list[bool] = []
    forward = TRM.forward
    monkeypatch.setattr(
        TRM, "forward", lambda self, *args: calls.append(torch.is_grad_enabled()) or forward(self, *args)
    )
    puzzles = load_puzzles("generated", get_task("sudoku4"), count=8)
    for q_learning, expected in ((True, [True, False]), (False, [True])):
        calls.clear()
        loss = Trainer(TINY.replace(q_learning=q_learning), puzzles).step()
        assert calls == expected and bool(loss.continue_ > 0) == q_learning


# --- form of the pages ------------------------------------------------------------------------------------------------


def sections(page: Path) -> dict[str, str]:
    """The text below each heading of third rank, up to the next heading."""
    parts = re.split(r"^### (.+)\n", re.sub(r"^## .+\n", "", page.read_text(encoding="utf-8"), flags=re.M), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@cache
def ledger_sections() -> dict[str, str]:
    return sections(LEDGER)


@cache
def question_sections() -> dict[str, str]:
    return sections(QUESTIONS)


def slug(heading: str) -> str:
    """The anchor that code hosts give to a heading."""
    plain = re.sub(r"[^\w\- ]", "", heading.replace("`", "").strip().lower())
    return plain.replace(" ", "-")


def anchors(page: Path) -> set[str]:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    return {slug(heading) for heading in re.findall(r"^#+ (.+)$", text, flags=re.M)}


@cache
def cases_in(path: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


def named_tests(text: str) -> list[tuple[str, str]]:
    """Every tests/file.py::name, with its line breaks taken out."""
    return re.findall(r"(tests/test_\w+\.py)::(test_\w+)", text)


def code_lines(page: Path) -> list[str]:
    """The lines of a page's shell blocks."""
    blocks = re.findall(r"^```bash\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def test_anchors_are_those_of_code_hosts() -> None:
    assert slug("1. Where is the N_sup loop?") == "1-where-is-the-n_sup-loop"
    assert (
        slug("24. Is 45% comparable with a language model's score?")
        == "24-is-45-comparable-with-a-language-models-score"
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_into_the_repository_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(((?!\w+:)[^)\s]+)\)", page.read_text(encoding="utf-8"))
    broken = []
    for link in links:
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or not target.is_relative_to(ROOT):
            broken.append(link)
        elif anchor and anchor not in anchors(target):
            broken.append(f"{link} (no such heading)")
    assert links and not broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tests_that_are_named_exist_and_are_linked(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    missing = [f"{file}::{name}" for file, name in named_tests(text) if name not in cases_in(ROOT / file)]
    assert not missing
    for file, target in re.findall(r"\[(tests/test_\w+\.py)::test_\w+\]\(([^)]+)\)", text):
        assert (page.parent / target).resolve() == ROOT / file


def test_every_entry_of_the_ledger_has_its_five_parts_and_a_test() -> None:
    numbers = [int(title.split(".")[0]) for title in ledger_sections()]
    assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) >= 14
    for title, text in ledger_sections().items():
        assert re.findall(r"^- \*\*([^*]+):?\*\*", text, flags=re.M) == [
            part if part.endswith("?") else f"{part}:" for part in PARTS
        ], title
        assert named_tests(text.split("**Test:**")[1]), title


@pytest.mark.parametrize("page", [LEDGER, QUESTIONS], ids=lambda page: page.name)
def test_the_index_of_a_page_is_complete(page: Path) -> None:
    index = re.findall(r"^- \[(.+)\]\(#(.+)\)$", page.read_text(encoding="utf-8"), flags=re.M)
    assert index == [(title, slug(title)) for title in sections(page)]


def test_no_fact_is_tested_here_that_the_ledger_does_not_name() -> None:
    lines = Path(__file__).read_text().split("# --- form of the pages")[0]
    facts = set(re.findall(r"^def (test_\w+)", lines, flags=re.M))
    assert facts == {name for file, name in named_tests(LEDGER.read_text()) if file == "tests/test_docs.py"}


def test_recipe_fields_and_names_of_the_ledger_exist() -> None:
    """A name in code marks behind "Recipe field" is a field; a name before a link to a module stands in it."""
    fields = set(Recipe.__dataclass_fields__)
    for title, text in ledger_sections().items():
        for named in re.findall(r"[Rr]ecipe fields? ((?:`\w+`(?:,\s+|\s+and\s+)?)+)", text):
            assert set(re.findall(r"`(\w+)`", named)) <= fields, title
        for names, file in re.findall(r"((?:`[\w.]+`(?:, | and )?)+) in\s+\[[\w.]+\]\(\.\./(trm_edu/\w+\.py)\)", text):
            source = (ROOT / file).read_text()
            for name in re.findall(r"`([\w.]+)`", names):
                assert re.search(rf"\b{name.split('.')[-1]}\b", source), (title, name, file)


def test_there_are_25_questions_and_each_ends_with_something_to_do() -> None:
    assert [int(title.split(".")[0]) for title in question_sections()] == list(range(1, 26))
    for title, text in question_sections().items():
        last = text.strip().split("\n\n")[-1]
        assert re.match(r"```bash\n|(?:Do|Check|Read):\s", last), title
        assert last.startswith("```bash") or "](" in last, title


def test_answers_are_short() -> None:
    """At most 90 words; where it was asked, commands, and what to do next are not counted."""
    for title, text in question_sections().items():
        prose = re.sub(r"^\*(?:Asked|Proposed|Complained).*?\*$", "", text.strip(), count=1, flags=re.M | re.S)
        prose = re.split(r"^(?:```bash|(?:Do|Check|Read):\s)", prose, flags=re.M)[0]
        assert len(re.sub(r"\]\([^)]*\)", "]", prose).split()) <= 90, title


def test_threads_are_those_of_the_two_repositories() -> None:
    for title, text in question_sections().items():
        links = re.findall(r"https://github\.com/[^)\s]+", text)
        assert all(THREAD.fullmatch(link) for link in links), title
        assert bool(links) == bool(re.match(r"\*(Asked|Proposed|Complained)", text.strip())), title


def test_pages_name_no_place_of_a_machine() -> None:
    for page in DOCS.glob("*.md"):
        assert not re.search(r"(?:^|[\s`\"'(])/(?:\w[\w.-]*/)+", page.read_text(encoding="utf-8"), flags=re.M), (
            page.name
        )


# --- commands ---------------------------------------------------------------------------------------------------------

OWN_OPTIONS = {"--dry-run", "--out"}  # of `trm-edu train`, not of the recipe
COMMANDS = [line for line in code_lines(QUESTIONS) if re.match(r"(?:\w+=\S+ )*(?:trm-edu|torchrun)\b", line)]


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_are_understood(
    line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Training is tried dry; the others are parsed. Nothing is trained, and no file is needed."""
    monkeypatch.chdir(ROOT)
    words = shlex.split(line)
    settings = dict(word.split("=", 1) for word in words if re.match(r"[A-Z_]+=", word))
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    # A task that a variable brings in must not stay for the other tests.
    monkeypatch.setattr(tasks, "_TASKS", dict(tasks._TASKS))
    monkeypatch.setattr(tasks, "_FILES", set(tasks._FILES))
    words = words[len(settings) :]
    if words[0] == "torchrun":
        options = get_args_parser().parse_args(words[1:])
        assert options.training_script == "trm_edu.cli"
        words = ["trm-edu", *options.training_script_args]
    arguments = words[1:]
    if arguments[0] != "train":
        cli.build_parser().parse_args(arguments)
        return
    recipes: list[Recipe] = []

    def cheap_forecast(recipe: Recipe, *, processes: int) -> SimpleNamespace:
        recipe.model_config("float32")  # refuses settings that do not fit together
        recipes.append(recipe)
        return SimpleNamespace(lines=list)

    monkeypatch.setattr("trm_edu.forecast.forecast", cheap_forecast)  # the real one takes seconds
    assert cli.main([*(word for word in arguments if word != "--dry-run"), "--dry-run"]) == 0, capsys.readouterr().err
    options = {word for word in arguments if word.startswith("--")} - OWN_OPTIONS
    assert (recipes[0] != get_recipe(arguments[1])) == bool(options), "an option that changes nothing teaches nothing"


def test_there_are_commands_of_every_kind() -> None:
    kinds = {re.sub(r"^(?:\w+=\S+ )*", "", line).split()[1] for line in COMMANDS if "torchrun" not in line}
    assert kinds == {"doctor", "data", "train", "evaluate", "solve", "verify", "plot"}


def test_other_commands_are_those_of_make() -> None:
    others = [line for line in code_lines(QUESTIONS) if line not in COMMANDS]
    assert others == ["make lab"] and re.search(r"^lab:", (ROOT / "Makefile").read_text(), flags=re.M)


# --- figures ----------------------------------------------------------------------------------------------------------


def result(name: str) -> dict[str, Any]:
    return json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text())


def answer(number: int) -> str:
    """The text of an answer on one line."""
    (text,) = (text for title, text in question_sections().items() if title.startswith(f"{number}. "))
    return " ".join(text.split())


def percent(share: float) -> str:
    return f"{share:.1%}"


def test_figures_of_the_laptop_runs() -> None:
    runs = result("laptop-sudoku6")["runs"]
    last, first = ([run[key] for run in runs] for key in ("exact", "exact_1"))
    seconds = [run["seconds"] for run in runs]
    assert (
        f"took {round(min(seconds))} to {int(max(seconds))} s and solve {percent(min(last))} to {percent(max(last))}"
        in answer(8)
    )
    assert f"between {percent(min(last))} and {percent(max(last))} after 16 steps" in answer(19)
    assert f"between {percent(min(first))} and {percent(max(first))} after one" in answer(19)
    mixer, convolution = (result(name)["runs"][0] for name in ("maze-mixer", "laptop-maze"))
    assert mixer["seed"] == convolution["seed"]
    assert f"{percent(mixer['exact'])} for the mixer and {percent(convolution['exact'])} for a convolution" in answer(7)
    assert all(run["train_seconds"] / 60 == pytest.approx(4, abs=0.4) for run in (mixer, convolution))


def test_figures_of_ids_and_kills() -> None:
    runs = [run["ids"] for run in result("arc_ids")["runs"]]
    right = [percent(ids["right"]["scores"]["pass@2"][0]) for ids in runs]
    others = {percent(ids[kind]["scores"]["pass@2"][0]) for ids in runs for kind in ("blank", "wrong")}
    assert f"{right[0]}, {right[1]} and {right[2]} with the right id, {others.pop()} with a blank or a wrong" in answer(
        23
    )
    assert not others
    kills = result("kills")
    assert kills["weights_bit_equal"] and f"killed {kills['kills']} times" in answer(15)
    assert f"killed {kills['kills']} times" in ledger_sections()["24. A checkpoint cannot be resumed"]


def test_figures_of_the_shipped_networks() -> None:
    """The card holds what stands on the pages: 16 fixed steps and real halting on ordinary puzzles."""
    card = (ROOT / "trm_edu" / "assets" / "sudoku9.md").read_text()
    assert re.search(r"ordinary \(32 clues\) \| 1.0% \| 91.1% \| 98.1% ", card)
    assert re.search(r"ordinary \(32 clues\) \| halt logit above 2 \| 97.7% .* \| 3.1 \|", card)
    assert "98.1% on ordinary puzzles with 16 steps each, and 97.7% with 3.1 on average" in answer(5)
    assert "98.1% with 16 steps each, 97.7% with 3.1" in " ".join(
        ledger_sections()["7. Evaluation always runs 16 steps"].split()
    )
    weights, minutes = (
        re.search(r"Model of ([\d,]+) weights", card)[1],
        re.search(r"steps in ([\d.]+) minutes", card)[1],
    )
    assert f"has {weights} weights and was trained in {float(minutes):.0f} minutes on one core" in answer(11)
    assert "1 threads" in card


def test_figures_of_cost() -> None:
    recipe = get_recipe("sudoku-extreme").replace(device="cpu")
    whole, parts = (forecast(recipe.replace(accumulate=count)) for count in (1, 16))
    assert f"from {whole.memory_bytes / 1e9:.2g} to {parts.memory_bytes / 1e9:.2g} GB" in answer(8)
    assert f"{whole.step_flops / 1e12:.1f} TFLOP; there are {recipe.steps:,} of them" in answer(20)
    assert 1.3e17 / whole.step_flops == pytest.approx(4000, rel=0.02) and "as 4,000 training steps" in answer(21)
    assert RECIPES["sudoku-extreme"].batch_size == 768
