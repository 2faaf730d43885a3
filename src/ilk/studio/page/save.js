// Pictures to keep: the sheet, and one drawing as outlines or as pixels of any size.

import { download, file, images } from "./talk.js";

const $ = (id) => document.getElementById(id);
const HEIGHT = 300; // screen pixels of an image in the sheet

const save = async (model, list, form, size, name) => {
  const request = { model: model.name, images: images(list), form, ...(size ? { size } : {}) };
  download(await file("/api/pack", request), name);
};

export const saveSheet = (model, list) => save(model, list, "sheet", HEIGHT, "sheet.png");

// Of the page: the button that saves the drawing that `chosen()` tells, with its model.
export function saving(chosen, fail) {
  const form = $("save-form"), size = $("save-size");
  form.onchange = () => {
    size.parentElement.hidden = form.value !== "png";
  };
  $("save-one").onclick = async () => {
    const { model, pixels } = chosen(), png = form.value === "png";
    if (png && !size.checkValidity()) return fail(`The height: a whole number from ${size.min} to ${size.max}.`);
    try {
      await save(model, [pixels], form.value, png && Number(size.value), `drawing.${form.value}`);
      fail("");
    } catch (error) {
      fail(error.message);
    }
  };
}
