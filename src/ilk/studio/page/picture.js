// Tiles: a sheet of paper with a layer of ink and a layer of heat, one canvas pixel a pixel.

export const binary = (model) => model.levels === 2 && model.shape[0] === 1;
export const paper = (model) => (binary(model) ? 0 : model.levels - 1);
export const blank = (model) => new Uint8Array(model.shape.reduce((a, b) => a * b)).fill(paper(model));
export const isBlank = (pixels, model) => pixels.every((v) => v === paper(model));
export const same = (a, b) => a.length === b.length && a.every((v, i) => v === b[i]);

// How strongly a pixel's nats are marked, from 0 to 1; in colour a mere guess costs 16.
export const marked = (nats, { shape: [channels], levels }) => (nats / Math.max(3, channels * Math.log(levels))) ** 0.7;

// How likely draws are beside each other, in a word: further than a standard deviation from the mean.
export function likelihood(bits) {
  const mean = bits.reduce((sum, b) => sum + b, 0) / bits.length;
  const spread = Math.sqrt(bits.reduce((sum, b) => sum + (b - mean) ** 2, 0) / bits.length);
  return bits.map((b) => (spread < 0.5 ? "" : b < mean - spread ? "likely" : b > mean + spread ? "unlikely" : "usual"));
}

export class Tile {
  constructor(model) {
    this.model = model;
    const [, h, w] = model.shape;
    this.element = document.createElement("span");
    this.element.className = "tile";
    this.element.style.aspectRatio = `${w} / ${h}`;
    this.layers = ["ink", "heat"].map((name) => {
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height, canvas.className] = [w, h, name];
      canvas.setAttribute("aria-hidden", "true");
      this.element.append(canvas);
      return canvas;
    });
    if (!binary(model)) this.layers[0].classList.add("photo");
  }

  // Says what it shows, where no button around it does.
  named(name) {
    this.element.setAttribute("role", "img");
    this.element.setAttribute("aria-label", name);
    return this;
  }

  // Shows pixels, those before `until` in raster order alone.
  ink(pixels, until = Infinity) {
    const [c, h, w] = this.model.shape;
    const picture = new ImageData(w, h);
    const scale = 255 / (this.model.levels - 1);
    for (let t = 0; t < Math.min(h * w, until); t++) {
      if (binary(this.model)) {
        picture.data[4 * t + 3] = pixels[t] ? 255 : 0;
        continue;
      }
      for (let k = 0; k < 3; k++) picture.data[4 * t + k] = pixels[Math.min(k, c - 1) * h * w + t] * scale;
      picture.data[4 * t + 3] = 255;
    }
    this.layers[0].getContext("2d").putImageData(picture, 0, 0);
    return this;
  }

  // Lays the accent over pixels, by shares from 0 to 1; none takes it away.
  heat(shares) {
    const [, h, w] = this.model.shape;
    const picture = new ImageData(w, h);
    if (shares) {
      const [r, g, b] = accent();
      for (let t = 0; t < h * w; t++) picture.data.set([r, g, b, 255 * Math.min(1, shares[t])], 4 * t);
    }
    this.shares = shares;
    this.layers[1].getContext("2d").putImageData(picture, 0, 0);
    return this;
  }

  // Marks one pixel, as a part of the paper; none takes the mark away.
  mark(t) {
    const [, h, w] = this.model.shape;
    if (!this.here) {
      this.here = document.createElement("span");
      this.here.className = "here";
      this.element.append(this.here);
    }
    this.here.hidden = t === undefined || t >= h * w;
    const place = { left: (t % w) / w, top: Math.floor(t / w) / h, width: 1 / w, height: 1 / h };
    for (const [side, share] of Object.entries(place)) this.here.style[side] = `${100 * share}%`;
    return this;
  }
}

function accent() {
  const probe = getComputedStyle(document.documentElement).getPropertyValue("--accent").trim();
  return [1, 3, 5].map((i) => parseInt(probe.slice(i, i + 2), 16));
}

// A button with a tile and a caption.
export function tileButton(model, label, press) {
  const button = document.createElement("button");
  const tile = new Tile(model);
  const caption = document.createElement("small");
  const write = (lines) => caption.replaceChildren(...lines.map((line) => Object.assign(document.createElement("span"), { textContent: line })));
  button.type = "button";
  button.setAttribute("aria-label", label);
  button.append(tile.element, caption);
  button.addEventListener("click", press);
  return { button, tile, write };
}

// Spreads a grid of patches over the pixels of an image.
export function spread(cells, [rows, columns], [, h, w]) {
  const shares = new Float32Array(h * w);
  const size = Math.ceil(h / rows), across = Math.ceil(w / columns);
  for (let t = 0; t < h * w; t++) {
    shares[t] = cells[Math.floor(Math.floor(t / w) / size) * columns + Math.floor((t % w) / across)];
  }
  return shares;
}

export const place = (t, [, , w]) => `row ${Math.floor(t / w) + 1}, column ${(t % w) + 1}`;
