// Gibbs chains in the top RBM, as `deepbelief.sampling` has them; they can be stopped and changed at every step.

import { softmax } from "./linear.js";
import { generatorOf } from "./random.js";

/**
 * A chain. Each step draws h ~ p(h | v) and v ~ p(v | h) of the top RBM; the image is what goes down from there.
 *
 * A chain from nothing is annealed, so that it reaches any kind of image soon. With a mask the known pixels are kept: as
 * in `inpainting_frames`, the first steps anneal the first RBM alone, the later ones go up by samples, make a step in the
 * top RBM, go down by samples and put the known pixels back.
 */
export class Chain {
  /**
   * @param {{stack: import("./stack.js").Stack, top: object, values: number}} model - the layers below the top RBM, the
   *   top RBM, and how many of its visible units are no labels
   * @param {{start?: ArrayLike<number>, label?: number, clamp?: {mask: ArrayLike<number>, image: ArrayLike<number>},
   *   temperature?: number, random?: number | object, anneal?: number}} options - `anneal`: in how many first steps
   *   the weights grow to their full strength and the chain comes to rest; 60 unless it starts from an image
   */
  constructor({ stack, top, values }, options = {}) {
    this.stack = stack;
    this.top = top;
    this.values = values;
    this.below = stack.rbms.length;
    this.classes = top.weights.rows - values;
    this.label = options.label ?? null;
    this.temperature = options.temperature ?? 1;
    this.random = generatorOf(options.random ?? 0);
    this.steps = 0;
    this.anneal = options.anneal ?? (options.start && !options.clamp ? 0 : 60);
    this.known = options.clamp ? Array.from(options.clamp.mask, Boolean) : null;
    this.given = options.clamp ? this.stack.enter(Float64Array.from(options.clamp.image)).output : null;
    this.clampedImage = options.clamp ? Float64Array.from(options.clamp.image) : null;
    this.begin(options.start ?? null);
  }

  /** Begin at an image, or from nothing: independent units with the biases of the top RBM. */
  begin(start) {
    const nothing = new Float64Array(this.top.weights.rows);
    this.visible = this.sampleVisible(nothing).sample;
    if (start !== null && this.known === null) {
      const image = this.stack.enter(Float64Array.from(start)).output;
      this.visible.set(this.stack.sampleUp(image, this.below, this.random));
    }
    this.mean = this.visible;
    this.hidden = new Float64Array(this.top.weights.columns);
    if (this.known === null) return;
    const first = this.below ? this.stack.rbms[0] : this.top;
    const drawn = first.visible.sample(new Float64Array(first.weights.rows), this.random);
    this.pixels = this.reset(drawn.subarray(0, this.known.length));
    if (this.below === 0) this.visible.set(this.pixels);
  }

  /** Values of the first RBM with the known ones put back. */
  reset(values) {
    return values.map((one, at) => (this.known[at] ? this.given[at] : one));
  }

  /**
   * v ~ p(v | field), and its mean; the label's units are one group, of which one is 1, or which is clamped.
   * @param {Float64Array} field
   * @returns {{sample: Float64Array, mean: Float64Array}}
   */
  sampleVisible(field) {
    const { visible } = this.top;
    const sample = visible.sample(field, this.random, this.temperature);
    const mean = visible.mean(field);
    if (this.classes === 0) return { sample, mean };
    const logits = field.slice(this.values).map((one, y) => (one + visible.bias[this.values + y]) / this.temperature);
    this.labelMeans = softmax(logits);
    const chosen = this.label ?? draw(this.labelMeans, this.random);
    for (let y = 0; y < this.classes; y++) sample[this.values + y] = mean[this.values + y] = y === chosen ? 1 : 0;
    return { sample, mean };
  }

  /** @param {number} count - how many steps */
  step(count = 1) {
    for (let number = 0; number < count; number++) {
      if (this.known === null || this.below === 0) this.stepTop();
      else if (this.steps < this.anneal) this.stepFirst();
      else this.stepThrough();
      this.steps++;
    }
  }

  /** The share of the weights and hidden biases that the present step has: from 0 to 1 in half of the first steps. */
  beta() {
    return this.anneal > 0 ? Math.min(1, (2 * this.steps) / this.anneal) : 1;
  }

  /** h ~ p_beta(h | v), as of `AnnealedPath`. */
  sampleHidden({ weights, hidden }, visible, beta) {
    const field = weights.up(visible).map((one, at) => beta * one - (1 - beta) * hidden.bias[at]);
    return hidden.sample(field, this.random, this.temperature);
  }

  /** A Gibbs step of the top RBM. */
  stepTop() {
    const beta = this.known === null || this.below === 0 ? this.beta() : 1;
    this.hidden = this.sampleHidden(this.top, this.visible, beta);
    const { sample, mean } = this.sampleVisible(this.top.weights.down(this.hidden).map((one) => beta * one));
    this.visible = sample;
    this.mean = mean;
    if (this.known === null || this.below > 0) return;
    for (let at = 0; at < this.known.length; at++) if (this.known[at]) sample[at] = mean[at] = this.given[at];
  }

  /** A step of the first RBM alone, whose weights and hidden biases grow to their full strength. */
  stepFirst() {
    const [rbm, beta] = [this.stack.rbms[0], this.beta()];
    const signal = rbm.weights.down(this.sampleHidden(rbm, this.pixels, beta)).map((one) => beta * one);
    this.pixels = this.reset(rbm.visible.sample(signal, this.random, this.temperature));
    this.shown = this.reset(rbm.visible.mean(signal));
  }

  /** Up by samples, a step of the top RBM, down by samples, the known pixels put back. */
  stepThrough() {
    this.visible.set(this.stack.sampleUp(this.pixels, this.below, this.random, this.temperature));
    this.stepTop();
    const state = this.visible.subarray(0, this.values);
    this.pixels = this.reset(this.stack.sampleDown(state, this.below, this.random, 0, this.temperature));
    this.shown = null;
  }

  /**
   * The image of the present state: down by means, or by samples of all hidden layers.
   * @param {boolean} samples
   * @returns {Float64Array}
   */
  image(samples = false) {
    const image = this.shown ? this.stack.leave(this.shown).output : this.decoded(samples);
    return this.known === null ? image : image.map((one, at) => (this.known[at] ? this.clampedImage[at] : one));
  }

  decoded(samples) {
    const { stack, below } = this;
    if (!samples) return stack.decoder(below)(this.mean.slice(0, this.values)).output;
    const state = this.visible.slice(0, this.values);
    if (below === 0) return stack.leave(state).output;
    return stack.decoder(1)(stack.sampleDown(state, below, this.random, 1, this.temperature)).output;
  }

  /** p(y | h) of the present state, if there are labels. @returns {Float64Array | null} */
  labelProbabilities() {
    return this.classes ? this.labelMeans : null;
  }
}

/** A number drawn with these probabilities. */
function draw(probabilities, random) {
  let left = random.uniform();
  for (let at = 0; at < probabilities.length - 1; at++) {
    left -= probabilities[at];
    if (left < 0) return at;
  }
  return probabilities.length - 1;
}
