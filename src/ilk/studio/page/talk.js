// What the page asks of the server: JSON, and server-sent events of drawings.

export const pack = (bytes) => {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
};
export const unpack = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
// How many images to draw at once: one in colour, or of 64 x 64, takes as long as several of 26 x 26.
export const several = ({ shape: [channels, height, width] }) => (channels > 1 || height * width > 2048 ? 4 : 16);

export const images = (list) => list.map((pixels) => ({ pixels: pack(pixels) }));

const PATIENCE = 30_000; // milliseconds without a word

// A request, and a function that waits for what it brings. Where nothing comes it gives up, and
// says why in plain words.
function begin(path, options, signal) {
  const late = new AbortController();
  const wait = async (promise) => {
    const timer = setTimeout(() => late.abort(), PATIENCE);
    try {
      return await promise;
    } catch (error) {
      if (late.signal.aborted) throw new Error("The studio has said nothing for 30 s. Try again.");
      throw error instanceof TypeError ? new Error("The studio doesn't answer. Is it still running, in the window where it was started?") : error;
    } finally {
      clearTimeout(timer);
    }
  };
  const either = AbortSignal.any([late.signal, ...(signal ? [signal] : [])]);
  return { answer: wait(fetch(path, { ...options, signal: either })), wait };
}

async function send(path, body, signal, type = "application/json") {
  const { answer: promise, wait } = begin(path, body && { method: "POST", body, headers: { "content-type": type } }, signal);
  const answer = await promise;
  if (answer.ok) return { answer, wait };
  const { error } = await wait(answer.json()).catch(() => ({}));
  throw new Error(error || `The studio answered ${answer.status}.`);
}

async function json(...request) {
  const { answer, wait } = await send(...request);
  return wait(answer.json());
}

export const get = (path) => json(path);
export const ask = (path, value, signal) => json(path, JSON.stringify(value), signal);
export const read = async (picture, model) => {
  const path = `/api/read?model=${encodeURIComponent(model)}`;
  const { pixels, apart } = await json(path, picture, undefined, picture.type || "image/png");
  return { pixels: unpack(pixels), apart: apart.map(unpack) };
};
export const file = async (path, value) => {
  const { answer, wait } = await send(path, JSON.stringify(value));
  return wait(answer.blob());
};

// Calls a handler with every event of a drawing; aborting the signal ends the work.
export async function draw(path, value, signal, handle) {
  const { answer, wait } = await send(path, JSON.stringify({ ...value, stream: true }), signal);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = "", whole = false; ; ) {
    const { done, value: text } = await wait(reader.read());
    if (done && !whole) throw new Error("The drawing broke off. Try again.");
    if (done) return;
    const parts = (rest + text).split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const event = JSON.parse(part.slice(6));
      if (event.event === "error") throw new Error(event.error);
      whole ||= event.event === "done";
      handle(event);
    }
  }
}

export function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
