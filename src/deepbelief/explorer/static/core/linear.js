// Matrices and what is done with them. Vectors are Float64Array, so that sums are not rounded on the way.

/** A matrix of inputs x outputs, row after row: the weights W of an RBM (visible x hidden) or of a network's layer. */
export class Matrix {
  /**
   * @param {Float32Array} values - row after row
   * @param {number} rows - inputs
   * @param {number} columns - outputs
   */
  constructor(values, rows, columns) {
    this.values = values;
    this.rows = rows;
    this.columns = columns;
  }

  /**
   * x W, from inputs to outputs. Inputs of 0 are passed over; four rows at a time are added up.
   * @param {ArrayLike<number>} x - of length `rows`
   * @returns {Float64Array} of length `columns`
   */
  up(x) {
    const { values, rows, columns } = this;
    const sums = new Float64Array(columns);
    const used = new Int32Array(rows + 3); // rows whose input is not 0, and up to three times one that is
    let count = 0;
    let zero = -1;
    for (let row = 0; row < rows; row++) {
      if (x[row] !== 0) used[count++] = row;
      else zero = row;
    }
    const whole = zero < 0 ? count - (count % 4) : count;
    if (zero >= 0) used.fill(zero, count);
    for (let at = 0; at < whole; at += 4) addFour(sums, values, x, used, at, columns);
    for (let at = whole; at < count; at++) addRow(sums, values, used[at] * columns, x[used[at]]);
    return sums;
  }

  /**
   * W y, from outputs back to inputs: a sum over each row.
   * @param {ArrayLike<number>} y - of length `columns`
   * @returns {Float64Array} of length `rows`
   */
  down(y) {
    const { values, rows, columns } = this;
    const sums = new Float64Array(rows);
    const whole = columns - (columns % 4);
    for (let row = 0, at = 0; row < rows; row++) {
      // Four sums at a time: an addition need not wait for the one before.
      let [a, b, c, d] = [0, 0, 0, 0];
      for (let column = 0; column < whole; column += 4, at += 4) {
        a += values[at] * y[column];
        b += values[at + 1] * y[column + 1];
        c += values[at + 2] * y[column + 2];
        d += values[at + 3] * y[column + 3];
      }
      for (let column = whole; column < columns; column++, at++) a += values[at] * y[column];
      sums[row] = a + b + (c + d);
    }
    return sums;
  }

  /** The weights to output `column`. @param {number} column @returns {Float64Array} of length `rows` */
  column(column) {
    return Float64Array.from({ length: this.rows }, (_, row) => this.values[row * this.columns + column]);
  }

  /** The weights from input `row`. @param {number} row @returns {Float32Array} a view of length `columns` */
  row(row) {
    return this.values.subarray(row * this.columns, (row + 1) * this.columns);
  }
}

/** Add the rows `used[at]` to `used[at + 3]`, each times its input. */
function addFour(sums, values, x, used, at, columns) {
  const [p, q, r, s] = [used[at] * columns, used[at + 1] * columns, used[at + 2] * columns, used[at + 3] * columns];
  const [w, u, v, t] = [x[used[at]], x[used[at + 1]], x[used[at + 2]], x[used[at + 3]]];
  for (let column = 0; column < columns; column++) {
    sums[column] += w * values[p + column] + u * values[q + column] + (v * values[r + column] + t * values[s + column]);
  }
}

/** Add the row that starts at `start`, times `factor`. */
function addRow(sums, values, start, factor) {
  for (let column = 0; column < sums.length; column++) sums[column] += factor * values[start + column];
}

/** a . b @param {ArrayLike<number>} a @param {ArrayLike<number>} b @returns {number} */
export function dot(a, b) {
  let sum = 0;
  for (let at = 0; at < a.length; at++) sum += a[at] * b[at];
  return sum;
}

/** log sum exp(x), without overflow. @param {ArrayLike<number>} x @returns {number} */
export function logSumExp(x) {
  const largest = Math.max(...x);
  let sum = 0;
  for (let at = 0; at < x.length; at++) sum += Math.exp(x[at] - largest);
  return largest + Math.log(sum);
}

/** exp(x) / sum exp(x). @param {ArrayLike<number>} logits @returns {Float64Array} */
export function softmax(logits) {
  const total = logSumExp(logits);
  return Float64Array.from(logits, (one) => Math.exp(one - total));
}
