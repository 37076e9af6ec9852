"""`GridField` is a grid whose cells are clicked and typed into. `YourPuzzle` puts it beside the text of the puzzle."""

from __future__ import annotations

import string
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets

from trm_edu.errors import DataError
from trm_edu.tasks import Look, Task
from trm_edu.tasks.base import lines_of, text_on

HERE = Path(__file__).parent
TYPEABLE = string.digits + string.ascii_letters + string.punctuation + " "


def cell_characters(task: Task) -> dict[int, str]:
    """The character of each token, as `decode` writes it; empty if the task's text is not one character a cell."""
    characters = {}
    for token in range(1, task.vocab_size):
        try:
            text = task.decode(np.full(task.seq_len, token, np.uint8))
        except (ValueError, LookupError):  # no puzzle consists of this token: its cells are no single characters
            return {}
        if text != text[:1] * task.seq_len:
            return {}
        characters[token] = text[0]
    return characters


def typed_characters(task: Task, characters: dict[int, str]) -> dict[str, int]:
    """The token of each character that a cell may be typed with: what the task's own `encode` reads as that token.

    Where nothing else is meant by them, small letters count as large ones, and a space, 0 and . as a blank.
    """
    typed = {}
    for character in dict.fromkeys([*characters.values(), *TYPEABLE]):
        try:
            tokens = set(task.encode(character * task.seq_len).tolist())
        except (ValueError, LookupError):
            continue
        if len(tokens) == 1 and tokens <= set(characters):
            typed[character] = tokens.pop()
    for character, token in list(typed.items()):
        typed.setdefault(character.swapcase(), token)
    blank = blank_token(task)
    return {character: blank for character in " 0." if blank} | typed


def blank_token(task: Task) -> int:
    """The token of an open cell, which looks like nothing; 0 if no token of a question does."""
    return next((token for token in range(1, task.vocab_size) if task.look(token) == Look()), 0)


class GridField(anywidget.AnyWidget):
    """The cells of one puzzle. `cells` holds their tokens, whoever changes them: a person at the page, or Python.

    A click or the arrow keys select a cell, a character sets it, Backspace clears it; a chosen button paints every cell
    that is clicked. A key that is no cell is refused in a line under the grid and changes nothing. `bad`: the cells to
    cross. Raises DataError for a task whose text is not one character a cell, or that has no `look`.
    """

    _esm = (HERE / "grid_field.js").read_text(encoding="utf-8")
    _css = (HERE / "grid_field.css").read_text(encoding="utf-8")

    task = traitlets.Unicode().tag(sync=True)  # its name, for messages
    label = traitlets.Unicode().tag(sync=True)  # what a screen reader says of the whole
    rows = traitlets.Int().tag(sync=True)
    columns = traitlets.Int().tag(sync=True)
    lines = traitlets.List().tag(sync=True)  # row, column, to_row, to_column, thick
    looks = traitlets.Dict().tag(sync=True)  # of each token: text, fill, ink, bold, name, key
    palette = traitlets.List().tag(sync=True)  # tokens, in the order of their buttons
    typed = traitlets.Dict().tag(sync=True)  # character -> token
    accepts = traitlets.Unicode().tag(sync=True)  # `typed` in words
    blank = traitlets.Int().tag(sync=True)  # the token of an open cell; 0: there is none
    cells = traitlets.List(traitlets.Int()).tag(sync=True)  # tokens [L]
    bad = traitlets.List(traitlets.Int()).tag(sync=True)  # cells from 0, in reading order
    refused = traitlets.Unicode().tag(sync=True)  # what the page said of the last key, if that was no cell

    def __init__(self, task: Task) -> None:
        characters = cell_characters(task) if hasattr(task, "look") else {}
        if not characters:
            raise DataError(f"{task.name}: cells cannot be typed one by one; it needs `look` and one character a cell.")
        named = getattr(task, "cell_names", {})
        allowed = [token for token, character in characters.items() if not named or character in named]
        typed = {c: token for c, token in typed_characters(task, characters).items() if token in allowed}
        blank = blank_token(task) if blank_token(task) in allowed else 0
        names = {t: named.get(c, "blank" if t == blank else "space" if c == " " else c) for t, c in characters.items()}
        keys = {t: "." if c == " " and typed.get(".") == t else c for t, c in characters.items()}
        looks = {}
        for token in characters:
            look = task.look(token)
            ink = text_on(look.fill) if look.fill else "#000000"
            looks[str(token)] = {"text": look.text.strip(), "fill": look.fill or "", "ink": ink, "bold": True}
            looks[str(token)] |= {"name": names[token], "key": keys[token]}
        palette = sorted(allowed, key=lambda token: token == blank)  # the blank last
        rows, columns = task.grid_shape
        super().__init__(
            task=task.name,
            label=f"{task.name}: {rows} rows of {columns} cells",
            rows=rows,
            columns=columns,
            lines=[list(line) for line in lines_of(task)],
            looks=looks,
            palette=palette,
            typed=typed,
            accepts=in_words([(keys[token], names[token]) for token in palette]),
            blank=blank,
            cells=[blank or palette[0]] * task.seq_len,
        )

    @property
    def empty(self) -> np.ndarray:
        """Blanks [L]; where there is no blank, the first character of a question."""
        return np.full(self.rows * self.columns, self.blank or self.palette[0], np.uint8)

    @traitlets.validate("cells")
    def _valid_cells(self, proposal: dict[str, Any]) -> list[int]:
        """Raise TraitError for another number of cells, or a token that the task does not have."""
        cells, need = proposal["value"], self.rows * self.columns
        if len(cells) != need:
            raise traitlets.TraitError(f"{self.task}: got {len(cells)} cells, need {need}.")
        if foreign := sorted({token for token in cells if str(token) not in self.looks}):
            raise traitlets.TraitError(f"{self.task}: token {foreign[0]} is no cell; {self.accepts}.")
        return cells

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """What the page sends. What is no puzzle is refused in `refused`, and the page gets its cells back."""
        try:
            super().set_state(sync_data)
        except traitlets.TraitError as error:
            self.send_state("cells")  # first, since new cells end what was said before
            self.refused = str(error)


def in_words(cells: Iterable[tuple[str, str]]) -> str:
    """What may be typed. cells: each key with what it stands for. 'type 1 to 6, or . for a blank'."""
    parts, run = [], ""
    for key, name in [*cells, ("", "")]:
        if run and not (key == name and key.isalnum() and ord(key) == ord(run[-1]) + 1):
            parts += [f"{run[0]} to {run[-1]}"] if len(run) > 2 else [*run]
            run = ""
        if key == name and key.isalnum():
            run += key
        elif key:
            said = "a blank" if name == "blank" else name
            parts.append(key if key == name else f"{'a space' if key == ' ' else key} for {said}")
    *most, last = parts
    return f"type {', '.join(most)}{', or ' if most else ''}{last}"
