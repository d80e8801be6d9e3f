/** Dream: the network run backwards, from its top layer down to an image. */

import { winner } from "./answers.js";
import { bound, button, choices, slider, toggle } from "./controls.js";
import { coverEditor } from "./cover.js";
import { element, setShown } from "./dom.js";
import { calmMotion, Dreamer } from "./dreamer.js";
import { paintImage, picture } from "./picture.js";
import { walkPart } from "./walk.js";
import { percent, word } from "./words.js";

/** The kinds of dream that begin by themselves when they are opened. */
const EAGER = ["nothing", "image", "label"];

export function dreamPanel(book) {
  const { state } = book;
  const screen = screenPart(book);
  const dreamer = new Dreamer(book, screen.show);
  const cover = coverEditor(book);
  const parts = {
    nothing: element("p", { class: "note" }, word("dream.nothing.note")),
    image: element("p", { class: "note" }, word("dream.image.note")),
    label: book.labelled ? labelPart(book, dreamer) : null,
    complete: cover.node,
    walk: book.images ? walkPart(book) : null,
  };
  const names = Object.keys(parts).filter((name) => parts[name]);
  const options = names.map((value) => ({ value, label: word(`dream.${value}`) }));
  const chain = chainPart(book, dreamer, cover, screen.node);
  const show = () => {
    for (const name of names) setShown(parts[name], state.values.dream === name);
    setShown(chain, state.values.dream !== "walk");
    dreamer.stop();
    screen.clear();
    if (state.values.tab !== "dream" || !EAGER.includes(state.values.dream)) return;
    if (book.subject.kind !== "blank" || state.values.dream !== "image") dreamer.begin({});
  };
  state.watch(["tab", "dream"], show);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) dreamer.stop();
  });
  show();
  return element(
    "div",
    { class: "dream" },
    element("p", { class: "lead" }, word(book.labelled ? "dream.lead.labelled" : "dream.lead")),
    bound(state, "dream", choices, { label: word("dream.from"), options }),
    ...names.map((name) => parts[name]),
    chain,
  );
}

/** The buttons that clamp a class: each starts a dream of it. */
function labelPart(book, dreamer) {
  const { state } = book;
  const buttons = book.classes.map((name, label) =>
    button(name, () => {
      state.set({ label });
      dreamer.begin({});
    }),
  );
  const show = () => {
    for (const [label, one] of buttons.entries()) {
      one.setAttribute("aria-pressed", String(label === state.values.label));
    }
  };
  state.follow(["label"], show);
  return element(
    "div",
    {},
    element("p", { class: "note" }, word("dream.label.note")),
    element("div", { class: "buttons classes", role: "group", "aria-label": word("dream.label.group") }, ...buttons),
  );
}

/** The picture of the dream, and what the network itself takes it for. */
function screenPart(book) {
  const canvas = picture(word("dream.canvas"), "large");
  const steps = element("p", { class: "caption" });
  const belief = element("p", { class: "caption" });
  const node = element("div", { class: "screen" }, canvas, steps, belief);
  const black = new Float32Array(book.height * book.width);
  return {
    node,
    clear() {
      paintImage(canvas, black, book.height, book.width);
      steps.textContent = word("dream.waiting");
      belief.textContent = "";
    },
    show(frame, speed) {
      paintImage(canvas, frame.image, book.height, book.width);
      const rate = speed ? word("dream.rate", { rate: Math.round(speed) }) : "";
      steps.textContent = word("dream.steps", { count: frame.step.toLocaleString("en"), rate });
      belief.textContent = frame.label ? beliefOf(book, frame.label) : "";
    },
  };
}

function beliefOf(book, probabilities) {
  const best = winner(probabilities);
  return word("dream.belief", { name: book.className(best), share: percent(probabilities[best]) });
}

/** What all chains share: start and stop, and the dials. */
function chainPart(book, dreamer, cover, screen) {
  const { state } = book;
  const settings = () => ({ mask: cover.mask() });
  const play = button(
    word("dream.start"),
    () => {
      if (dreamer.running) dreamer.pause();
      else dreamer.goOn(settings());
    },
    { class: "main" },
  );
  dreamer.onChange = () => {
    play.textContent = word(dreamer.running ? "dream.stop" : "dream.start");
  };
  setShown(play, !calmMotion());
  const step = button(word("dream.step"), () => dreamer.goOn({ ...settings(), frames: 1 }));
  const anew = button(word("dream.anew"), () => dreamer.begin(settings()));
  const take = button(word("dream.take"), () => {
    const image = dreamer.image;
    dreamer.stop();
    if (image) book.subject.adopt(image, "dreamt");
  });
  const buttons = element("div", { class: "buttons" }, play, step, anew, take);
  return element("div", { class: "chain" }, screen, element("div", { class: "dials" }, buttons, ...chainDials(state)));
}

function chainDials(state) {
  return [
    bound(state, "speed", slider, {
      label: word("dream.speed"),
      min: 1,
      max: 20,
      step: 1,
      say: (value) => word(value === 1 ? "dream.speed.one" : "dream.speed.many", { count: value }),
    }),
    bound(state, "temperature", slider, {
      label: word("dream.temperature"),
      min: 0.2,
      max: 2,
      step: 0.1,
      say: (value) => value.toFixed(1),
    }),
    bound(state, "samples", toggle, { label: word("dream.samples") }),
  ];
}
