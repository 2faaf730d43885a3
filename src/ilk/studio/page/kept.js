// What the browser keeps for the next visit, and sends nowhere: drawings, and what was chosen.

// Tells whether it could.
export function remember(name, value) {
  try {
    localStorage.setItem(name, JSON.stringify(value));
    return true;
  } catch {
    return false; // Full, or forbidden.
  }
}

export function recall(name) {
  try {
    return JSON.parse(localStorage.getItem(name));
  } catch {} // Forbidden, or not ours.
}
