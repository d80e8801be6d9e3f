/** Look: what each layer makes of the image, and what it gives back from there. */

import { latest } from "./client.js";
import { bound, slider } from "./controls.js";
import { element } from "./dom.js";
import { difference, gridColumns, paintImage, paintUnits, picture } from "./picture.js";
import { figure, percent, word } from "./words.js";

const PASSES = 10;

export function lookPanel(book) {
  const layers = [];
  for (let layer = 1; layer <= book.layers; layer += 1) layers.push(layerCard(book, layer));
  const passes = bound(book.state, "passes", slider, {
    label: word("look.passes"),
    min: 1,
    max: PASSES,
    step: 1,
    say: (value) => word(value === 1 ? "look.once" : "look.times", { count: value }),
  });
  const refresh = latest(() => showLayers(book, layers));
  const visible = () => book.state.values.tab === "look";
  book.subject.watch(() => {
    if (visible()) book.looked = refresh();
  });
  book.state.watch(["tab"], () => {
    if (visible()) refresh();
  });
  book.state.watch(["passes"], () => {
    for (const card of layers) card.choose();
  });
  return element(
    "div",
    { class: "look" },
    element("p", { class: "lead" }, word("look.lead")),
    passes,
    ...layers.map((card) => card.node),
  );
}

/** One layer's row: its units, the image that it gives back, and the ten images of one to ten passes. */
function layerCard(book, layer) {
  const units = picture(word("look.units", { layer }), "units");
  const share = element("p", { class: "caption" });
  const rebuilt = picture(word("look.rebuilt", { layer }), "rebuilt");
  const error = element("p", { class: "caption" });
  const strip = filmStrip(book, layer);
  const card = { layer, units, share, images: [], activities: null };
  units.addEventListener("click", (event) => openUnit(book, card, event));
  card.choose = () => {
    const image = card.images[book.state.values.passes - 1];
    if (!image) return;
    paintImage(rebuilt, image, book.height, book.width);
    const change = figure(Math.sqrt(difference(image, book.subject.shown)), 3);
    error.textContent = word("look.error", { change });
    strip.show(card.images, book.state.values.passes);
  };
  card.node = element(
    "section",
    { class: "layer", "aria-labelledby": `layer-${layer}` },
    element(
      "h3",
      { id: `layer-${layer}` },
      word("look.layer", { layer }),
      element("span", {}, word("look.size", { count: book.sizes[layer] })),
    ),
    element("div", { class: "activity" }, units, share),
    element("div", { class: "back" }, rebuilt, error),
    strip.node,
  );
  return card;
}

/** A click on a unit opens it; by keyboard the same units are reached in "Understand". */
function openUnit(book, card, event) {
  const box = card.units.getBoundingClientRect();
  const columns = card.units.width;
  const column = Math.floor(((event.clientX - box.left) / box.width) * columns);
  const row = Math.floor(((event.clientY - box.top) / box.height) * card.units.height);
  const unit = row * columns + column;
  if (card.activities && unit < card.activities.length) {
    book.state.set({ tab: "understand", part: "unit", layer: card.layer, unit: unit + 1 });
  }
}

/** Small images of one to ten passes; a click on one chooses that number. */
function filmStrip(book, layer) {
  const frames = [];
  for (let passes = 1; passes <= PASSES; passes += 1) {
    const canvas = picture("");
    const label = word("look.frame", { layer, count: passes });
    const about = { type: "button", "aria-label": label, onclick: () => book.state.set({ passes }) };
    frames.push({
      canvas,
      node: element("button", about, canvas, element("span", { "aria-hidden": "true" }, String(passes))),
    });
  }
  const node = element("div", { class: "film", role: "group", "aria-label": word("look.film", { layer }) });
  node.append(...frames.map((frame) => frame.node));
  function show(images, chosen) {
    frames.forEach((frame, index) => {
      paintImage(frame.canvas, images[index], book.height, book.width);
      frame.node.setAttribute("aria-pressed", String(index + 1 === chosen));
    });
  }
  return { node, show };
}

async function showLayers(book, cards) {
  const { client, subject } = book;
  const image = subject.shown;
  const activities = await client.call("activities", image);
  for (const card of cards) {
    card.activities = activities[card.layer - 1];
    paintUnits(card.units, card.activities, gridColumns(card.activities.length));
    const active = card.activities.filter((value) => value > 0.5).length / card.activities.length;
    card.share.textContent = word("look.active", { share: percent(active) });
    card.images = await passesThrough(client, card.layer, image);
    card.choose();
    if (card.layer === book.layers) performance.mark("looked");
    if (subject.shown !== image) return; // the image has changed: all is asked for again
  }
}

/** The images after one, two, ... passes up to the layer and back down. */
async function passesThrough(client, layer, image) {
  const images = [];
  for (let passes = 0; passes < PASSES; passes += 1) {
    images.push(await client.call("reconstruct", images[passes - 1] ?? image, layer, 1));
  }
  return images;
}
