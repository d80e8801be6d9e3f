/**
 * The map: test images as points, near those that the layer takes for alike, and the present image among them. Small
 * points are images of which the page has no more than the place; the others are on the page, and can be chosen.
 */

import { latest } from "./client.js";
import { classStyle } from "./colours.js";
import { drawn, element } from "./dom.js";
import { paintImage, picture } from "./picture.js";
import { whileShown } from "./shown.js";
import { word } from "./words.js";

const SIZE = { width: 560, height: 400, margin: 16 };

export function mapPart(book) {
  const about = { viewBox: `0 0 ${SIZE.width} ${SIZE.height}`, role: "img", class: "chart map" };
  const chart = drawn("svg", { ...about, "aria-label": word("understand.map") }); // it says more once it is drawn
  const caption = element("p", { class: "caption" });
  const thumb = picture("", "compared");
  const hint = element("div", { class: "hint" }, thumb, caption);
  const places = {}; // of the images on the page, by layer
  const refresh = latest(async () => {
    const { layer } = book.state.values;
    const place = await book.client.call("mapPoint", layer, book.subject.shown);
    places[layer] ??= await placesOf(book, layer);
    drawMap(book, chart, places[layer], layer, place, hint);
    const near = nearest(places[layer], place);
    paintImage(thumb, book.imageAt(near), book.height, book.width);
    caption.textContent = word("map.nearest", { name: nameAt(book, near) });
    chart.setAttribute("aria-label", word("map.label", { layer, name: nameAt(book, near) }));
  });
  whileShown(book, "map", ["layer"], refresh);
  const legend = book.classes
    ? book.classes.map((name, label) =>
        element("li", { class: classStyle(label) }, element("span", { class: "dot" }), name),
      )
    : [];
  return element(
    "div",
    {},
    element("p", { class: "lead" }, word("map.lead")),
    chart,
    element("ul", { class: "legend" }, ...legend),
    hint,
  );
}

/** Where the images on the page lie: x, y, x, y, ... */
async function placesOf(book, layer) {
  const found = [];
  for (let index = 0; index < book.count; index += 1) {
    found.push(...(await book.client.call("mapPoint", layer, book.imageAt(index))));
  }
  return found;
}

function nameAt(book, index) {
  const label = book.labelAt(index);
  return word(label === null ? "image.option" : "image.option.named", {
    number: index + 1,
    name: label === null ? "" : book.className(label),
  });
}

/** The number of the point that is nearest to a place. */
function nearest(points, [x, y]) {
  let best = 0;
  for (let index = 1; index < points.length / 2; index += 1) {
    const far = (which) => Math.hypot(points[2 * which] - x, points[2 * which + 1] - y);
    if (far(index) < far(best)) best = index;
  }
  return best;
}

/** Circles at these places; the style of each comes from its label. */
function dotsAt(points, labels, { x, y }, style, r) {
  const kind = (index) => classStyle(labels?.[index] ?? 0);
  return Array.from({ length: points.length / 2 }, (_, index) =>
    drawn("circle", { class: `${style} ${kind(index)}`, cx: x(points[2 * index]), cy: y(points[2 * index + 1]), r }),
  );
}

function drawMap(book, chart, points, layer, place, hint) {
  const map = book.maps.find((one) => one.layer === layer);
  const frame = frameOf([...map.points, ...points], place);
  const { x, y } = frame;
  const far = dotsAt(map.points, map.labels, frame, "far", 3);
  const dots = dotsAt(points, book.images.labels, frame, "point", 7);
  dots.forEach((dot, index) => {
    dot.addEventListener("click", () => book.subject.choose(index));
    dot.append(drawn("title", {}, nameAt(book, index)));
    dot.addEventListener("pointerenter", () => {
      paintImage(hint.firstChild, book.imageAt(index), book.height, book.width);
      hint.lastChild.textContent = nameAt(book, index);
    });
  });
  const here = drawn(
    "g",
    { class: "here" },
    drawn("circle", { cx: x(place[0]), cy: y(place[1]), r: 9 }),
    drawn("path", { d: `M${x(place[0]) - 15} ${y(place[1])}h30M${x(place[0])} ${y(place[1]) - 15}v30` }),
  );
  chart.replaceChildren(...far, ...dots, here);
}

/** From the layer's components to places in the drawing, with the present image always inside. */
function frameOf(points, place) {
  const axis = (which, length, flip) => {
    const values = [place[which]];
    for (let index = which; index < points.length; index += 2) values.push(points[index]);
    const low = Math.min(...values);
    const high = Math.max(...values);
    const span = high - low || 1;
    return (value) => {
      const part = (value - low) / span;
      return SIZE.margin + (flip ? 1 - part : part) * (length - 2 * SIZE.margin);
    };
  };
  return { x: axis(0, SIZE.width, false), y: axis(1, SIZE.height, true) };
}
