// What the page asks of the server: JSON, and server-sent events of drawings.

export const pack = (bytes) => {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
};
export const unpack = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
// How many images to draw at once: an image of 64 x 64 takes as long as several of 26 x 26.
export const several = ({ shape: [, height, width] }) => (height * width > 2048 ? 4 : 16);

export const images = (list) => list.map((pixels) => ({ pixels: pack(pixels) }));

async function send(path, body, signal, type = "application/json") {
  const answer = await fetch(path, { method: "POST", body, signal, headers: { "content-type": type } });
  if (answer.ok) return answer;
  const { error } = await answer.json().catch(() => ({}));
  throw new Error(error || `the server answered ${answer.status}`);
}

export const get = async (path) => (await fetch(path)).json();
export const ask = async (path, value, signal) => (await send(path, JSON.stringify(value), signal)).json();
export const file = async (path, value) => (await send(path, JSON.stringify(value))).blob();
export const read = async (picture, model) => {
  const path = `/api/read?model=${encodeURIComponent(model)}`;
  return unpack((await (await send(path, picture, undefined, picture.type || "image/png")).json()).pixels);
};

// Calls a handler with every event of a drawing; aborting the signal ends the work.
export async function draw(path, value, signal, handle) {
  const answer = await send(path, JSON.stringify({ ...value, stream: true }), signal);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value: text } = await reader.read();
    if (done) return;
    const parts = (rest + text).split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const event = JSON.parse(part.slice(6));
      if (event.event === "error") throw new Error(event.error);
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
