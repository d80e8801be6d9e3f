// Answers questions about a page's model, for the tests in Python: JSON from the standard input, JSON to the output.
//
// {"header": ..., "weights": "text", "questions": [["probabilities", "ffnn", [0.5, ...], {}], ...]} -> [answer, ...]

import { readFileSync } from "node:fs";
import { blur, contrast, noise, occlude } from "../src/deepbelief/explorer/static/core/perturb.js";

const PERTURBATIONS = { blur, contrast, noise, occlude };

import { load } from "../src/deepbelief/explorer/static/core.js";

const { header, weights, questions } = JSON.parse(readFileSync(0, "utf8"));
const model = await load(header, weights);

/** What a chain's step draws from: the means of each side of the top RBM, and the image that goes down from there. */
function conditionals(visible, hidden) {
  const chain = model.chain({ random: 1 });
  const { top } = chain;
  const { mean } = chain.sampleVisible(top.weights.down(hidden));
  chain.mean = mean;
  return {
    hidden: top.hidden.mean(top.weights.up(visible)),
    visible: mean.slice(0, chain.values),
    label: chain.labelProbabilities(),
    image: chain.image(),
  };
}

/** The mean over many steps of a chain, of the image and of the label's probabilities. */
function averages(options, steps, samples) {
  const chain = model.chain(options);
  const total = [...chain.image(samples)].fill(0);
  const labels = [...(chain.labelProbabilities() ?? [])].fill(0);
  for (let step = 0; step < steps; step++) {
    chain.step(1);
    chain.image(samples).forEach((one, at) => {
      total[at] += one / steps;
    });
    chain.labelProbabilities()?.forEach((one, at) => {
      labels[at] += one / steps;
    });
  }
  return { image: total, label: labels };
}

/** The answers of a contestant to many images, and the gradients of some. */
function answers(name, images, options) {
  return images.map((image) => model.probabilities(name, image, options));
}

function answered([call, ...given]) {
  if (call === "answers") return answers(...given);
  if (call === "conditionals") return conditionals(...given);
  if (call === "averages") return averages(...given);
  if (call in PERTURBATIONS) return PERTURBATIONS[call](...given);
  return model[call](...given);
}

/** Typed arrays as lists. */
function plain(_, value) {
  return ArrayBuffer.isView(value) ? Array.from(value) : value;
}

process.stdout.write(JSON.stringify(questions.map(answered), plain));
