// The support sets, A and B: slots, the pad that edits one, pictures that come from elsewhere.

import { keep, kept, key } from "./kept.js";
import { Pad } from "./pad.js";
import { blank, isBlank, tileButton } from "./picture.js";
import { download, file, images, read } from "./talk.js";

const $ = (id) => document.getElementById(id);
const NUMBERS = ["one", "two", "three", "four", "five", "six", "seven", "eight"];

export class Support {
  // `changed()` is called when a set changes.
  constructor(model, changed) {
    Object.assign(this, { model, changed, kind: "A", chosen: 0, past: [], sets: {}, rest: {}, lent: {} });
    this.most = Math.max(1, Math.min(8, model.shots || 1));
    for (const kind of ["A", "B"]) this.load(kind);
    const acts = this.most > 1 ? { Next: () => this.choose(this.next) } : {};
    this.pad = new Pad(model, "Drawing pad for an example", ["Pen", "Eraser"], (pixels) => this.drawn(pixels), acts);
    this.pad.spent = () => this.undo();
    $("support-pad").replaceChildren(this.pad.element);
    this.slots = Array.from({ length: this.most }, (_, i) => tileButton(model, "", () => this.choose(i)));
    $("slots").replaceChildren(...this.slots.map(({ button }) => button));
    $("most").textContent = this.most > 1 ? `one to ${NUMBERS[this.most - 1]} of a kind` : "one example";
    this.report("");
    this.show();
  }

  report(text, wrong) {
    $("support-status").textContent = text;
    $("support-status").classList.toggle("wrong", Boolean(wrong));
  }

  end() {
    this.ended = true;
  }

  // What was kept of a kind. That for which there is no slot here stays kept.
  load(kind) {
    const list = kept(this.model, kind);
    this.sets[kind] = this.filled(list);
    this.rest[kind] = list.slice(this.most);
    this.lent[kind] = ""; // The name of the example, where it is what a kind shows.
  }

  // As many slots as there are, those without a drawing blank.
  filled(list) {
    return Array.from({ length: this.most }, (_, i) => list[i] ?? blank(this.model));
  }

  // What there is of a kind.
  of(kind) {
    return this.sets[kind].filter((pixels) => !isBlank(pixels, this.model));
  }

  own(kind) {
    return this.lent[kind] ? [] : this.of(kind);
  }

  // The first slot without a drawing, or the last.
  get free() {
    const first = this.sets[this.kind].findIndex((pixels) => isBlank(pixels, this.model));
    return first < 0 ? this.most - 1 : first;
  }

  // The first slot without a drawing, or the one after this.
  get next() {
    return this.shown.length < this.most ? this.free : (this.chosen + 1) % this.most;
  }

  get shown() {
    return this.of(this.kind);
  }

  // What answers are given, in words.
  get given() {
    return this.shown.length ? `given kind ${this.kind}` : "given no examples";
  }

  // Shows an example, which is not kept.
  lend(kind, list, name) {
    this.sets[kind] = this.filled(list);
    this.lent[kind] = name;
  }

  // What one draws oneself, beside an example, takes its place.
  drawn(pixels) {
    const set = this.sets[this.kind];
    if (this.lent[this.kind] && isBlank(set[this.chosen], this.model)) {
      this.remember();
      this.chosen = 0;
      set.splice(0, this.most, ...this.filled([]));
    }
    set[this.chosen] = pixels.slice();
    this.lent[this.kind] = "";
    this.show();
    this.keep();
  }

  // Before drawings are replaced by others: what `undo` goes back to.
  remember(kind = this.kind) {
    this.past.push({ kind, chosen: this.chosen, set: this.sets[kind].slice(), lent: this.lent[kind] });
    if (this.past.length > 50) this.past.shift();
  }

  undo() {
    const before = this.past.pop();
    if (!before) return;
    const { kind, chosen, set, lent } = before;
    this.sets[kind] = set;
    this.lent[kind] = lent;
    this.turn(kind);
    this.choose(chosen);
    this.keep();
  }

  // After a change by hand, and only then: to look at drawings shall not write them.
  keep(kind = this.kind) {
    $("apart")?.parentElement.replaceChildren();
    keep(this.model, kind, [...this.own(kind), ...this.rest[kind]]);
    this.changed();
  }

  // Another tab has kept drawings: they stand here too.
  hear(name) {
    const kind = ["A", "B"].find((kind) => name === key(this.model, kind));
    if (!kind || !kept(this.model, kind).length) return;
    this.remember(kind);
    this.load(kind);
    if (kind === this.kind) this.choose(this.chosen);
    this.changed();
  }

  turn(kind) {
    this.kind = kind;
    $("kind-a").setAttribute("aria-pressed", kind === "A");
    $("kind-b").setAttribute("aria-pressed", kind === "B");
    this.choose(this.free);
  }

  choose(i) {
    this.chosen = i;
    this.pad.show(this.sets[this.kind][i]);
    this.show();
  }

  show() {
    this.slots.forEach(({ button, tile }, i) => {
      const pixels = this.sets[this.kind][i], empty = isBlank(pixels, this.model);
      tile.ink(pixels);
      button.classList.toggle("blank", empty);
      button.setAttribute("aria-label", `Example ${i + 1}${empty ? ", empty" : ""}`);
      button.setAttribute("aria-pressed", i === this.chosen);
    });
    $("example").value = this.lent[this.kind];
  }

  // Puts pictures into the free slots of the kind that is shown, though another may be by the time
  // that they are read.
  async add(files) {
    const { kind } = this, found = [], wrong = [];
    let apart = [];
    const room = this.most - this.own(kind).length;
    for (const picture of files.slice(0, room)) {
      this.report(`reading ${picture.name || "a picture"} …`);
      try {
        const { pixels, apart: several } = await read(picture, this.model.name);
        found.push(pixels);
        apart = several;
      } catch (error) {
        wrong.push(`${picture.name || "picture"}: ${error.message}`);
      }
      if (this.ended) return;
    }
    if (files.length > room) wrong.push(`There is room for ${this.most} example${this.most > 1 ? "s" : ""}.`);
    this.report(wrong.join(" "), true);
    if (!found.length) return;
    const before = this.own(kind);
    this.replace([...before, ...found], "", kind);
    if (found.length === 1 && files.length === 1 && room > 1) this.offer(apart.slice(0, room), before, kind);
  }

  // A page of several drawings was read as one: they can be had one by one.
  offer(apart, before, kind) {
    if (apart.length < 2) return;
    this.report(`These look like ${NUMBERS[apart.length - 1]} drawings. `);
    const button = document.createElement("button");
    Object.assign(button, { type: "button", id: "apart", textContent: "Take them apart" });
    button.onclick = () => {
      this.report("");
      this.replace([...before, ...apart], "", kind);
    };
    $("support-status").append(button);
  }

  replace(list, example = "", kind = this.kind) {
    this.remember(kind);
    this.lend(kind, list, example);
    if (kind === this.kind) this.choose(this.free);
    this.keep(kind);
  }

  async save() {
    const list = this.of(this.kind);
    if (!list.length) return this.report("There is no example to download.", true);
    const request = { model: this.model.name, images: images(list), form: "archive" };
    this.report("");
    try {
      download(await file("/api/pack", request), `kind-${this.kind.toLowerCase()}.zip`);
    } catch (error) {
      this.report(error.message, true);
    }
  }
}
