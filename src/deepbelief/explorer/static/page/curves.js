/** Curves of the run: accuracy on the whole test set against a level, and where the present level stands. */

import { contestantStyle } from "./colours.js";
import { drawn, element, setShown } from "./dom.js";
import { figure, percent, word } from "./words.js";

const BOX = { left: 44, right: 12, top: 10, bottom: 36, width: 560, height: 250 };

/** The curves that fit what is set: under an attack those of that attack, else those of the noise. */
function kindOf({ attack, clipped }) {
  if (attack !== "none") return { kind: attack, level: "epsilon" };
  return { kind: clipped ? "gaussian_clipped" : "gaussian", level: "noise" };
}

export function curvesChart(book) {
  const heading = element("h3", { id: "curves-heading" });
  const note = element("p", { class: "note" });
  const place = element("div", {});
  const list = element("ul", { class: "legend" });
  const node = element("section", { class: "curves", "aria-labelledby": "curves-heading" }, heading, note, place, list);
  const show = () => {
    const { kind, level } = kindOf(book.state.values);
    const curves = book.header.curves[kind];
    setShown(node, Boolean(curves));
    if (!curves) return;
    heading.textContent = word(`curves.${level}`);
    note.textContent = word(`curves.${level}.note`);
    const { chart, values } = chartOf(book, curves, book.state.values[level], word(`curves.${level}.axis`));
    place.replaceChildren(chart);
    list.replaceChildren(...values.map((one) => legendEntry(book, one)));
  };
  book.state.follow(["noise", "clipped", "attack", "epsilon"], show);
  return node;
}

function chartOf(book, curves, level, axis) {
  const scale = scales(curves.levels);
  const at = Math.min(level, scale.last);
  const values = book.contestants
    .filter(({ name }) => curves.accuracies[name])
    .map((one) => ({ ...one, value: between(curves.levels, curves.accuracies[one.name], at) }));
  const told = values.map(({ title, value }) => `${title} ${percent(value)}`).join(", ");
  const label = word("curves.label", { axis, level: figure(at), told });
  const about = { viewBox: `0 0 ${BOX.width} ${BOX.height}`, role: "img", class: "chart", "aria-label": label };
  const lines = values.map((one) => curveLine(book, one, curves, scale));
  const chart = drawn("svg", about, ...axes(scale, curves.levels, axis), ...lines, ...markers(book, values, at, scale));
  return { chart, values };
}

function scales(levels) {
  const last = levels[levels.length - 1];
  const wide = BOX.width - BOX.left - BOX.right;
  const high = BOX.height - BOX.top - BOX.bottom;
  return { last, x: (level) => BOX.left + (wide * level) / last, y: (share) => BOX.top + high * (1 - share) };
}

/** The value of a curve between two of its levels. */
function between(levels, values, at) {
  const above = Math.max(
    1,
    levels.findIndex((level) => level >= at),
  );
  const part = (at - levels[above - 1]) / (levels[above] - levels[above - 1]);
  return values[above - 1] + part * (values[above] - values[above - 1]);
}

function axes({ x, y, last }, levels, axis) {
  const lines = [0, 0.25, 0.5, 0.75, 1].flatMap((share) => [
    drawn("line", { class: "grid", x1: x(0), x2: x(last), y1: y(share), y2: y(share) }),
    drawn("text", { class: "tick", x: BOX.left - 8, y: y(share) + 4, "text-anchor": "end" }, String(100 * share)),
  ]);
  const ticks = [];
  for (const level of levels) {
    const before = ticks[ticks.length - 1];
    if (before === undefined || x(level) - x(before) > 36) ticks.push(level);
  }
  const texts = ticks.map((level) =>
    drawn("text", { class: "tick", x: x(level), y: y(0) + 16, "text-anchor": "middle" }, String(level)),
  );
  const middle = { class: "tick", x: x(last / 2), y: BOX.height - 4, "text-anchor": "middle" };
  return [...lines, ...texts, drawn("text", middle, axis)];
}

function curveLine(book, { name }, curves, { x, y }) {
  const points = curves.levels.map((level, index) => `${x(level)},${y(curves.accuracies[name][index])}`).join(" ");
  return drawn("polyline", { class: `curve ${styleOf(book, name)}`, points });
}

function styleOf(book, name) {
  return contestantStyle(
    name,
    book.contestants.findIndex((one) => one.name === name),
  );
}

function markers(book, values, at, { x, y }) {
  const line = drawn("line", { class: "now", x1: x(at), x2: x(at), y1: y(0), y2: y(1) });
  const dots = values.map(({ name, value }) =>
    drawn("circle", { class: `mark ${styleOf(book, name)}`, cx: x(at), cy: y(value), r: 4.5 }),
  );
  return [line, ...dots];
}

function legendEntry(book, { name, title, value }) {
  return element(
    "li",
    { class: styleOf(book, name) },
    element("span", { class: "dot" }),
    title,
    element("b", {}, percent(value)),
  );
}
