// What the browser keeps for the next visit, and sends nowhere: drawings, and what was chosen.

import { pack, unpack } from "./talk.js";

const here = new Map(); // Where the browser keeps nothing, it lasts as long as the page.
export const key = (model, name) => ["ilk", name, ...model.shape, model.levels].join(" ");

export function keep(model, name, list) {
  here.set(key(model, name), list);
  remember(key(model, name), list.map(pack));
}

// Drawings of a model's size that were kept under a name.
export function kept(model, name) {
  const list = drawings(key(model, name)) ?? here.get(key(model, name)) ?? [];
  return list.filter(({ length }) => length === model.shape.reduce((a, b) => a * b));
}

function drawings(name) {
  try {
    return recall(name)?.map(unpack);
  } catch {} // Not ours.
}

export function remember(name, value) {
  try {
    localStorage.setItem(name, JSON.stringify(value));
  } catch {} // Full, or forbidden.
}

export function recall(name) {
  try {
    return JSON.parse(localStorage.getItem(name));
  } catch {} // Forbidden, or not ours.
}
