// The weights as they travel: text in the page -> bytes -> typed arrays. `encoding.py` is the other direction.

/**
 * The bytes in the text of the page: each character carries 7 bits, and what they hold is compressed.
 * @param {string} text - characters with codes up to 188; 128 is added to those that HTML would change
 * @param {number} length - how many bytes of compressed data there are
 * @returns {Promise<Uint8Array>} the uncompressed bytes
 */
export async function unpack(text, length) {
  const compressed = new Uint8Array(length);
  let held = 0; // bits that are not yet part of a byte
  let bits = 0; // how many of them
  let at = 0;
  for (let position = 0; at < length; position++) {
    held = ((held << 7) | (text.charCodeAt(position) & 127)) & 0x3fff;
    bits += 7;
    if (bits >= 8) {
      bits -= 8;
      compressed[at++] = held >> bits;
    }
  }
  const stream = new Blob([compressed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * One array of the block, as numbers; see `encoding.py` for what the types are.
 * @param {{arrays: Object<string, {shape: number[], type: string, offset: number, bytes: number, scales?: string}>}} header
 * @param {Uint8Array} bytes - the block
 * @param {string} name
 * @returns {Float32Array} row after row
 */
export function readArray(header, bytes, name) {
  const { shape, type, offset, bytes: size, scales } = header.arrays[name];
  const count = shape.reduce((product, length) => product * length, 1);
  const planes = bytes.subarray(offset, offset + size);
  if (type === "uint8") return Float32Array.from(planes);
  if (type === "integer") return fromIntegers(planes, count, readArray(header, bytes, scales));
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

/** Whole numbers times the scale of their column; one or two more planes hold what does not fit from -128 to 127. */
function fromIntegers(planes, count, scales) {
  const values = new Float32Array(count);
  const width = planes.length / count;
  for (let at = 0, column = 0; at < count; at++) {
    let rest = 0; // from the highest plane, which has the sign
    if (width > 1) rest = (planes[(width - 1) * count + at] << 24) >> 24;
    if (width > 2) rest = 256 * rest + planes[count + at];
    values[at] = (planes[at] - 128 + 256 * rest) * scales[column];
    if (++column === scales.length) column = 0;
  }
  return values;
}
