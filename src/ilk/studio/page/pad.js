// A pad to draw on: mouse, pen, finger or keyboard, with the very pixels that the model will see.

import { Tile, binary, blank, isBlank, paper } from "./picture.js";

// The pen of the model's drawings: a disc 5 wide on a page 4 times as fine.
const FINE = 4;
const disc = (r2) => {
  const cells = [];
  for (let y = -8; y <= 8; y++) for (let x = -8; x <= 8; x++) if (y * y + x * x <= r2) cells.push([y, x]);
  return cells;
};
const BRUSHES = { Pen: disc(5), Eraser: disc(40), Hide: disc(50) };

export class Pad {
  // `changed(pixels)` is called when a stroke ends, `spent()`, if there is one, when nothing on the
  // pad is left to undo; tools are names of brushes.
  constructor(model, label, tools, changed) {
    this.model = model;
    this.changed = changed;
    this.tile = new Tile(model);
    this.past = [];
    this.cursor = [Math.floor(model.shape[1] / 2), Math.floor(model.shape[2] / 2)];
    this.element = document.createElement("div");
    this.element.className = "pad";
    this.sheet = this.tile.element;
    this.sheet.tabIndex = 0;
    this.sheet.setAttribute("role", "application");
    this.sheet.setAttribute("aria-label", `${label}. Arrow keys move, space draws, shift and arrow draws on.`);
    this.frame = document.createElement("span");
    this.frame.className = "cursor";
    this.sheet.append(this.frame);
    this.element.append(this.sheet, this.bar(tools));
    this.show(blank(model));
    this.listen();
  }

  bar(tools) {
    const row = document.createElement("div");
    row.className = "row";
    this.buttons = tools.map((name) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = name;
      button.addEventListener("click", () => this.take(name));
      row.append(button);
      return button;
    });
    for (const [name, act] of [["Undo", () => this.undo()], ["Clear", () => this.clear()]]) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = name;
      button.addEventListener("click", act);
      row.append(button);
    }
    if (!binary(this.model)) {
      this.colour = document.createElement("input");
      this.colour.type = "color";
      this.colour.setAttribute("aria-label", "Colour of the pen");
      row.append(this.colour);
    }
    this.take(tools[0]);
    return row;
  }

  take(tool) {
    this.tool = tool;
    for (const button of this.buttons) button.setAttribute("aria-pressed", button.textContent === tool);
  }

  // Takes pixels without calling `changed`.
  show(pixels) {
    const [, h, w] = this.model.shape;
    this.pixels = pixels.slice();
    this.known = new Uint8Array(h * w).fill(1);
    this.past = [];
    this.paint();
  }

  paint() {
    this.tile.ink(this.pixels.map((v, i) => (this.known[i % this.known.length] ? v : paper(this.model))));
    this.tile.heat(Array.from(this.known, (k) => (k ? 0 : 0.22)));
    this.element.classList.toggle("begun", !isBlank(this.pixels, this.model) || !this.known.every(Boolean));
    const [, h, w] = this.model.shape;
    const [y, x] = this.cursor;
    const place = { left: x / w, top: y / h, width: 1 / w, height: 1 / h };
    for (const [side, share] of Object.entries(place)) this.frame.style[side] = `${100 * share}%`;
  }

  remember() {
    this.past.push([this.pixels.slice(), this.known.slice()]);
    if (this.past.length > 50) this.past.shift();
  }

  undo() {
    if (!this.past.length) return this.spent?.();
    [this.pixels, this.known] = this.past.pop();
    this.paint();
    this.changed(this.pixels);
  }

  clear() {
    this.remember();
    this.pixels = blank(this.model);
    this.known.fill(1);
    this.paint();
    this.changed(this.pixels);
  }

  set(y, x) {
    const [c, h, w] = this.model.shape;
    if (y < 0 || x < 0 || y >= h || x >= w) return;
    const t = y * w + x;
    if (this.tool === "Hide") this.known[t] = 0;
    for (let k = 0; k < c && this.tool !== "Hide"; k++) {
      this.pixels[k * h * w + t] = this.tool === "Pen" ? this.pen(k, c) : paper(this.model);
    }
  }

  pen(channel, channels) {
    if (!this.colour) return 1;
    const rgb = [1, 3, 5].map((i) => parseInt(this.colour.value.slice(i, i + 2), 16));
    const value = channels === 1 ? 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2] : rgb[channel];
    return Math.floor((value * this.model.levels) / 256);
  }

  // A line from the last place to this one, in fine pixels.
  stroke(y, x) {
    const [fromY, fromX] = this.last ?? [y, x];
    const steps = Math.max(1, Math.ceil(Math.hypot(y - fromY, x - fromX)));
    for (let s = 0; s <= steps; s++) {
      const cy = Math.round(fromY + ((y - fromY) * s) / steps), cx = Math.round(fromX + ((x - fromX) * s) / steps);
      for (const [dy, dx] of BRUSHES[this.tool]) this.set(Math.floor((cy + dy) / FINE), Math.floor((cx + dx) / FINE));
    }
    this.last = [y, x];
    this.paint();
  }

  listen() {
    const at = (event) => {
      const [, h, w] = this.model.shape;
      const box = this.sheet.getBoundingClientRect();
      return [((event.clientY - box.top) / box.height) * h * FINE, ((event.clientX - box.left) / box.width) * w * FINE];
    };
    this.sheet.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      this.sheet.setPointerCapture(event.pointerId);
      this.remember();
      this.last = undefined;
      this.drawing = true;
      this.stroke(...at(event));
    });
    this.sheet.addEventListener("pointermove", (event) => {
      if (!this.drawing) return;
      for (const e of event.getCoalescedEvents?.() ?? [event]) this.stroke(...at(e));
    });
    for (const end of ["pointerup", "pointercancel"]) {
      this.sheet.addEventListener(end, () => {
        if (!this.drawing) return;
        this.drawing = false;
        this.changed(this.pixels);
      });
    }
    this.sheet.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const move = moves[event.key];
    if (event.key === "z" && (event.ctrlKey || event.metaKey)) this.undo();
    else if (event.key === "Delete" || event.key === "Backspace") this.clear();
    else if (move || event.key === " ") {
      if (move) {
        const [, h, w] = this.model.shape;
        this.cursor = [
          Math.min(h - 1, Math.max(0, this.cursor[0] + move[0])),
          Math.min(w - 1, Math.max(0, this.cursor[1] + move[1])),
        ];
      }
      if (event.key === " " || event.shiftKey) {
        this.remember();
        this.set(...this.cursor);
        this.changed(this.pixels);
      }
      this.paint();
    } else return;
    event.preventDefault();
  }
}
