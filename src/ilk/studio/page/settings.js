// How samples are drawn: guidance, how many, the best of how many, temperature, seed, order.

import { several } from "./talk.js";

const $ = (id) => document.getElementById(id);
const sliders = ["guidance", "temperature"];
const numbers = { count: "How many: a whole number from 1 to 64.", seed: "The seed: a whole number, or nothing." };

const value = (name) => Number($(name).value);
let last; // The seed of the samples that are shown.

// Calls `changed` when one of them does, `arrange` when only their order does.
export function settle(changed, arrange) {
  for (const name of sliders) {
    $(name).oninput = () => {
      $(`${name}-value`).textContent = value(name).toFixed(2);
      changed();
    };
  }
  for (const name of ["of", "count", "seed"]) $(name).onchange = changed;
  $("again-seed").onclick = () => put({ seed: last }) || changed();
  $("order").onchange = arrange;
}

// As many as a model draws at once, until a person says otherwise.
export function suit(model) {
  $("count").value = several(model);
}

export const sorted = () => $("order").value === "likely";

// What is wrong with them, in words.
export const trouble = () => Object.keys(numbers).filter((name) => !$(name).checkValidity()).map((name) => numbers[name])[0];

// What a request says of them; without examples there is nothing to be guided or to choose by.
export function settings(examples) {
  const count = value("count"), of = value("of");
  return {
    count,
    temperature: value("temperature"),
    ...($("seed").value ? { seed: value("seed") } : {}),
    ...(examples ? { guidance: value("guidance"), of: of > count ? of : 0 } : {}),
  };
}

// The same in words, for what the page says of its samples.
export function manner(examples) {
  const { guidance, of, temperature } = settings(examples);
  return [
    guidance ? `, guided by ${guidance.toFixed(2)}` : "",
    of ? `, the best of ${of}` : "",
    temperature === 1 ? "" : `, at temperature ${temperature.toFixed(2)}`,
  ].join("");
}

export function seeded(seed) {
  last = seed;
  $("again-seed").disabled = false;
}

// All of them, to be put back with `put`; the seed is that of the samples that are shown.
export const taken = () => ({
  ...Object.fromEntries([...sliders, "count", "of"].map((name) => [name, value(name)])),
  seed: $("seed").value ? value("seed") : last,
  order: $("order").value,
});

// Takes those that are given and fit, and leaves the others as they are.
export function put(settings) {
  for (const name of [...sliders, "count", "of", "seed", "order"]) {
    const before = $(name).value;
    if (!["number", "string"].includes(typeof settings[name])) continue;
    $(name).value = settings[name];
    if (!$(name).value || !$(name).checkValidity()) $(name).value = before;
    if (sliders.includes(name)) $(`${name}-value`).textContent = value(name).toFixed(2);
  }
}
