// Perturbations of images in [0, 1], as `deepbelief.robustness.perturbations` has them. Each gives a new image.

import { generatorOf } from "./random.js";

/**
 * x + std z, with z of mean 0 and standard deviation 1.
 * @param {ArrayLike<number>} image
 * @param {number} std
 * @param {boolean} clipped - whether the result is clipped to [0, 1]
 * @param {number | import("./random.js").Random} random
 * @returns {Float32Array}
 */
export function noise(image, std, clipped, random) {
  const numbers = generatorOf(random);
  const noisy = Float32Array.from(image, (pixel) => pixel + std * numbers.normal());
  return clipped ? noisy.map((pixel) => Math.min(Math.max(pixel, 0), 1)) : noisy;
}

/**
 * A square of 0, with its upper left corner at (row, column).
 * @param {ArrayLike<number>} image
 * @param {number} side - in pixels
 * @param {number} row
 * @param {number} column
 * @param {{height: number, width: number}} shape
 * @returns {Float32Array}
 */
export function occlude(image, side, row, column, { height, width }) {
  const hidden = Float32Array.from(image);
  for (let y = Math.max(row, 0); y < Math.min(row + side, height); y++) {
    for (let x = Math.max(column, 0); x < Math.min(column + side, width); x++) hidden[y * width + x] = 0;
  }
  return hidden;
}

/**
 * Gaussian blur, cut off at 4 standard deviations; beyond its edges the image goes on as its mirror image.
 * @param {ArrayLike<number>} image
 * @param {number} sigma - the standard deviation in pixels
 * @param {{height: number, width: number}} shape
 * @returns {Float32Array}
 */
export function blur(image, sigma, { height, width }) {
  const std = Math.min(sigma, 4 * Math.max(height, width)); // with a wider one the image is flat
  const radius = Math.floor(4 * std + 0.5);
  if (!(radius > 0)) return Float32Array.from(image);
  const weights = Float64Array.from({ length: 2 * radius + 1 }, (_, at) =>
    Math.exp((-0.5 * (at - radius) ** 2) / std ** 2),
  );
  const sum = weights.reduce((all, one) => all + one, 0);
  const kernel = weights.map((one) => one / sum);
  const down = along(Float64Array.from(image), kernel, height, width, width, 1);
  return Float32Array.from(along(down, kernel, width, height, 1, width));
}

/** The weighted mean of neighbours along `length` pixels that are `step` apart, for each of `lines` that are `apart`. */
function along(pixels, kernel, length, lines, step, apart) {
  const radius = (kernel.length - 1) / 2;
  const result = new Float64Array(pixels.length);
  for (let line = 0; line < lines; line++) {
    for (let at = 0; at < length; at++) {
      let sum = 0;
      for (let k = -radius; k <= radius; k++) {
        sum += kernel[k + radius] * pixels[line * apart + mirrored(at + k, length) * step];
      }
      result[line * apart + at * step] = sum;
    }
  }
  return result;
}

/** A place beyond the edge of a line, mirrored at the edge: ... 1 0 | 0 1 2 ... */
function mirrored(at, length) {
  const place = ((at % (2 * length)) + 2 * length) % (2 * length);
  return place < length ? place : 2 * length - 1 - place;
}

/**
 * factor x + (1 - factor) m, with m the mean of the image.
 * @param {ArrayLike<number>} image
 * @param {number} factor - the share of the contrast that is left: 1 changes nothing, 0 leaves the mean
 * @returns {Float32Array}
 */
export function contrast(image, factor) {
  let sum = 0;
  for (let at = 0; at < image.length; at++) sum += image[at];
  const mean = sum / image.length;
  return Float32Array.from(image, (pixel) => mean + factor * (pixel - mean));
}
