// Attacks on a classifier that is a `Step` from images in [0, 1] to logits; no pixel moves by more than epsilon.

import { softmax } from "./linear.js";
import { generatorOf } from "./random.js";

/**
 * The gradient of the cross-entropy -log softmax(logits)_label in the image, and how far the answer is from wrong.
 * @param {import("./steps.js").Step} classifier
 * @param {ArrayLike<number>} image
 * @param {number} label - the true class
 * @returns {{gradient: Float64Array, margin: number}} the margin is the largest logit of a wrong class less the true one's
 */
export function look(classifier, image, label) {
  const { output, back } = classifier(Float64Array.from(image));
  const error = softmax(output);
  error[label] -= 1;
  return { gradient: back(error), margin: margin(output, label) };
}

function margin(logits, label) {
  return Math.max(...logits.filter((_, at) => at !== label)) - logits[label];
}

/**
 * The fast gradient sign method: clip(x + epsilon sign(gradient)) (Goodfellow et al. 2015).
 * @param {import("./steps.js").Step} classifier
 * @param {ArrayLike<number>} image
 * @param {number} label
 * @param {number} epsilon
 * @returns {Float32Array}
 */
export function fgsm(classifier, image, label, epsilon) {
  const { gradient } = look(classifier, image, label);
  return Float32Array.from(image, (pixel, at) => clip(pixel + epsilon * Math.sign(gradient[at]), 0, 1));
}

/**
 * Projected gradient descent (Madry et al. 2018): steps of 2.5 epsilon / `steps` from a random point of the ball.
 * @param {import("./steps.js").Step} classifier
 * @param {ArrayLike<number>} image
 * @param {number} label
 * @param {{epsilon: number, steps: number, random: number | object, start?: ArrayLike<number>}} options
 * @returns {Float32Array} of all points on the way the one where a wrong class has the largest margin
 */
export function pgd(classifier, image, label, { epsilon, steps, random = 0, start = null }) {
  const numbers = generatorOf(random);
  const inBall = (value, at) => clip(clip(value, image[at] - epsilon, image[at] + epsilon), 0, 1);
  const begin = start ?? Array.from(image, (pixel) => pixel + epsilon * (2 * numbers.uniform() - 1));
  let point = Float64Array.from(begin, inBall);
  let worst = { point, margin: -Infinity };
  for (let step = 0; step < steps; step++) {
    const seen = look(classifier, point, label);
    if (seen.margin > worst.margin) worst = { point, margin: seen.margin };
    const length = (2.5 * epsilon) / steps;
    point = point.map((value, at) => inBall(value + length * Math.sign(seen.gradient[at]), at));
  }
  return Float32Array.from(margin(classifier(point).output, label) > worst.margin ? point : worst.point);
}

function clip(value, low, high) {
  return Math.min(Math.max(value, low), high);
}
