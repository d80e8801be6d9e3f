// The core by itself, on small models made here; the numbers against Python's are in tests/explorer/test_numbers.py.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fgsm, look, pgd } from "../../src/deepbelief/explorer/static/core/attack.js";
import { readArray } from "../../src/deepbelief/explorer/static/core/block.js";
import { Chain } from "../../src/deepbelief/explorer/static/core/chain.js";
import { neighbours } from "../../src/deepbelief/explorer/static/core/insight.js";
import { logSumExp, Matrix, softmax } from "../../src/deepbelief/explorer/static/core/linear.js";
import { blur, contrast, noise, occlude } from "../../src/deepbelief/explorer/static/core/perturb.js";
import { Random } from "../../src/deepbelief/explorer/static/core/random.js";
import { Stack } from "../../src/deepbelief/explorer/static/core/stack.js";
import {
  chained,
  dense,
  downwards,
  features,
  labelled,
  upwards,
} from "../../src/deepbelief/explorer/static/core/steps.js";
import { Bernoulli, Gaussian, softplus } from "../../src/deepbelief/explorer/static/core/units.js";

function numbers(count, seed) {
  const random = new Random(seed);
  return Float32Array.from({ length: count }, () => random.normal());
}

function rbm(visible, hidden, seed, gaussian = false) {
  const bias = numbers(visible, seed + 1);
  const units = gaussian ? new Gaussian(bias, numbers(visible, seed + 2)) : new Bernoulli(bias);
  const weights = new Matrix(numbers(visible * hidden, seed), visible, hidden);
  return { weights, visible: units, hidden: new Bernoulli(numbers(hidden, seed + 3)) };
}

function near(found, wanted, tolerance = 1e-9, what = "") {
  assert.equal(found.length, wanted.length);
  for (let at = 0; at < found.length; at++) {
    const difference = Math.abs(found[at] - wanted[at]);
    assert.ok(difference <= tolerance, `${what} ${found[at]} at ${at}, not ${wanted[at]}`);
  }
}

/** The gradient of `weight . step(point)` by differences. */
function byDifferences(step, point, weight) {
  const value = (moved) => step(moved).output.reduce((sum, one, at) => sum + weight[at] * one, 0);
  return point.map((_, at) => {
    const [above, below] = [1e-5, -1e-5].map((change) => {
      const moved = Float64Array.from(point);
      moved[at] += change;
      return value(moved);
    });
    return (above - below) / 2e-5;
  });
}

test("products are sums over rows and columns, for every number of inputs that are 0", () => {
  for (const zeros of [0, 1, 2, 3, 4, 7]) {
    const matrix = new Matrix(numbers(7 * 5, 1), 7, 5);
    const x = numbers(7, 2).map((one, at) => (at < zeros ? 0 : one));
    const y = numbers(5, 3);
    const entry = (row, column) => matrix.values[row * 5 + column];
    near(
      matrix.up(x),
      Array.from(y, (_, j) => x.reduce((sum, one, i) => sum + one * entry(i, j), 0)),
      1e-6,
    );
    near(
      matrix.down(y),
      Array.from(x, (_, i) => y.reduce((sum, one, j) => sum + one * entry(i, j), 0)),
      1e-6,
    );
  }
});

test("the logarithm of a sum of exponentials overflows nowhere", () => {
  assert.equal(logSumExp([1000, 1000]), 1000 + Math.log(2));
  near(softmax([1000, 1000]), [0.5, 0.5]);
  assert.equal(softplus(1000), 1000);
  assert.equal(softplus(-1000), 0);
});

test("every step goes back by the gradient that differences give", () => {
  const below = rbm(6, 5, 10, true);
  const above = rbm(5, 4, 20);
  const top = rbm(8, 3, 30); // 5 values and 3 classes
  const network = dense(new Matrix(numbers(9 * 3, 40), 9, 3), numbers(3, 41), "tanh");
  const steps = {
    up: upwards(below),
    down: chained([upwards(below), downwards(below)]),
    label: chained([upwards(below), labelled(top, numbers(3, 42))]),
    features: chained([features([below, above], [1, 2]), network]),
    reversed: chained([features([below, above], [2, 1]), network]),
    twice: features([below, above], [2, 2]),
    sigmoid: dense(new Matrix(numbers(12, 43), 6, 2), numbers(2, 44), "sigmoid"),
  };
  const point = Float64Array.from(numbers(6, 50));
  for (const [name, step] of Object.entries(steps)) {
    const { output, back } = step(point);
    const weight = Float64Array.from(numbers(output.length, 51));
    near(back(weight), byDifferences(step, point, weight), 1e-6, name);
  }
});

test("a rectified unit passes a gradient on where it is above 0", () => {
  const step = dense(new Matrix(new Float32Array([1, -1]), 1, 2), new Float32Array(2), "relu");
  const { output, back } = step(Float64Array.of(2));
  near(output, [2, 0]);
  near(back(Float64Array.of(3, 5)), [3]);
});

test("an attack makes the loss grow and stays in its ball", () => {
  const classifier = dense(new Matrix(numbers(20 * 3, 60), 20, 3), numbers(3, 61), "none");
  const image = numbers(20, 62).map((one) => Math.min(Math.max(one, 0), 1));
  const before = look(classifier, image, 1).margin;
  for (const attacked of [
    fgsm(classifier, image, 1, 0.1),
    pgd(classifier, image, 1, { epsilon: 0.1, steps: 10, random: 1 }),
  ]) {
    assert.ok(look(classifier, attacked, 1).margin > before);
    attacked.forEach((pixel, at) => {
      assert.ok(Math.abs(pixel - image[at]) < 0.1 + 1e-6 && pixel >= 0 && pixel <= 1);
    });
  }
});

test("binary and real units have their means, in samples too, and the temperature widens both", () => {
  const random = new Random(3);
  const binary = new Bernoulli(new Float32Array([1]));
  const real = new Gaussian(new Float32Array([1]), new Float32Array([Math.log(4)]));
  const draws = (units, temperature) =>
    Array.from({ length: 20000 }, () => units.sample(Float64Array.of(1), random, temperature)[0]);
  const mean = (values) => values.reduce((sum, one) => sum + one, 0) / values.length;
  near([mean(draws(binary, 1)), mean(draws(binary, 2))], [1 / (1 + Math.exp(-2)), 1 / (1 + Math.exp(-1))], 0.01);
  for (const temperature of [1, 4]) {
    const values = draws(real, temperature);
    near([mean(values), mean(values.map((one) => (one - 0.5) ** 2))], [0.5, temperature / 4], 0.03);
  }
});

test("a chain draws hidden units with a share of the weights and of their biases, the warmer the nearer to a half", () => {
  const top = rbm(6, 4, 80);
  const visible = Float64Array.of(1, 0, 1, 1, 0, 1);
  const field = top.weights.up(visible).map((one, at) => one + top.hidden.bias[at]);
  for (const [beta, temperature] of [
    [0, 1],
    [0.4, 1],
    [1, 1],
    [1, 3],
  ]) {
    const chain = new Chain({ stack: new Stack([], null, null), top, values: 6 }, { temperature, random: 5 });
    const total = new Float64Array(4);
    for (let draw = 0; draw < 20000; draw++) {
      chain.sampleHidden(top, visible, beta).forEach((one, at) => {
        total[at] += one / 20000;
      });
    }
    near(
      total,
      field.map((one) => 1 / (1 + Math.exp((-beta * one) / temperature))),
      0.02,
    );
  }
});

test("a chain's labels are one group, whose probabilities the temperature evens out", () => {
  const top = rbm(9, 4, 90); // 6 values and 3 classes
  const field = Float64Array.from(numbers(9, 91));
  for (const temperature of [1, 2.5]) {
    const chain = new Chain({ stack: new Stack([], null, null), top, values: 6 }, { temperature, random: 5 });
    const { sample } = chain.sampleVisible(field);
    const logits = [6, 7, 8].map((at) => (field[at] + top.visible.bias[at]) / temperature);
    near(chain.labelProbabilities(), softmax(logits));
    assert.equal(
      sample.slice(6).reduce((sum, one) => sum + one, 0),
      1,
    );
    for (const label of [0, 1, 2]) {
      chain.label = label; // which is then clamped, as a page does in the middle of a dream
      const clamped = chain.sampleVisible(field);
      for (const values of [clamped.sample, clamped.mean]) {
        near(
          values.slice(6),
          [0, 1, 2].map((one) => Number(one === label)),
        );
      }
      near(chain.labelProbabilities(), softmax(logits));
    }
  }
});

test("the weights of a chain grow to their full strength in half of its first steps", () => {
  const strengths = (anneal) => {
    const model = { stack: new Stack([], null, null), top: rbm(6, 4, 1), values: 6 };
    const chain = new Chain(model, { anneal, random: 5 });
    return Array.from({ length: 7 }, () => {
      const strength = chain.beta();
      chain.step();
      return strength;
    });
  };
  assert.deepEqual(strengths(8), [0, 0.25, 0.5, 0.75, 1, 1, 1]);
  assert.deepEqual(strengths(0), [1, 1, 1, 1, 1, 1, 1]);
});

test("the same seed gives the same numbers, another one others, and they are uniform and normal", () => {
  assert.deepEqual(numbers(5, 7), numbers(5, 7));
  assert.notDeepEqual(numbers(5, 7), numbers(5, 8));
  const random = new Random(1);
  const uniform = Array.from({ length: 20000 }, () => random.uniform());
  const normal = Array.from({ length: 20000 }, () => random.normal());
  const mean = (values, power) => values.reduce((sum, one) => sum + one ** power, 0) / values.length;
  near([mean(uniform, 1), mean(uniform, 2), mean(normal, 1), mean(normal, 2)], [1 / 2, 1 / 3, 0, 1], 0.03);
});

test("perturbations do nothing at level 0 and what they say at others", () => {
  const [image, shape] = [numbers(12, 70).map((one) => Math.abs(one) % 1), { height: 3, width: 4 }];
  near(noise(image, 0, true, 1), image);
  near(blur(image, 0, shape), image);
  near(contrast(image, 1), image, 1e-7);
  near(occlude(image, 0, 1, 1, shape), image);
  near(contrast([0, 1], 0), [0.5, 0.5]);
  near(occlude(new Float32Array(12).fill(1), 2, 1, 3, shape), [1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 0]);
  near(blur(new Float32Array(12).fill(0.5), 2, shape), new Float32Array(12).fill(0.5), 1e-6);
  assert.ok(noise(image, 5, true, 1).every((pixel) => pixel >= 0 && pixel <= 1));
});

test("numbers of all types are read", () => {
  const bytes = Uint8Array.of(
    1,
    255,
    0,
    0x3c,
    128 + 3,
    128 - 3,
    0,
    255,
    0,
    0,
    0,
    0,
    0,
    0,
    0x80,
    0x3f,
    128,
    127,
    1,
    2,
    0,
    0xff,
    0b1011,
    128,
    127,
  );
  const described = (shape, type, offset, size, scales, low) => ({ shape, type, offset, bytes: size, scales, low });
  const arrays = {
    raw: described([2], "uint8", 0, 2),
    half: described([1], "float16", 2, 2),
    one: described([1], "float32", 12, 4),
    two: described([2], "integer", 4, 4, "one"),
    three: described([2], "integer", 16, 6, "one"),
    narrow: described([1, 2], "integer", 4, 2, "one"),
    low: described([2], "integer", 22, 3, "one", 2),
  };
  const read = (name) => Array.from(readArray({ arrays }, bytes, name));
  assert.deepEqual(read("raw"), [1, 255]);
  assert.deepEqual(read("half"), [1]);
  assert.deepEqual(read("one"), [1]);
  assert.deepEqual(read("narrow"), [3, -3]);
  assert.deepEqual(read("two"), [3, -3 - 256]);
  assert.deepEqual(read("low"), [4 * 0 + 3, 4 * -1 + 2]);
  assert.deepEqual(read("three"), [256, -1 + 256 * (2 - 256)]);
});

test("the nearest units have the smallest angle", () => {
  const weights = new Matrix(new Float32Array([1, 10, 0, -1, 0, 1, 1, 0]), 2, 4);
  assert.deepEqual(neighbours(weights, 0, 2), [1, 2]);
});
