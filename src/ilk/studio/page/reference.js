// The page of the API, made of its OpenAPI description.

const api = await (await fetch("/api/openapi.json")).json();
const follow = (schema) => (schema?.$ref ? api.components.schemas[schema.$ref.split("/").pop()] : schema ?? {});

function make(name, text = "", ...children) {
  const element = document.createElement(name);
  element.append(text, ...children);
  return element;
}

const met = new Set(); // Types that fields have, to be told below.

// The name of a type, such as "Image[]".
function type(schema) {
  if (schema.$ref) {
    met.add(schema.$ref.split("/").pop());
    return schema.$ref.split("/").pop();
  }
  if (schema.anyOf) return schema.anyOf.map(type).filter((t) => t !== "null").join(" or ");
  if (schema.type === "array") return schema.items ? `${type(schema.items)}[]` : schema.prefixItems.map(type).join(", ");
  return schema.enum ? schema.enum.join(" or ") : schema.type ?? "";
}

function fields(schema) {
  const { properties = {}, required = [] } = follow(schema);
  return rows(properties, required);
}

function rows(properties, required) {
  const table = make("table");
  for (const [name, field] of Object.entries(properties)) {
    const limits = ["minimum", "maximum", "minItems", "default"]
      .filter((key) => ![undefined, null].includes(field[key]))
      .map((key) => `${key} ${JSON.stringify(field[key])}`);
    const notes = [field.description?.replace(/\.$/, ""), required.includes(name) ? "required" : "", ...limits].filter(Boolean).join("; ");
    table.append(make("tr", "", make("td", "", make("code", name)), make("td", type(field)), make("td", notes)));
  }
  return table;
}

function section(path, method, what) {
  const body = what.requestBody?.content?.["application/json"];
  const answers = what.responses["200"]?.content ?? {};
  const answer = answers["application/json"]?.schema;
  const block = make("section", "", make("h2", "", make("code", `${method.toUpperCase()} ${path}`)), make("p", what.summary ?? ""));
  const query = Object.fromEntries((what.parameters ?? []).map(({ name, schema }) => [name, schema]));
  if (what.parameters) block.append(make("h3", "In the address"), rows(query, []));
  if (body) block.append(make("h3", "Request"), fields(body.schema));
  const one = answer?.type === "array" ? answer.items : answer;
  if (follow(one).properties) block.append(make("h3", one === answer ? "Answer" : "Answer, a list of these"), fields(one));
  const others = Object.keys(answers).filter((name) => name !== "application/json");
  if (others.length) block.append(make("p", `${answer ? "Or" : "The answer is"} ${others.join(" or ")}.`));
  const sent = body ? [`-H 'content-type: application/json' -d '${JSON.stringify(body.example)}'`]
    : what.requestBody ? ["-H 'content-type: image/png' --data-binary @picture.png"] : [];
  const shell = make("pre", ["curl", location.origin + path, ...sent].join(" "));
  shell.tabIndex = 0; // It is wider than the page.
  block.append(shell);
  return block;
}

document.getElementById("reference").append(make("p", api.info.description));
for (const [path, methods] of Object.entries(api.paths)) {
  for (const [method, what] of Object.entries(methods)) document.getElementById("reference").append(section(path, method, what));
}
for (const name of met) { // Grows while the types are told.
  const schema = api.components.schemas[name];
  document.getElementById("reference").append(make("section", "", make("h2", name), make("p", schema.description ?? ""), fields(schema)));
}
