// The kinds of units of a layer: p(x | field) = exp(field . x - E(x)) / sum over x, as in `deepbelief.models.units`.

/** 1 / (1 + exp(-x)) @param {number} x @returns {number} */
export function sigmoid(x) {
  return 1 / (1 + Math.exp(-x));
}

/** log(1 + exp(x)), without overflow. @param {number} x @returns {number} */
export function softplus(x) {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

/** Binary units: E(x) = -a . x, p(x = 1 | field) = sigmoid(a + field). */
export class Bernoulli {
  /** @param {Float32Array} bias - a */
  constructor(bias) {
    this.bias = bias;
  }

  /** E[x | field]. @param {Float64Array} field @returns {Float64Array} */
  mean(field) {
    return field.map((one, at) => sigmoid(one + this.bias[at]));
  }

  /** d mean / d field, from the mean. @param {number} mean @returns {number} */
  slope(mean) {
    return mean * (1 - mean);
  }

  /**
   * x ~ p(x | field) of the energy divided by the temperature.
   * @param {Float64Array} field @param {import("./random.js").Random} random @param {number} temperature
   * @returns {Float64Array}
   */
  sample(field, random, temperature = 1) {
    return field.map((one, at) => (random.uniform() < sigmoid((one + this.bias[at]) / temperature) ? 1 : 0));
  }

  /** E(x) @param {ArrayLike<number>} x @returns {number} */
  energy(x) {
    let sum = 0;
    for (let at = 0; at < x.length; at++) sum -= this.bias[at] * x[at];
    return sum;
  }

  /** log sum over x of exp(field . x - E(x)) @param {Float64Array} field @returns {number} */
  logPartition(field) {
    let sum = 0;
    for (let at = 0; at < field.length; at++) sum += softplus(field[at] + this.bias[at]);
    return sum;
  }
}

/** Real units of precision g: E(x) = sum g x^2 / 2 - a x, normal with mean (a + field) / g and variance 1 / g. */
export class Gaussian {
  /** @param {Float32Array} bias - a @param {Float32Array} logPrecision - log g */
  constructor(bias, logPrecision) {
    this.bias = bias;
    this.logPrecision = logPrecision;
    this.variance = Float64Array.from(logPrecision, (one) => Math.exp(-one));
  }

  /** E[x | field]. @param {Float64Array} field @returns {Float64Array} */
  mean(field) {
    return field.map((one, at) => (one + this.bias[at]) * this.variance[at]);
  }

  /** d mean / d field of unit `at`. @param {number} _mean @param {number} at @returns {number} */
  slope(_mean, at) {
    return this.variance[at];
  }

  /** As of `Bernoulli`: with the temperature the variance grows. */
  sample(field, random, temperature = 1) {
    const mean = this.mean(field);
    return mean.map((one, at) => one + Math.sqrt(temperature * this.variance[at]) * random.normal());
  }

  /** E(x) @param {ArrayLike<number>} x @returns {number} */
  energy(x) {
    let sum = 0;
    for (let at = 0; at < x.length; at++) sum += (x[at] * x[at]) / (2 * this.variance[at]) - this.bias[at] * x[at];
    return sum;
  }

  /** log of the integral over x of exp(field . x - E(x)) @param {Float64Array} field @returns {number} */
  logPartition(field) {
    let sum = 0;
    for (let at = 0; at < field.length; at++) {
      const moved = field[at] + this.bias[at];
      sum += (moved * moved * this.variance[at] + Math.log(2 * Math.PI) - this.logPrecision[at]) / 2;
    }
    return sum;
  }
}
