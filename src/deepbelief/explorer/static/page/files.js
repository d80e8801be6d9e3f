/** A picture from a file of the user: made grey, shrunk to the network's size, and read without leaving the page. */

/** The values of a picture file in [0, 1], fitted into the image; null for a file that is not a picture. */
export async function imageOfFile(file, height, width) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    return null;
  }
  const values = shrunk(bitmap, height, width);
  bitmap.close();
  return values;
}

/** The picture on a ground of the same colour as its own edge, so that what is not square gets no frame. */
function shrunk(bitmap, height, width) {
  const filled = pixelsOf(bitmap, height, width, width, height, 0);
  const scale = Math.min(width / bitmap.width, height / bitmap.height);
  return pixelsOf(bitmap, height, width, bitmap.width * scale, bitmap.height * scale, edgeMean(filled, height, width));
}

function pixelsOf(bitmap, height, width, wide, high, ground) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const shade = Math.round(255 * ground);
  context.fillStyle = `rgb(${shade} ${shade} ${shade})`;
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, (width - wide) / 2, (height - high) / 2, wide, high);
  const { data } = context.getImageData(0, 0, width, height);
  const values = new Float32Array(height * width);
  for (let index = 0; index < values.length; index += 1) {
    const [red, green, blue] = data.subarray(4 * index, 4 * index + 3);
    values[index] = (0.299 * red + 0.587 * green + 0.114 * blue) / 255;
  }
  return values;
}

/** Dark and light exchanged. */
export function inverted(values) {
  return values.map((value) => 1 - value);
}

/** The mean of the pixels at the edge: most of a picture's edge is its background. */
export function edgeMean(values, height, width) {
  let sum = 0;
  let count = 0;
  values.forEach((value, index) => {
    const [row, column] = [Math.floor(index / width), index % width];
    if (row === 0 || column === 0 || row === height - 1 || column === width - 1) {
      sum += value;
      count += 1;
    }
  });
  return sum / count;
}
