// The support sets, A and B: slots, the pad that edits one, pictures that are dropped or pasted.

import { keep, kept } from "./kept.js";
import { Pad } from "./pad.js";
import { blank, isBlank, tileButton } from "./picture.js";
import { download, file, images, read } from "./talk.js";

const $ = (id) => document.getElementById(id);

export class Support {
  // `changed()` is called when a set changes, `report(text)` when something goes wrong.
  constructor(model, changed, report) {
    Object.assign(this, { model, changed, report, kind: "A", chosen: 0 });
    this.most = Math.max(1, Math.min(8, model.shots || 1));
    this.sets = { A: this.filled(kept(model, "A")), B: this.filled(kept(model, "B")) };
    this.lent = { A: "", B: "" }; // The name of the example, where it is what a kind shows.
    this.past = [];
    this.pad = new Pad(model, "Drawing pad for an example", ["Pen", "Eraser"], (pixels) => this.drawn(pixels));
    this.pad.spent = () => this.undo();
    $("support-pad").replaceChildren(this.pad.element);
    this.slots = Array.from({ length: this.most }, (_, i) =>
      tileButton(model, `Example ${i + 1}`, () => this.choose(i)));
    $("slots").replaceChildren(...this.slots.map(({ button }) => button));
    this.show();
  }

  // As many slots as there are, those without a drawing blank.
  filled(list) {
    return Array.from({ length: this.most }, (_, i) => list[i] ?? blank(this.model));
  }

  // What there is of a kind.
  of(kind) {
    return this.sets[kind].filter((pixels) => !isBlank(pixels, this.model));
  }

  // The first slot without a drawing, or the last.
  get free() {
    const first = this.sets[this.kind].findIndex((pixels) => isBlank(pixels, this.model));
    return first < 0 ? this.most - 1 : first;
  }

  get shown() {
    return this.of(this.kind);
  }

  fill(kind, list, example = "") {
    this.sets[kind] = this.filled(list);
    this.lent[kind] = example;
    if (kind === this.kind) this.choose(this.free);
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
    this.changed();
  }

  // Before drawings are replaced by others: what `undo` goes back to.
  remember() {
    const { kind, chosen } = this;
    this.past.push({ kind, chosen, set: this.sets[kind].slice(), lent: this.lent[kind] });
    if (this.past.length > 50) this.past.shift();
  }

  undo() {
    const before = this.past.pop();
    if (!before) return;
    const { kind, chosen, set, lent } = before;
    this.turn(kind);
    this.sets[kind] = set;
    this.lent[kind] = lent;
    this.choose(chosen);
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
      const pixels = this.sets[this.kind][i];
      tile.ink(pixels);
      button.classList.toggle("blank", isBlank(pixels, this.model));
      button.setAttribute("aria-pressed", i === this.chosen);
    });
    $("example").value = this.lent[this.kind];
    keep(this.model, this.kind, this.lent[this.kind] ? [] : this.shown);
  }

  // Puts pictures into the free slots.
  async add(files) {
    const list = this.lent[this.kind] ? [] : this.of(this.kind);
    for (const picture of files) {
      if (list.length >= this.most) {
        this.report(`There is room for ${this.most} examples.`);
        break;
      }
      try {
        list.push(await read(picture, this.model.name));
      } catch (error) {
        this.report(`${picture.name || "picture"}: ${error.message}`);
      }
    }
    if (list.length) this.replace(list);
  }

  replace(list, example) {
    this.remember();
    this.fill(this.kind, list, example);
    this.changed();
  }

  async save() {
    const list = this.of(this.kind);
    if (!list.length) return this.report("There is no example to download.");
    const request = { model: this.model.name, images: images(list), form: "archive" };
    download(await file("/api/pack", request), `kind-${this.kind.toLowerCase()}.zip`);
  }
}

// Pictures dropped on the page, pasted, or picked.
export function incoming(section, take) {
  section.addEventListener("dragover", (event) => {
    event.preventDefault();
    section.classList.add("dropping");
  });
  section.addEventListener("dragleave", () => section.classList.remove("dropping"));
  section.addEventListener("drop", (event) => {
    event.preventDefault();
    section.classList.remove("dropping");
    take([...event.dataTransfer.files]);
  });
}
