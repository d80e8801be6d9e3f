// Answers the page's questions in a thread of its own: {id, call, arguments} -> {id, result} or {id, error}.

import { blur, contrast, noise, occlude } from "./core/perturb.js";
import { load } from "./core.js";

const PURE = { blur, contrast, noise, occlude };
const ASKED = new Set([
  ...["activities", "down", "reconstruct", "probabilities", "gradient", "fgsm", "pgd", "walk"],
  ...["receptive", "unit", "strongest", "energy", "mapPoint", "images", "maps"],
]);

let model = null;
let lastChain = null; // of the dream that ended last
const dreams = new Map(); // those that run, by the id of their question

self.addEventListener("message", (event) => receive(event.data));

/** A question, or word that a dream is to change or to end. */
async function receive(message) {
  try {
    if (message.cancel !== undefined) return endDream(message.cancel);
    if (message.change !== undefined) return changeDream(dreams.get(message.change), message.settings);
    const result = await answer(message);
    if (message.call !== "dream") self.postMessage({ id: message.id, result });
  } catch (error) {
    self.postMessage({ id: message.id, error: String(error.message ?? error) });
  }
}

/** @param {{id: number, call: string, arguments: any[]}} question */
async function answer({ id, call, arguments: given }) {
  if (call === "load") return loadModel(...given);
  if (call === "dream") return startDream(id, ...given);
  if (Object.hasOwn(PURE, call)) return PURE[call](...given, model.header.image);
  if (!ASKED.has(call)) throw new Error(`there is no question called ${call}`);
  return model[call](...given);
}

async function loadModel(header, text) {
  model = await load(header, text);
  const sizes = model.stack.rbms.map((rbm) => rbm.weights.columns);
  return { layers: model.layers, sizes, contestants: model.contestants, labelled: Boolean(model.labelTop) };
}

/**
 * A chain that sends its images until it is told to end, or `frames` of them if that is more than 0; with `resume` the
 * chain that ended last goes on.
 */
function startDream(id, options) {
  const dream = { id, samples: false, stepsPerFrame: 1, framesPerSecond: 30, frames: 0, ...options };
  if (options.resume && lastChain) {
    dream.chain = lastChain;
    changeChain(dream.chain, options);
  } else {
    dream.chain = model.chain({ ...options, random: options.seed ?? 0 });
  }
  dreams.set(id, dream);
  showFrame(dream, performance.now());
}

/** One frame, and the next one when it is due; between them other questions are answered. */
function showFrame(dream, due) {
  dream.chain.step(dream.stepsPerFrame);
  const image = Float32Array.from(dream.chain.image(dream.samples));
  const hidden = Float32Array.from(dream.chain.hidden);
  const label = dream.chain.labelProbabilities();
  const frame = { image, hidden, label: label && Float32Array.from(label), step: dream.chain.steps };
  self.postMessage({ id: dream.id, frame }, [image.buffer, hidden.buffer]);
  if (--dream.frames === 0) {
    endDream(dream.id);
    return;
  }
  const next = Math.max(due + 1000 / dream.framesPerSecond, performance.now());
  dream.timer = setTimeout(() => showFrame(dream, next), next - performance.now());
}

function changeDream(dream, changes) {
  if (!dream) return;
  const { temperature, label, ...others } = changes;
  changeChain(dream.chain, { temperature, label });
  Object.assign(dream, others);
}

function changeChain(chain, { temperature, label }) {
  if (temperature !== undefined) chain.temperature = temperature;
  if (label !== undefined) chain.label = label;
}

function endDream(id) {
  const dream = dreams.get(id);
  if (!dream) return;
  clearTimeout(dream.timer);
  dreams.delete(id);
  lastChain = dream.chain;
  self.postMessage({ id, result: null });
}
