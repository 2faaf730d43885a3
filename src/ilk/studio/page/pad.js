// A pad to draw on: mouse, pen, finger or keyboard, with the very pixels that the model will see.

import { whole } from "./drawings.js";
import { History } from "./history.js";
import { Tile, binary, blank, isBlank, paper, same } from "./picture.js";

// The pen of the model's drawings: a disc 5 wide on a page 4 times as fine.
const FINE = 4;
const disc = (r2) => {
  const cells = [];
  for (let y = -8; y <= 8; y++) for (let x = -8; x <= 8; x++) if (y * y + x * x <= r2) cells.push([y, x]);
  return cells;
};
const BRUSHES = { Pen: disc(5), Eraser: disc(40), Hide: disc(50) };

export class Pad {
  // `changed()` is called when the drawing has changed: a stroke ended, or it was undone or redone;
  // tools are names of brushes, acts are other buttons by name.
  constructor(model, label, tools, changed, acts = {}) {
    this.model = model;
    this.changed = changed;
    this.tile = new Tile(model);
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
    this.spoken = document.createElement("span");
    this.spoken.className = "unseen";
    this.spoken.setAttribute("role", "status");
    this.element.append(this.sheet, this.bar(tools, acts), this.spoken);
    this.edit(new History(whole(blank(model), model.shape)));
    this.listen();
  }

  bar(tools, acts) {
    const row = document.createElement("div");
    row.className = "row";
    const add = (name, act) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = name;
      button.addEventListener("click", act);
      row.append(button);
      return button;
    };
    this.buttons = tools.map((name) => add(name, () => this.take(name)));
    this.steps = { past: add("Undo", () => this.step("past")), future: add("Redo", () => this.step("future")) };
    add("Clear", () => this.clear());
    for (const [name, act] of Object.entries(acts)) add(name, act);
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

  // Shows a drawing, and draws on it from now on.
  edit(history) {
    this.finish();
    this.history = history;
    this.renew();
  }

  // Shows the drawing as it is now.
  renew() {
    const { pixels, known, filled } = this.history.now;
    Object.assign(this, { pixels: pixels.slice(), known: known.slice(), filled });
    this.paint();
  }

  // The drawing has changed elsewhere. A stroke that is being drawn goes on.
  heard() {
    if (this.pointer === undefined) this.renew();
  }

  // Takes pixels as a stroke does. What is hidden stays so if `known` says it, and shows what these
  // pixels fill it with.
  replace(pixels, known) {
    this.finish();
    this.pixels = pixels.slice();
    this.known = known?.slice() ?? this.known.map(() => 1);
    this.filled = Boolean(known);
    this.commit();
  }

  // What is on the pad becomes a state of the drawing.
  commit() {
    const { pixels, known, filled, history: { now } } = this;
    const still = same(pixels, now.pixels) && same(known, now.known) && filled === now.filled;
    if (!still) this.history.take({ pixels: pixels.slice(), known: known.slice(), filled });
    this.paint();
    if (!still) this.changed();
  }

  // Ends a stroke that is being drawn.
  finish() {
    if (this.pointer === undefined) return;
    this.pointer = undefined;
    this.commit();
  }

  get hides() {
    return !this.known.every(Boolean);
  }

  // The pixels, blank where they are hidden.
  get seen() {
    return this.pixels.map((v, i) => (this.known[i % this.known.length] ? v : paper(this.model)));
  }

  paint() {
    this.tile.ink(this.filled ? this.pixels : this.seen);
    this.tile.heat(Array.from(this.known, (k) => (k ? 0 : 0.22)));
    this.element.classList.toggle("begun", !isBlank(this.pixels, this.model) || this.hides);
    for (const [where, button] of Object.entries(this.steps)) button.setAttribute("aria-disabled", !this.history[where].length);
    const [, h, w] = this.model.shape;
    const [y, x] = this.cursor;
    const place = { left: x / w, top: y / h, width: 1 / w, height: 1 / h };
    for (const [side, share] of Object.entries(place)) this.frame.style[side] = `${100 * share}%`;
  }

  // One step back or forth.
  step(where) {
    this.finish();
    if (!this.history[where].length) return;
    if (where === "past") this.history.undo();
    else this.history.redo();
    this.renew();
    this.changed();
  }

  // Hides the pixels that `part(y, x, h, w)` says, and no others. What stands there stays.
  hide(part) {
    this.finish();
    const [, h, w] = this.model.shape;
    this.known = this.known.map((_, t) => (part(Math.floor(t / w), t % w, h, w) ? 0 : 1));
    this.filled = false;
    this.commit();
  }

  clear() {
    this.replace(blank(this.model));
  }

  set(y, x) {
    const [c, h, w] = this.model.shape;
    if (y < 0 || x < 0 || y >= h || x >= w) return;
    const t = y * w + x, hide = this.tool === "Hide";
    this.known[t] = hide ? 0 : 1;
    if (hide) this.filled = false;
    for (let k = 0; k < c && !hide; k++) {
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
      this.stamp(cy, cx);
    }
    this.last = [y, x];
    this.paint();
  }

  stamp(y, x) {
    for (const [dy, dx] of BRUSHES[this.tool]) this.set(Math.floor((y + dy) / FINE), Math.floor((x + dx) / FINE));
  }

  listen() {
    const at = (event) => {
      const [, h, w] = this.model.shape;
      const box = this.sheet.getBoundingClientRect();
      return [((event.clientY - box.top) / box.height) * h * FINE, ((event.clientX - box.left) / box.width) * w * FINE];
    };
    // One finger draws: others that come are not heard.
    this.sheet.addEventListener("pointerdown", (event) => {
      if (event.button || this.pointer !== undefined) return;
      this.sheet.setPointerCapture(event.pointerId);
      this.last = undefined;
      this.pointer = event.pointerId;
      this.stroke(...at(event));
    });
    this.sheet.addEventListener("pointermove", (event) => {
      if (event.pointerId !== this.pointer) return;
      for (const e of event.getCoalescedEvents?.() ?? [event]) this.stroke(...at(e));
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      this.sheet.addEventListener(end, (event) => {
        if (event.pointerId === this.pointer) this.finish();
      });
    }
    this.sheet.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const move = moves[event.key];
    const control = event.ctrlKey || event.metaKey, letter = event.key.toLowerCase();
    if (control && (letter === "y" || (letter === "z" && event.shiftKey))) this.step("future");
    else if (control && letter === "z") this.step("past");
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
        if (this.tool === "Pen") this.set(...this.cursor);
        else this.stamp(...this.cursor.map((v) => (v + 0.5) * FINE));
        this.commit();
      }
      this.paint();
      this.speak();
    } else return;
    event.preventDefault();
  }

  // Tells those who can't see it what is under the cursor.
  speak() {
    const [y, x] = this.cursor, [, , w] = this.model.shape, t = y * w + x;
    const what = !this.known[t] ? "hidden" : this.pixels[t] === paper(this.model) ? "paper" : "ink";
    this.spoken.textContent = `row ${y + 1}, column ${x + 1}, ${what}`;
  }
}
