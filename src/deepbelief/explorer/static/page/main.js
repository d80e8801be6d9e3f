/** The page: reads its own data, starts the worker, and puts the parts together. */

import { Answers } from "./answers.js";
import { Client } from "./client.js";
import { disturbPanel } from "./disturb.js";
import { element } from "./dom.js";
import { dreamPanel } from "./dream.js";
import { footer } from "./footer.js";
import { imagePanel } from "./imagepanel.js";
import { lookPanel } from "./look.js";
import { State } from "./state.js";
import { Subject } from "./subject.js";
import { tabs } from "./tabs.js";
import { presetOf, tourCard, tourDoor } from "./tour.js";
import { understandPanel } from "./understand.js";
import { readWords, word } from "./words.js";

/** Start the page; called once, when all of it is there. */
export async function start() {
  readWords();
  const message = document.getElementById("loading");
  const failed = (reason) => {
    message.hidden = false;
    message.textContent = word("page.failed", { reason });
  };
  try {
    const book = await openBook(failed);
    const shown = layOut(book);
    message.hidden = true;
    performance.mark("laid out");
    await shown;
    await book.looked;
    document.documentElement.dataset.ready = "true";
  } catch (error) {
    failed(error.message);
  }
}

const textOf = (id) => document.getElementById(id).textContent;

/** All that the parts of the page share: what is in the file, the worker, and what is set. */
async function openBook(failed) {
  const header = JSON.parse(textOf("payload"));
  const client = new Client(JSON.parse(textOf("worker")), failed);
  const facts = await client.call("load", header, textOf("weights"));
  const images = header.images ? await client.call("images") : null;
  const { height, width } = header.image;
  const book = {
    header,
    client,
    height,
    width,
    images,
    layers: facts.layers,
    sizes: header.dbn.sizes,
    labelled: facts.labelled,
    contestants: facts.contestants,
    classes: header.classes,
    maps: images && header.maps ? await client.call("maps") : [],
    count: images ? images.pixels.length / (height * width) : 0,
    say: announcer(),
  };
  Object.assign(book, lookUps(book));
  book.attacked = book.contestantNamed("ffnn");
  book.state = new State((step) => presetOf(book, step), {
    through: book.attacked,
    dream: book.labelled ? "label" : "nothing",
  });
  return book;
}

/** Small questions that many parts ask. */
function lookUps(book) {
  const { images, client, contestants, height, width } = book;
  return {
    imageAt: (index) => images?.pixels.slice(index * height * width, (index + 1) * height * width) ?? null,
    labelAt: (index) => images?.labels?.[index] ?? null,
    className: (label) => book.classes?.[label] ?? String(label),
    contestantNamed: (name) => (contestants.find((one) => one.name === name) ?? contestants.at(-1))?.name ?? "",
    answersTo: (image, defence) =>
      Promise.all(
        contestants.map(({ name }) => client.call("probabilities", name, image, { defence, layer: book.layers })),
      ),
  };
}

/** A function that tells a screen reader a sentence, once the page has been quiet for a moment. */
function announcer() {
  const place = document.getElementById("status");
  const waiting = { timer: null };
  return (sentence) => {
    clearTimeout(waiting.timer);
    waiting.timer = setTimeout(() => {
      place.textContent = sentence;
    }, 700);
  };
}

/** Put all parts into the page; the promise is kept when the first image is shown. */
function layOut(book) {
  book.subject = new Subject(book);
  book.answers = book.contestants.length ? new Answers(book) : null;
  const panels = {
    look: lookPanel(book),
    disturb: disturbPanel(book),
    dream: dreamPanel(book),
    understand: understandPanel(book),
  };
  const stage = element("div", { id: "stage" }, ...tabs(book, panels));
  const main = document.getElementById("main");
  main.append(tourCard(book), imagePanel(book), stage);
  if (book.answers) main.append(book.answers.node);
  main.classList.toggle("alone", !book.answers);
  if (book.answers) document.body.append(book.answers.strip);
  document.getElementById("tour-door").append(tourDoor(book));
  document.getElementById("foot").append(...footer(book));
  book.state.read();
  if (!book.images) return dreamFirst(book);
  if (book.subject.kind === "blank") return book.subject.take(book.state.values.image);
  return book.subject.refresh();
}

/** Where no image comes with the network, the first one is what the network dreams. */
function dreamFirst({ client, subject }) {
  const settings = { temperature: 1, seed: 1, samples: false, stepsPerFrame: 90, framesPerSecond: 60, frames: 1 };
  return client.stream("dream", settings, (frame) => subject.adopt(frame.image, "dreamt")).done;
}

start();
