// A project as a file: the examples of all kinds, the question and how samples are drawn. Version 1
// has these and no later one gives their names another meaning, so that later studios open it.

import { MOST } from "./kinds.js";
import { pack, unpack } from "./talk.js";

const WHAT = "ilk studio project", VERSION = 1;
const LARGE = 8 << 20;

export const write = (model, kinds, question, settings) => new Blob([JSON.stringify({
  what: WHAT,
  version: VERSION,
  model: { name: model.name, shape: model.shape, levels: model.levels },
  kinds: kinds.map(({ name, examples }) => ({ name, examples: examples.map(pack) })),
  question: { pixels: pack(question.pixels), known: pack(question.known) },
  settings,
}, null, 1)], { type: "application/json" });

// What a file holds, with the model of those there are that it is for; an error says in words why
// it can't be opened.
export async function read(file, models) {
  if (file.size > LARGE) throw new Error("This file is too large to be a project of ilk studio.");
  const text = await file.text(), found = parse(text);
  if (found?.what !== WHAT) {
    const torn = text.includes(`"${WHAT}"`);
    throw new Error(torn ? "This project is damaged or cut short." : "This file is no project of ilk studio.");
  }
  if (!(Number.isInteger(found.version) && found.version >= 1)) throw damaged("it doesn't say its version");
  if (found.version > VERSION) {
    throw new Error(`A newer ilk studio saved this project, as version ${found.version}; this one opens version ${VERSION}.`);
  }
  const model = choose(found.model, models);
  return { model, other: model.name !== found.model.name, ...content(found, model) };
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {} // Not JSON, or not all of it.
}

const damaged = (why) => new Error(`This project is damaged: ${why}.`);

// The model of that name and size, else one of that size.
function choose(wanted, models) {
  if (typeof wanted?.name !== "string" || !Array.isArray(wanted.shape)) throw damaged("it names no model");
  const size = ({ shape, levels }) => [...shape, levels].join();
  const fit = models.filter((model) => size(model) === size(wanted));
  const found = fit.find(({ name }) => name === wanted.name) ?? fit[0];
  if (found) return found;
  throw new Error(`This project is for the model ${wanted.name}, which this studio doesn't offer: name it when you start the studio.`);
}

function content({ kinds, question, settings }, model) {
  if (!Array.isArray(kinds) || !kinds.length) throw damaged("it has no kinds");
  if (kinds.length > MOST) throw damaged(`it has ${kinds.length} kinds, and ${MOST} are the most`);
  const [, height, width] = model.shape, size = model.shape.reduce((a, b) => a * b);
  const list = kinds.map((kind, i) => {
    if (typeof kind?.name !== "string" || !Array.isArray(kind.examples)) throw damaged(`kind ${i + 1} can't be read`);
    const which = (j) => `example ${j + 1} of kind ${i + 1}`;
    return { name: kind.name, examples: kind.examples.map((text, j) => values(text, size, model.levels, which(j))) };
  });
  const pixels = question && values(question.pixels, size, model.levels, "the question");
  const known = question && values(question.known, height * width, 2, "what is hidden of the question");
  return { kinds: list, question: question && { pixels, known }, settings: settings ?? {} };
}

function values(text, size, levels, what) {
  let found;
  try {
    found = unpack(text);
  } catch {
    throw damaged(`${what} can't be read`);
  }
  if (found.length !== size) throw damaged(`${what} is of another size than it says`);
  if (found.some((v) => v >= levels)) throw damaged(`${what} has values that there are not`);
  return found;
}
