/** The tabs in the middle: one panel is shown at a time. */

import { element } from "./dom.js";
import { word } from "./words.js";

const TAB_STEPS = { ArrowRight: 1, ArrowLeft: -1 };

/** @param {Object} book; @param {Object<string, Node>} panels the panel of each tab, in order. */
export function tabs(book, panels) {
  const { state } = book;
  const names = Object.keys(panels);
  const buttons = names.map((name) =>
    element(
      "button",
      {
        type: "button",
        role: "tab",
        id: `tab-${name}`,
        "aria-controls": `panel-${name}`,
        onclick: () => state.set({ tab: name }),
      },
      word(`tab.${name}`),
    ),
  );
  const shells = names.map((name) =>
    element("div", { role: "tabpanel", id: `panel-${name}`, "aria-labelledby": `tab-${name}` }, panels[name]),
  );
  const list = element("div", { class: "tabs", role: "tablist", "aria-label": word("tab.label") }, ...buttons);
  list.addEventListener("keydown", (event) => {
    const step = TAB_STEPS[event.key];
    if (!step) return;
    event.preventDefault();
    const next = (names.indexOf(state.values.tab) + step + names.length) % names.length;
    state.set({ tab: names[next] });
    buttons[next].focus();
  });
  const show = () => {
    const chosen = names.includes(state.values.tab) ? state.values.tab : names[0];
    names.forEach((name, index) => {
      buttons[index].setAttribute("aria-selected", String(name === chosen));
      buttons[index].tabIndex = name === chosen ? 0 : -1;
      shells[index].hidden = name !== chosen;
    });
  };
  state.follow(["tab"], show);
  return [list, ...shells];
}
