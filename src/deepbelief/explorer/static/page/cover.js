/** An image part of which is covered, for the network to complete: the cover is painted, or is a half of the image. */

import { button } from "./controls.js";
import { element } from "./dom.js";
import { dab, Editor } from "./editor.js";
import { paintImage } from "./picture.js";
import { word } from "./words.js";

/** Which pixels each ready-made cover hides; place is (row, column) as parts of the height and the width. */
const HALVES = {
  bottom: (row) => row >= 0.5,
  top: (row) => row < 0.5,
  left: (_, column) => column < 0.5,
  right: (_, column) => column >= 0.5,
  none: () => false,
};

/** `node` for the page and `mask()`: 1 for each pixel that stays as it is, 0 where it is covered. */
export function coverEditor(book) {
  const { height, width, subject } = book;
  const hidden = new Float32Array(height * width);
  const editor = new Editor({
    height,
    width,
    label: word("cover.canvas"),
    help: "cover-help",
    begin: () => {},
    paint: (row, column) => {
      dab(hidden, height, width, row, column, Math.max(height, width) / 12, 1);
      show();
    },
  });
  editor.node.classList.add("covering");
  function show() {
    // A checkerboard of two greys says "covered": no image of the data looks like that.
    const board = (index) => ((Math.floor(index / width) + (index % width)) % 2 ? 0.35 : 0.65);
    const values = subject.shown.map((value, index) => (hidden[index] > 0.5 ? board(index) : value));
    paintImage(editor.canvas, values, height, width);
  }
  function cover(half) {
    hidden.forEach((_, index) => {
      const [row, column] = [Math.floor(index / width) / height, (index % width) / width];
      hidden[index] = HALVES[half](row, column) ? 1 : 0;
    });
    show();
  }
  const halves = Object.keys(HALVES).map((name) => button(word(`cover.${name}`), () => cover(name)));
  subject.watch(show);
  cover("bottom");
  const text = element(
    "div",
    {},
    element("p", { class: "note", id: "cover-help" }, word("cover.help")),
    element("div", { class: "buttons", role: "group", "aria-label": word("cover.group") }, ...halves),
  );
  return {
    node: element("div", { class: "chain" }, editor.node, text),
    mask: () => hidden.map((value) => (value > 0.5 ? 0 : 1)),
  };
}
