// One sample under the glass: its course, where attention reads, what surprises, branches.

import { Tile, marked, place, spread } from "./picture.js";
import { ask, images, unpack } from "./talk.js";

const $ = (id) => document.getElementById(id);
const SECONDS = 6;

export class Inspector {
  // `branch(pixels, known)` is called to draw on from a pixel, `give(pixels)` to add the sample to
  // the examples.
  constructor(model, branch, give) {
    Object.assign(this, { model, branch, tile: new Tile(model).named("The chosen sample") });
    this.steps = model.shape[1] * model.shape[2];
    $("chosen").replaceChildren(this.tile.element);
    $("scrub").max = this.steps;
    $("scrub").oninput = () => this.go(Number($("scrub").value));
    $("play").onclick = () => (this.playing ? this.stop() : this.play());
    $("branch").onclick = () => this.branch(this.pixels, this.known());
    $("show-surprise").onchange = () => this.go(this.at);
    $("give").onclick = () => {
      $("give").disabled = give(this.pixels);
      if ($("give").disabled) $("give").textContent = "Among the examples";
    };
    $("shut").onclick = () => this.shut();
    $("inspector").onclose = () => $("inspector").open || this.close();
    $("inspector").onclick = ({ target }) => target === $("inspector") && this.shut();
  }

  // Takes a sample and the support set that it was drawn for.
  async open(pixels, support, at = this.steps) {
    this.stop();
    this.abort?.abort();
    const { signal } = (this.abort = new AbortController());
    Object.assign(this, { pixels, support, reading: null, cost: null });
    $("inspector").open = true;
    Object.assign($("give"), { disabled: false, textContent: "Add to the examples" });
    this.gaze = support.map((example) => this.onlooker(example));
    $("gaze").replaceChildren(...this.gaze.map(({ figure }) => figure));
    $("looking").hidden = !(this.model.attention && support.length);
    $("chosen-figures").textContent = "…";
    this.go(at);
    const request = { model: this.model.name, support: images(support) };
    try {
      const score = ask("/api/score", { ...request, images: images([pixels]), surprise: true }, signal);
      this.cost = (await score).images[0];
      $("chosen-figures").innerHTML = describe(this.cost);
      if (!$("looking").hidden) {
        this.reading = await ask("/api/attention", { ...request, image: images([pixels])[0] }, signal);
        this.reading.weights = unpack(this.reading.weights);
      }
      this.go(this.at);
    } catch (error) {
      if (!signal.aborted) $("chosen-figures").textContent = error.message;
    }
  }

  close() {
    this.stop();
    this.abort?.abort();
    this.pixels = null;
    $("inspector").close();
  }

  // Shows it over the page, until it is shut.
  sheet() {
    if (!$("inspector").open) return;
    $("inspector").close();
    $("inspector").showModal();
  }

  shut() {
    if ($("inspector").matches(":modal")) this.close();
  }

  repaint() {
    if (this.pixels) this.go(this.at);
  }

  onlooker(example) {
    const figure = document.createElement("div");
    const tile = new Tile(this.model).ink(example).named("Example");
    const caption = document.createElement("small");
    figure.append(tile.element, caption);
    return { figure, tile, caption };
  }

  // Shows the sample as it was before pixel `t` was written.
  go(t) {
    const done = t >= this.steps, where = done ? "done" : place(t, this.model.shape);
    this.at = t;
    $("scrub").value = t;
    $("scrub").setAttribute("aria-valuetext", where);
    $("at").textContent = `${t} of ${this.steps}, ${where}`;
    $("branch").disabled = done;
    $("branch").title = done ? "Move the slider back first" : "";
    const surprise = $("show-surprise").checked && this.cost?.surprise;
    this.tile.ink(this.pixels, t);
    this.tile.element.classList.toggle("dim", Boolean(surprise));
    this.tile.heat(surprise ? surprise.map((nats, i) => (i < t ? marked(nats, this.model) : 0)) : null);
    this.tile.mark(t);
    this.look(t);
  }

  look(t) {
    const shown = this.reading && t < this.steps;
    $("looks").textContent = t < this.steps ? "Where it looks while it writes this pixel"
      : "Move the slider back to see where it looked, and to branch";
    if (!shown) {
      $("elsewhere").textContent = "";
      for (const { tile, caption } of this.gaze) {
        tile.heat(null);
        caption.textContent = "";
      }
      return;
    }
    const { grid, support, weights, nothing } = this.reading;
    const cells = grid[0] * grid[1];
    const row = weights.subarray(t * support * cells, (t + 1) * support * cells);
    const total = row.reduce((sum, v) => sum + v, 0) || 1;
    this.gaze.forEach(({ tile, caption }, k) => {
      const mine = row.subarray(k * cells, (k + 1) * cells);
      tile.heat(spread(Array.from(mine, (v) => (0.8 * v) / 255), grid, this.model.shape));
      const share = (mine.reduce((sum, v) => sum + v, 0) / total) * (1 - nothing[t]);
      caption.textContent = `${Math.round(100 * share)} %`;
    });
    $("elsewhere").textContent = `elsewhere, at none of them: ${Math.round(100 * nothing[t])} %`;
  }

  known() {
    return Uint8Array.from({ length: this.steps }, (_, i) => (i < this.at ? 1 : 0));
  }

  play() {
    const from = this.at >= this.steps ? 0 : this.at;
    let start;
    $("play").textContent = "Pause";
    const frame = (now) => {
      start ??= now;
      const t = Math.min(this.steps, from + Math.floor(((now - start) / 1000 / SECONDS) * this.steps));
      this.go(t);
      if (t >= this.steps) this.stop();
      else this.playing = requestAnimationFrame(frame);
    };
    this.playing = requestAnimationFrame(frame);
  }

  stop() {
    if (this.playing) cancelAnimationFrame(this.playing);
    this.playing = null;
    $("play").textContent = "Play";
  }
}

export function describe({ bits, nats, nats_per_dim, gain_bits }) {
  const gain = gain_bits === null || gain_bits === undefined ? ""
    : ` · ${Math.abs(gain_bits).toFixed(1)} bits ${gain_bits >= 0 ? "saved by the examples" : "lost by the examples"}`;
  return `<strong>${bits.toFixed(1)} bits</strong> · ${nats.toFixed(1)} nats · ${nats_per_dim.toFixed(4)} nats/dim${gain}`;
}
