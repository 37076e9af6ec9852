// A grid of cells that are clicked and typed into. Python fills the model's traits once (grid_field.py lists them);
// here is what a browser makes of them, and `cells` goes back. Python answers with `bad`, the cells that contradict.

const WIDEST = 420, LARGEST = 36, SMALLEST = 12; // of the grid, of a cell: in pixels
const CLEARING = ["Backspace", "Delete"];
const SVG = "http://www.w3.org/2000/svg";

function make(tag, className, attributes = {}) {
  const made = document.createElement(tag);
  made.className = className;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function render({ model, el }) {
  const [rows, columns] = [model.get("rows"), model.get("columns")];
  const [looks, typed, blank] = [model.get("looks"), model.get("typed"), model.get("blank")];
  const side = Math.min(LARGEST, Math.max(SMALLEST, Math.floor(WIDEST / Math.max(rows, columns))));
  let drawn = [], bad = new Set(); // what the page shows
  let selected = null, brush = null; // a cell, a token

  // --- the page ----------------------------------------------------------------------------------------------------

  const grid = make("div", "trm-cells", { role: "grid", "aria-label": model.get("label") });
  const cells = [];
  for (let row = 0; row < rows; row++) {
    const line = make("div", "trm-row", { role: "row" });
    for (let column = 0; column < columns; column++) {
      const cell = make("div", "trm-cell", { role: "gridcell", tabindex: "-1", "aria-selected": "false" });
      cell.dataset.cell = cells.length;
      cells.push(cell);
      line.append(cell);
    }
    grid.append(line);
  }
  cells[0].tabIndex = 0; // the one cell that the Tab key reaches: the selected one, once there is one

  const board = make("div", "trm-board");
  board.style.setProperty("--side", `${side}px`);
  board.append(grid, drawnLines());

  const palette = make("div", "trm-palette", { role: "toolbar", "aria-label": "what the selected cell should hold" });
  const buttons = new Map();
  for (const token of model.get("palette")) {
    const { text, fill, ink, name, key } = looks[token];
    const button = make("button", "trm-value", { type: "button", "aria-pressed": "false", tabindex: "-1" });
    const said = key === name ? name : `${name} (key ${key})`;
    button.title = said;
    button.setAttribute("aria-label", said);
    if (name.length > 1) {
      const chip = make("span", "trm-chip");
      chip.textContent = text;
      Object.assign(chip.style, { background: fill, color: ink });
      button.append(chip);
    }
    button.append(name);
    button.addEventListener("click", () => choose(token));
    buttons.set(token, button);
    palette.append(button);
  }
  if (palette.firstChild) palette.firstChild.tabIndex = 0;

  const message = make("div", "trm-message", { role: "status" });
  el.classList.add("trm-grid-field");
  el.append(board, palette, message);

  function drawnLines() {
    const picture = document.createElementNS(SVG, "svg");
    picture.setAttribute("viewBox", `0 0 ${columns} ${rows}`);
    picture.setAttribute("aria-hidden", "true");
    for (const thick of [false, true]) {
      const path = document.createElementNS(SVG, "path");
      const strokes = model.get("lines").filter((line) => line[4] === thick);
      path.setAttribute("d", strokes.map(([r, c, toRow, toColumn]) => `M${c} ${r}L${toColumn} ${toRow}`).join(""));
      path.setAttribute("stroke-width", thick ? 2.6 : 0.8);
      picture.append(path);
    }
    return picture;
  }

  function draw(index) {
    const { text, fill, ink, name, bold } = looks[drawn[index]] ?? { text: "?", name: "unknown" };
    const cell = cells[index], [row, column] = [Math.floor(index / columns) + 1, (index % columns) + 1];
    cell.textContent = text;
    Object.assign(cell.style, { background: fill ?? "", color: ink ?? "", fontWeight: bold ? "bold" : "" });
    cell.classList.toggle("trm-bad", bad.has(index));
    const fault = bad.has(index) ? ", contradicts" : "";
    cell.setAttribute("aria-label", `row ${row} column ${column}: ${name}${fault}`);
  }

  function showCells() {
    const now = model.get("cells"), before = drawn;
    drawn = now;
    now.forEach((token, index) => token !== before[index] && draw(index)); // 900 cells: only those that changed
    model.set("refused", ""); // the key that was refused is no longer what counts
  }

  function showBad() {
    const before = bad;
    bad = new Set(model.get("bad"));
    cells.forEach((_, index) => before.has(index) !== bad.has(index) && draw(index));
  }

  // --- what a person does ------------------------------------------------------------------------------------------

  function showMessage() {
    const refused = model.get("refused");
    const hint = brush === null ? "" : `each click sets ${looks[brush].name}; press it again, or Escape, to stop`;
    message.textContent = refused || hint;
    message.classList.toggle("trm-refused", refused !== "");
  }

  function select(index) {
    const before = cells[selected ?? 0];
    before.tabIndex = -1;
    before.setAttribute("aria-selected", "false");
    selected = index;
    cells[index].tabIndex = 0;
    cells[index].setAttribute("aria-selected", "true");
  }

  function put(index, token) {
    if (model.get("cells")[index] !== token) {
      const next = [...model.get("cells")];
      next[index] = token;
      model.set("cells", next);
      showCells();
    }
    model.save_changes();
  }

  function setBrush(token) {
    buttons.get(brush)?.setAttribute("aria-pressed", "false");
    brush = token;
    buttons.get(brush)?.setAttribute("aria-pressed", "true");
    model.set("refused", "");
    showMessage();
  }

  function choose(token) {
    if (brush === token) {
      setBrush(null);
      model.save_changes();
      return;
    }
    setBrush(token);
    if (selected !== null) put(selected, token);
  }

  function clicked(event) {
    const cell = event.target.closest("[role=gridcell]");
    return cell && Number(cell.dataset.cell);
  }

  grid.addEventListener("focusin", (event) => select(clicked(event)));
  grid.addEventListener("click", (event) => {
    const index = clicked(event);
    if (index === null) return; // the end of a stroke over several cells
    cells[index].focus();
    if (brush !== null) put(index, brush);
  });
  const paint = (event) => {
    const index = clicked(event);
    // a finger that moves scrolls the page
    if (index !== null && brush !== null && event.pointerType === "mouse" && event.buttons === 1) put(index, brush);
  };
  grid.addEventListener("pointerdown", paint);
  grid.addEventListener("pointerover", paint);

  const moves = {
    ArrowUp: (row, column) => [row - 1, column],
    ArrowDown: (row, column) => [row + 1, column],
    ArrowLeft: (row, column) => [row, column - 1],
    ArrowRight: (row, column) => [row, column + 1],
    Home: (row) => [row, 0],
    End: (row) => [row, columns - 1],
  };

  function typeInto(index, key) {
    if (key in moves) {
      const [row, column] = moves[key](Math.floor(index / columns), index % columns);
      if (row >= 0 && row < rows && column >= 0 && column < columns) cells[row * columns + column].focus();
      return true;
    }
    const token = CLEARING.includes(key) ? blank || model.get("cells")[index] : typed[key]; // no blank: it stays
    if (token !== undefined) {
      setBrush(null); // who types clicks to select
      put(index, token);
      return true;
    }
    if ([...key].length === 1) {
      model.set("refused", `'${key}' is no cell of ${model.get("task")}; ${model.get("accepts")}`);
      model.save_changes();
      return true;
    }
    return false;
  }

  function walkPalette(key) {
    const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[key];
    const all = [...buttons.values()], now = all.indexOf(document.activeElement);
    if (!step || now < 0) return false;
    const next = all[(now + step + all.length) % all.length];
    all[now].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
    return true;
  }

  el.addEventListener("keydown", (event) => {
    const chord = (event.ctrlKey || event.altKey || event.metaKey) && !event.getModifierState("AltGraph");
    if (chord || event.isComposing) return; // AltGr is how some keyboards write #
    let used = false;
    if (event.key === "Escape" && brush !== null) {
      setBrush(null);
      model.save_changes();
      used = true;
    } else if (grid.contains(event.target)) {
      used = typeInto(clicked(event), event.key);
    } else if (palette.contains(event.target)) {
      used = walkPalette(event.key);
    }
    if (!used) return;
    event.preventDefault();
    event.stopPropagation(); // a letter is a command of the notebook around
  });

  const shown = { "change:cells": showCells, "change:bad": showBad, "change:refused": showMessage };
  for (const [event, show] of Object.entries(shown)) model.on(event, show);
  bad = new Set(model.get("bad"));
  showCells();
  return () => {
    for (const [event, show] of Object.entries(shown)) model.off(event, show);
  };
}

export default { render };
