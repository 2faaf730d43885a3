// The support sets, one of each kind: slots, the pad that edits one, pictures that come from elsewhere.

import { drawings, whole } from "./drawings.js";
import { History } from "./history.js";
import { Kinds, Tabs } from "./kinds.js";
import { Pad } from "./pad.js";
import { binary, blank, isBlank, same, tileButton } from "./picture.js";
import { download, file, images, read } from "./talk.js";

const $ = (id) => document.getElementById(id);
const NUMBERS = ["one", "two", "three", "four", "five", "six", "seven", "eight"];

export class Support {
  // `changed()` is called when a set changes, `turn(kind)` to show another.
  constructor(model, changed, turn) {
    Object.assign(this, { model, changed, chosen: 0, own: {}, lent: {}, kinds: new Kinds(model) });
    this.kind = this.kinds.letters[0];
    this.most = Math.max(1, Math.min(8, model.shots || 1));
    for (const kind of this.kinds.letters) this.own[kind] = drawings(model, kind).tidy();
    this.tabs = new Tabs($("kinds"), $("kind-name"), {
      turn,
      more: () => turn(this.another()),
      less: () => this.remove(turn),
      call: (name) => this.call(name),
    });
    const acts = this.most > 1 ? { Next: () => this.choose(this.next) } : {};
    this.pad = new Pad(model, "Drawing pad for an example", ["Pen", "Eraser"], () => this.drawn(), acts);
    $("support-pad").replaceChildren(this.pad.element);
    $("pen").hidden = !binary(model);
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

  // As many drawings as there are slots: of the example that is shown, else one's own.
  set(kind) {
    return Array.from({ length: this.most }, (_, i) => this.lent[kind]?.list[i] ?? this.own[kind].at(i));
  }

  // What there is of a kind.
  of(kind) {
    return this.set(kind).map(({ now }) => now.pixels).filter((pixels) => !isBlank(pixels, this.model));
  }

  // The slots without a drawing of one's own.
  room(kind) {
    const places = Array.from({ length: this.most }, (_, i) => i);
    return places.filter((i) => isBlank(this.own[kind].at(i).now.pixels, this.model));
  }

  // The first slot without a drawing, or the last.
  get free() {
    const first = this.set(this.kind).findIndex(({ now }) => isBlank(now.pixels, this.model));
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
    return this.shown.length ? `given ${this.kinds.said(this.kind)}` : "given no examples";
  }

  // Shows an example, beside which one's own drawings stay as they are; none shows these again.
  lend(kind, list, name) {
    const sheet = (pixels) => new History(whole(pixels ?? blank(this.model), this.model.shape));
    this.lent[kind] = list && { name, list: Array.from({ length: this.most }, (_, i) => sheet(list[i])) };
    if (kind === this.kind) this.choose(this.free);
    const { count } = this.own[kind];
    this.report(list && count ? `Your own ${count > 1 ? `${count} drawings are` : "drawing is"} kept.` : "");
  }

  drawn() {
    const there = !this.lent[this.kind] || this.adopt();
    this.show();
    if (there) return this.keep();
    this.report(this.crowded, true);
    this.changed();
  }

  // A change to the example makes it one's own, where there is nothing else; what is drawn beside
  // it, or where there is, is a drawing of one's own, in a free slot. Tells whether there was one.
  adopt() {
    const { kind, chosen } = this, { list } = this.lent[kind], own = this.own[kind];
    const before = list.map(({ now, past }) => (past[0]?.state ?? now).pixels), [free] = this.room(kind);
    if (!list[chosen].past.length || free === undefined) return false;
    const whole = !own.count && !isBlank(before[chosen], this.model);
    if (whole) own.change(before);
    const place = whole ? chosen : free;
    own.at(place).take(list[chosen].now);
    this.lent[kind] = null;
    this.choose(place);
    return true;
  }

  get crowded() {
    return `There is room for ${this.most} example${this.most > 1 ? "s" : ""}.`;
  }

  // After a change by hand, and only then: to look at drawings shall not write them.
  keep(kind = this.kind) {
    const kept = this.own[kind].keep();
    this.report(kept ? "" : "This browser keeps nothing: download your drawings before you leave.");
    this.changed();
  }

  // Begins another kind, or goes on with one that was taken away; tells its letter.
  another(name) {
    const kind = this.kinds.add(name);
    this.own[kind] = drawings(this.model, kind).tidy();
    return kind;
  }

  // Takes away the kind that is shown, where nothing of a person's own is lost with it.
  remove(turn) {
    const { kind } = this;
    if (this.own[kind].count) return this.report("Empty it first: a kind with drawings stays.", true);
    this.kinds.remove(kind);
    delete this.own[kind];
    this.report("");
    turn(this.kinds.letters[0]);
    this.changed();
  }

  call(name) {
    this.kinds.name(this.kind, name);
    this.show();
    this.changed();
  }

  // The kinds of a project take the place of those here, as changes to be undone. One's own beyond
  // them are emptied, and stay for that.
  take(kinds) {
    const { letters } = this.kinds;
    for (const kind of letters.slice(kinds.length)) if (!this.own[kind].count) this.kinds.remove(kind);
    kinds.forEach(({ name }, i) => (letters[i] ? this.kinds.name(letters[i], name) : this.another(name)));
    this.kinds.letters.forEach((kind, i) => {
      const own = this.own[kind], list = kinds[i]?.examples ?? [];
      const places = Array.from({ length: Math.max(this.most, list.length, own.list.length) }, (_, j) => list[j]);
      own.change(places.map((pixels) => pixels ?? blank(this.model)));
      this.lent[kind] = null;
      this.keep(kind);
    });
  }

  // Another tab has kept drawings, or other kinds: they stand here too.
  hear(name) {
    if (!name || name === this.kinds.key) {
      this.kinds.read();
      for (const kind of this.kinds.letters) this.own[kind] ??= drawings(this.model, kind).tidy();
      for (const kind of Object.keys(this.own)) if (!this.kinds.named.has(kind)) delete this.own[kind];
      if (!this.own[this.kind]) this.turn(this.kinds.letters[0]);
      this.show();
      this.changed();
    }
    for (const [kind, own] of Object.entries(this.own)) {
      const none = !own.count;
      if ((name && name !== own.key) || !own.hear()) continue;
      if (none) this.lent[kind] = null;
      if (kind === this.kind && this.pad.history !== this.set(kind)[this.chosen]) this.choose(this.free);
      else if (kind === this.kind) this.pad.heard();
      this.show();
      this.changed();
    }
  }

  turn(kind) {
    this.kind = kind;
    this.choose(this.free);
  }

  choose(i) {
    this.pad.finish();
    this.chosen = i;
    this.pad.edit(this.set(this.kind)[i]);
    this.show();
  }

  show() {
    this.slots.forEach(({ button, tile }, i) => {
      const { pixels } = this.set(this.kind)[i].now, empty = isBlank(pixels, this.model);
      tile.ink(pixels);
      button.classList.toggle("blank", empty);
      button.setAttribute("aria-label", `Example ${i + 1}${empty ? ", empty" : ""}`);
      button.setAttribute("aria-pressed", i === this.chosen);
    });
    $("example").value = this.lent[this.kind]?.name ?? "";
    this.tabs.show(this.kinds, this.kind);
  }

  // Puts pictures into the free slots of the kind that is shown, though another may be by the time
  // that they are read.
  async add(files) {
    const { kind } = this, found = [], wrong = [];
    let apart = [];
    const room = this.room(kind).length;
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
    if (files.length > room) wrong.push(this.crowded);
    const [place] = found.length ? this.insert(found, kind) : [];
    this.report(wrong.join(" "), true);
    if (place !== undefined && files.length === 1) this.offer(apart, place, kind);
  }

  // A page of several drawings was read as one: they can be had one by one, from its place on.
  offer(apart, place, kind) {
    const room = [place, ...this.room(kind)];
    if (Math.min(apart.length, room.length) < 2) return;
    this.report(`These look like ${NUMBERS[apart.length - 1] ?? apart.length} drawings. `);
    const button = document.createElement("button");
    Object.assign(button, { type: "button", id: "apart", textContent: "Take them apart" });
    button.onclick = () => this.insert(apart, kind, room);
    $("support-status").append(button);
  }

  // Puts drawings into slots, as one change; tells which.
  insert(list, kind = this.kind, slots = this.room(kind)) {
    const places = slots.slice(0, list.length);
    this.lent[kind] = null;
    this.own[kind].change(Object.fromEntries(places.map((i, n) => [i, list[n]])));
    if (kind === this.kind) this.choose(places.at(-1) ?? this.chosen);
    this.keep(kind);
    return places;
  }

  // Adds a drawing to what is shown; an example becomes one's own with it, where there is nothing
  // else. Tells what is in the way, if something is.
  join(pixels) {
    const { kind } = this, own = this.own[kind];
    if (this.shown.some((one) => same(one, pixels))) return "It is among the examples already.";
    const example = this.lent[kind] && !own.count ? this.of(kind) : [];
    if (this.room(kind).length <= example.length) return this.crowded;
    this.insert([...example, pixels]);
    return "";
  }

  // Takes the example away, or one's own drawings.
  empty() {
    if (this.lent[this.kind]) {
      this.lend(this.kind);
      return this.changed();
    }
    if (!this.own[this.kind].empty(this.most)) return;
    this.choose(0);
    this.keep();
    this.report("Undo brings them back.");
  }

  async save() {
    const list = this.of(this.kind);
    if (!list.length) return this.report("There is no example to download.", true);
    const request = { model: this.model.name, images: images(list), form: "archive" };
    this.report("");
    try {
      download(await file("/api/pack", request), `${this.kinds.said(this.kind).toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-")}.zip`);
    } catch (error) {
      this.report(error.message, true);
    }
  }
}
