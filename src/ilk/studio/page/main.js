// The page: a model, two support sets, samples of the one that is shown, a question.

import { Inspector } from "./inspect.js";
import { kept } from "./kept.js";
import { Query } from "./query.js";
import { Samples } from "./samples.js";
import { Support, incoming } from "./support.js";
import { download, file, get, images, pack, several, unpack } from "./talk.js";

const $ = (id) => document.getElementById(id);
let model, support, samples, inspector, query, examples, drawnFor = [], chosen = -1;

const temperature = () => Number($("temperature").value);
function say(text, wrong) {
  $("status").textContent = text;
  $("status").dataset.drawings = samples?.drawings ?? 0;
  $("status").classList.toggle("wrong", Boolean(wrong));
}

async function draw(path = "/api/sample", more = {}, at = undefined) {
  const branching = path !== "/api/sample";
  if (!branching) drawnFor = support.shown;
  select(-1);
  const request = {
    model: model.name, support: images(drawnFor), count: several(model), temperature: temperature(),
    ...more,
  };
  if (await samples.draw(path, request, branching ? "branches drawn" : "drawn")) select(0, at);
}

function select(i, at) {
  chosen = i;
  samples.items.forEach(({ button }, j) => button.setAttribute("aria-pressed", i === j));
  if (i < 0 || !samples.items[i].cost) return inspector.close();
  inspector.open(samples.items[i].pixels, drawnFor, at);
}

function begin(next) {
  samples?.abort?.abort();
  model = next;
  support = new Support(model, () => query.update(), (text) => say(text, true));
  samples = new Samples($("grid"), model, (i) => select(i), say);
  samples.layOut(several(model));
  $("draw").textContent = `Draw ${several(model)}`;
  inspector = new Inspector(model, (pixels, known) =>
    draw("/api/complete", { image: images([pixels])[0], known: pack(known) }, inspector.at));
  query = new Query(model, support);
  const shown = fits() ? Object.keys(examples) : [];
  $("example").replaceChildren(...shown.map((name) => new Option(name, name)));
  document.querySelector(".example").hidden = !shown.length;
  const own = kept(model, "question");
  for (const [kind, name] of shown.length ? Object.entries({ A: "heron", B: "kettle" }) : []) {
    if (!support.of(kind).length) support.fill(kind, examples[name].slice(0, 4), name);
  }
  support.turn("A");
  if (own.length || shown.length) query.show(own[0] ?? examples.heron[5]);
  if (!support.shown.length) return say("Add a few pictures of one kind, then draw.");
  draw();
}

// The examples are drawings of 26 x 26.
const fits = () => model.shape.join() === "1,26,26" && model.levels === 2;

function wire(models) {
  $("model").append(...models.map(({ name }) => new Option(name, name)));
  $("model").onchange = () => begin(models[$("model").selectedIndex]);
  $("draw").onclick = () => draw();
  $("kind-a").onclick = () => turn("A");
  $("kind-b").onclick = () => turn("B");
  $("pick").onclick = () => $("files").click();
  $("files").onchange = async () => {
    await support.add([...$("files").files]);
    $("files").value = "";
  };
  $("empty").onclick = () => support.replace([]);
  $("save-set").onclick = () => support.save().catch((error) => say(error.message, true));
  $("save-sheet").onclick = saveSheet;
  $("ask").onclick = () => {
    query.show(inspector.pixels);
    $("query").scrollIntoView({ behavior: "smooth" });
  };
  $("example").onchange = () => {
    const name = $("example").value;
    support.replace(examples[name].slice(0, 4), name);
    draw();
  };
  $("temperature").oninput = () => ($("temperature-value").textContent = temperature().toFixed(2));
  incoming($("support"), (files) => support.add(files));
  incoming($("query"), (files) => support.add(files));
  document.addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    if (files.length) support.add(files);
  });
  theme();
}

function turn(kind) {
  support.turn(kind);
  query.update();
  draw();
}

async function saveSheet() {
  const drawn = samples.items.filter(({ cost }) => cost).map(({ pixels }) => pixels);
  if (!drawn.length) return say("There is nothing to download yet.", true);
  download(await file("/api/pack", { model: model.name, images: images(drawn), form: "sheet" }), "sheet.png");
}

function theme() {
  const root = document.documentElement, system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  const repaint = () => {
    $("theme").textContent = dark() ? "Light" : "Dark";
    if (chosen >= 0) inspector.go(inspector.at);
    query?.update();
    query?.pad.paint();
    support?.pad.paint();
  };
  $("theme").onclick = () => {
    root.dataset.theme = dark() ? "light" : "dark";
    repaint();
  };
  system.addEventListener("change", repaint);
  repaint();
}

const [models, kinds] = await Promise.all([get("/api/models"), get("/examples.json")]);
examples = Object.fromEntries(Object.entries(kinds).map(([name, list]) => [name, list.map(unpack)]));
wire(models);
begin(models[0]);
document.body.dataset.ready = "yes";
performance.mark("ready");
