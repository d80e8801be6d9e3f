// The weights as they travel: text in the page -> bytes -> typed arrays. `encoding.py` is the other direction.

const DIGITS = 125; // ASCII without NUL, carriage return and <
const FOURTEEN = DIGITS ** 2 - 2 ** 13;

/** The digit that a character stands for. @param {number} code - of the character @returns {number} */
function digitOf(code) {
  if (code > 60) return code - 3;
  return code > 13 ? code - 2 : code - 1;
}

/**
 * The bytes in the text of the page. Two characters are the digits of a number, the lower one first; it holds 14 bits, or
 * 13 if these are no less than FOURTEEN. What the bits make up is compressed.
 * @param {string} text
 * @param {number} length - how many bytes of compressed data there are
 * @returns {Promise<Uint8Array>} the uncompressed bytes
 */
export async function unpack(text, length) {
  const compressed = new Uint8Array(length);
  let held = 0; // bits that are not yet part of a byte
  let bits = 0; // how many of them
  let at = 0;
  for (let position = 0; at < length; position += 2) {
    const number = digitOf(text.charCodeAt(position)) + DIGITS * digitOf(text.charCodeAt(position + 1));
    held |= number << bits;
    bits += (number & 8191) < FOURTEEN ? 14 : 13;
    for (; bits >= 8; bits -= 8) {
      compressed[at++] = held;
      held >>= 8;
    }
  }
  const stream = new Blob([compressed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * One array of the block, as numbers; see `encoding.py` for what the types are.
 * @param {{arrays: Object<string, {shape: number[], type: string, offset: number, bytes: number, scales?: string, low?: number}>}} header
 * @param {Uint8Array} bytes - the block
 * @param {string} name
 * @returns {Float32Array} row after row
 */
export function readArray(header, bytes, name) {
  const { shape, type, offset, bytes: size, scales, low = 0 } = header.arrays[name];
  const count = shape.reduce((product, length) => product * length, 1);
  const planes = bytes.subarray(offset, offset + size);
  if (type === "uint8") return Float32Array.from(planes);
  if (type === "integer") return fromIntegers(planes, count, low, readArray(header, bytes, scales));
  if (type === "float16") return fromFloat16(planes, count);
  return fromFloat32(planes, count);
}

/** The bytes of each number next to each other: byte k of all numbers lies in plane k. */
function joined(planes, count) {
  const width = count ? planes.length / count : 1;
  const together = new Uint8Array(planes.length);
  for (let plane = 0; plane < width; plane++) {
    for (let at = 0; at < count; at++) together[at * width + plane] = planes[plane * count + at];
  }
  return new DataView(together.buffer);
}

function fromFloat32(planes, count) {
  const view = joined(planes, count);
  return Float32Array.from({ length: count }, (_, at) => view.getFloat32(4 * at, true));
}

/** Half precision: a sign, 5 bits of exponent, 10 bits of fraction; by a table of all of them. */
function fromFloat16(planes, count) {
  const table = new Float32Array(1 << 16);
  for (let half = 0; half < table.length; half++) {
    const exponent = (half >> 10) & 31;
    const fraction = half & 1023;
    const size = exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24;
    table[half] = half >> 15 ? -size : size;
  }
  const values = new Float32Array(count);
  for (let at = 0; at < count; at++) values[at] = table[planes[at] | (planes[count + at] << 8)];
  return values;
}

/**
 * Whole numbers times the scale of their column. First come planes of the `low` last bits, with eight numbers in a byte;
 * what is left has a plane of its own, and one or two more for what does not fit from -128 to 127.
 */
function fromIntegers(content, count, low, scales) {
  const values = new Float32Array(count);
  const eighth = Math.ceil(count / 8);
  const planes = content.subarray(low * eighth);
  const width = planes.length / count;
  for (let at = 0, column = 0; at < count; at++) {
    let whole = 0; // from the highest plane, which has the sign
    if (width > 1) whole = (planes[(width - 1) * count + at] << 24) >> 24;
    if (width > 2) whole = 256 * whole + planes[count + at];
    whole = 256 * whole + planes[at] - 128;
    for (let bit = low - 1; bit >= 0; bit--) {
      whole = 2 * whole + ((content[bit * eighth + (at >> 3)] >> (at & 7)) & 1);
    }
    values[at] = whole * scales[column];
    if (++column === scales.length) column = 0;
  }
  return values;
}
