// Buttons that are one stop of the keyboard: arrows, Home and End move among them.

// `selector` finds them in `group`, whatever stands there later.
export function rove(group, selector) {
  const all = () => [...group.querySelectorAll(selector)];
  const stop = (one) => {
    for (const other of all()) other.tabIndex = other === one ? 0 : -1;
  };
  group.addEventListener("focusin", ({ target }) => target.matches(selector) && stop(target));
  group.addEventListener("keydown", (event) => {
    const buttons = all(), at = buttons.indexOf(event.target);
    const to = at < 0 ? undefined : buttons[there(event.key, at, buttons)];
    if (!to) return;
    event.preventDefault();
    to.focus();
  });
  const begin = () => {
    const buttons = all();
    if (buttons.filter(({ tabIndex }) => !tabIndex).length !== 1) stop(buttons[0]);
  };
  new MutationObserver(begin).observe(group, { childList: true });
  begin();
}

function there(key, at, buttons) {
  const across = buttons.findIndex((one) => one.getBoundingClientRect().top > buttons[0].getBoundingClientRect().top + 1);
  const row = across < 0 ? buttons.length : across;
  return { ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + row, ArrowUp: at - row, Home: 0, End: buttons.length - 1 }[key];
}
