/** The tour: nine steps that follow the study, each a state of the page which a link can name (`#tour=3`). */

import { button } from "./controls.js";
import { element, setShown } from "./dom.js";
import { paragraphs, word } from "./words.js";

/** Every step: its name in words.json, what the page is set to, what it needs, and which image suits it. */
const STEPS = [
  { name: "image", set: { tab: "look" }, image: "agreed" },
  { name: "layers", set: { tab: "look", passes: 1 }, image: "agreed" },
  { name: "unit", set: { tab: "understand", part: "unit", layer: 1 }, image: "agreed" },
  { name: "dream", set: { tab: "dream" }, image: "agreed" },
  { name: "readouts", set: { tab: "look" }, image: "disputed", needs: ["contestants"] },
  { name: "alike", set: { tab: "understand", part: "map" }, image: "disputed", needs: ["maps"], deepest: true },
  { name: "noise", set: { tab: "disturb", noise: 0.5, sweep: "noise" }, image: "agreed", needs: ["contestants"] },
  {
    name: "attack",
    set: { tab: "disturb", attack: "fgsm", epsilon: 0.1, sweep: "fgsm" },
    image: "fooled",
    needs: ["contestants"],
  },
  {
    name: "defence",
    set: { tab: "disturb", attack: "fgsm", epsilon: 0.1, defence: 1, sweep: "fgsm" },
    image: "fooled",
    needs: ["contestants"],
  },
];

/** The steps that this page can show: a network without labels has no classifiers to speak of. */
export function stepsFor(book) {
  return STEPS.filter(({ needs = [] }) => needs.every((need) => book[need].length > 0));
}

/** The settings of step `number`; the file names the image that suits it (`explorer/tour.py`). */
export function presetOf(book, number) {
  const step = stepsFor(book)[number - 1];
  if (!step) return {};
  const set = { ...step.set };
  if (step.deepest) set.layer = book.layers;
  if (step.name === "attack" || step.name === "defence") set.through = book.attacked;
  if (book.header.tour) set.image = book.header.tour[step.image];
  return set;
}

/** The card of the present step, and the button that opens the tour. */
export function tourCard(book) {
  const { state } = book;
  const count = stepsFor(book).length;
  const place = element("p", { class: "kicker" });
  const heading = element("h2", { id: "tour-heading", tabindex: -1 });
  const text = element("div", { class: "text" });
  const ways = waysOn(book, count);
  const card = element("section", { id: "tour", "aria-labelledby": "tour-heading" }, place, heading, text, ways.node);
  const show = () => {
    const step = stepsFor(book)[state.values.tour - 1];
    setShown(card, Boolean(step));
    document.body.classList.toggle("touring", Boolean(step));
    if (!step) return;
    place.textContent = word("tour.place", { number: state.values.tour, count });
    heading.textContent = word(`tour.${step.name}`);
    text.replaceChildren(...paragraphs(`tour.${step.name}.text`).map((one) => element("p", {}, one)));
    ways.show();
  };
  state.watch(["tour"], () => {
    show();
    if (!card.hidden) heading.focus({ preventScroll: true });
    if (!card.hidden) card.scrollIntoView({ block: "nearest" });
  });
  show();
  return card;
}

/** Back, next, each step, and out. */
function waysOn(book, count) {
  const { state } = book;
  const before = button(word("tour.before"), () => state.goTo(state.values.tour - 1));
  const after = button("", () => state.goTo(state.values.tour < count ? state.values.tour + 1 : 0), { class: "main" });
  const steps = progress(book, count);
  const close = button(word("tour.close"), () => state.goTo(0), { class: "quiet" });
  const show = () => {
    setShown(before, state.values.tour > 1);
    after.textContent = word(state.values.tour < count ? "tour.after" : "tour.end");
    steps.show();
  };
  return { node: element("div", { class: "buttons" }, before, after, steps.node, close), show };
}

/** A link for each step. */
function progress(book, count) {
  const links = Array.from({ length: count }, (_, index) => {
    const name = word("tour.step", { number: index + 1, name: word(`tour.${stepsFor(book)[index].name}`) });
    return element("a", { href: `#tour=${index + 1}`, "aria-label": name, title: name }, String(index + 1));
  });
  const show = () => {
    for (const [index, link] of links.entries()) {
      if (index + 1 === book.state.values.tour) link.setAttribute("aria-current", "step");
      else link.removeAttribute("aria-current");
    }
  };
  return { node: element("nav", { class: "steps", "aria-label": word("tour.steps") }, ...links), show };
}

/** The invitation at the top of the page. */
export function tourDoor(book) {
  const count = stepsFor(book).length;
  const door = button(word("tour.open", { count }), () => book.state.goTo(1), { class: "main" });
  const show = () => setShown(door, book.state.values.tour === 0);
  book.state.follow(["tour"], show);
  return door;
}
