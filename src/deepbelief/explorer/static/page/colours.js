/** Colours of values. Pictures look the same on a dark page and on a light one: they are data, not decoration. */

const ACTIVE = [
  [16, 24, 38],
  [31, 79, 128],
  [88, 168, 222],
  [240, 248, 255],
];
const SIGNED = [
  [179, 88, 6],
  [241, 163, 64],
  [247, 247, 247],
  [153, 142, 195],
  [84, 39, 136],
];

/** Black at 0, white at 1. */
export function grey(value) {
  const shade = Math.round(255 * Math.min(1, Math.max(0, value)));
  return [shade, shade, shade];
}

/** How active a unit is, from 0 (dark) to 1 (light). */
export function activeColour(value) {
  return along(ACTIVE, value);
}

/** Orange below 0, white at 0, purple above, for values from -1 to 1. */
export function signedColour(value) {
  return along(SIGNED, (value + 1) / 2);
}

function along(stops, value) {
  const place = Math.min(1, Math.max(0, value)) * (stops.length - 1);
  const below = Math.min(stops.length - 2, Math.floor(place));
  const part = place - below;
  return stops[below].map((start, index) => Math.round(start + part * (stops[below + 1][index] - start)));
}

/** Contestants that have the same colour on every page, and in the report. */
const NAMED = ["ffnn", "finetuned", "labelled", "robust_readout", "all_layers", "mlp_head", "random_start"];

/** The class of style for a contestant, which gives it its colour in words, curves and tables. */
export function contestantStyle(name, index) {
  return NAMED.includes(name) ? `who-${name}` : `who-${(index % 6) + 1}`;
}

/** The class of style for a class of images, by its number. */
export function classStyle(label) {
  return `kind-${label % 10}`;
}
