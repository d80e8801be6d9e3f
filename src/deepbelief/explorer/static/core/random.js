// Random numbers from a seed: the same seed gives the same numbers, in every browser and in node.

/** A generator of random numbers: `sfc32` (Doty-Humphrey 2010), which passes PractRand, from a seed of 32 bits. */
export class Random {
  /** @param {number} seed - a whole number */
  constructor(seed) {
    this.state = new Uint32Array([0x9e3779b9, 0x243f6a88, seed, 1]);
    for (let round = 0; round < 15; round++) this.next();
  }

  /** A whole number from 0 to 2^32 - 1. @returns {number} */
  next() {
    const [a, b, c, counter] = this.state;
    const result = (a + b + counter) >>> 0;
    this.state[3] = counter + 1;
    this.state[0] = b ^ (b >>> 9);
    this.state[1] = c + (c << 3);
    this.state[2] = ((c << 21) | (c >>> 11)) + result;
    return result;
  }

  /** A number from 0 to below 1. @returns {number} */
  uniform() {
    return this.next() / 2 ** 32;
  }

  /** A normal number of mean 0 and standard deviation 1 (Box & Muller 1958). @returns {number} */
  normal() {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }
}

/**
 * A generator from a seed; one that is a generator already stays as it is.
 * @param {number | Random} seed
 * @returns {Random}
 */
export function generatorOf(seed) {
  return seed instanceof Random ? seed : new Random(seed);
}
