// How samples are drawn: guidance, the best of how many, temperature.

const $ = (id) => document.getElementById(id);
const sliders = ["guidance", "temperature"];

const value = (name) => Number($(name).value);

// Calls `changed` when one of them does.
export function settle(changed) {
  for (const name of sliders) {
    $(name).oninput = () => {
      $(`${name}-value`).textContent = value(name).toFixed(2);
      changed();
    };
  }
  $("of").onchange = changed;
}

// What a request says of them; without examples there is nothing to be guided or to choose by.
export const settings = (examples) => ({
  temperature: value("temperature"),
  ...(examples ? { guidance: value("guidance"), of: value("of") } : {}),
});

// The same in words, for what the page says of its samples.
export function manner(examples) {
  const { guidance, of, temperature } = settings(examples);
  return [
    guidance ? `, guided by ${guidance.toFixed(2)}` : "",
    of ? `, the best of ${of}` : "",
    temperature === 1 ? "" : `, at temperature ${temperature.toFixed(2)}`,
  ].join("");
}
