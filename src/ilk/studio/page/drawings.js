// A person's own drawings under a name, each with its history. The browser keeps them for the next
// visit, for other tabs, and for every model of their size.

import { History } from "./history.js";
import { recall, remember } from "./kept.js";
import { blank, isBlank, same } from "./picture.js";
import { pack, unpack } from "./talk.js";

const all = new Map(); // Histories last as long as the page.

export function drawings(model, name) {
  const key = ["ilk", name, ...model.shape, model.levels].join(" ");
  if (!all.has(key)) all.set(key, new Drawings(model, key));
  return all.get(key);
}

// The state of a drawing of which nothing is hidden.
export const whole = (pixels, [, h, w]) => ({ pixels: pixels.slice(), known: new Uint8Array(h * w).fill(1), filled: false });

class Drawings {
  constructor(model, key) {
    Object.assign(this, { model, key, list: [] });
    this.last = this.read(key);
    const before = this.last.length ? [] : this.read(`${key} before`);
    this.change(before.length ? before : this.last);
    for (const one of this.list) one.past = [];
    if (before.length) this.empty(); // To be undone, though the page has been loaded anew.
  }

  read(key) {
    try {
      return recall(key)?.map(unpack).filter(({ length }) => length === blank(this.model).length) ?? [];
    } catch {
      return []; // Not ours.
    }
  }

  // The history of a drawing, of a blank one where there is none.
  at(i) {
    while (this.list.length <= i) this.list.push(new History(whole(blank(this.model), this.model.shape)));
    return this.list[i];
  }

  get pixels() {
    return this.list.map(({ now }) => now.pixels);
  }

  get count() {
    return this.pixels.filter((pixels) => !isBlank(pixels, this.model)).length;
  }

  // Some drawings become others, by their places, as one change.
  change(others) {
    const changes = Object.entries(others).filter(([i, pixels]) => !same(this.at(Number(i)).now.pixels, pixels));
    const together = changes.map(([i]) => this.list[i]);
    for (const [i, pixels] of changes) this.list[i].take(whole(pixels, this.model.shape), together);
    return changes.length > 0;
  }

  empty(most = this.list.length) {
    return this.change(Array.from({ length: most }, () => blank(this.model)));
  }

  // Those that are blank come last.
  tidy() {
    const last = ({ now }) => Number(isBlank(now.pixels, this.model));
    this.list.sort((a, b) => last(a) - last(b));
    return this;
  }

  // Tells whether the browser could.
  keep() {
    const list = this.pixels.slice(0, 1 + this.pixels.findLastIndex((pixels) => !isBlank(pixels, this.model)));
    if (this.last.length && !list.length) remember(`${this.key} before`, this.last.map(pack));
    this.last = list;
    return remember(this.key, list.map(pack));
  }

  // What another tab has kept, as a change to be undone here; tells whether there was one.
  hear() {
    this.last = this.read(this.key);
    return this.change(Array.from({ length: Math.max(this.last.length, this.list.length) },
      (_, i) => this.last[i] ?? blank(this.model)));
  }
}
