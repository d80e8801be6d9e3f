// The model of a page: everything that can be asked of it. No page, no framework; worker.js answers for it.

import { fgsm, look, pgd } from "./core/attack.js";
import { unpack } from "./core/block.js";
import { Chain } from "./core/chain.js";
import { energies, highest, neighbours, receptiveField, topDownEffect } from "./core/insight.js";
import { dot, softmax } from "./core/linear.js";
import { border, Reader, Stack } from "./core/stack.js";
import { chained, dense, features, labelled } from "./core/steps.js";

/** @typedef {{defence?: number, layer?: number, aware?: boolean}} Look - `defence`: how many passes up and down before */

/** The models in a payload. Images are Float32Array in [0, 1]. */
export class Model {
  /** @param {object} header @param {Uint8Array} bytes - the block */
  constructor(header, bytes) {
    this.header = header;
    this.reader = new Reader(header, bytes);
    this.border = border(this.reader);
    this.stack = this.stackOf(header.dbn);
    this.layers = this.stack.rbms.length;
    this.contestants = header.contestants.map(({ name, title }) => ({ name, title }));
    this.steps = new Map(header.contestants.map((one) => [one.name, this.classifierOf(one)]));
    this.states = new Map();
  }

  stackOf(described) {
    return new Stack(
      described.layers.map((layer) => this.reader.rbm(layer)),
      this.border.enter,
      this.border.leave,
    );
  }

  /** A contestant as a step from images to logits. */
  classifierOf(contestant) {
    if (contestant.kind === "labelled") return this.labelledOf(this.header.labelled);
    const { kind, activation, layers, seen } = contestant;
    const network = layers.map(({ weights, bias }, at) => {
      const own = at === layers.length - 1 ? "none" : activation;
      return dense(this.reader.matrix(weights), this.reader.array(bias), own);
    });
    const before = kind === "readout" ? [features(this.stack.rbms, seen)] : [];
    return chained([this.border.enter, ...before, ...network]);
  }

  labelledOf({ below, recognition, top, classes }) {
    const encoder = this.stackOf(recognition ?? below);
    this.labelStack = this.stackOf(below);
    this.labelTop = this.reader.rbm(top);
    const values = this.labelTop.weights.rows - classes;
    const step = labelled(this.labelTop, this.labelTop.visible.bias.subarray(values));
    return chained([encoder.encoder(encoder.rbms.length), step]);
  }

  /** The means of all layers, from layer 1 up. @param {ArrayLike<number>} image @returns {Float32Array[]} */
  activities(image) {
    return this.stack.activities(image).map((one) => Float32Array.from(one));
  }

  /** @param {number} layer @param {ArrayLike<number>} activities @returns {Float32Array} an image */
  down(layer, activities) {
    return Float32Array.from(this.stack.decoder(layer)(Float64Array.from(activities)).output);
  }

  /** @param {ArrayLike<number>} image @param {number} layer @param {number} passes @returns {Float32Array} an image */
  reconstruct(image, layer = this.layers, passes = 1) {
    return Float32Array.from(this.stack.reconstruction(layer, passes)(Float64Array.from(image)).output);
  }

  /** A contestant, behind the defence if there is one. @param {string} name @param {Look} look */
  classifier(name, { defence = 0, layer = this.layers } = {}) {
    const bare = this.steps.get(name);
    return defence ? chained([this.stack.reconstruction(layer, defence), bare]) : bare;
  }

  /** @param {string} name @param {ArrayLike<number>} image @param {Look} options @returns {Float32Array} of the classes */
  probabilities(name, image, options = {}) {
    return Float32Array.from(softmax(this.classifier(name, options)(Float64Array.from(image)).output));
  }

  /** What an attacker sees: the defence only if aware of it. */
  attacked(name, { aware = true, ...options }) {
    return this.classifier(name, aware ? options : {});
  }

  /** The gradient of the cross-entropy in the image. @returns {Float32Array} */
  gradient(name, image, label, options = {}) {
    return Float32Array.from(look(this.attacked(name, options), image, label).gradient);
  }

  /** @returns {Float32Array} the attacked image */
  fgsm(name, image, label, epsilon, options = {}) {
    return fgsm(this.attacked(name, options), image, label, epsilon);
  }

  /** @returns {Float32Array} the attacked image */
  pgd(name, image, label, options) {
    return pgd(this.attacked(name, options), image, label, options);
  }

  /** A chain in the top RBM: that with labels, if there is one. @returns {Chain} */
  chain(options = {}) {
    if (this.labelTop) {
      const values = this.labelTop.weights.rows - this.header.labelled.classes;
      return new Chain({ stack: this.labelStack, top: this.labelTop, values }, options);
    }
    const below = new Stack(this.stack.rbms.slice(0, -1), this.border.enter, this.border.leave);
    const top = this.stack.rbms[this.layers - 1];
    return new Chain({ stack: below, top, values: top.weights.rows }, options);
  }

  /** Images on the way between two, whose fields of a layer are interpolated (`interpolate`). @returns {Float32Array[]} */
  walk(first, second, layer = this.layers, count = 10) {
    const rbm = this.stack.rbms[layer - 1];
    const encode = this.stack.encoder(layer - 1);
    const [from, to] = [first, second].map((image) => rbm.weights.up(encode(Float64Array.from(image)).output));
    return Array.from({ length: count }, (_, number) => {
      const share = number / Math.max(1, count - 1);
      return this.down(layer, rbm.hidden.mean(from.map((one, at) => one + share * (to[at] - one))));
    });
  }

  /** The weights from the pixels to a unit, those of a deeper layer through the layers below. @returns {Float32Array} */
  receptive(layer, index) {
    return Float32Array.from(receptiveField(this.stack, layer, index));
  }

  /** What a unit has learnt. @returns {{receptive: Float32Array, topDown: Float32Array, neighbours: number[], bias: number}} */
  unit(layer, index) {
    const rbm = this.stack.rbms[layer - 1];
    const states = this.statesOf(layer).slice(0, 20);
    return {
      receptive: this.receptive(layer, index),
      topDown: Float32Array.from(topDownEffect(this.stack, layer, index, states)),
      neighbours: neighbours(rbm.weights, index, 8),
      bias: rbm.hidden.bias[index],
    };
  }

  /** The payload's images that excite a unit most. @returns {number[]} their places, the strongest first */
  strongest(layer, index, count) {
    return highest(
      Float64Array.from(this.statesOf(layer), (state) => state[index]),
      count,
    );
  }

  /** The means of a layer for some of the payload's images, evenly spread over the classes; computed once. */
  statesOf(layer) {
    if (!this.header.images) return [new Float64Array(this.stack.rbms[layer - 1].weights.columns).fill(0.5)];
    if (!this.states.size) {
      const all = this.images().list.map((image) => this.stack.activities(image));
      for (let number = 1; number <= this.layers; number++)
        this.states.set(
          number,
          all.map((one) => one[number - 1]),
        );
    }
    return this.states.get(layer);
  }

  /** @returns {{freeEnergy: number, energies: number[]}} of the first layer, and of every RBM at the means */
  energy(image) {
    let values = this.border.enter(Float64Array.from(image)).output;
    const found = this.stack.rbms.map((rbm) => {
      const one = energies(rbm, values);
      values = one.hidden;
      return one;
    });
    return { freeEnergy: found[0].free, energies: found.map((one) => one.energy) };
  }

  /** Where an image stands on the map of a layer. @returns {[number, number]} */
  mapPoint(layer, image) {
    const { mean, components } = this.header.maps[layer - 1];
    const moved = this.stack.activities(image)[layer - 1].map((one, at) => one - this.reader.array(mean)[at]);
    const directions = this.reader.matrix(components);
    return [dot(directions.row(0), moved), dot(directions.row(1), moved)];
  }

  /** The payload's images. @returns {{pixels: Float32Array, labels: number[] | null, list: Float32Array[]}} */
  images() {
    const { pixels, maximum, labels } = this.header.images;
    const width = this.header.image.height * this.header.image.width;
    const scaled = this.reader.array(pixels).map((one) => one / maximum);
    const list = Array.from({ length: scaled.length / width }, (_, at) =>
      scaled.subarray(at * width, (at + 1) * width),
    );
    return { pixels: scaled, labels: labels ? Array.from(this.reader.array(labels)) : null, list };
  }

  /** The points of the maps. @returns {{layer: number, points: Float32Array, labels: number[] | null}[]} */
  maps() {
    return this.header.maps.map(({ layer, points, labels }) => ({
      layer,
      points: this.reader.array(points),
      labels: labels ? Array.from(this.reader.array(labels)) : null,
    }));
  }
}

/**
 * The model in the text of a page.
 * @param {object} header @param {string} text - of the weights
 * @returns {Promise<Model>}
 */
export async function load(header, text) {
  return new Model(header, await unpack(text, header.block.packed));
}
