// Light or dark: as the system has it, until a person says otherwise.

import { recall, remember } from "./kept.js";

const root = document.documentElement, system = matchMedia("(prefers-color-scheme: dark)");
const said = recall("ilk theme");
if (said === "dark" || said === "light") root.dataset.theme = said;

const dark = () => (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";

// A button that changes it; `repaint` is called where it changed.
export function themed(button, repaint) {
  const name = () => (button.textContent = dark() ? "Light" : "Dark");
  button.onclick = () => {
    root.dataset.theme = dark() ? "light" : "dark";
    remember("ilk theme", root.dataset.theme);
    name();
    repaint();
  };
  system.addEventListener("change", () => {
    name();
    repaint();
  });
  name();
}
