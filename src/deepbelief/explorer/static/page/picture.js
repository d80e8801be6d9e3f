/** Drawing values as pixels of a canvas, which the style sheet makes as large as it wants. */

import { activeColour, grey, signedColour } from "./colours.js";
import { element } from "./dom.js";

/** A canvas that a screen reader announces with this label; without a label it is decoration. */
export function picture(label, style = "") {
  const about = label ? { role: "img", "aria-label": label } : { "aria-hidden": "true" };
  return element("canvas", { class: `picture ${style}`, width: 1, height: 1, ...about });
}

/** An image: black at 0, white at 1. */
export function paintImage(canvas, values, height, width) {
  paint(canvas, values, height, width, grey);
}

/** Weights or differences: orange below zero, purple above, as strong as the largest of them. */
export function paintSigned(canvas, values, height, width, scale = largest(values)) {
  paint(canvas, values, height, width, (value) => signedColour(scale > 0 ? value / scale : 0));
}

/** The units of a layer, row by row in a grid of so many columns. */
export function paintUnits(canvas, values, columns) {
  paint(canvas, values, Math.ceil(values.length / columns), columns, activeColour);
}

/** The columns of a grid that holds so many units and is about a half wider than high. */
export function gridColumns(units) {
  return Math.max(1, Math.ceil(Math.sqrt(units * 1.5)));
}

function paint(canvas, values, height, width, colour) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(width, height);
  for (let index = 0; index < values.length; index += 1) {
    const [red, green, blue] = colour(values[index]);
    pixels.data.set([red, green, blue, 255], 4 * index);
  }
  context.putImageData(pixels, 0, 0);
}

function largest(values) {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

/** The mean squared difference of two images. */
export function difference(one, other) {
  return one.reduce((sum, value, index) => sum + (value - other[index]) ** 2, 0) / one.length;
}
