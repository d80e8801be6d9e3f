/** The panel on the left: the image to look at, the tools to draw it, and the test images to choose from. */

import { button, choices, slider } from "./controls.js";
import { element, setShown } from "./dom.js";
import { dab, Editor } from "./editor.js";
import { edgeMean, imageOfFile, inverted } from "./files.js";
import { picker } from "./picker.js";
import { paintImage } from "./picture.js";
import { CALM, isDisturbed } from "./subject.js";
import { figure, word } from "./words.js";

export function imagePanel(book) {
  const { subject, state, height, width } = book;
  const tool = { ink: 1, radius: Math.max(1, Math.min(height, width) / 18) };
  const editor = new Editor({
    height,
    width,
    label: word("image.canvas"),
    help: "image-help",
    begin: () => subject.remember(),
    paint: (row, column) => paintInto(subject, height, width, row, column, tool),
  });
  const title = element("p", { class: "caption", id: "image-title" });
  const calm = button(word("image.calm"), () => state.set(CALM), { class: "quiet" });
  subject.watch(() => {
    paintImage(editor.canvas, subject.shown, height, width);
    title.textContent = titleOf(book);
    setShown(calm, isDisturbed(state.values));
  });
  const node = element(
    "section",
    { id: "image-panel", "aria-labelledby": "image-heading" },
    element("h2", { id: "image-heading" }, word("image.heading")),
    editor.node,
    title,
    calm,
    tools(book, tool),
    element("p", { class: "note", id: "image-help" }, word("image.help")),
    book.images ? chooser(book) : null,
  );
  acceptFiles(node, (file) => takeFile(book, file));
  return node;
}

/** "Test image 13 of 100: Pullover", and that it is disturbed. */
function titleOf(book) {
  const { subject, state } = book;
  const kind = subject.kind === "test" ? "image.test" : `image.${subject.kind}`;
  const name = subject.label === null ? "" : book.className(subject.label);
  const text = word(name ? `${kind}.named` : kind, { number: state.values.image + 1, count: book.count, name });
  return isDisturbed(state.values) ? word("image.disturbed", { title: text }) : text;
}

function paintInto(subject, height, width, row, column, tool) {
  const values = subject.original.slice();
  dab(values, height, width, row, column, tool.radius, tool.ink);
  if (subject.kind === "test") subject.kind = "changed";
  else if (subject.kind !== "changed") subject.kind = "drawn";
  subject.replace(values);
}

function tools(book, tool) {
  const { subject, height, width } = book;
  const ink = choices({
    label: word("image.pen"),
    options: [
      { value: "1", label: word("image.white") },
      { value: "0", label: word("image.black") },
    ],
    value: "1",
    onInput: (value) => {
      tool.ink = Number(value);
    },
  });
  const brush = slider({
    label: word("image.brush"),
    min: 0.5,
    max: 5,
    step: 0.5,
    value: Math.round(tool.radius * 2) / 2,
    say: (value) => word("image.pixels", { count: figure(2 * value, 0) }),
    onInput: (value) => {
      tool.radius = value;
    },
  });
  const file = fileInput(book);
  const blank = () => subject.adopt(new Float32Array(height * width), "drawn");
  const buttons = element(
    "div",
    { class: "buttons" },
    button(word("image.undo"), () => subject.undo()),
    button(word("image.clear"), blank),
    button(word("image.invert"), () => subject.adopt(inverted(subject.original), subject.kind)),
    button(word("image.open"), () => file.click()),
  );
  return element("div", { class: "tools" }, ink.node, brush.node, buttons, file);
}

/** What opens the browser's own window to choose a file; a button with words stands for it on the page. */
function fileInput(book) {
  const input = element("input", { type: "file", accept: "image/*", hidden: true });
  input.addEventListener("change", () => {
    if (input.files[0]) takeFile(book, input.files[0]);
    input.value = "";
  });
  return input;
}

/** The test images, and a button for one of them by chance. */
function chooser(book) {
  const node = picker(book, word("image.choose"), "image", (index) => book.subject.choose(index));
  node.firstChild.after(button(word("image.another"), () => another(book), { class: "quiet" }));
  return node;
}

/** Another test image, any but the present one. */
function another({ state, subject, count }) {
  const step = 1 + Math.floor(Math.random() * (count - 1));
  subject.choose((state.values.image + step) % count);
}

function acceptFiles(node, take) {
  node.addEventListener("dragover", (event) => {
    event.preventDefault();
    node.classList.add("dropping");
  });
  node.addEventListener("dragleave", () => node.classList.remove("dropping"));
  node.addEventListener("drop", (event) => {
    event.preventDefault();
    node.classList.remove("dropping");
    if (event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
  });
}

/** Take a picture from a file. If its background is on the other side of grey than that of the test images, invert it. */
async function takeFile(book, file) {
  const { height, width, subject } = book;
  let values = await imageOfFile(file, height, width);
  if (!values) {
    book.say(word("image.nofile", { name: file.name }));
    return;
  }
  const usual = book.images ? edgeMean(book.imageAt(0), height, width) : 0;
  if (edgeMean(values, height, width) > 0.5 !== usual > 0.5) values = inverted(values);
  subject.adopt(values, "file");
}
