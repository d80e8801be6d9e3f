// The worker's messages: a small model is made into a payload here, as encoding.py does.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { deflateSync } from "node:zlib";

const sent = [];
let receive = null;
let arrived = () => {};
globalThis.self = {
  addEventListener: (_, listener) => {
    receive = (message) => listener({ data: message });
  },
  postMessage: (message) => {
    sent.push(message);
    arrived();
  },
};

/** A DBN of 2 x 2 pixels and 3 units, two images, and a network of one layer. */
function payload() {
  const parts = [];
  const arrays = {};
  const add = (name, shape, values) => {
    const floats = new Uint8Array(Float32Array.from(values).buffer);
    const planes = [0, 1, 2, 3].flatMap((plane) => [...floats].filter((_, at) => at % 4 === plane));
    const offset = parts.flat().length;
    arrays[name] = { shape, type: "float32", offset, bytes: planes.length };
    parts.push(planes);
    return name;
  };
  const units = (name, size) => ({ kind: "Bernoulli", bias: add(name, [size], new Array(size).fill(0)) });
  const weights = add("w", [4, 3], [1, 0, -1, 2, 1, 0, 0, 1, 2, -1, -1, 1]);
  const layer = { weights: add("n", [4, 2], [1, 0, 0, 1, 1, 0, 0, 1]), bias: add("b", [2], [0, 0]) };
  const header = {
    image: { height: 2, width: 2 },
    bounds: [0, 1],
    standardisation: null,
    dbn: { layers: [{ weights, visible: units("v", 4), hidden: units("h", 3) }] },
    contestants: [{ name: "ffnn", title: "network", kind: "network", activation: "relu", layers: [layer] }],
    labelled: null,
    images: { pixels: add("p", [2, 4], [0, 1, 1, 0, 1, 1, 0, 0]), maximum: 1, labels: add("l", [2], [0, 1]) },
    maps: [],
    arrays,
  };
  const compressed = deflateSync(Uint8Array.from(parts.flat()));
  header.block = { packed: compressed.length };
  return [header, textOf(compressed)];
}

/** Bytes as the text of a page: 13 or 14 bits, the lowest first, are a number, which is two characters. */
function textOf(bytes) {
  const characters = Array.from({ length: 128 }, (_, code) => code).filter((code) => ![0, 13, 60].includes(code));
  const bits = [...bytes].flatMap((byte) => [0, 1, 2, 3, 4, 5, 6, 7].map((at) => (byte >> at) & 1));
  const lowest = (count) => bits.slice(0, count).reduce((sum, bit, at) => sum + bit * 2 ** at, 0);
  let text = "";
  while (bits.length) {
    const size = lowest(13) < 125 ** 2 - 2 ** 13 ? 14 : 13;
    const number = lowest(size);
    text += String.fromCharCode(characters[number % 125], characters[Math.floor(number / 125)]);
    bits.splice(0, size);
  }
  return text;
}

/** Wait until a message fits. */
async function until(fits) {
  while (!sent.some(fits)) {
    await new Promise((resolve) => {
      arrived = resolve;
    });
  }
  return sent.find(fits);
}

let last = 0;

async function ask(call, ...given) {
  const id = ++last;
  receive({ id, call, arguments: given });
  return until((message) => message.id === id && !message.frame);
}

before(async () => {
  await import("../../src/deepbelief/explorer/static/worker.js");
  const { result } = await ask("load", ...payload());
  assert.deepEqual(result, {
    layers: 1,
    sizes: [3],
    contestants: [{ name: "ffnn", title: "network" }],
    labelled: false,
  });
});

test("questions are answered, with the shape of the images where it is needed", async () => {
  const image = [0, 1, 1, 0];
  assert.equal((await ask("reconstruct", image, 1, 1)).result.length, 4);
  assert.deepEqual([...(await ask("occlude", image, 1, 0, 1)).result], [0, 0, 1, 0]);
  assert.deepEqual([...(await ask("blur", image, 0)).result], image);
  assert.deepEqual((await ask("images")).result.labels, [0, 1]);
  assert.equal((await ask("receptive", 1, 2)).result[2], 2);
  assert.equal((await ask("energy", image)).result.energies.length, 1);
  assert.ok(Math.abs((await ask("probabilities", "ffnn", image)).result[0] - 0.5) < 1e-6);
  assert.equal((await ask("walk", image, image, 1, 1)).result.length, 1);
});

test("what cannot be answered is told", async () => {
  assert.equal((await ask("constructor")).error, "there is no question called constructor");
  assert.ok((await ask("probabilities", "nobody", [0, 0, 0, 0])).error);
});

test("a dream of some frames ends by itself, and another goes on from there", async () => {
  const frames = (id) => sent.filter((message) => message.id === id && message.frame).map(({ frame }) => frame.step);
  const done = await ask("dream", { seed: 1, frames: 3, stepsPerFrame: 2, framesPerSecond: 1000 });
  assert.equal(done.result, null);
  assert.deepEqual(frames(done.id), [2, 4, 6]);
  const further = await ask("dream", { resume: true, frames: 1, stepsPerFrame: 1, framesPerSecond: 1000 });
  assert.deepEqual(frames(further.id), [7]);
});

test("a dream goes on until it is ended, changes meanwhile, and leaves room for questions", async () => {
  const id = ++last;
  receive({ id, call: "dream", arguments: [{ seed: 2, start: [0, 1, 1, 0], framesPerSecond: 500 }] });
  await until((message) => message.id === id && message.frame?.step === 3);
  receive({ change: id, settings: { stepsPerFrame: 100, temperature: 2, samples: true } });
  assert.equal((await ask("reconstruct", [0, 0, 0, 0], 1, 1)).result.length, 4);
  const late = await until((message) => message.id === id && message.frame?.step > 200);
  assert.ok(
    late.frame.image.every((pixel) => pixel === 0 || pixel === 1),
    "samples of pixels are black or white",
  );
  receive({ cancel: id });
  await until((message) => message.id === id && message.result === null);
  const count = sent.length;
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(sent.length, count, "nothing comes after the end");
  receive({ cancel: id });
  receive({ change: id, settings: { samples: false } });
});
