/** Energy: how well the image fits what the network has learnt, beside the test images. */

import { latest } from "./client.js";
import { drawn, element } from "./dom.js";
import { whileShown } from "./shown.js";
import { word } from "./words.js";

const BAND = { width: 560, height: 70, margin: 12 };

export function energyPart(book) {
  const place = element("div", {});
  const sentence = element("p", { class: "verdict" });
  const usual = { energies: null };
  const refresh = latest(async () => {
    if (!usual.energies) usual.energies = await energiesOfAll(book);
    const now = await book.client.call("energy", book.subject.shown);
    place.replaceChildren(band(usual.energies, now.freeEnergy), energyTable(now));
    sentence.textContent = comparisonOf(usual.energies, now.freeEnergy);
  });
  whileShown(book, "energy", [], refresh);
  return element(
    "div",
    {},
    element("p", { class: "lead" }, word("energy.lead")),
    sentence,
    place,
    element("p", { class: "note" }, word("energy.note")),
  );
}

async function energiesOfAll(book) {
  const found = [];
  for (let index = 0; index < book.count; index += 1) {
    found.push((await book.client.call("energy", book.imageAt(index))).freeEnergy);
  }
  return found;
}

/** How many of the test images have a higher free energy. */
function comparisonOf(energies, now) {
  if (!energies.length) return "";
  const above = energies.filter((energy) => energy > now).length;
  if (above === 0) return word("energy.worst", { all: energies.length });
  return word("energy.better", { above, all: energies.length });
}

/** The free energies of all test images as ticks on a line, and that of the present image as a marker. */
function band(energies, now) {
  const all = [...energies, now];
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const x = (value) => BAND.margin + ((value - low) / (high - low || 1)) * (BAND.width - 2 * BAND.margin);
  const ticks = energies.map((energy) =>
    drawn("line", { class: "energy", x1: x(energy), x2: x(energy), y1: 22, y2: 46 }),
  );
  const here = drawn("path", { class: "needle", d: `M${x(now)} 16v36m-6 -42h12l-6 8z` });
  const ends = [
    [low, "start", BAND.margin],
    [high, "end", BAND.width - BAND.margin],
  ].map(([value, anchor, at]) =>
    drawn("text", { class: "tick", x: at, y: BAND.height - 4, "text-anchor": anchor }, rounded(value)),
  );
  const about = { viewBox: `0 0 ${BAND.width} ${BAND.height}`, class: "chart", role: "img" };
  const label = word("energy.band", { now: rounded(now), low: rounded(low), high: rounded(high) });
  return drawn("svg", { ...about, "aria-label": label }, ...ticks, ...ends, here);
}

function rounded(value) {
  return Math.round(value).toLocaleString("en").replace("-", "\u2212");
}

function energyTable({ freeEnergy, energies }) {
  const rows = [
    [word("energy.free"), freeEnergy],
    ...Array.from(energies, (energy, index) => [
      word("energy.layer", {
        layer: index + 1,
        below: index === 0 ? word("energy.image") : word("energy.below", { layer: index }),
      }),
      energy,
    ]),
  ];
  const body = rows.map(([name, value]) =>
    element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, rounded(value))),
  );
  return element("table", { class: "numbers" }, element("tbody", {}, ...body));
}
