// Draws again by itself, a moment after the last change, in a page that is seen.

const MOMENT = 250; // milliseconds

export class Again {
  constructor(draw) {
    this.draw = draw;
    document.addEventListener("visibilitychange", () => this.due && this.now());
  }

  soon() {
    this.cancel();
    this.timer = setTimeout(() => this.now(), MOMENT);
  }

  cancel() {
    clearTimeout(this.timer);
    this.due = false;
  }

  now() {
    this.due = document.hidden;
    if (!this.due) this.draw();
  }
}
