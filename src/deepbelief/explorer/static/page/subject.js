/** The image that everything on the page is about: as it was chosen or drawn, and as the disturbances make it. */

import { winner } from "./answers.js";
import { latest } from "./client.js";

const DISTURBANCES = [
  "noise",
  "clipped",
  "draw",
  "size",
  "row",
  "column",
  "blur",
  "contrast",
  "attack",
  "through",
  "epsilon",
  "steps",
  "aware",
  "defence",
];

export class Subject {
  /** @param {Object} book what the page knows: client, state, header, images; see main.js. */
  constructor(book) {
    this.book = book;
    this.original = new Float32Array(book.height * book.width);
    this.shown = this.original;
    this.label = null;
    this.kind = "blank";
    this.listeners = [];
    this.undoable = [];
    this.refresh = latest(() => this.disturb());
    book.state.watch(["image"], () => this.take(book.state.values.image));
    book.state.watch(DISTURBANCES, () => this.refresh());
  }

  /** `listener` is called with the subject after every change of what is shown. */
  watch(listener) {
    this.listeners.push(listener);
  }

  /** Take a test image. */
  take(index) {
    const image = this.book.imageAt(index);
    if (!image) return null;
    this.kind = "test";
    this.label = this.book.labelAt(index);
    this.undoable = [];
    return this.replace(image);
  }

  /** Choose a test image, again if it was drawn upon. */
  choose(index) {
    if (this.book.state.values.image === index) this.take(index);
    else this.book.state.set({ image: index });
  }

  /** Take an image that is none of the test images: drawn, dreamt or from a file. */
  adopt(values, kind) {
    this.remember();
    this.kind = kind;
    this.label = null;
    this.replace(values);
  }

  /** Keep the image as it is, for `undo`. */
  remember() {
    this.undoable.push({ values: this.original.slice(), kind: this.kind, label: this.label });
    if (this.undoable.length > 30) this.undoable.shift();
  }

  /** Go back by one stroke or one change. */
  undo() {
    const before = this.undoable.pop();
    if (!before) return;
    this.kind = before.kind;
    this.label = before.label;
    this.replace(before.values);
  }

  replace(values) {
    this.original = values;
    return this.refresh();
  }

  /** The class that an attack leads away from: the true one, or for a drawing what the classifier takes it for. */
  async target(name) {
    if (this.label !== null) return this.label;
    return winner(await this.book.client.call("probabilities", name, this.original, { defence: 0 }));
  }

  async disturb() {
    const original = this.original;
    const shown = await disturbed(this.book, original, this.book.state.values, (name) => this.target(name));
    if (original !== this.original) return; // another image was chosen meanwhile; its turn comes next
    this.shown = shown;
    for (const listener of this.listeners) listener(this);
  }
}

/** The settings without any disturbance. */
export const CALM = { noise: 0, size: 0, blur: 0, contrast: 1, attack: "none" };

/** Whether these settings change the image at all. */
export function isDisturbed(values) {
  const { noise, size, blur, contrast, attack } = values;
  return noise > 0 || size > 0 || blur > 0 || contrast !== 1 || attack !== "none";
}

/** The image with all disturbances of these settings, one after the other; `target` finds the class to attack. */
export async function disturbed(book, image, values, target) {
  const { client, height, width } = book;
  let now = image;
  if (values.contrast !== 1) now = await client.call("contrast", now, values.contrast);
  if (values.blur > 0) now = await client.call("blur", now, values.blur);
  if (values.size > 0) {
    const place = (part, length) => Math.round(part * Math.max(0, length - values.size));
    now = await client.call("occlude", now, values.size, place(values.row, height), place(values.column, width));
  }
  if (values.noise > 0) now = await client.call("noise", now, values.noise, values.clipped, values.draw);
  if (values.attack === "none" || book.contestants.length === 0) return now;
  return attacked(book, now, values, target);
}

async function attacked(book, image, values, target) {
  const name = book.contestantNamed(values.through);
  const label = await target(name);
  const { epsilon, steps, defence, aware, draw } = values;
  const options = { defence, aware, layer: book.layers };
  if (values.attack === "fgsm") return book.client.call("fgsm", name, image, label, epsilon, options);
  return book.client.call("pgd", name, image, label, { epsilon, steps, random: draw, ...options });
}
