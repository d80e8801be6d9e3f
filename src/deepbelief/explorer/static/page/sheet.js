/** All test images side by side in one picture, of which each thumbnail shows its part: a browser draws many canvases slowly. */

import { element } from "./dom.js";
import { paintImage } from "./picture.js";

const COLUMNS = 10;

/** The picture of the test images, made once. @param {Object} book @returns {{url: string, rows: number, shape: string}} */
export function sheetOf(book) {
  book.sheet ??= made(book);
  return book.sheet;
}

function made({ images, count, height, width }) {
  const rows = Math.ceil(count / COLUMNS);
  const values = new Float32Array(rows * height * COLUMNS * width);
  for (let index = 0; index < count; index += 1) {
    const left = (index % COLUMNS) * width;
    const top = Math.floor(index / COLUMNS) * height;
    for (let row = 0; row < height; row += 1) {
      const start = (index * height + row) * width;
      values.set(images.pixels.subarray(start, start + width), (top + row) * COLUMNS * width + left);
    }
  }
  const canvas = element("canvas");
  paintImage(canvas, values, rows * height, COLUMNS * width);
  const bytes = Uint8Array.from(atob(canvas.toDataURL().split(",")[1]), (one) => one.charCodeAt(0));
  const url = URL.createObjectURL(new Blob([bytes], { type: "image/png" })); // short, for it is set a hundred times
  return { url, rows, shape: `${width} / ${height}` };
}

/** Show one image of the sheet as the background of an element. */
export function showFrom({ url, rows, shape }, node, index) {
  const share = (place, places) => `${(100 * place) / Math.max(1, places - 1)}%`;
  Object.assign(node.style, {
    aspectRatio: shape,
    backgroundImage: `url(${url})`,
    backgroundSize: `${100 * COLUMNS}% ${100 * rows}%`,
    backgroundPosition: `${share(index % COLUMNS, COLUMNS)} ${share(Math.floor(index / COLUMNS), rows)}`,
  });
}
