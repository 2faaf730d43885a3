// The support sets, A and B: slots, the pad that edits one, pictures that are dropped or pasted.

import { Pad } from "./pad.js";
import { blank, isBlank, tileButton } from "./picture.js";
import { download, file, images, read } from "./talk.js";

const $ = (id) => document.getElementById(id);

export class Support {
  // `changed()` is called when a set changes, `report(text)` when something goes wrong.
  constructor(model, changed, report) {
    Object.assign(this, { model, changed, report, kind: "A", chosen: 0 });
    this.most = Math.max(1, Math.min(8, model.shots || 1));
    this.sets = { A: this.none(), B: this.none() };
    this.pad = new Pad(model, "Drawing pad for an example", ["Pen", "Eraser"], (pixels) => {
      this.sets[this.kind][this.chosen] = pixels.slice();
      this.show();
      this.changed();
    });
    $("support-pad").replaceChildren(this.pad.element);
    this.slots = Array.from({ length: this.most }, (_, i) =>
      tileButton(model, `Example ${i + 1}`, () => this.choose(i)));
    $("slots").replaceChildren(...this.slots.map(({ button }) => button));
    this.show();
  }

  none() {
    return Array.from({ length: this.most }, () => blank(this.model));
  }

  // What there is of a kind.
  of(kind) {
    return this.sets[kind].filter((pixels) => !isBlank(pixels, this.model));
  }

  get shown() {
    return this.of(this.kind);
  }

  fill(kind, list) {
    this.sets[kind] = [...list.slice(0, this.most), ...this.none()].slice(0, this.most);
    if (kind === this.kind) this.choose(Math.min(list.length, this.most - 1));
  }

  turn(kind) {
    this.kind = kind;
    $("kind-a").setAttribute("aria-pressed", kind === "A");
    $("kind-b").setAttribute("aria-pressed", kind === "B");
    this.choose(0);
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
  }

  // Puts pictures into the free slots, from the chosen one on where none is free.
  async add(files) {
    const list = this.of(this.kind);
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
    this.fill(this.kind, list);
    this.changed();
  }

  empty() {
    this.fill(this.kind, []);
    this.choose(0);
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
