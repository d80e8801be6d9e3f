/** A walk from one image to another through a layer of the network: the images that lie between them. */

import { latest } from "./client.js";
import { choices, slider } from "./controls.js";
import { element } from "./dom.js";
import { paintImage, picture } from "./picture.js";
import { picker } from "./picker.js";
import { percent, word } from "./words.js";

const PLACES = 13;

export function walkPart(book) {
  const { state, subject } = book;
  const walk = { images: [], place: Math.floor(PLACES / 2), layer: book.layers };
  const canvas = picture(word("walk.canvas"), "large");
  const strip = Array.from({ length: PLACES }, () => picture(""));
  const film = element("div", { class: "film walk", "aria-hidden": "true" }, ...strip);
  const show = () => {
    if (!walk.images.length) return;
    paintImage(canvas, walk.images[walk.place], book.height, book.width);
    strip.forEach((one, index) => {
      paintImage(one, walk.images[index], book.height, book.width);
      one.classList.toggle("chosen", index === walk.place);
    });
    if (book.answers) book.answers.follow(walk.images[walk.place]);
  };
  const visible = () => state.values.tab === "dream" && state.values.dream === "walk";
  const refresh = latest(async () => {
    if (!visible()) return;
    walk.images = await book.client.call("walk", subject.shown, book.imageAt(state.values.to), walk.layer, PLACES);
    show();
  });
  subject.watch(refresh);
  state.watch(["to", "tab", "dream"], refresh);
  const place = slider({
    label: word("walk.place"), min: 0, max: PLACES - 1, step: 1, value: walk.place,
    say: (value) => percent(value / (PLACES - 1)),
    onInput: (value) => {
      walk.place = value;
      show();
    },
  });
  const dials = element("div", { class: "dials" }, place.node, walkLayer(book, walk, refresh));
  return element(
    "div",
    {},
    element("p", { class: "note" }, word("walk.note")),
    picker(book, word("walk.to"), "to"),
    element("div", { class: "chain" }, element("div", { class: "screen" }, canvas), dials),
    film,
  );
}

/** Through which layer the walk goes; layer 0 mixes the pixels themselves. */
function walkLayer(book, walk, refresh) {
  const options = [];
  for (let layer = 1; layer <= book.layers; layer += 1) options.push({ value: String(layer), label: String(layer) });
  const onInput = (value) => {
    walk.layer = Number(value);
    refresh();
  };
  return choices({ label: word("walk.layer"), options, value: String(walk.layer), onInput }).node;
}
