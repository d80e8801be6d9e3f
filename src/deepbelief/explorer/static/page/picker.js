/** A list of the test images as thumbnails, one of which is chosen. */

import { element, freshId } from "./dom.js";
import { sheetOf, showFrom } from "./sheet.js";
import { word } from "./words.js";

const SIDEWAYS = { ArrowRight: 1, ArrowLeft: -1 };

/**
 * @param {Object} book; @param {string} label; @param {string} name the setting that holds the number of the image.
 * @param {function(number)} [choose] what a choice does, if it does more than to set that.
 */
export function picker(book, label, name, choose = (index) => book.state.set({ [name]: index })) {
  const { state, count } = book;
  const sheet = sheetOf(book);
  const start = freshId("choose");
  const options = [];
  for (let index = 0; index < count; index += 1) {
    const about = {
      role: "option",
      id: `${start}-${index}`,
      "aria-label": nameOf(book, index),
      title: nameOf(book, index),
    };
    options.push(element("div", { ...about, class: "picture", onclick: () => choose(index) }));
    showFrom(sheet, options[index], index);
  }
  const list = element("div", { class: "picker", role: "listbox", tabindex: 0, "aria-label": label }, ...options);
  list.addEventListener("keydown", (event) => move(event, options, state.values[name], choose));
  const show = () => {
    const chosen = state.values[name];
    for (const [index, option] of options.entries()) option.setAttribute("aria-selected", String(index === chosen));
    list.setAttribute("aria-activedescendant", `${start}-${chosen}`);
    reveal(list, options[chosen]);
  };
  state.follow([name], show);
  return element("div", { class: "choosing" }, element("p", { class: "label" }, label), list);
}

function nameOf(book, index) {
  const label = book.labelAt(index);
  if (label === null) return word("image.option", { number: index + 1 });
  return word("image.option.named", { number: index + 1, name: book.className(label) });
}

/** How many options stand in the first row. */
function rowLength(options) {
  const below = options.findIndex((option) => option.offsetTop > options[0].offsetTop);
  return below < 1 ? options.length : below;
}

function move(event, options, now, choose) {
  const ends = {
    Home: -now,
    End: options.length - 1 - now,
    ArrowDown: rowLength(options),
    ArrowUp: -rowLength(options),
  };
  const step = SIDEWAYS[event.key] ?? ends[event.key];
  if (step === undefined) return;
  event.preventDefault();
  choose(Math.min(options.length - 1, Math.max(0, now + step)));
}

/** Scroll the list, and never the page, so that the option is seen. */
function reveal(list, option) {
  if (!option) return;
  const above = option.offsetTop - list.offsetTop - list.scrollTop;
  if (above < 0) list.scrollTop += above;
  const below = above + option.offsetHeight - list.clientHeight;
  if (below > 0) list.scrollTop += below;
}
