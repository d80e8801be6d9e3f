/** One unit of a layer: what it looks for, what it makes top-down, which images excite it, and which units are like it. */

import { latest } from "./client.js";
import { button } from "./controls.js";
import { element, freshId } from "./dom.js";
import { paintImage, paintSigned, picture } from "./picture.js";
import { whileShown } from "./shown.js";
import { figure, word } from "./words.js";

const SHOWN = 16; // units of the layer to choose from: those that the present image excites most
const IMAGES = 8;

export function unitPart(book) {
  const most = thumbRow(word("unit.most"));
  const receptive = picture(word("unit.receptive.label"), "compared");
  const topDown = picture(word("unit.topdown.label"), "compared");
  const about = element("p", { class: "caption" });
  const images = thumbRow(word("unit.images"));
  const like = thumbRow(word("unit.like"));
  const view = { most, receptive, topDown, about, images, like };
  const refresh = latest(() => showUnit(book, view));
  whileShown(book, "unit", ["layer", "unit"], refresh);
  return element(
    "div",
    { class: "unit" },
    element("p", { class: "lead" }, word("unit.lead")),
    most.node,
    element("div", { class: "row" }, numberBox(book)),
    element(
      "div",
      { class: "comparison" },
      element("figure", {}, receptive, element("figcaption", {}, word("unit.receptive"))),
      element("figure", {}, topDown, element("figcaption", {}, word("unit.topdown"))),
      about,
    ),
    book.images ? images.node : null,
    like.node,
  );
}

/** A row of small pictures that are buttons. */
function thumbRow(label) {
  const row = element("div", { class: "thumbs", role: "group", "aria-label": label });
  const fill = (items) => {
    const nodes = items.map(({ name, paint, onClick, chosen }) => {
      const canvas = picture("");
      paint(canvas);
      const about = { type: "button", "aria-label": name, title: name, onclick: onClick };
      if (chosen !== undefined) about["aria-pressed"] = String(chosen);
      return element("button", about, canvas);
    });
    keepFocus(row, nodes);
  };
  return { node: element("div", { class: "choosing" }, element("p", { class: "label" }, label), row), fill };
}

/** Replace the children of a row; who had the focus on one of them has it on the one in the same place. */
function keepFocus(row, nodes) {
  const place = [...row.children].indexOf(document.activeElement);
  row.replaceChildren(...nodes);
  if (place >= 0 && nodes[place]) nodes[place].focus();
}

/** The number of the unit, to type or to step through. */
function numberBox(book) {
  const { state } = book;
  const id = freshId("unit");
  const input = element("input", { type: "number", id, min: 1 });
  const go = (unit) => state.set({ unit: Math.min(book.sizes[state.values.layer] - 1, Math.max(0, unit)) });
  input.addEventListener("change", () => {
    go((Math.round(Number(input.value)) || 1) - 1);
    show();
  });
  const show = () => {
    input.max = String(book.sizes[state.values.layer]);
    input.value = String(state.values.unit + 1);
  };
  state.watch(["unit", "layer"], show);
  show();
  return element(
    "div",
    { class: "buttons" },
    element("label", { for: id }, word("unit.number")),
    input,
    button(word("unit.before"), () => go(state.values.unit - 1)),
    button(word("unit.after"), () => go(state.values.unit + 1)),
  );
}

async function showUnit(book, view) {
  const { client, state, subject, height, width } = book;
  const layer = Math.min(book.layers, Math.max(1, state.values.layer));
  const unit = Math.min(book.sizes[layer] - 1, Math.max(0, state.values.unit));
  const activities = (await client.call("activities", subject.shown))[layer - 1];
  const found = await client.call("unit", layer, unit);
  paintSigned(view.receptive, found.receptive, height, width);
  paintImage(view.topDown, found.topDown, height, width);
  view.about.textContent = word("unit.about", {
    number: unit + 1, layer, count: book.sizes[layer], activity: figure(activities[unit]), bias: figure(found.bias),
  });
  const order = [...activities.keys()].sort((one, other) => activities[other] - activities[one]).slice(0, SHOWN);
  view.most.fill(await unitItems(book, layer, order, (index) => figure(activities[index])));
  view.like.fill(await unitItems(book, layer, found.neighbours.slice(0, IMAGES)));
  if (book.images) view.images.fill(await imageItems(book, layer, unit));
}

/** Units as small receptive fields; a click opens one. */
async function unitItems(book, layer, units) {
  const { client, state, height, width } = book;
  const fields = [];
  for (const unit of units) fields.push(await client.call("unit", layer, unit));
  return units.map((unit, place) => ({
    name: word("unit.name", { number: unit + 1 }),
    paint: (canvas) => paintSigned(canvas, fields[place].receptive, height, width),
    onClick: () => state.set({ unit }),
    chosen: unit === state.values.unit,
  }));
}

/** The test images that excite the unit most; a click takes one as the image. */
async function imageItems(book, layer, unit) {
  const strongest = await book.client.call("strongest", layer, unit, IMAGES);
  return [...strongest].map((index) => ({
    name: word("unit.image", { number: index + 1, name: book.labelAt(index) === null ? "" : book.className(book.labelAt(index)) }),
    paint: (canvas) => paintImage(canvas, book.imageAt(index), book.height, book.width),
    onClick: () => book.subject.choose(index),
  }));
}
