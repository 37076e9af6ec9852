"""The grid of cells in a real browser: what clicks and keys do, and what a screen reader finds."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lab import chromium, need_chromium
from stand_ins import QUESTION, TASK

from trm_edu.tasks import Maze, get_task
from trm_edu.widgets.grid_field import GridField

pytestmark = pytest.mark.browser
SCRIPT = Path(__file__).resolve().parent.parent / "trm_edu" / "widgets" / "grid_field.js"

# What JupyterLab gives to `render`, as far as the widget uses it.
MODEL = """async ([script, state]) => {
  const { default: { render } } = await import(`data:text/javascript;base64,${script}`);
  const heard = {};
  window.saved = [];  // the state at each save
  window.escaped = [];  // keys that reached the page around
  window.model = {
    get: (name) => state[name],
    set: (name, value) => { state[name] = value; (heard[`change:${name}`] ?? []).forEach((f) => f()); },
    save_changes: () => saved.push({ cells: [...state.cells], refused: state.refused }),
    on: (event, f) => (heard[event] ??= []).push(f),
    off: (event, f) => { heard[event] = heard[event].filter((g) => g !== f); },
    listeners: () => Object.values(heard).flat().length,
  };
  const el = document.createElement("div");
  document.body.append(el);
  document.body.addEventListener("keydown", (event) => escaped.push(event.key));
  const started = performance.now();
  window.close_view = render({ model, el });
  el.getBoundingClientRect();  // makes the browser lay it out
  window.opened_in = performance.now() - started;  // milliseconds
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    need_chromium()
    with chromium() as opened:
        yield opened


class Field:
    """A page with one grid, and what a person does to it."""

    def __init__(self, page: Any, state: dict[str, Any]):
        self.page, self.columns = page, state["columns"]
        self.page.evaluate(MODEL, [base64.b64encode(SCRIPT.read_bytes()).decode(), state])

    def cell(self, row: int, column: int) -> Any:
        return self.page.locator("[role=gridcell]").nth((row - 1) * self.columns + column - 1)

    def button(self, name: str) -> Any:
        return self.page.locator(".trm-value").get_by_text(name, exact=True)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def saved(self) -> list[dict[str, Any]]:
        return self.page.evaluate("saved")

    def tokens(self) -> list[int]:
        return self.page.evaluate("model.get('cells')")

    def token(self, row: int, column: int) -> int:
        return self.tokens()[(row - 1) * self.columns + column - 1]

    def focused(self) -> str | None:
        return self.page.evaluate("document.activeElement.getAttribute('aria-label')")

    def message(self) -> str:
        return self.page.locator(".trm-message").inner_text()


@pytest.fixture
def field(browser: Any) -> Iterator[Callable[..., Field]]:
    """Make a page with the grid of a task; at the end, no script may have failed."""
    pages, errors = [], []

    def make(task: Any = TASK, cells: Any = None, **traits: Any) -> Field:
        widget = GridField(task)
        state = {name: value for name, value in widget.get_state().items() if not name.startswith("_")}
        state = {name: state[name] for name in state if name in GridField.class_own_traits()} | traits
        state["cells"] = widget.cells if cells is None else [int(token) for token in cells]
        css = f"<style>body {{ margin: 20px }} {widget._css}</style>"
        page = browser.new_page(viewport={"width": 700, "height": 760})
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.set_content(css)
        pages.append(page)
        return Field(page, json.loads(json.dumps(state)))

    yield make
    for page in pages:
        page.close()
    assert errors == []


# --- keys and clicks ------------------------------------------------------------------------------------------------


def test_a_click_selects_a_cell_and_a_character_sets_it(field: Callable[..., Field]) -> None:
    page = field()
    page.cell(2, 3).click()
    assert page.focused() == "row 2 column 3: blank"
    page.press("5")
    assert page.focused() == "row 2 column 3: 5", "typing stays in the cell"
    assert page.cell(2, 3).inner_text() == "5"
    assert page.tokens() == [6 if cell == 8 else 1 for cell in range(36)]
    assert page.saved() == [{"cells": page.tokens(), "refused": ""}], "one edit, one message"


def test_the_given_cells_are_drawn(field: Callable[..., Field]) -> None:
    page = field(cells=QUESTION)
    texts = page.page.locator("[role=gridcell]").all_inner_texts()
    assert "".join(text or "." for text in texts) == TASK.decode(QUESTION)
    assert page.saved() == []


def test_arrows_home_and_end_move_and_stop_at_the_edges(field: Callable[..., Field]) -> None:
    page = field(Maze(2, 4, least=2))
    page.cell(1, 2).click()
    for keys, place in (
        (["ArrowDown"], (2, 2)),
        (["ArrowDown"], (2, 2)),
        (["ArrowRight"], (2, 3)),
        (["ArrowRight", "ArrowRight"], (2, 4)),
        (["ArrowUp"], (1, 4)),
        (["ArrowUp"], (1, 4)),
        (["Home"], (1, 1)),
        (["ArrowLeft"], (1, 1)),
        (["End"], (1, 4)),
        (["ArrowLeft"], (1, 3)),
    ):
        page.press(*keys)
        assert page.focused() == f"row {place[0]} column {place[1]}: open"
    page.press("s")
    assert page.token(1, 3) == 3


@pytest.mark.parametrize("key", ["Backspace", "Delete", " ", "0", "."])
def test_these_keys_clear_a_cell(field: Callable[..., Field], key: str) -> None:
    page = field(cells=[7] * 36)
    page.cell(1, 2).click()
    page.press(key)
    assert page.tokens() == [7, 1, *[7] * 34]
    assert page.focused() == "row 1 column 2: blank"


def test_a_key_that_is_no_cell_is_refused_in_a_line(field: Callable[..., Field]) -> None:
    page = field(cells=[3] * 36)
    page.cell(1, 1).click()
    page.press("x")
    assert page.message() == "'x' is no cell of sudoku6; type 1 to 6, or . for a blank"
    assert page.tokens() == [3] * 36
    assert page.saved()[-1]["refused"] == page.message()
    page.press("7")
    assert page.message().startswith("'7' is no cell")
    page.press("4")
    assert page.message() == "" and page.saved()[-1]["refused"] == "", "the next good key ends it"


def test_a_cell_without_a_blank_keeps_its_value(field: Callable[..., Field]) -> None:
    page = field(blank=0)
    page.cell(1, 1).click()
    page.press("6", "Backspace", "Delete")
    assert page.token(1, 1) == 7 and page.message() == ""


def test_keys_do_not_reach_the_notebook_unless_they_are_its_own(field: Callable[..., Field]) -> None:
    page = field()
    page.cell(1, 1).click()
    page.press("a", "d", "d", "0", "1", "ArrowDown", "Backspace", "Space")
    assert page.page.evaluate("escaped") == []
    page.press("Control+s", "Shift+Enter", "F2", "Escape")
    assert page.page.evaluate("escaped") == ["Control", "s", "Shift", "Enter", "F2", "Escape"]
    assert page.token(1, 1) == 2 and page.token(2, 1) == 1


def test_a_key_that_is_used_does_not_scroll_the_page_too(field: Callable[..., Field]) -> None:
    page = field()
    page.cell(1, 1).click()
    press = """(key) => document.activeElement.dispatchEvent(
        new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true}))"""
    keys = [" ", "ArrowDown", "End", "5", "x", "Backspace", "Tab", "PageDown"]
    assert [key for key in keys if page.page.evaluate(press, key)] == ["Tab", "PageDown"]


def test_a_sign_that_needs_altgr_is_typed(field: Callable[..., Field]) -> None:
    page = field(get_task("maze7"))
    page.cell(1, 1).click()
    send = """(altgr) => document.activeElement.dispatchEvent(new KeyboardEvent("keydown",
        {key: "#", ctrlKey: true, altKey: true, modifierAltGraph: altgr, bubbles: true}))"""
    page.page.evaluate(send, False)
    assert page.token(1, 1) == 2
    page.page.evaluate(send, True)
    assert page.token(1, 1) == 1


def test_the_tab_key_reaches_one_cell_and_one_button(field: Callable[..., Field]) -> None:
    page = field()
    assert page.page.locator("[role=gridcell][tabindex='0']").count() == 1
    page.press("Tab")
    assert page.focused() == "row 1 column 1: blank"
    page.press("ArrowDown", "ArrowRight", "Tab")
    assert page.focused() == "1"
    page.press("ArrowRight", "ArrowRight", "ArrowLeft")
    assert page.focused() == "2"
    page.press("ArrowLeft", "ArrowLeft")
    assert page.focused() == "blank (key .)", "the row of buttons is a ring"
    page.press("Shift+Tab")
    assert page.focused() == "row 2 column 2: blank", "the cell that was left"
    assert page.page.locator("[role=gridcell][tabindex='0']").count() == 1
    assert page.page.locator(".trm-value[tabindex='0']").count() == 1


# --- buttons --------------------------------------------------------------------------------------------------------


def test_a_button_sets_the_selected_cell_and_paints_those_clicked_next(field: Callable[..., Field]) -> None:
    page = field()
    page.cell(1, 1).click()
    page.button("4").click()
    assert page.token(1, 1) == 5
    assert page.button("4").get_attribute("aria-pressed") == "true"
    assert page.message() == "each click sets 4; press it again, or Escape, to stop"
    page.cell(3, 2).click()
    assert page.token(3, 2) == 5 and page.focused() == "row 3 column 2: 4"
    page.button("6").click()
    assert page.token(3, 2) == 7 and page.button("4").get_attribute("aria-pressed") == "false"
    page.button("6").click()
    assert page.message() == "" and page.button("6").get_attribute("aria-pressed") == "false"
    page.cell(6, 6).click()
    assert page.token(6, 6) == 1, "nothing paints any more"


def test_a_button_before_any_cell_sets_none(field: Callable[..., Field]) -> None:
    page = field()
    page.button("4").click()
    assert page.tokens() == [1] * 36
    page.cell(1, 2).click()
    assert page.token(1, 2) == 5


def test_a_finger_paints_with_taps_and_scrolls_when_it_moves(field: Callable[..., Field]) -> None:
    page = field()
    page.button("4").click()
    page.cell(1, 1).dispatch_event("click")  # a tap: no mouse was there
    assert page.token(1, 1) == 5
    moved = {"pointerType": "touch", "buttons": 1, "bubbles": True}
    for event in ("pointerdown", "pointerover"):
        page.cell(2, 2).dispatch_event(event, moved)
    assert page.token(2, 2) == 1
    page.cell(2, 2).dispatch_event("pointerover", moved | {"pointerType": "mouse"})
    assert page.token(2, 2) == 5


@pytest.mark.parametrize("key", ["Escape", "2"])
def test_escape_and_typing_end_the_painting(field: Callable[..., Field], key: str) -> None:
    page = field()
    page.button("4").click()
    page.cell(1, 1).click()
    page.press(key)
    assert page.button("4").get_attribute("aria-pressed") == "false" and page.message() == ""
    page.cell(1, 2).click()
    assert page.token(1, 2) == 1
    assert page.page.evaluate("escaped") == []


def test_a_refused_key_leaves_the_brush_and_the_next_click_tells_of_it_again(field: Callable[..., Field]) -> None:
    page = field()
    page.button("4").click()
    page.cell(1, 1).click()
    page.press("x")
    assert page.message().startswith("'x' is no cell")
    page.cell(1, 2).click()
    assert page.message().startswith("each click sets 4")


def test_walls_are_painted_with_the_mouse_held_down(field: Callable[..., Field]) -> None:
    page = field(get_task("maze10"))
    page.button("wall").click()
    first, last = page.cell(2, 2).bounding_box(), page.cell(2, 7).bounding_box()
    mouse = page.page.mouse
    mouse.move(first["x"] + 9, first["y"] + 9)
    mouse.down()
    mouse.move(last["x"] + 9, last["y"] + 9, steps=40)
    mouse.up()
    mouse.move(last["x"] + 9, last["y"] + 99, steps=10)
    assert [cell for cell, token in enumerate(page.tokens()) if token == 1] == [*range(11, 17)]
    assert len(page.saved()) == 6, "one for each cell"


def test_without_a_brush_the_mouse_paints_nothing(field: Callable[..., Field]) -> None:
    page = field(get_task("maze10"))
    page.cell(1, 1).click()
    first, last = page.cell(2, 2).bounding_box(), page.cell(2, 7).bounding_box()
    page.page.mouse.move(first["x"] + 9, first["y"] + 9)
    page.page.mouse.down()
    page.page.mouse.move(last["x"] + 9, last["y"] + 9, steps=10)
    page.page.mouse.up()
    assert page.tokens() == [2] * 100


def test_buttons_show_and_say_what_they_set(field: Callable[..., Field]) -> None:
    page = field(get_task("maze10"))
    assert page.page.locator(".trm-value").all_text_contents() == ["wall", "Sstart", "Ggoal", "open"]
    names = [button.get_attribute("aria-label") for button in page.page.locator(".trm-value").all()]
    assert names == ["wall (key #)", "start (key S)", "goal (key G)", "open (key .)"]
    chip = page.page.locator(".trm-chip").first
    assert chip.evaluate("chip => getComputedStyle(chip).backgroundColor") == "rgb(68, 68, 68)"


# --- what Python says -----------------------------------------------------------------------------------------------


def test_cells_that_python_sets_are_drawn_and_no_others(field: Callable[..., Field]) -> None:
    page = field(cells=QUESTION)
    page.page.evaluate("""() => {
      window.drawn = new Set();
      new MutationObserver((all) => all.forEach((one) => drawn.add(one.target.dataset.cell)))
        .observe(document.querySelector(".trm-cells"), {subtree: true, childList: true, attributeFilter: ["style"]});
    }""")
    changed = QUESTION.tolist()
    changed[4] = 2 if changed[4] != 2 else 3
    page.page.evaluate("cells => model.set('cells', cells)", changed)
    assert page.cell(1, 5).inner_text() == str(changed[4] - 1)
    assert page.page.evaluate("new Promise((done) => setTimeout(() => done([...drawn]), 50))") == ["4"]
    assert page.saved() == []


def test_contradicting_cells_are_crossed_and_said(field: Callable[..., Field]) -> None:
    page = field(cells=[2, 2, *[1] * 34], bad=[0, 1])
    crossed = page.page.locator(".trm-bad")
    assert [cell.get_attribute("aria-label") for cell in crossed.all()] == [
        "row 1 column 1: 1, contradicts",
        "row 1 column 2: 1, contradicts",
    ]
    cross = "cell => getComputedStyle(cell, '::after').backgroundImage"
    assert "rgb(213, 94, 0)" in crossed.first.evaluate(cross), "a cross, and not the colour alone"
    page.page.evaluate("model.set('bad', [1])")
    assert crossed.count() == 1
    assert page.cell(1, 1).get_attribute("aria-label") == "row 1 column 1: 1"
    page.page.evaluate("model.set('bad', [])")
    assert crossed.count() == 0


def test_what_python_refuses_is_shown_until_the_cells_change(field: Callable[..., Field]) -> None:
    page = field()
    page.page.evaluate("model.set('refused', 'no such cell')")
    assert page.message() == "no such cell"
    assert "trm-refused" in page.page.locator(".trm-message").get_attribute("class")
    page.page.evaluate("cells => model.set('cells', cells)", [2] * 36)
    assert page.message() == ""


def test_a_view_that_is_closed_listens_no_longer(field: Callable[..., Field]) -> None:
    page = field()
    assert page.page.evaluate("model.listeners()") == 3
    page.page.evaluate("close_view()")
    assert page.page.evaluate("model.listeners()") == 0


# --- for eyes and for screen readers --------------------------------------------------------------------------------


def test_a_screen_reader_finds_a_grid_of_rows(field: Callable[..., Field]) -> None:
    page = field(Maze(2, 4, least=2))
    page.cell(1, 1).click()
    page.cell(2, 1).click()
    grid = page.page.get_by_role("grid", name="maze2x4: 2 rows of 4 cells")
    assert grid.get_by_role("row").count() == 2
    assert grid.get_by_role("row").first.get_by_role("gridcell").count() == 4
    assert page.page.get_by_role("gridcell", selected=True).all_inner_texts() == [""]
    assert page.page.get_by_role("gridcell", name="row 2 column 1: open", selected=True).count() == 1
    assert page.page.get_by_role("toolbar").get_by_role("button").count() == 4
    assert page.page.locator(".trm-message").get_attribute("role") == "status"


def style(page: Field, selector: str, name: str) -> str:
    return page.page.locator(selector).first.evaluate(f"element => getComputedStyle(element).{name}")


def test_the_card_is_white_and_the_text_black_on_a_dark_page(field: Callable[..., Field]) -> None:
    page = field(cells=QUESTION)
    page.page.add_style_tag(content="body, button { background: #111; color: #eee }")
    assert style(page, ".trm-grid-field", "backgroundColor") == "rgb(255, 255, 255)"
    assert style(page, ".trm-cell", "color") == "rgb(0, 0, 0)"
    assert style(page, ".trm-value", "backgroundColor") == "rgb(255, 255, 255)"
    assert style(page, ".trm-value", "color") == "rgb(0, 0, 0)"


def test_the_focused_cell_has_a_thicker_ring_than_the_selected_one(field: Callable[..., Field]) -> None:
    page = field()
    assert style(page, ".trm-cell", "outlineStyle") == "none"
    page.cell(1, 1).click()
    focused = [style(page, ".trm-cell", name) for name in ("outlineStyle", "outlineWidth")]
    page.button("4").focus()
    selected = [style(page, ".trm-cell", name) for name in ("outlineStyle", "outlineWidth")]
    assert (focused, selected) == (["solid", "3px"], ["dashed", "2px"])


def test_boxes_have_thick_lines(field: Callable[..., Field]) -> None:
    page = field()
    thin, thick = (path.get_attribute("d") for path in page.page.locator(".trm-board > svg path").all())
    assert "M0 2L6 2" in thick and "M3 0L3 6" in thick and "M0 1L6 1" in thin
    assert thick.count("M") == 7 and thin.count("M") == 7
    widths = [float(path.get_attribute("stroke-width")) for path in page.page.locator(".trm-board > svg path").all()]
    assert widths[1] > 2 * widths[0]


@pytest.mark.parametrize(("name", "side"), [("sudoku4", 36), ("maze10", 36), ("maze30", 14)])
def test_cells_are_square_and_a_grid_fits_on_the_page(field: Callable[..., Field], name: str, side: int) -> None:
    page = field(get_task(name))
    box = page.cell(2, 2).bounding_box()
    assert (box["width"], box["height"]) == (side, side)
    assert page.page.locator(".trm-board").bounding_box()["width"] <= 420
    assert float(style(page, ".trm-cell", "fontSize").removesuffix("px")) >= 11


def test_nine_hundred_cells_open_in_a_moment_and_one_edit_takes_less(field: Callable[..., Field]) -> None:
    task = get_task("maze30")
    page = field(task, cells=task.generate(1, seed=0).questions[0])
    assert page.page.locator("[role=gridcell]").count() == 900
    assert page.page.evaluate("opened_in") < 600
    page.cell(1, 1).click()
    spent = page.page.evaluate("""() => {
      const started = performance.now();
      for (let i = 0; i < 20; i++) model.set("cells", model.get("cells").with(i, i % 2 + 1));
      return (performance.now() - started) / 20;
    }""")
    assert spent < 10
