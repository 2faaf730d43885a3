// The samples: drawn pixel by pixel, all at once. Marks of time tell benchmarks when.

import { blank, figures, tileButton } from "./picture.js";
import { draw, unpack } from "./talk.js";

export class Samples {
  // `choose(i)` is called when one is pressed; `say(text, wrong)` with what goes on.
  constructor(grid, model, choose, say) {
    Object.assign(this, { grid, model, choose, say, items: [], drawings: 0 });
  }

  // Draws; resolves to true when all are there, to false when another drawing took over.
  async draw(path, request, noun = "drawn", sorted = false) {
    this.abort?.abort();
    performance.clearMarks("first pixel");
    performance.mark("drawing");
    const { signal } = (this.abort = new AbortController());
    this.layOut(request.count);
    this.say("drawing …");
    try {
      await draw(path, request, signal, (event) => this.take(event, noun, sorted));
      return true;
    } catch (error) {
      if (!signal.aborted) this.say(error.message, true);
      return false;
    }
  }

  layOut(count) {
    if (this.items.length !== count) {
      this.items = Array.from({ length: count }, (_, i) => ({
        ...tileButton(this.model, `Sample ${i + 1}`, () => this.choose(i)),
      }));
      this.grid.replaceChildren(...this.items.map(({ button }) => button));
    }
    for (const item of this.items) {
      item.pixels = blank(this.model);
      item.cost = null;
      item.tile.ink(item.pixels, 0).heat(null).mark();
      item.write([]);
    }
  }

  take(event, noun, sorted) {
    if (event.event === "pixels") this.write(event.first, unpack(event.values));
    if (event.event === "images") this.items.forEach(({ tile }, i) => tile.ink(unpack(event.images[i])));
    if (event.event !== "done") return;
    const results = sorted ? event.images.toSorted((a, b) => a.bits - b.bits) : event.images;
    results.forEach((result, i) => {
      const item = this.items[i];
      [item.pixels, item.cost] = [unpack(result.pixels), result];
      item.tile.ink(item.pixels).mark();
      item.write(figures(result));
      item.button.setAttribute("aria-label", `Number ${i + 1}: ${figures(result).join(", ")}`);
    });
    performance.mark("drawn");
    this.drawings += 1;
    const mean = (key) => results.reduce((sum, r) => sum + r[key], 0) / results.length;
    const drafts = event.effective ? ` · ${event.effective.toFixed(1)} drafts counted` : "";
    this.say(`${results.length} ${noun} in ${event.seconds.toFixed(2)} s · mean ${mean("bits").toFixed(1)} bits, `
      + `${mean("nats_per_dim").toFixed(4)} nats/dim · seed ${event.seed}${drafts}`);
  }

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
  }
}
