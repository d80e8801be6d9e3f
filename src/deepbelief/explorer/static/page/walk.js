/** A walk from one image to another through a layer of the network: the images that lie between them. */

import { latest } from "./client.js";
import { bound, choices, slider } from "./controls.js";
import { element } from "./dom.js";
import { picker } from "./picker.js";
import { paintImage, picture } from "./picture.js";
import { percent, word } from "./words.js";

const PLACES = 13;

export function walkPart(book) {
  const screen = walkScreen(book);
  return element(
    "div",
    {},
    element("p", { class: "note" }, word("walk.note")),
    picker(book, word("walk.to"), "to"),
    element("div", { class: "chain" }, element("div", { class: "screen" }, screen.canvas), walkDials(book)),
    screen.film,
  );
}

/** The image at the present place of the walk, and small ones of all places. */
function walkScreen(book) {
  const { state, subject, height, width } = book;
  const walk = { images: [] };
  const canvas = picture(word("walk.canvas"), "large");
  const strip = Array.from({ length: PLACES }, () => picture(""));
  const visible = () => state.values.tab === "dream" && state.values.dream === "walk";
  const show = () => {
    const place = Math.min(PLACES - 1, Math.max(0, Math.round(state.values.place)));
    if (!visible() || !walk.images.length) return;
    paintImage(canvas, walk.images[place], height, width);
    for (const [index, one] of strip.entries()) {
      paintImage(one, walk.images[index], height, width);
      one.classList.toggle("chosen", index === place);
    }
    book.answers?.follow(walk.images[place]);
  };
  const refresh = latest(async () => {
    if (!visible()) return;
    const layer = state.values.walked || book.layers;
    walk.images = await book.client.call("walk", subject.shown, book.imageAt(state.values.to), layer, PLACES);
    show();
  });
  subject.watch(refresh);
  state.watch(["to", "walked", "tab", "dream"], refresh);
  state.watch(["place"], show);
  return { canvas, film: element("div", { class: "film walk", "aria-hidden": "true" }, ...strip) };
}

function walkDials(book) {
  const { state } = book;
  const options = [];
  for (let layer = 1; layer <= book.layers; layer += 1) options.push({ value: String(layer), label: String(layer) });
  const layers = choices({
    label: word("walk.layer"),
    options,
    value: String(state.values.walked || book.layers),
    onInput: (value) => state.set({ walked: Number(value) }),
  });
  state.watch(["walked"], () => layers.show(state.values.walked || book.layers));
  const place = bound(state, "place", slider, {
    label: word("walk.place"),
    min: 0,
    max: PLACES - 1,
    step: 1,
    say: (value) => percent(value / (PLACES - 1)),
  });
  return element("div", { class: "dials" }, place, layers.node);
}
