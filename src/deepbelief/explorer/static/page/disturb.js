/** Disturb: noise, covers, blur, contrast and attacks, and what is left of the image. */

import { breaksTable } from "./breaks.js";
import { latest } from "./client.js";
import { bound, button, choices, selection, slider, toggle } from "./controls.js";
import { curvesChart } from "./curves.js";
import { element, setShown } from "./dom.js";
import { difference, paintImage, paintSigned, picture } from "./picture.js";
import { figure, word } from "./words.js";

export function disturbPanel(book) {
  const classified = book.contestants.length > 0;
  const groups = [noiseGroup(book), lensGroup(book)];
  if (classified) groups.push(attackGroup(book), defenceGroup(book));
  return element(
    "div",
    { class: "disturb" },
    element("p", { class: "lead" }, word("disturb.lead")),
    comparison(book),
    element("div", { class: "groups" }, ...groups),
    classified ? breaksTable(book) : null,
    book.header.curves && classified ? curvesChart(book) : null,
  );
}

function group(title, ...children) {
  return element("fieldset", { class: "group" }, element("legend", {}, title), ...children);
}

function noiseGroup(book) {
  const { state } = book;
  return group(
    word("disturb.noise"),
    bound(state, "noise", slider, {
      label: word("disturb.noise.std"),
      min: 0,
      max: 1.3,
      step: 0.05,
      say: (value) => figure(value),
    }),
    bound(state, "clipped", toggle, { label: word("disturb.noise.clipped") }),
    button(word("disturb.noise.again"), () => state.set({ draw: state.values.draw + 1 })),
  );
}

function lensGroup(book) {
  const { state, height, width } = book;
  const shares = { min: 0, max: 1, step: 0.05, say: (value) => `${Math.round(100 * value)}\u202f%` };
  return group(
    word("disturb.lens"),
    bound(state, "blur", slider, {
      label: word("disturb.blur"),
      min: 0,
      max: 4,
      step: 0.1,
      say: (value) => word("disturb.pixels", { count: figure(value, 1) }),
    }),
    bound(state, "contrast", slider, {
      label: word("disturb.contrast"),
      min: 0,
      max: 2,
      step: 0.05,
      say: (value) => `× ${figure(value)}`,
    }),
    bound(state, "size", slider, {
      label: word("disturb.cover"),
      min: 0,
      max: Math.min(height, width),
      step: 1,
      say: (value) => word("disturb.pixels", { count: value }),
    }),
    bound(state, "column", slider, { label: word("disturb.cover.column"), ...shares }),
    bound(state, "row", slider, { label: word("disturb.cover.row"), ...shares }),
  );
}

function attackGroup(book) {
  const { state } = book;
  const ways = ["none", "fgsm", "pgd"].map((value) => ({ value, label: word(`disturb.attack.${value}`) }));
  const through = book.contestants.map(({ name, title }) => ({ value: name, label: title }));
  const steps = bound(state, "steps", slider, {
    label: word("disturb.steps"),
    min: 1,
    max: 40,
    step: 1,
    say: (value) => String(value),
  });
  const note = element("p", { class: "note" });
  const show = () => {
    setShown(steps, state.values.attack === "pgd");
    note.textContent = word(`disturb.attack.${state.values.attack}.note`);
  };
  state.follow(["attack"], show);
  return group(
    word("disturb.attack"),
    bound(state, "attack", choices, { label: word("disturb.attack.way"), options: ways }),
    note,
    bound(state, "through", selection, { label: word("disturb.through"), options: through }),
    bound(state, "epsilon", slider, {
      label: word("disturb.epsilon"),
      min: 0,
      max: 0.3,
      step: 0.01,
      say: (value) => figure(value),
    }),
    steps,
  );
}

function defenceGroup(book) {
  const { state } = book;
  const aware = bound(state, "aware", toggle, { label: word("disturb.aware") });
  const show = () => setShown(aware, state.values.defence > 0);
  state.follow(["defence"], show);
  return group(
    word("disturb.defence"),
    element("p", { class: "note" }, word("disturb.defence.note")),
    bound(state, "defence", slider, {
      label: word("disturb.defence.passes"),
      min: 0,
      max: 5,
      step: 1,
      say: (value) => (value === 0 ? word("disturb.defence.off") : String(value)),
    }),
    aware,
  );
}

/** The image before, what was added, the image after, and what the defence makes of it. */
function comparison(book) {
  const parts = ["before", "added", "after", "rebuilt"].map((name) => {
    const canvas = picture(word(`disturb.${name}.label`), "compared");
    const caption = element("figcaption", {}, word(`disturb.${name}`));
    return { canvas, caption, node: element("figure", {}, canvas, caption) };
  });
  const refresh = latest(() => showParts(book, parts));
  const visible = () => book.state.values.tab === "disturb";
  book.subject.watch(() => {
    if (visible()) refresh();
  });
  book.state.watch(["tab"], () => {
    if (visible()) refresh();
  });
  return element("div", { class: "comparison" }, ...parts.map((part) => part.node));
}

async function showParts(book, parts) {
  const { subject, height, width } = book;
  const [before, added, after, rebuilt] = parts;
  const { original, shown } = subject;
  paintImage(before.canvas, original, height, width);
  paintSigned(
    added.canvas,
    shown.map((value, index) => value - original[index]),
    height,
    width,
  );
  added.caption.textContent = word("disturb.added.size", { size: figure(Math.sqrt(difference(shown, original)), 3) });
  paintImage(after.canvas, shown, height, width);
  const passes = book.state.values.defence;
  setShown(rebuilt.node, passes > 0);
  if (passes === 0) return;
  paintImage(rebuilt.canvas, await book.client.call("reconstruct", shown, book.layers, passes), height, width);
}
