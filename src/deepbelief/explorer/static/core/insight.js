// What a layer's units have learnt, and where an image stands.

import { dot } from "./linear.js";

/**
 * The weights from the pixels to a unit: of a deeper layer through the layers below as if they were linear.
 * @param {import("./stack.js").Stack} stack @param {number} layer @param {number} index
 * @returns {Float64Array} above 0 where a bright pixel excites the unit
 */
export function receptiveField(stack, layer, index) {
  let field = stack.rbms[layer - 1].weights.column(index);
  for (const rbm of stack.rbms.slice(0, layer - 1).reverse()) field = rbm.weights.down(field);
  return field;
}

/**
 * The mean change of the image when a unit is switched on and all others stay as they are (`top_down_effects`).
 * @param {import("./stack.js").Stack} stack @param {number} layer @param {number} index
 * @param {Float64Array[]} states - of the layer, means of real images
 * @returns {Float64Array} above 0 where the unit makes the image brighter
 */
export function topDownEffect(stack, layer, index, states) {
  const decode = stack.decoder(layer);
  let total = null;
  for (const state of states) {
    const [on, off] = [1, 0].map((value) => {
      const changed = Float64Array.from(state);
      changed[index] = value;
      return decode(changed).output;
    });
    total = on.map((one, at) => (one - off[at]) / states.length + (total ? total[at] : 0));
  }
  return total ?? new Float64Array(0);
}

/**
 * The units of a layer whose weights from below are most like those of a unit, by the cosine of the angle.
 * @param {import("./linear.js").Matrix} weights @param {number} index @param {number} count
 * @returns {number[]} the most similar first
 */
export function neighbours(weights, index, count) {
  const own = weights.column(index);
  const products = weights.up(own);
  const squares = new Float64Array(weights.columns);
  for (let at = 0; at < weights.values.length; at++) squares[at % weights.columns] += weights.values[at] ** 2;
  const cosines = products.map((one, at) => (squares[at] > 0 ? one / Math.sqrt(squares[at]) : 0));
  cosines[index] = Infinity;
  return highest(cosines, count + 1).slice(1);
}

/** The places of the highest numbers, the highest first. @param {ArrayLike<number>} numbers @param {number} count */
export function highest(numbers, count) {
  return Array.from(numbers.keys())
    .sort((a, b) => numbers[b] - numbers[a] || a - b)
    .slice(0, count);
}

/**
 * F(v) = E_v(v) - log sum_h exp(v W h - E_h(h)) of an RBM, and E(v, h) at the means of h.
 * @param {object} rbm @param {Float64Array} visible
 * @returns {{free: number, energy: number, hidden: Float64Array}}
 */
export function energies(rbm, visible) {
  const field = rbm.weights.up(visible);
  const hidden = rbm.hidden.mean(field);
  const ofVisible = rbm.visible.energy(visible);
  return {
    free: ofVisible - rbm.hidden.logPartition(field),
    energy: ofVisible + rbm.hidden.energy(hidden) - dot(field, hidden),
    hidden,
  };
}
