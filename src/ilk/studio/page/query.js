// A drawing that one asks about: surprise, which kind it is, completions.

import { drawings, whole } from "./drawings.js";
import { describe } from "./inspect.js";
import { Pad } from "./pad.js";
import { Tile, isBlank, marked } from "./picture.js";
import { Samples } from "./samples.js";
import { ask, images, pack, read, several } from "./talk.js";

const $ = (id) => document.getElementById(id);

export class Query {
  // Shows an example, if there is one, where there is no question yet.
  constructor(model, support, give, example) {
    Object.assign(this, { model, support, own: drawings(model, "question") });
    const question = this.own.at(0);
    if (example && !question.past.length && isBlank(question.now.pixels, model)) question.now = whole(example, model.shape);
    this.pad = new Pad(model, "Drawing pad for a question", ["Pen", "Eraser", "Hide"], () => {
      this.own.keep();
      this.report("");
      this.update();
    });
    this.pad.edit(question);
    $("query-pad").replaceChildren(this.pad.element);
    this.map = new Tile(model).named("Map of surprise");
    $("surprise").replaceChildren(this.map.element);
    this.completions = new Samples(model, {
      grid: $("completions"),
      button: $("complete"),
      status: $("complete-status"),
      press: () => this.complete(),
      choose: (i) => this.take(i),
      give,
      outdated: "The drawing or the examples have changed: complete it again.",
    });
    this.completions.sorted = true;
    const hide = { "hide-right": (y, x, h, w) => x >= w / 2, "hide-bottom": (y, x, h) => y >= h / 2, "hide-none": () => false };
    for (const [id, part] of Object.entries(hide)) $(id).onclick = () => this.pad.hide(part);
    for (const id of ["which", "surprise-figures", "surprise-kind", "complete-kind"]) $(id).replaceChildren();
    this.report("");
  }

  report(text, wrong) {
    $("query-status").textContent = text;
    $("query-status").classList.toggle("wrong", Boolean(wrong));
  }

  // Takes no answer any more.
  end() {
    this.ended = true;
    clearTimeout(this.timer);
    this.abort?.abort();
    this.completions.end();
  }

  // Another tab has kept a question: it stands here too.
  hear(name) {
    if ((name && name !== this.own.key) || !this.own.hear()) return;
    this.pad.heard();
    this.update();
  }

  // A picture to ask about: the first, if there are several.
  async add([picture]) {
    this.report(`reading ${picture.name || "a picture"} …`);
    try {
      const { pixels } = await read(picture, this.model.name);
      if (!this.ended) this.pad.replace(pixels);
    } catch (error) {
      if (!this.ended) this.report(`${picture.name || "picture"}: ${error.message}`, true);
    }
  }

  // The question of a project takes the place of this one, as a change to be undone.
  put(pixels, known) {
    this.own.at(0).take({ pixels, known, filled: false });
    this.pad.edit(this.own.at(0));
    this.own.keep();
    this.update();
  }

  // A completion takes the place of what is hidden, which stays so: others can be looked at too.
  take(i) {
    const { pixels, cost } = this.completions.items[i];
    if (cost) this.pad.replace(pixels, this.known);
  }

  // Asks again, a moment after the last change.
  update() {
    this.completions.compare(this.question);
    this.wait(true);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.answer(), 120);
  }

  async answer() {
    this.abort?.abort();
    const { signal } = (this.abort = new AbortController());
    const pixels = this.pad.pixels;
    $("surprise-kind").textContent = this.support.given;
    this.map.ink(pixels).heat(null);
    this.map.element.classList.remove("dim");
    if (isBlank(pixels, this.model)) {
      this.wait(false);
      $("surprise-figures").textContent = "Draw something.";
      return $("which").replaceChildren();
    }
    try {
      await this.surprise(pixels, signal);
      await this.compare(pixels, signal);
      this.failed = false;
    } catch (error) {
      if (signal.aborted) return;
      this.failed = true;
      $("surprise-figures").textContent = error.message;
      $("which").replaceChildren();
    }
    this.wait(false);
  }

  // Dims the last answer until the next is there.
  wait(on) {
    for (const id of ["surprise", "surprise-figures", "which"]) $(id).classList.toggle("stale", on);
  }

  async surprise(pixels, signal) {
    const examples = images(this.support.shown), hidden = this.pad.hides;
    const request = { model: this.model.name, support: examples, images: images([pixels]), surprise: true };
    const [cost] = (await ask("/api/score", request, signal)).images;
    this.map.heat(cost.surprise.map((nats) => marked(nats, this.model)));
    this.map.element.classList.add("dim");
    $("surprise-figures").innerHTML = describe(cost) + (hidden ? " · with the hidden part" : "");
    for (const id of ["surprise", "surprise-figures"]) $(id).classList.remove("stale");
  }

  // Which kind it is. Given no examples, the model tells what any other kind may look like.
  async compare(pixels, signal) {
    const { kinds: all } = this.support;
    const shown = all.letters.map((kind) => [all.title(kind), this.support.of(kind)]).filter(([, list]) => list.length);
    if (!shown.length) {
      $("which").textContent = "Draw examples of a kind to compare with.";
      return;
    }
    const names = [...shown, [shown.length > 2 ? "None of these" : shown.length > 1 ? "Neither" : "Not this", []]];
    const request = { model: this.model.name, kinds: names.map(([, list]) => images(list)), images: images([pixels]) };
    const { kinds, posterior } = (await ask("/api/classify", request, signal)).images[0];
    $("which").replaceChildren(...names.map(([name, examples], i) => this.verdict(name, examples, posterior[i], kinds[i])));
  }

  verdict(name, examples, share, { bits, nats_per_dim }) {
    const block = document.createElement("div");
    block.className = "kind";
    const percent = share > 0.999 ? "> 99.9" : share < 0.001 ? "< 0.1" : (100 * share).toFixed(1);
    const row = document.createElement("div");
    row.className = "row";
    const title = document.createElement("span"), figure = document.createElement("strong");
    title.textContent = examples.length ? name : `${name}: another kind`;
    figure.textContent = `${percent} %`;
    row.append(title, figure);
    const tiles = document.createElement("div");
    tiles.className = "few-tiles";
    tiles.append(...examples.slice(0, 4).map((example) => new Tile(this.model).ink(example).element));
    const bar = document.createElement("progress");
    [bar.max, bar.value] = [1, share];
    bar.setAttribute("aria-label", `Probability of ${name}`);
    const note = document.createElement("p");
    note.className = "figures";
    note.textContent = `${bits.toFixed(1)} bits · ${nats_per_dim.toFixed(4)} nats/dim`;
    block.append(row, ...(examples.length ? [tiles] : []), bar, note);
    return block;
  }

  // What would be asked for now: as many as samples where nothing known follows the hidden part;
  // else a quarter of these, each chosen among as many drafts as a few seconds allow.
  get question() {
    const { seen, known } = this.pad, [, h, w] = this.model.shape;
    const follows = known.lastIndexOf(1) > known.indexOf(0);
    return {
      model: this.model.name,
      support: images(this.support.shown),
      image: images([seen])[0],
      known: pack(known),
      count: several(this.model) / (follows ? 4 : 1),
      ...(follows ? { particles: h * w > 2048 ? 8 : 32, passes: 0 } : {}),
    };
  }

  async complete() {
    if (!this.pad.hides) return this.completions.say("Hide a part of the drawing first.", true);
    const known = (this.known = this.pad.known.slice());
    $("complete-kind").textContent = this.support.given;
    const words = { noun: "completed, likeliest first," };
    if (!(await this.completions.draw("/api/complete", this.question, words))) return;
    for (const { tile } of this.completions.items) tile.heat(Array.from(known, (k) => (k ? 0 : 0.14)));
    this.completions.compare(this.question);
  }
}
