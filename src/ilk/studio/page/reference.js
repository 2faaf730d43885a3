// The page of the API, made of its OpenAPI description.

const api = await (await fetch("/api/openapi.json")).json();
const follow = (schema) => (schema?.$ref ? api.components.schemas[schema.$ref.split("/").pop()] : schema ?? {});

function make(name, text = "", ...children) {
  const element = document.createElement(name);
  element.append(text, ...children);
  return element;
}

// The name of a type, such as "Image[]".
function type(schema) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(type).filter((t) => t !== "null").join(" or ");
  if (schema.type === "array") return schema.items ? `${type(schema.items)}[]` : schema.prefixItems.map(type).join(", ");
  return schema.enum ? schema.enum.join(" or ") : schema.type ?? "";
}

function fields(schema) {
  const { properties = {}, required = [] } = follow(schema);
  const table = make("table");
  for (const [name, field] of Object.entries(properties)) {
    const limits = ["minimum", "maximum", "minItems", "default"]
      .filter((key) => ![undefined, null].includes(field[key]))
      .map((key) => `${key} ${JSON.stringify(field[key])}`);
    const notes = [field.description, required.includes(name) ? "required" : "", ...limits].filter(Boolean).join("; ");
    table.append(make("tr", "", make("td", "", make("code", name)), make("td", type(field)), make("td", notes)));
  }
  return table;
}

function section(path, method, what) {
  const body = what.requestBody?.content?.["application/json"]?.schema;
  const answer = what.responses["200"]?.content?.["application/json"]?.schema;
  const block = make("section", "", make("h2", "", make("code", `${method.toUpperCase()} ${path}`)), make("p", what.summary ?? ""));
  if (body) block.append(make("h3", "Request"), fields(body));
  if (follow(answer).properties) block.append(make("h3", "Answer"), fields(answer));
  const data = body ? " -H 'content-type: application/json' -d '{...}'" : what.requestBody ? " --data-binary @picture.png" : "";
  block.append(make("pre", `curl ${method === "get" ? "" : "-X POST "}${location.origin}${path}${data}`));
  return block;
}

for (const [path, methods] of Object.entries(api.paths)) {
  for (const [method, what] of Object.entries(methods)) document.getElementById("reference").append(section(path, method, what));
}
const shared = ["Image", "Cost"].map((name) => make("section", "", make("h2", name), make("p", api.components.schemas[name]?.description ?? ""), fields(api.components.schemas[name])));
document.getElementById("reference").append(...shared);
