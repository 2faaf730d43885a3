// The page: a model, two support sets, samples of the one that is shown, a question.

import { Again } from "./again.js";
import { Inspector } from "./inspect.js";
import { recall, remember } from "./kept.js";
import { read, write } from "./project.js";
import { Query } from "./query.js";
import { rove } from "./rove.js";
import { Samples } from "./samples.js";
import { saveSheet, saving } from "./save.js";
import { manner, put, seeded, settings, settle, sorted, suit, taken, trouble } from "./settings.js";
import { Support } from "./support.js";
import { download, get, images, pack, unpack } from "./talk.js";
import { themed } from "./theme.js";

const $ = (id) => document.getElementById(id);
let models, model, support, samples, inspector, query, examples, drawnFor = [];

const asked = () => ({
  model: model.name, support: images(support.shown), ...settings(support.shown.length),
});

const again = new Again(() => draw());

async function draw() {
  again.cancel();
  if (trouble()) return samples.say(trouble(), true);
  press(-1);
  drawnFor = support.shown;
  if (await samples.draw("/api/sample", asked(), { given: ` ${support.given}${manner(drawnFor.length)}` })) drawn();
}

// Goes on from a pixel of the sample that is shown, which stays in view until others are there.
async function branch(pixels, known) {
  if (trouble()) return samples.say(trouble(), true);
  const { at, support: examples } = inspector;
  again.cancel();
  press(-1);
  inspector.shut();
  drawnFor = examples;
  const more = { image: images([pixels])[0], known: pack(known) };
  const words = { noun: "branches drawn", given: manner(examples.length), more };
  if (!(await samples.draw("/api/complete", { ...asked(), support: images(examples) }, words))) return;
  drawn(at);
  show($("grid"), "nearest");
}

// A narrow page shows a sample when one is chosen, over all else; a wide one beside the others.
function drawn(at) {
  if (!narrow()) select(0, at);
  seeded(samples.seed);
  samples.compare(asked());
  if (query.failed) query.update();
}

function press(i) {
  samples.items.forEach(({ button }, j) => button.setAttribute("aria-pressed", i === j));
}

function select(i, at) {
  if (!samples.items[i].cost) return;
  press(i);
  inspector.open(samples.items[i].pixels, drawnFor, at);
}

function resettled() {
  samples.called(`Draw ${$("count").value}`);
  outdate();
}

// The samples in another order; the one under the glass stays there.
function arrange() {
  samples.sorted = sorted();
  samples.arrange();
  press(samples.items.findIndex(({ pixels }) => pixels === inspector.pixels));
}

function changed() {
  query.update();
  outdate();
}

// What was drawn dims; where there are examples, others are drawn in a moment.
function outdate() {
  samples.compare(asked());
  if (support.shown.length) again.soon();
  else again.cancel();
}

// A sample or a completion becomes an example; samples stay until they are asked for, so that
// others can be added too.
function give(pixels) {
  const why = support.join(pixels);
  again.cancel();
  samples.say(why || `Added to ${support.kinds.said(support.kind)}: draw again when you have added all that you like.`, Boolean(why));
  return !why;
}

function begin(next) {
  for (const part of [support, query, samples]) part?.end();
  inspector?.close();
  again.cancel();
  model = next;
  $("about").textContent = model.about;
  [$("show").textContent, $("comes").textContent] = model.headline;
  suit(model);
  support = new Support(model, changed, turn);
  samples = new Samples(model, {
    grid: $("grid"),
    button: $("draw"),
    status: $("status"),
    press: draw,
    choose: (i) => {
      select(i);
      if (narrow()) inspector.sheet();
    },
    give,
    outdated: "The examples or how to draw have changed: draw again.",
  });
  samples.called(`Draw ${$("count").value}`);
  samples.sorted = sorted();
  samples.layOut(settings(0).count);
  inspector = new Inspector(model, branch, give);
  const shown = Object.keys(given());
  query = new Query(model, support, give, given()[shown[0]]?.[5]);
  $("example").replaceChildren(new Option("your own drawings", ""), ...shown.map((name) => new Option(name, name)));
  document.querySelector(".example").hidden = !shown.length;
  for (const [i, kind] of ["A", "B"].entries()) {
    const name = shown[i];
    if (name && support.own[kind]?.count === 0) support.lend(kind, given()[name].slice(0, 4), name);
  }
  support.turn(support.kinds.letters[0]);
  query.update();
  if (support.shown.length) draw();
  else samples.say("Add a few pictures of one kind, then draw.");
}

const narrow = () => matchMedia("(max-width: 760px)").matches;

// The examples for models of this size, by their names.
const given = () => examples[[...model.shape, model.levels].join()] ?? {};

function turn(kind) {
  support.turn(kind);
  query.update();
  if (support.shown.length) return draw();
  again.cancel();
  press(-1);
  inspector.close();
  samples.end();
  samples.layOut(settings(0).count);
  samples.say(`${support.kinds.title(kind)} is empty: draw something first.`);
}

async function saveAll() {
  const drawn = samples.items.filter(({ cost }) => cost).map(({ pixels }) => pixels);
  if (!drawn.length) return samples.say("There is nothing to download yet.", true);
  try {
    await saveSheet(model, drawn);
  } catch (error) {
    samples.say(error.message, true);
  }
}

function saveProject() {
  const kinds = support.kinds.letters.map((kind) => ({ name: support.kinds.named.get(kind), examples: support.of(kind) }));
  download(write(model, kinds, query.pad, taken()), "ilk-project.json");
  tell(`Saved: ${kinds.length} kinds, the question and the settings.`);
}

// A project takes the place of what is here, as changes to be undone, and its samples are drawn.
async function openProject(file) {
  try {
    const { model: wanted, other, kinds, question, settings } = await read(file, models);
    if (wanted !== model) {
      $("model").value = wanted.name;
      remember(chosen(), wanted.name);
      begin(wanted);
    }
    put(settings);
    support.take(kinds);
    if (question) query.put(question.pixels, question.known);
    samples.sorted = sorted();
    resettled();
    turn(support.kinds.letters[0]);
    tell(`${file.name} is open${other ? `, with ${wanted.name} in place of its own model` : ""}. Undo at a drawing brings back what was here.`);
  } catch (error) {
    tell(`${file.name}: ${error.message}`, true);
  }
}

function tell(text, wrong) {
  $("project-status").textContent = text;
  $("project-status").classList.toggle("wrong", Boolean(wrong));
}

function show(element, block) {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  element.scrollIntoView({ behavior: still ? "auto" : "smooth", block });
}

function wire() {
  $("model").append(...models.map(({ name, title }) => new Option(title, name)));
  $("model").onchange = () => {
    const next = models[$("model").selectedIndex];
    remember(chosen(), next.name);
    begin(next);
  };
  $("save-project").onclick = saveProject;
  $("open-project").onclick = () => $("project").click();
  $("project").onchange = async () => {
    await openProject($("project").files[0]);
    $("project").value = "";
  };
  $("pick").onclick = () => $("files").click();
  $("files").onchange = async () => {
    await support.add([...$("files").files]);
    $("files").value = "";
  };
  $("empty").onclick = () => support.empty();
  $("save-set").onclick = () => support.save();
  $("save-sheet").onclick = saveAll;
  saving(() => ({ model, pixels: inspector.pixels }), (words) => {
    $("save-why").textContent = words;
  });
  $("ask").onclick = () => {
    query.pad.replace(inspector.pixels);
    inspector.shut();
    query.pad.sheet.focus({ preventScroll: true });
    show($("query"), "start");
  };
  $("example").onchange = () => {
    const name = $("example").value;
    support.lend(support.kind, name ? given()[name].slice(0, 4) : null, name);
    turn(support.kind);
  };
  settle(resettled, arrange);
  for (const id of ["slots", "grid", "completions"]) rove($(id), id === "slots" ? "button" : ".cell > :first-child");
  for (const link of document.querySelectorAll('a[href="#figures"]')) {
    link.onclick = () => ($("figures").open = true);
  }
  // Other tabs; a page that was frozen hears nothing of them until it is seen again.
  const hear = (name) => [support, query].forEach((part) => part.hear(name));
  addEventListener("storage", ({ key }) => hear(key));
  addEventListener("pageshow", ({ persisted }) => persisted && hear());
  incoming();
}

// Pictures dropped on the page, or pasted: to ask about in the third section, else examples.
function incoming() {
  const section = (target) => (target?.closest?.("#query") ? $("query") : $("support"));
  const give = (target, files) => {
    const project = [...files].find(({ name }) => name.endsWith(".json"));
    if (project) openProject(project);
    else if (files.length) (section(target) === $("query") ? query : support).add([...files]);
  };
  const outline = (where) => {
    for (const one of [$("query"), $("support")]) one.classList.toggle("dropping", one === where);
  };
  const on = (name, handle) => document.addEventListener(name, (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault(); // The browser would leave the page for the picture.
    handle(event);
  });
  on("dragover", ({ target }) => outline(section(target)));
  on("dragleave", ({ relatedTarget }) => relatedTarget || outline());
  on("drop", ({ target, dataTransfer }) => {
    outline();
    give(target, dataTransfer.files);
  });
  document.addEventListener("paste", ({ clipboardData }) => give(document.activeElement, clipboardData.files));
}

// What was chosen among models is another thing where the studio begins with another one.
const chosen = () => `ilk model ${models[0].name}`;

async function fetched() {
  $("trouble").hidden = true;
  try {
    return await Promise.all([get("/api/models"), get("/examples.json")]);
  } catch (error) {
    $("trouble-why").textContent = error.message;
    $("trouble").hidden = false;
  }
}

const unpacked = (sizes) => Object.fromEntries(Object.entries(sizes).map(([size, kinds]) =>
  [size, Object.fromEntries(Object.entries(kinds).map(([name, list]) => [name, list.map(unpack)]))]));

async function start() {
  const found = await fetched();
  if (!found) return;
  models = found[0];
  examples = unpacked(found[1]);
  wire();
  const last = models.findIndex(({ name }) => name === recall(chosen()));
  $("model").selectedIndex = Math.max(0, last);
  begin(models[$("model").selectedIndex]);
  for (const part of [document.querySelector("main"), $("model")]) part.inert = false;
  for (const name of ["save-project", "open-project"]) $(name).disabled = false;
  document.body.dataset.ready = "yes";
  performance.mark("ready");
}

themed($("theme"), () => {
  inspector?.repaint();
  query?.update();
  query?.pad.paint();
  support?.pad.paint();
});
$("again").onclick = start;
await start();
