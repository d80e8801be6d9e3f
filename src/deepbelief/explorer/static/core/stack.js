// A DBN: a stack of RBMs, between images in [0, 1] and hidden layers.

import { readArray } from "./block.js";
import { Matrix } from "./linear.js";
import { chained, downwards, scaled, upwards } from "./steps.js";
import { Bernoulli, Gaussian } from "./units.js";

/** The arrays of the block as objects of the core. */
export class Reader {
  /** @param {object} header @param {Uint8Array} bytes */
  constructor(header, bytes) {
    this.header = header;
    this.bytes = bytes;
    this.read = new Map(); // those that several parts share are read once
  }

  /** @param {string} name @returns {Float32Array} */
  array(name) {
    if (!this.read.has(name)) this.read.set(name, readArray(this.header, this.bytes, name));
    return this.read.get(name);
  }

  /** @param {string} name @returns {Matrix} */
  matrix(name) {
    const [rows, columns] = this.header.arrays[name].shape;
    return new Matrix(this.array(name), rows, columns);
  }

  /** @param {{kind: string, bias: string, log_precision?: string}} units @returns {Bernoulli | Gaussian} */
  units({ kind, bias, log_precision: precision }) {
    if (kind === "Gaussian") return new Gaussian(this.array(bias), this.array(precision));
    return new Bernoulli(this.array(bias));
  }

  /** @param {{weights: string, visible: object, hidden: object}} layer */
  rbm({ weights, visible, hidden }) {
    return { weights: this.matrix(weights), visible: this.units(visible), hidden: this.units(hidden) };
  }
}

/** A stack of RBMs; layer 0 is the image, layer l the l-th hidden one. All passes use means. */
export class Stack {
  /**
   * @param {object[]} rbms - from layer 1 up
   * @param {import("./steps.js").Step} enter - an image -> visible values of the first RBM
   * @param {import("./steps.js").Step} leave - and back
   */
  constructor(rbms, enter, leave) {
    this.rbms = rbms;
    this.enter = enter;
    this.leave = leave;
  }

  /** From an image to hidden layer `layer`. @param {number} layer @returns {import("./steps.js").Step} */
  encoder(layer) {
    return chained([this.enter, ...this.rbms.slice(0, layer).map(upwards)]);
  }

  /** From layer `layer` to an image. @param {number} layer @returns {import("./steps.js").Step} */
  decoder(layer) {
    return chained([...this.rbms.slice(0, layer).reverse().map(downwards), this.leave]);
  }

  /** `passes` times up to a layer and back. @returns {import("./steps.js").Step} */
  reconstruction(layer, passes) {
    return chained(Array.from({ length: passes }, () => [this.encoder(layer), this.decoder(layer)]).flat());
  }

  /** The means of all layers from layer 1 up. @param {ArrayLike<number>} image @returns {Float64Array[]} */
  activities(image) {
    const found = [this.enter(Float64Array.from(image)).output];
    for (const rbm of this.rbms) found.push(upwards(rbm)(found[found.length - 1]).output);
    return found.slice(1);
  }

  /** By samples from visible values of the first RBM up to a layer. */
  sampleUp(values, layer, random, temperature = 1) {
    let state = values;
    for (const rbm of this.rbms.slice(0, layer)) state = rbm.hidden.sample(rbm.weights.up(state), random, temperature);
    return state;
  }

  /** By samples from a layer down to layer `end`. */
  sampleDown(state, layer, random, end = 0, temperature = 1) {
    for (const rbm of this.rbms.slice(end, layer).reverse()) {
      state = rbm.visible.sample(rbm.weights.down(state), random, temperature);
    }
    return state;
  }
}

/**
 * The steps between images in [0, 1] and the values of the first RBM: x = low + (high - low) image, standardised.
 * @param {Reader} reader
 * @returns {{enter: import("./steps.js").Step, leave: import("./steps.js").Step}}
 */
export function border(reader) {
  const { bounds, standardisation, image } = reader.header;
  const width = image.height * image.width;
  const span = bounds[1] - bounds[0];
  const mean = standardisation ? reader.array(standardisation.mean) : new Float32Array(width);
  const scale = standardisation ? reader.array(standardisation.scale) : new Float32Array(width).fill(1);
  const divisor = Float64Array.from(scale, (one) => (one > 0 ? one : Infinity));
  const shift = Float64Array.from(mean, (one, at) => (bounds[0] - one) / divisor[at]);
  return {
    enter: scaled(
      divisor.map((one) => span / one),
      shift,
    ),
    leave: scaled(
      Float64Array.from(scale, (one) => one / span),
      Float64Array.from(mean, (one) => (one - bounds[0]) / span),
    ),
  };
}
