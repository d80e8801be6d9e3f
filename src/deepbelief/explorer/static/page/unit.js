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
  const number = numberBox(book);
  const view = { most, receptive, topDown, about, images, like, number: number.show };
  const refresh = latest(() => showUnit(book, view));
  whileShown(book, "unit", ["layer", "unit"], refresh);
  return element(
    "div",
    { class: "unit" },
    element("p", { class: "lead" }, word("unit.lead")),
    most.node,
    element("div", { class: "row" }, number.node),
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

/** The number of the unit, to type or to step through. Until one is chosen it is the one that the image excites most. */
function numberBox(book) {
  const { state } = book;
  const id = freshId("unit");
  const input = element("input", { type: "number", id, min: 1 });
  const go = (unit) => state.set({ unit: Math.min(Number(input.max), Math.max(1, Math.round(unit) || 1)) });
  const now = () => Number(input.value);
  input.addEventListener("change", () => go(now()));
  const node = element(
    "div",
    { class: "buttons" },
    element("label", { for: id }, word("unit.number")),
    input,
    button(word("unit.before"), () => go(now() - 1)),
    button(word("unit.after"), () => go(now() + 1)),
  );
  const show = (unit) => {
    input.max = String(book.sizes[state.values.layer]);
    input.value = String(unit);
  };
  return { node, show };
}

async function showUnit(book, view) {
  const { client, state, subject, height, width } = book;
  const layer = Math.min(book.layers, Math.max(1, state.values.layer));
  const activities = (await client.call("activities", subject.shown))[layer - 1];
  const order = [...activities.keys()].sort((one, other) => activities[other] - activities[one]).slice(0, SHOWN);
  const unit = state.values.unit > 0 ? Math.min(book.sizes[layer], state.values.unit) - 1 : order[0];
  const found = await client.call("unit", layer, unit);
  paintSigned(view.receptive, found.receptive, height, width);
  paintSigned(view.topDown, found.topDown, height, width);
  view.about.textContent = word("unit.about", {
    number: unit + 1,
    layer,
    count: book.sizes[layer],
    activity: figure(activities[unit]),
    bias: figure(found.bias),
  });
  view.number(unit + 1);
  view.most.fill(await unitItems(book, layer, order, unit));
  view.like.fill(await unitItems(book, layer, found.neighbours.slice(0, IMAGES), unit));
  if (book.images) view.images.fill(await imageItems(book, layer, unit));
}

/** Units as small receptive fields; a click opens one. */
async function unitItems(book, layer, units, present) {
  const { client, state, height, width } = book;
  const fields = [];
  for (const unit of units) fields.push(await client.call("receptive", layer, unit));
  return units.map((unit, place) => ({
    name: word("unit.name", { number: unit + 1 }),
    paint: (canvas) => paintSigned(canvas, fields[place], height, width),
    onClick: () => state.set({ unit: unit + 1 }),
    chosen: unit === present,
  }));
}

/** The test images that excite the unit most; a click takes one as the image. */
async function imageItems(book, layer, unit) {
  const strongest = await book.client.call("strongest", layer, unit, IMAGES);
  return [...strongest].map((index) => ({
    name: word("unit.image", {
      number: index + 1,
      name: book.labelAt(index) === null ? "" : book.className(book.labelAt(index)),
    }),
    paint: (canvas) => paintImage(canvas, book.imageAt(index), book.height, book.width),
    onClick: () => book.subject.choose(index),
  }));
}
