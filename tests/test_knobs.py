"""Knobs measure what they say, on a copy of the network; the newest setting wins, and nothing raises into the page."""

from __future__ import annotations

import gc
import html
import math
import threading
import time
from dataclasses import replace
from typing import Any, NamedTuple

import ipywidgets
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from trm_edu import TRM, ModelConfig, get_task, plots, widgets
from trm_edu.data import as_tensor
from trm_edu.direct import Direct
from trm_edu.inference import best_by_halting, best_by_rules, run_to_halt, turned_starts
from trm_edu.interface import Output
from trm_edu.intervals import wilson_interval
from trm_edu.tasks import PuzzleSet
from trm_edu.variants import MultiScaleZ
from trm_edu.widgets import Knobs, knobs
from trm_edu.widgets.knobs import Setting, Superseded

TASK = get_task("sudoku4")
PUZZLES = TASK.generate(12, seed=0)
CONFIG = ModelConfig(vocab_size=6, seq_len=16, hidden=8, T=2, n=2)
INSTANCES = ipywidgets.widgets.widget._instances


class Made(NamedTuple):
    """The updates made so far, int64 [B]."""

    updates: Tensor


class Counter(nn.Module):
    """Right, and sure of it, after as many updates as the puzzle, turned as it is, needs."""

    def __init__(self) -> None:
        super().__init__()
        self.config = CONFIG
        self.weight = nn.Parameter(torch.zeros(1))
        self.calls: list[tuple[int, int]] = []  # of this network and of all copies of it that share the list

    def initial_state(self, batch_size: int) -> Made:
        return Made(torch.zeros(batch_size, dtype=torch.long))

    def forward(self, inputs: Tensor, state: Made, puzzle_ids: Tensor) -> Any:
        self.calls.append((self.config.T, self.config.n))
        made = state[0] + self.config.T * (self.config.n + 1)
        need = 6 + (inputs * torch.arange(16)).sum(-1) % 150
        solved = torch.from_numpy(np.stack([TASK.solve_by_search(each.numpy()) for each in inputs.byte()])).long()
        answer = torch.where((made >= need)[:, None], solved, solved[:, [1, 0, *range(2, 16)]])
        halt = torch.where(made >= need, 3.0, -3.0)
        return Made(made), Output(nn.functional.one_hot(answer, 6).float(), halt, halt)


@pytest.fixture
def counting() -> Knobs:
    return Knobs(Counter(), TASK, PUZZLES, live=True)


def turn(tried: Knobs, **values: Any) -> str:
    """Move knobs and wait for the line."""
    for name, value in values.items():
        tried.knobs[name].value = value
    assert tried.wait(60)
    return tried.said


# --- what is measured -------------------------------------------------------------------------------------------------


def needs(questions: np.ndarray) -> np.ndarray:
    return 6 + (questions.astype(int) * np.arange(16)).sum(-1) % 150


@pytest.mark.parametrize(
    "setting",
    [
        Setting(2, 2), Setting(2, 2, 4), Setting(2, 2, 64), Setting(3, 2, 8), Setting(2, 5, 8), Setting(1, 1, 16),
        Setting(2, 2, 16, 1, True), Setting(2, 5, 64, 1, True),
    ],
)  # fmt: skip
def test_one_start_scores_and_costs_what_a_plain_count_says(setting: Setting) -> None:
    found = Knobs(Counter(), TASK, PUZZLES, live=False).measure(setting)
    a_step = setting.T * (setting.n + 1)
    need = needs(PUZZLES.questions)
    hits = int((need <= setting.n_supervision * a_step).sum())
    assert found.score.exact == hits / 12 and found.score.interval == wilson_interval(hits, 12)
    steps = np.minimum(np.ceil(need / a_step), setting.n_supervision) if setting.halting else setting.n_supervision
    assert found.cost == pytest.approx(np.mean(steps) * a_step)


def test_some_of_these_settings_differ() -> None:
    """Or the test above could not tell them apart."""
    tried = Knobs(Counter(), TASK, PUZZLES, live=False)
    scores = [tried.measure(setting).score.exact for setting in (Setting(2, 2, 4), Setting(2, 2), Setting(2, 2, 64))]
    assert scores[0] < scores[1] < scores[2]


def test_several_starts_are_turned_images_and_the_rules_pick() -> None:
    setting = Setting(2, 2, 8, 4, True)
    model = Counter()
    found = Knobs(model, TASK, PUZZLES, live=False).measure(setting)
    answers = turned_starts(model, TASK, PUZZLES.questions, 4, np.random.default_rng(0), n_supervision=8)
    picked = best_by_rules(TASK, PUZZLES.questions, answers)
    right = (picked.tokens.numpy() == PUZZLES.answers).all(-1).mean()
    alone = Knobs(model, TASK, PUZZLES, live=False).measure(setting._replace(starts=1))
    assert found.score.exact == right > alone.score.exact
    assert found.cost == pytest.approx(6 * answers.evaluations / 12)


class SureWhenWrong(Counter):
    """Its halting score points at the wrong answers."""

    def forward(self, *arguments: Any) -> Any:
        state, output = super().forward(*arguments)
        return state, output._replace(halt_logit=-output.halt_logit)


def test_the_rules_pick_and_not_the_halting_score() -> None:
    model = SureWhenWrong()
    found = Knobs(model, TASK, PUZZLES, live=False).measure(Setting(2, 2, 8, 4))
    run = {"n_supervision": 8, "halt_above": math.inf}
    answers = turned_starts(model, TASK, PUZZLES.questions, 4, np.random.default_rng(0), **run)
    by_rules, by_halting = (
        (picked.tokens.numpy() == PUZZLES.answers).all(-1).mean()
        for picked in (best_by_rules(TASK, PUZZLES.questions, answers), best_by_halting(answers))
    )
    assert found.score.exact == by_rules > by_halting


def test_without_rules_the_surest_start_is_picked(monkeypatch: pytest.MonkeyPatch) -> None:
    model = TRM(CONFIG)
    nn.init.normal_(model.heads.halt.weight)
    monkeypatch.setattr(type(TASK), "judged_by", "answers", raising=False)
    tried = Knobs(model, TASK, PUZZLES, live=False)
    asked: list[Any] = []
    monkeypatch.setattr(knobs, "best_by_halting", lambda answers: asked.append(answers) or best_by_halting(answers))
    tried.measure(Setting(2, 2, 2, 2))
    assert len(asked) == 1 and asked[0].tokens.shape == (2, 12, 16)
    assert "the answer with the highest halting score is picked" in tried.line(tried.measure(Setting(2, 2, 2, 2)))


def test_the_callers_model_stays_as_it_is_and_may_change() -> None:
    model = TRM(CONFIG).train()
    tried = Knobs(model, TASK, PUZZLES, live=False)
    before = run_to_halt(model.eval(), as_tensor(PUZZLES.questions, torch.device("cpu")), 2, halt_above=math.inf).tokens
    model.train()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(1.0)  # the caller trains on
    answers: list[Tensor] = []
    real = knobs.run_to_halt
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(knobs, "run_to_halt", lambda *a, **o: answers.append(real(*a, **o)) or answers[-1])
        tried.measure(Setting(2, 2, 2))
    assert torch.equal(answers[0].tokens, before)
    tried.measure(Setting(5, 4, 2))
    assert model.config == CONFIG and model.training and tried.model.config == CONFIG


def test_a_setting_is_measured_once(counting: Knobs) -> None:
    turn(counting, n_supervision=4)
    calls = len(counting.model.calls)
    turn(counting, n_supervision=8)
    more = len(counting.model.calls)
    assert more == calls + 8
    said = turn(counting, n_supervision=4)
    assert len(counting.model.calls) == more and said.startswith("4 steps: exact ")


# --- what is said -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "regime"),
    [
        (Setting(2, 2), "the trained setting, one pass"),
        (Setting(2, 2, 8), "the trained depth, a shorter pass"),
        (Setting(2, 2, 16, 1, True), "the trained depth, a shorter pass"),
        (Setting(2, 3), "another depth than trained (T 2, n 2), one pass"),
        (Setting(1, 2, 4), "another depth than trained (T 2, n 2), one pass"),
        (Setting(2, 2, 32), "test-time compute (32 steps)"),
        (Setting(2, 2, 4, 2), "test-time compute (2 starts)"),
        (Setting(3, 2, 64, 2), "test-time compute (2 starts and 64 steps), at another depth than trained"),
    ],
)
def test_the_regime_of_a_setting(setting: Setting, regime: str, counting: Knobs) -> None:
    assert counting.regime(setting) == regime


def test_the_line_says_score_cost_time_and_regime(counting: Knobs) -> None:
    said = turn(counting, n_supervision=8, starts=2, n=3)
    found = counting.results[Setting(2, 3, 8, 2)]
    low, high = found.score.interval
    assert said == (
        f"n 3, 8 steps, 2 starts: exact {found.score.exact:.1%} [{low:.1%}, {high:.1%}] of 12 puzzles; 128 network "
        f"evaluations a puzzle = 2 starts x 8 steps x T(n+1) = 2(3+1); {found.score.evaluation_seconds:.1f} s; "
        "test-time compute (2 starts), at another depth than trained; the rules pick the answer among the starts"
    )
    assert html.escape(said) in counting.text.value
    assert "; the rules" not in turn(counting, starts=1)


def test_the_picture_rings_the_chosen_setting_and_stars_the_trained_one(counting: Knobs) -> None:
    for setting in (Setting(2, 2), Setting(2, 2, 4), Setting(2, 2, 64)):
        counting.measure(setting)
    ax, text = counting.draw(Setting(2, 2, 4))
    star = next(line for line in ax.lines if line.get_marker() == "*")
    assert star.get_xdata()[0] == 96 and star.get_ydata()[0] == counting.results[Setting(2, 2)].score.exact
    assert "Chosen: 4 steps, cost 24: " in text and text.endswith("A star marks the trained setting: 16 steps.")
    assert "the trained setting" in ax.get_title(loc="left") and "3 points" in text
    ring = next(line for line in ax.lines if line.get_color() == plots.VERMILION)
    assert ring.get_xdata()[0] == 24
    turn(counting, n_supervision=4)
    assert "Chosen: 4 steps, cost 24: " in html.unescape(counting.picture.value)


def test_before_the_trained_setting_is_measured_there_is_no_star(counting: Knobs) -> None:
    counting.measure(Setting(2, 2, 4))
    ax, text = counting.draw()
    assert not ax.get_title(loc="left") and "star" not in text and "Chosen" not in text


# --- the knobs --------------------------------------------------------------------------------------------------------


def test_the_knobs_begin_where_the_network_was_trained(shown: list[Any], counting: Knobs) -> None:
    counting._ipython_display_()
    assert shown == [counting.box] and counting.wait(60)
    assert set(counting.results) == {Setting(2, 2, 16, 1, False)}
    assert counting.said.startswith("16 steps: exact ") and "the trained setting" in counting.said
    assert list(counting.knobs) == ["T", "n", "n_supervision", "starts", "halting"]
    assert [knob.description for knob in counting.knobs.values()][:4] == ["T", "n", "N_sup", "starts"]
    assert counting.knobs["n_supervision"].options == (1, 2, 4, 8, 16, 32, 64)
    assert counting.knobs["starts"].options == (1, 2, 4, 8)
    assert not any(counting.knobs[name].continuous_update for name in ("T", "n", "n_supervision", "starts"))
    assert Knobs(Counter(), TASK, PUZZLES, starts_max=16, live=True).knobs["starts"].options == (1, 2, 4, 8, 16)


def test_every_knob_is_heard(counting: Knobs) -> None:
    turn(counting, T=3)
    turn(counting, n=1, halting=True)
    assert Setting(3, 2) in counting.results and counting.shown == Setting(3, 1, 16, 1, True)


class Slow(Counter):
    """Waits at every call until it is let go on."""

    gate = threading.Event()

    def forward(self, *arguments: Any) -> Any:
        self.calls.append((self.config.T, self.config.n))
        assert self.gate.wait(30)
        return super().forward(*arguments)


@pytest.fixture
def slow() -> Knobs:
    Slow.gate = threading.Event()
    model = Slow()
    tried = Knobs(model, TASK, PUZZLES, live=True)
    tried.model.gate = Slow.gate
    return tried


def until(condition: Any) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def undeepened(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock cannot be copied: the stand-in that waits goes in as it is."""
    monkeypatch.setattr(knobs.copy, "deepcopy", lambda model: model)


def test_the_newest_setting_wins_and_no_old_one_piles_up(undeepened: None, slow: Knobs) -> None:
    for n in range(3, 9):
        slow.knobs["n"].value = n
        if n == 3:
            until(lambda: slow.model.calls)  # its first step is running
    assert slow.said.startswith("measuring n 8, 16 steps ...")
    slow.model.gate.set()
    assert slow.wait(60)
    assert set(slow.results) == {Setting(2, 8)} and slow.said.startswith("n 8, 16 steps: exact ")
    assert {n for _, n in slow.model.calls} == {3, 8}, "the first was broken off, those between were never begun"
    assert len([n for _, n in slow.model.calls if n == 3]) == 2, "one step, counted by both classes"


def test_going_back_while_something_is_measured_shows_the_old_setting_again(undeepened: None, slow: Knobs) -> None:
    slow.model.gate.set()
    before = turn(slow, n_supervision=4)
    slow.model.gate.clear()
    slow.knobs["n"].value = 5
    until(lambda: (2, 5) in slow.model.calls)
    slow.knobs["n"].value = 2
    slow.model.gate.set()
    assert slow.wait(60) and slow.said == before


def test_what_is_no_longer_wanted_when_it_is_drawn_is_not_shown(
    counting: Knobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    real_say, real_tag = counting._say, plots.image_tag

    def image_tag(*drawn: Any) -> str:
        counting.knobs["n"].value = 4  # while the picture of n 3 is drawn
        return real_tag(*drawn)

    monkeypatch.setattr(counting, "_say", lambda line: said.append(line) or real_say(line))
    monkeypatch.setattr(knobs.plots, "image_tag", image_tag)
    turn(counting, n=3)
    assert [line.split(" steps")[0] for line in said] == ["measuring n 3, 16", "measuring n 4, 16", "n 4, 16"]


def test_a_measurement_is_broken_off_after_a_step(counting: Knobs) -> None:
    with pytest.raises(Superseded):
        counting.measure(Setting(2, 2), lambda: len(counting.model.calls) >= 3)
    assert len(counting.model.calls) == 3 and not counting.results


def test_the_expected_time_follows_from_what_was_measured(counting: Knobs) -> None:
    assert counting.expected(Setting(2, 2)) == ""
    found = counting.measure(Setting(2, 2, 8))
    counting.results[found.setting] = replace(found, score=replace(found.score, evaluation_seconds=2.0))
    assert counting.expected(Setting(2, 5, 16, 2)) == " about 16.0 s"
    assert counting.expected(Setting(2, 2, 16, 1, True)) == " at most 4.0 s"


def test_two_hundred_changes_leave_no_new_widget(counting: Knobs) -> None:
    before, threads = len(INSTANCES), threading.active_count()
    for i in range(200):
        counting.knobs["n_supervision"].value = (1, 2, 4)[i % 3]
    assert counting.wait(120)
    gc.collect()
    assert len(INSTANCES) == before and threading.active_count() == threads and len(counting.results) <= 3


# --- what is no knob, and what goes wrong -----------------------------------------------------------------------------


def test_a_network_without_recursion_has_no_depth_to_turn() -> None:
    tried = Knobs(Direct(CONFIG), TASK, PUZZLES, live=True)
    assert list(tried.knobs) == ["n_supervision", "starts", "halting"]
    assert "T and n are no knobs here: Direct has no recursion." in tried.notes.value
    said = turn(tried, n_supervision=4)
    assert "; 4 network evaluations a puzzle = 1 start x 4 steps; " in said and "another depth" not in said
    assert all((each.T, each.n) == (2, 2) for each in tried.sweep())


def test_a_network_with_a_state_for_each_update_keeps_its_n() -> None:
    tried = Knobs(MultiScaleZ(CONFIG), TASK, PUZZLES, live=True)
    assert "n" not in tried.knobs and "T" in tried.knobs
    assert "n is no knob here: MultiScaleZ has a latent state for each of its 2 updates." in tried.missing
    assert "exact" in turn(tried, T=3, n_supervision=1)


def test_a_task_without_symmetries_has_one_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(TASK), "apply", lambda self, symmetry, tokens: tokens)
    tried = Knobs(Counter(), TASK, PUZZLES, live=True)
    assert "starts" not in tried.knobs and all(each.starts == 1 for each in tried.sweep())
    assert "no symmetry of sudoku4 changes a puzzle" in tried.notes.value


def test_puzzles_with_ids_have_one_start_and_keep_their_ids() -> None:
    seen: list[Tensor] = []

    class Listening(Counter):
        def forward(self, inputs: Tensor, state: Made, puzzle_ids: Tensor) -> Any:
            seen.append(puzzle_ids)
            return super().forward(inputs, state, puzzle_ids)

    puzzles = replace(PUZZLES, ids=np.arange(12))
    tried = Knobs(Listening(), TASK, puzzles, live=True)
    assert "starts" not in tried.knobs and "an id of its own" in tried.notes.value
    tried.measure(Setting(2, 2, 1))
    assert seen[0].tolist() == list(range(12))


@pytest.mark.parametrize(
    ("model", "puzzles", "options", "said"),
    [
        (TRM(replace(CONFIG, seq_len=36, vocab_size=8)), PUZZLES, {}, "this network takes 36 cells"),
        (Counter(), get_task("sudoku6").generate(1, seed=0), {}, "these puzzles are of sudoku6, not of sudoku4"),
        (Counter(), PUZZLES.take(slice(0)), {}, "there is no puzzle to measure on"),
        (Counter(), PUZZLES, {"starts_max": 0}, "starts_max is 0; it must be at least 1"),
    ],
)
def test_what_cannot_be_measured_becomes_a_line(
    model: nn.Module, puzzles: PuzzleSet, options: dict, said: str, shown: list[Any], capsys: Any
) -> None:
    tried = Knobs(model, TASK, puzzles, live=True, **options)
    tried._ipython_display_()
    assert html.escape(said) in tried.text.value and not tried.knobs and shown == [tried.box] and tried.wait(1)
    Knobs(model, TASK, puzzles, live=False, **options)._ipython_display_()
    assert said in capsys.readouterr().out


class Picky(Counter):
    """Raises at a depth that it does not know."""

    def forward(self, *arguments: Any) -> Any:
        if self.config.n == 4:
            raise RuntimeError("<no depth 4>")
        return super().forward(*arguments)


def test_an_error_of_the_network_becomes_a_line_and_the_knobs_go_on() -> None:
    tried = Knobs(Picky(), TASK, PUZZLES, live=True)
    turn(tried, n_supervision=4)
    picture = tried.picture.value
    assert turn(tried, n=4) == "n 4, 4 steps cannot be measured: RuntimeError: <no depth 4>"
    assert "&lt;no depth 4&gt;" in tried.text.value and tried.picture.value == picture
    assert turn(tried, n=3).startswith("n 3, 4 steps: exact ")


# --- without a front end ----------------------------------------------------------------------------------------------


def test_without_a_front_end_a_few_settings_are_measured_and_drawn(
    shown: list[Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(widgets.LIVE_VARIABLE, "0")
    before = len(INSTANCES)
    tried = Knobs(Picky(), TASK, PUZZLES)
    tried._ipython_display_()
    (bundle,) = shown
    assert bundle["text/html"].startswith("<img alt=") and "A star marks the trained setting" in bundle["text/plain"]
    lines = capsys.readouterr().out.splitlines()
    names = ["1 step", "4 steps", "16 steps", "n 1, 16 steps", "n 4, 16 steps", "16 steps, halting"]
    names += ["16 steps, 4 starts, halting"]
    assert [line.split(": exact ")[0].split(" cannot")[0] for line in lines[:7]] == names
    assert "<no depth 4>" in lines[4] and len(tried.results) == 6 and len(INSTANCES) == before
    assert lines[7] == f"Measured on {PUZZLES.describe()}."


def test_the_sweep_names_no_setting_twice() -> None:
    shallow = Counter()
    shallow.config = replace(CONFIG, n=1)
    tried = Knobs(shallow, TASK, PUZZLES, starts_max=2, live=False)
    assert tried.sweep() == [
        Setting(2, 1, 1), Setting(2, 1, 4), Setting(2, 1), Setting(2, 2), Setting(2, 1, 16, 1, True),
        Setting(2, 1, 16, 2, True),
    ]  # fmt: skip
