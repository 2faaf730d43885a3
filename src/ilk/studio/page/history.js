// What a drawing is, what it was, and what it can be again. No state is ever written on.

const MOST = 200; // steps back

export class History {
  constructor(state) {
    Object.assign(this, { now: state, past: [], future: [] });
  }

  // Takes another state. Where a change is of several drawings, `together` lists them: it is taken
  // back in all of those that have not changed since.
  take(state, together) {
    this.past.push({ state: this.now, together });
    if (this.past.length > MOST) this.past.shift();
    Object.assign(this, { now: state, future: [] });
  }

  undo() {
    this.go("past", "future");
  }

  redo() {
    this.go("future", "past");
  }

  go(from, to) {
    const last = this[from].at(-1);
    if (!last) return;
    const along = (last.together ?? []).filter((one) => one !== this && one[from].at(-1)?.together === last.together);
    for (const one of [this, ...along]) {
      const { state, together } = one[from].pop();
      one[to].push({ state: one.now, together });
      one.now = state;
    }
  }
}
