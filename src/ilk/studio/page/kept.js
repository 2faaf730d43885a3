// What was drawn, for the next visit: the browser keeps it, and sends it nowhere.

import { pack, unpack } from "./talk.js";

const here = new Map(); // Where the browser keeps nothing, it lasts as long as the page.
const key = (model, name) => ["ilk", name, ...model.shape, model.levels].join(" ");

export function keep(model, name, list) {
  here.set(key(model, name), list);
  try {
    localStorage.setItem(key(model, name), JSON.stringify(list.map(pack)));
  } catch {} // Full, or forbidden.
}

// Drawings of a model's size that were kept under a name.
export function kept(model, name) {
  const list = stored(key(model, name)) ?? here.get(key(model, name)) ?? [];
  return list.filter(({ length }) => length === model.shape.reduce((a, b) => a * b));
}

function stored(name) {
  try {
    return JSON.parse(localStorage.getItem(name))?.map(unpack);
  } catch {} // Forbidden, or not ours.
}
