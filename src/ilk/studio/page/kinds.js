// Which kinds there are for models of one size, by letters, and what a person calls them.

import { recall, remember } from "./kept.js";

export const MOST = 7; // A request compares eight: these and none of them.
const LETTERS = [..."ABCDEFG"];

export class Kinds {
  constructor(model) {
    this.key = ["ilk kinds", ...model.shape, model.levels].join(" ");
    this.read();
  }

  // What was kept; two kinds without names at first.
  read() {
    const kept = recall(this.key) ?? [];
    const ours = Array.isArray(kept) ? kept.filter((kind) => LETTERS.includes(kind?.[0]) && typeof kind[1] === "string") : [];
    this.named = new Map(ours.length > 1 ? ours : [["A", ""], ["B", ""]]);
  }

  keep() {
    remember(this.key, [...this.named]);
  }

  get letters() {
    return [...this.named.keys()];
  }

  get full() {
    return this.named.size >= MOST;
  }

  // A kind's name, as a title and within a sentence.
  title(letter) {
    return this.named.get(letter) || `Kind ${letter}`;
  }

  said(letter) {
    return this.named.get(letter) || `kind ${letter}`;
  }

  add(name = "") {
    const letter = LETTERS.find((one) => !this.named.has(one));
    this.name(letter, name);
    return letter;
  }

  name(letter, name) {
    this.named.set(letter, name.trim().slice(0, 40));
    this.keep();
  }

  remove(letter) {
    this.named.delete(letter);
    this.keep();
  }
}

// The tabs: one for each kind and one to add another, a field for the name of the kind that is
// shown. `turn(letter)` is called for a tab, `more()` and `less()` to add and to remove, `call(name)`
// when the name is another.
export class Tabs {
  constructor(row, field, { turn, more, less, call }) {
    Object.assign(this, { row, field, turn, more });
    this.less = document.getElementById("remove-kind");
    this.less.onclick = less;
    field.onchange = () => call(field.value);
  }

  show(kinds, letter) {
    const { letters } = kinds;
    // A tab that is pressed must stay until it is released.
    if (letters.join() !== this.letters) this.build(letters, kinds.full);
    for (const one of letters) {
      const button = document.getElementById(`kind-${one.toLowerCase()}`);
      button.textContent = kinds.title(one);
      button.setAttribute("aria-pressed", one === letter);
    }
    this.less.hidden = letters.length < 3;
    this.field.placeholder = `Kind ${letter}`;
    if (document.activeElement !== this.field) this.field.value = kinds.named.get(letter);
  }

  build(letters, full) {
    const tab = (id, press) => {
      const button = Object.assign(document.createElement("button"), { type: "button", id });
      button.onclick = press;
      return button;
    };
    const plus = tab("add-kind", this.more);
    plus.textContent = "+";
    plus.setAttribute("aria-label", "Add a kind");
    const tabs = letters.map((one) => tab(`kind-${one.toLowerCase()}`, () => this.turn(one)));
    this.row.replaceChildren(...tabs, ...(full ? [] : [plus]));
    this.letters = letters.join();
  }
}
