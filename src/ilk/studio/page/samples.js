// The samples: drawn pixel by pixel, all at once. Marks of time tell benchmarks when.

import { blank, likelihood, tileButton } from "./picture.js";
import { draw, unpack } from "./talk.js";

const MOMENT = 600; // milliseconds

// The button that adds a sample to the examples, before and after.
function offer(button, name) {
  Object.assign(button, { textContent: "+", hidden: false, title: "Add to the examples" });
  button.setAttribute("aria-label", name);
}

function taken(button) {
  button.textContent = "✓";
  button.title = "Among the examples";
}

export class Samples {
  // Of the page: `grid`, `button` and `status`. `press()` is called to draw, `choose(i)` when a
  // sample is pressed, `give(pixels)` to add one to the examples, which tells whether it could;
  // `outdated` says that what it was drawn for has changed.
  constructor(model, { grid, button, status, press, choose, give, outdated }) {
    Object.assign(this, { model, grid, button, status, choose, give, outdated, items: [], results: [], sorted: false, drawings: 0 });
    this.called(button.textContent);
    // Who presses it as it begins by itself wants it to begin.
    button.onclick = () => (this.running && performance.now() - this.began > MOMENT ? this.stop() : press());
    grid.replaceChildren();
    this.say("");
    this.layOut(0);
  }

  // The name of the button, while nothing is drawn.
  called(name) {
    this.name = name;
    if (!this.running) this.button.textContent = name;
  }

  say(text, wrong) {
    this.status.textContent = text;
    this.status.classList.toggle("wrong", Boolean(wrong));
    this.status.dataset.drawings = this.drawings;
  }

  // Draws what is asked for, in words `noun` and `given`, and `more` that does not outdate it.
  // Resolves to true when all are there.
  async draw(path, asked, { noun = "drawn", given = "", more = {} }) {
    this.end();
    performance.clearMarks("first pixel");
    performance.mark("drawing");
    const { signal } = (this.running = new AbortController());
    this.layOut(asked.count);
    Object.assign(this, { asked: JSON.stringify(asked), began: performance.now(), told: "stopped" });
    this.button.textContent = "Stop";
    this.status.setAttribute("aria-busy", true); // What it says of progress is not read out.
    this.say("drawing …");
    try {
      await draw(path, { ...asked, ...more }, signal, (event) => this.take(event, { noun, given }));
      return true;
    } catch (error) {
      if (!signal.aborted) this.say(error.message, true);
      return false;
    } finally {
      if (this.running?.signal === signal) this.end();
    }
  }

  stop() {
    this.end();
    this.say("stopped");
  }

  // Takes no more of what is being drawn.
  end() {
    this.running?.abort();
    this.running = null;
    this.button.textContent = this.name;
    this.status.setAttribute("aria-busy", false);
  }

  // A tile with a small button, which the keyboard has as a key.
  item(i) {
    const tile = tileButton(this.model, `Sample ${i + 1}`, () => this.choose(i));
    const add = Object.assign(document.createElement("button"), { type: "button", className: "add", tabIndex: -1 });
    const cell = Object.assign(document.createElement("div"), { className: "cell" });
    add.onclick = () => this.items[i].cost && this.give(this.items[i].pixels) && taken(add);
    tile.button.setAttribute("aria-keyshortcuts", "+");
    tile.button.addEventListener("keydown", ({ key }) => key === "+" && add.click());
    cell.style.setProperty("--tall", this.model.shape[1] / this.model.shape[2]);
    cell.append(tile.button, add);
    return { ...tile, add, cell };
  }

  layOut(count) {
    [this.asked, this.results] = [null, []];
    this.grid.classList.remove("stale");
    if (this.items.length !== count) {
      this.items = Array.from({ length: count }, (_, i) => this.item(i));
      this.grid.replaceChildren(...this.items.map(({ cell }) => cell));
    }
    for (const item of this.items) {
      item.pixels = blank(this.model);
      item.cost = null;
      item.tile.ink(item.pixels, 0).heat(null).mark();
      item.write([]);
      item.add.hidden = true;
      item.button.classList.remove("flawed");
    }
  }

  // Dims what was drawn for something else than what would be asked for now, and draws no more of it.
  compare(asked) {
    if (this.running && this.asked !== JSON.stringify(asked)) this.end();
    if (this.running || !this.asked) return;
    const stale = this.asked !== JSON.stringify(asked);
    if (stale === this.grid.classList.contains("stale")) return;
    this.grid.classList.toggle("stale", stale);
    this.say(stale ? this.outdated : this.told);
  }

  take(event, words) {
    if (event.event === "start") this.steps = event.steps;
    if (event.event === "pixels") {
      const end = this.write(event.first, unpack(event.values));
      this.say(`drawing … ${Math.round((100 * end) / this.steps)} %`);
    }
    if (event.event === "images") {
      this.items.forEach(({ tile }, i) => tile.ink(unpack(event.images[i])));
      const left = ((performance.now() - this.began) / 1000) * (1 / event.share - 1);
      this.say(`drawing … ${Math.round(100 * event.share)} %, about ${Math.ceil(left)} s more`);
    }
    if (event.event === "done") this.finish(event, words);
  }

  finish({ images, seconds, seed, effective }, { noun, given }) {
    const words = likelihood(images.map(({ bits }) => bits));
    this.results = images.map((cost, i) => ({ cost, pixels: unpack(cost.pixels), word: cost.flaw ?? words[i] }));
    this.arrange();
    [this.seed, this.drawings] = [seed, this.drawings + 1];
    performance.mark("drawn");
    const mean = (key) => images.reduce((sum, cost) => sum + cost[key], 0) / images.length;
    const drafts = effective ? ` · ${effective.toFixed(1)} drafts counted` : "";
    this.told = `${images.length} ${noun} in ${seconds.toFixed(2)} s${given} · mean ${mean("bits").toFixed(1)} bits, `
      + `${mean("nats_per_dim").toFixed(4)} nats/dim · seed ${seed}${drafts}`;
    this.say(this.told);
  }

  // Shows what was drawn in the order that it came, or the likeliest first.
  arrange() {
    const shown = this.sorted ? this.results.toSorted((a, b) => a.cost.bits - b.cost.bits) : this.results;
    shown.forEach(({ cost, pixels, word }, i) => {
      const item = this.items[i], lines = [`${cost.bits.toFixed(0)} bits`, ...(word ? [word] : [])];
      Object.assign(item, { cost, pixels });
      item.tile.ink(pixels).mark();
      item.write(lines);
      offer(item.add, `Add number ${i + 1} to the examples`);
      item.button.classList.toggle("flawed", Boolean(cost.flaw));
      item.button.setAttribute("aria-label", `Number ${i + 1}: ${lines.join(", ")}`);
      item.button.title = `${cost.bits.toFixed(1)} bits, ${cost.nats_per_dim.toFixed(4)} nats/dim`;
    });
  }

  // Writes the next pixels of all samples, and tells where they end.
  write(first, values) {
    const [c, h, w] = this.model.shape, n = this.items.length;
    const steps = values.length / (n * c);
    this.items.forEach((item, i) => {
      for (let t = 0; t < steps; t++) {
        for (let k = 0; k < c; k++) item.pixels[k * h * w + first + t] = values[(t * n + i) * c + k];
      }
      item.tile.ink(item.pixels, first + steps).mark(first + steps);
    });
    if (!performance.getEntriesByName("first pixel").length) performance.mark("first pixel");
    return first + steps;
  }
}
