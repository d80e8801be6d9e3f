// Steps from an image to a classifier's answer. Each takes a vector and gives {output, back}, where `back` turns the
// gradient of anything in the output into its gradient in the vector: reverse differentiation, step by step.

import { logSumExp, Matrix, softmax } from "./linear.js";
import { sigmoid } from "./units.js";

/** @typedef {(vector: Float64Array) => {output: Float64Array, back: (gradient: Float64Array) => Float64Array}} Step */

/** One step after the other. @param {Step[]} steps @returns {Step} */
export function chained(steps) {
  return (vector) => {
    const backs = [];
    let output = vector;
    for (const step of steps) {
      const done = step(output);
      output = done.output;
      backs.push(done.back);
    }
    return { output, back: (gradient) => backs.reduceRight((sum, back) => back(sum), gradient) };
  };
}

/** x -> scale x + shift, each value by its own numbers. @param {ArrayLike<number>} scale @param {ArrayLike<number>} shift @returns {Step} */
export function scaled(scale, shift) {
  return (vector) => ({
    output: vector.map((one, at) => scale[at] * one + shift[at]),
    back: (gradient) => gradient.map((one, at) => scale[at] * one),
  });
}

/** v -> E[h | v] of an RBM. @param {{weights: Matrix, hidden: object}} rbm @returns {Step} */
export function upwards(rbm) {
  return (vector) => {
    const output = rbm.hidden.mean(rbm.weights.up(vector));
    const back = (gradient) => rbm.weights.down(gradient.map((one, at) => one * rbm.hidden.slope(output[at], at)));
    return { output, back };
  };
}

/** h -> E[v | h] of an RBM. @param {{weights: Matrix, visible: object}} rbm @returns {Step} */
export function downwards(rbm) {
  return (vector) => {
    const output = rbm.visible.mean(rbm.weights.down(vector));
    const back = (gradient) => rbm.weights.up(gradient.map((one, at) => one * rbm.visible.slope(output[at], at)));
    return { output, back };
  };
}

const ACTIVATIONS = {
  none: [(x) => x, () => 1],
  relu: [(x) => Math.max(x, 0), (y) => (y > 0 ? 1 : 0)],
  sigmoid: [sigmoid, (y) => y * (1 - y)],
  tanh: [Math.tanh, (y) => 1 - y * y],
};

/**
 * x -> activation(x W + b), a layer of a network.
 * @param {Matrix} weights @param {Float32Array} bias @param {"none" | "relu" | "sigmoid" | "tanh"} activation
 * @returns {Step}
 */
export function dense(weights, bias, activation) {
  const [apply, slope] = ACTIVATIONS[activation];
  return (vector) => {
    const output = weights.up(vector).map((one, at) => apply(one + bias[at]));
    return { output, back: (gradient) => weights.down(gradient.map((one, at) => one * slope(output[at]))) };
  };
}

/**
 * Visible values -> the means of some hidden layers, side by side.
 * @param {object[]} rbms - of the DBN, from layer 1 up @param {number[]} layers - counted from 1
 * @returns {Step}
 */
export function features(rbms, layers) {
  const steps = rbms.slice(0, Math.max(...layers)).map(upwards);
  return (vector) => {
    const done = [];
    for (const step of steps) done.push(step(done.length ? done[done.length - 1].output : vector));
    const chosen = layers.map((layer) => done[layer - 1].output);
    const output = chosen.length === 1 ? chosen[0] : Float64Array.from(chosen.flatMap((one) => [...one]));
    const back = (gradient) => {
      const own = done.map((one) => new Float64Array(one.output.length)); // gradient in each layer itself
      let start = 0;
      for (const layer of layers) {
        own[layer - 1].forEach((_, at, sums) => {
          sums[at] += gradient[start + at];
        });
        start += own[layer - 1].length;
      }
      return done.reduceRight(
        (above, one, at) => one.back(above ? above.map((sum, k) => sum + own[at][k]) : own[at]),
        null,
      );
    };
    return { output, back };
  };
}

/**
 * Values -> log p(y | v), from the free energies of an RBM that sees labels y beside the values.
 *
 * log p(v, y) = a_y + log sum_h exp((v W + U_y) h - E_h(h)) up to a constant, and its gradient in v W is E[h | v, y].
 * @param {{weights: Matrix, hidden: object}} rbm - rows of the labels come last
 * @param {Float32Array} labelBias - a
 * @returns {Step}
 */
export function labelled(rbm, labelBias) {
  const { columns, rows } = rbm.weights;
  const size = rows - labelBias.length;
  const values = new Matrix(rbm.weights.values.subarray(0, size * columns), size, columns);
  return (vector) => {
    const field = values.up(vector);
    const fields = Array.from(labelBias, (_, y) => {
      const label = rbm.weights.row(size + y);
      return field.map((one, at) => one + label[at]);
    });
    const joint = Float64Array.from(fields, (one, y) => labelBias[y] + rbm.hidden.logPartition(one));
    const total = logSumExp(joint);
    const back = (gradient) => {
      const sum = gradient.reduce((all, one) => all + one, 0);
      const shares = softmax(joint).map((one, y) => gradient[y] - one * sum);
      const inField = new Float64Array(columns);
      fields.forEach((one, y) => {
        rbm.hidden.mean(one).forEach((mean, at) => {
          inField[at] += shares[y] * mean;
        });
      });
      return values.down(inField);
    };
    return { output: joint.map((one) => one - total), back };
  };
}
