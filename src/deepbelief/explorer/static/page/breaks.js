/** Where each classifier breaks: its answers while one disturbance of the present image grows. */

import { winner } from "./answers.js";
import { contestantStyle } from "./colours.js";
import { bound, button, selection } from "./controls.js";
import { element } from "./dom.js";
import { CALM, disturbed } from "./subject.js";
import { figure, word } from "./words.js";

/** The levels at which each kind is tried, and what a level sets. */
const SWEEPS = {
  noise: { levels: [0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.1, 1.3], set: (level) => ({ noise: level }) },
  blur: { levels: [0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4], set: (level) => ({ blur: level }) },
  contrast: { levels: [0.9, 0.75, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1], set: (level) => ({ contrast: level }) },
  fgsm: { levels: [0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.2, 0.3], set: (level) => ({ attack: "fgsm", epsilon: level }) },
  pgd: { levels: [0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.2, 0.3], set: (level) => ({ attack: "pgd", epsilon: level }) },
};

export function breaksTable(book) {
  const place = element("div", { class: "scroll", role: "region", "aria-label": word("breaks.region"), tabindex: 0 });
  const start = button(word("breaks.start"), () => tryLevels(book, place, start), { class: "main" });
  const options = Object.keys(SWEEPS).map((value) => ({ value, label: word(`breaks.${value}`) }));
  book.subject.watch(() => place.classList.add("old"));
  book.state.watch(["sweep"], () => place.classList.add("old"));
  return element(
    "section",
    { class: "breaks", "aria-labelledby": "breaks-heading" },
    element("h3", { id: "breaks-heading" }, word("breaks.heading")),
    element("p", { class: "note" }, word("breaks.note")),
    element(
      "div",
      { class: "row" },
      bound(book.state, "sweep", selection, { label: word("breaks.what"), options }),
      start,
    ),
    place,
  );
}

/** Try all levels and show the table as it grows. */
async function tryLevels(book, place, start) {
  start.disabled = true;
  const { subject, state } = book;
  const { levels, set } = SWEEPS[state.values.sweep];
  const truth = await subject.target(book.contestants[0].name);
  const image = subject.original;
  const found = book.contestants.map(() => []);
  place.classList.remove("old");
  for (const level of levels) {
    const values = { ...state.values, ...CALM, ...set(level) };
    for (const [index, { name }] of book.contestants.entries()) {
      const now = await disturbed(book, image, { ...values, through: name }, async () => truth);
      const answer = await book.client.call("probabilities", name, now, {
        defence: values.defence,
        layer: book.layers,
      });
      found[index].push(winner(answer));
    }
    place.replaceChildren(breaksOf(book, levels, found, truth));
  }
  book.say(book.contestants.map(({ title }, index) => `${title}: ${broken(levels, found[index], truth)}`).join(". "));
  start.disabled = false;
}

/** The first level at which the answer is wrong. */
function broken(levels, answers, truth) {
  const first = answers.findIndex((answer) => answer !== truth);
  return first < 0 ? word("breaks.never") : word("breaks.at", { level: figure(levels[first]) });
}

function breaksOf(book, levels, found, truth) {
  const head = levels.map((level) => element("th", { scope: "col" }, figure(level)));
  const rows = book.contestants.map(({ name, title }, index) => {
    const cells = levels.map((_, which) => answerCell(book, found[index][which], truth));
    const style = contestantStyle(name, index);
    const who = element("th", { scope: "row", class: style }, element("span", { class: "dot" }), title);
    const end = found[index].length === levels.length ? broken(levels, found[index], truth) : "";
    return element("tr", {}, who, ...cells, element("td", { class: "end" }, end));
  });
  const first = element("th", { scope: "col" }, word("breaks.level"));
  const top = element("tr", {}, first, ...head, element("th", { scope: "col", class: "end" }, word("breaks.breaks")));
  const about = element("caption", {}, word("breaks.caption", { name: book.className(truth) }));
  return element("table", { class: "levels" }, about, element("thead", {}, top), element("tbody", {}, ...rows));
}

function answerCell(book, answer, truth) {
  if (answer === undefined) return element("td", {});
  const right = answer === truth;
  const name = book.className(answer);
  return element(
    "td",
    { class: right ? "right" : "wrong", title: name },
    element("span", { "aria-hidden": "true" }, right ? "✓" : shortName(name)),
    element("span", { class: "unseen" }, name),
  );
}

/** A class's name in a narrow cell. */
function shortName(name) {
  return name.length > 5 ? `${name.slice(0, 4)}.` : name;
}
