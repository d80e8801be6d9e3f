// The weights as they travel: text in the page -> bytes -> typed arrays. `encoding.py` is the other direction.

/** By the code of a character its digit: all ASCII but NUL, carriage return and < stand for one. */
const DIGIT_OF = Uint8Array.from({ length: 128 }, (_, code) => code - 1 - (code > 13) - (code > 60));
const DIGITS = 125;
const FOURTEEN = DIGITS ** 2 - 2 ** 13;

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
    const number = DIGIT_OF[text.charCodeAt(position)] + DIGITS * DIGIT_OF[text.charCodeAt(position + 1)];
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

/** 2^(exponent - 25), for every exponent of a number in half precision. */
const POWERS = Float32Array.from({ length: 32 }, (_, exponent) => 2 ** (exponent - 25));

/** Half precision: a sign, 5 bits of exponent, 10 bits of fraction. */
function fromFloat16(planes, count) {
  const values = new Float32Array(count);
  for (let at = 0; at < count; at++) {
    const half = planes[at] | (planes[count + at] << 8);
    const exponent = (half >> 10) & 31;
    const fraction = half & 1023;
    const size = exponent ? (1024 + fraction) * POWERS[exponent] : fraction * POWERS[1];
    values[at] = half >> 15 ? -size : size;
  }
  return values;
}

/**
 * Whole numbers times the scale of their column. First come the `low` last bits, those of several numbers in a byte; what
 * is left of each has a plane of its own, and one or two more for what does not fit from -128 to 127.
 */
function fromIntegers(content, count, low, scales) {
  const values = new Float32Array(count);
  const planes = content.subarray(Math.ceil((count * low) / 8));
  const width = planes.length / count;
  const mask = 2 ** low - 1;
  for (let at = 0, column = 0; at < count; at++) {
    let whole = 0; // from the highest plane, which has the sign
    if (width > 1) whole = (planes[(width - 1) * count + at] << 24) >> 24;
    if (width > 2) whole = 256 * whole + planes[count + at];
    whole = 256 * whole + planes[at] - 128;
    if (low) whole = (mask + 1) * whole + ((content[(at * low) >> 3] >> ((at * low) & 7)) & mask);
    values[at] = whole * scales[column];
    if (++column === scales.length) column = 0;
  }
  return values;
}
