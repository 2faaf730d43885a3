// A drawing that one asks about: surprise, which kind it is, completions.

import { describe } from "./inspect.js";
import { keep } from "./kept.js";
import { Pad } from "./pad.js";
import { Tile, isBlank } from "./picture.js";
import { Samples } from "./samples.js";
import { ask, images, pack, several } from "./talk.js";

const $ = (id) => document.getElementById(id);

export class Query {
  constructor(model, support) {
    Object.assign(this, { model, support });
    this.pad = new Pad(model, "Drawing pad for a question", ["Pen", "Eraser", "Hide"], (pixels) => {
      keep(model, "question", [pixels]);
      this.update();
    });
    $("query-pad").replaceChildren(this.pad.element);
    this.map = new Tile(model);
    $("surprise").replaceChildren(this.map.element);
    this.completions = new Samples($("completions"), model, (i) => this.take(i), (text, wrong) => {
      $("complete-status").textContent = text;
      $("complete-status").classList.toggle("wrong", Boolean(wrong));
    });
    $("completions").replaceChildren();
    $("complete-status").textContent = "";
    $("complete").onclick = () => this.complete();
  }

  show(pixels) {
    this.pad.show(pixels);
    this.update();
  }

  take(i) {
    this.show(this.completions.items[i].pixels);
  }

  // Asks again, a moment after the last change.
  update() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.answer(), 120);
  }

  async answer() {
    this.abort?.abort();
    const { signal } = (this.abort = new AbortController());
    const pixels = this.pad.pixels;
    const [a, b] = ["A", "B"].map((kind) => this.support.of(kind));
    for (const id of ["surprise-kind", "complete-kind"]) $(id).textContent = `given kind ${this.support.kind}`;
    this.map.ink(pixels).heat(null);
    this.map.element.classList.remove("dim");
    if (isBlank(pixels, this.model)) {
      $("surprise-figures").textContent = "Draw something.";
      return $("which").replaceChildren();
    }
    const model = this.model.name, asked = images([pixels]);
    try {
      const scored = ask("/api/score", { model, support: images(this.support.shown), images: asked, surprise: true }, signal);
      const [cost] = (await scored).images;
      this.map.heat(cost.surprise.map((nats) => (nats / 3) ** 0.7));
      this.map.element.classList.add("dim");
      $("surprise-figures").innerHTML = describe(cost);
      if (!a.length || !b.length) {
        $("which").textContent = "Draw examples of kind A and of kind B to compare them.";
        return;
      }
      const chosen = await ask("/api/classify", { model, kinds: [images(a), images(b)], images: asked }, signal);
      this.compare(chosen.images[0], { A: a, B: b });
    } catch (error) {
      if (!signal.aborted) $("surprise-figures").textContent = error.message;
    }
  }

  compare({ kinds, posterior }, sets) {
    $("which").replaceChildren(...["A", "B"].map((kind, i) => {
      const block = document.createElement("div");
      block.className = "kind";
      const row = document.createElement("div");
      row.className = "row";
      const share = 100 * posterior[i];
      row.innerHTML = `<span>Kind ${kind}</span> <strong>${share > 99.9 ? "> 99.9" : share < 0.1 ? "< 0.1" : share.toFixed(1)} %</strong>`;
      const tiles = document.createElement("div");
      tiles.className = "few-tiles";
      tiles.append(...sets[kind].slice(0, 4).map((example) => new Tile(this.model).ink(example).element));
      const bar = document.createElement("progress");
      [bar.max, bar.value] = [1, posterior[i]];
      bar.setAttribute("aria-label", `Probability of kind ${kind}`);
      const note = document.createElement("p");
      note.className = "figures";
      note.textContent = `${kinds[i].bits.toFixed(1)} bits · ${kinds[i].nats_per_dim.toFixed(4)} nats/dim`;
      block.append(row, tiles, bar, note);
      return block;
    }));
  }

  // As many as samples where nothing known follows the hidden part; else a quarter of these, each
  // chosen among eight drafts.
  async complete() {
    const { pixels, known } = this.pad;
    if (known.every(Boolean)) return this.completions.say("Hide a part of the drawing first.", true);
    const follows = known.lastIndexOf(1) > known.indexOf(0);
    const done = await this.completions.draw("/api/complete", {
      model: this.model.name,
      support: images(this.support.shown),
      image: images([pixels])[0],
      known: pack(known),
      count: several(this.model) / (follows ? 4 : 1),
    }, "completed, likeliest first,", true);
    if (done) for (const { tile } of this.completions.items) tile.heat(Array.from(known, (k) => (k ? 0 : 0.14)));
  }
}
