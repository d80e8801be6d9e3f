/** An image to paint on, with mouse, pen, finger or keyboard. */

import { element } from "./dom.js";
import { picture } from "./picture.js";

const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

export class Editor {
  /**
   * @param {{height: number, width: number, label: string, help: string, begin: function(), paint: function(number,
   *   number)}} about `help` is the id of the element that explains the keys; `begin` is called once before every stroke, `paint` with each row and column that it passes.
   */
  constructor(about) {
    this.about = about;
    this.place = [Math.floor(about.height / 2), Math.floor(about.width / 2)];
    this.canvas = picture("", "large");
    this.cursor = element("span", { class: "cursor", "aria-hidden": "true" });
    this.node = element(
      "div",
      { class: "editor", role: "application", tabindex: 0, "aria-label": about.label, "aria-describedby": about.help },
      this.canvas,
      this.cursor,
    );
    this.node.addEventListener("pointerdown", (event) => this.press(event));
    this.node.addEventListener("pointermove", (event) => this.drag(event));
    for (const end of ["pointerup", "pointercancel"]) this.node.addEventListener(end, () => this.release());
    this.node.addEventListener("keydown", (event) => this.key(event));
    this.down = false;
    this.showCursor();
  }

  /** The row and column under the pointer. */
  under(event) {
    const box = this.canvas.getBoundingClientRect();
    const row = Math.floor(((event.clientY - box.top) / box.height) * this.about.height);
    const column = Math.floor(((event.clientX - box.left) / box.width) * this.about.width);
    return [row, column];
  }

  press(event) {
    if (event.button !== 0) return;
    this.node.setPointerCapture(event.pointerId);
    this.down = true;
    this.about.begin();
    this.move(this.under(event));
    this.about.paint(...this.place);
  }

  drag(event) {
    if (!this.down) return;
    const [row, column] = this.under(event);
    const [fromRow, fromColumn] = this.place;
    const steps = Math.max(Math.abs(row - fromRow), Math.abs(column - fromColumn));
    for (let step = 1; step <= steps; step += 1) {
      const part = step / steps;
      this.move([Math.round(fromRow + part * (row - fromRow)), Math.round(fromColumn + part * (column - fromColumn))]);
      this.about.paint(...this.place);
    }
  }

  release() {
    this.down = false;
  }

  key(event) {
    const move = MOVES[event.key];
    if (!move && event.key !== " ") return;
    event.preventDefault();
    if (move) this.move([this.place[0] + move[0], this.place[1] + move[1]]);
    if (event.key === " " || event.shiftKey) {
      if (!event.repeat) this.about.begin();
      this.about.paint(...this.place);
    }
  }

  move([row, column]) {
    const inside = (value, size) => Math.min(size - 1, Math.max(0, value));
    this.place = [inside(row, this.about.height), inside(column, this.about.width)];
    this.showCursor();
  }

  showCursor() {
    const { height, width } = this.about;
    this.cursor.style.setProperty("--top", `${(100 * this.place[0]) / height}%`);
    this.cursor.style.setProperty("--left", `${(100 * this.place[1]) / width}%`);
    this.cursor.style.setProperty("--high", `${100 / height}%`);
    this.cursor.style.setProperty("--wide", `${100 / width}%`);
  }
}

/** Paint a soft dot into values: full in its middle, and nothing beyond its radius (in pixels). */
export function dab(values, height, width, row, column, radius, ink) {
  const reach = Math.ceil(radius);
  for (let y = Math.max(0, row - reach); y <= Math.min(height - 1, row + reach); y += 1) {
    for (let x = Math.max(0, column - reach); x <= Math.min(width - 1, column + reach); x += 1) {
      const part = Math.min(1, Math.max(0, radius + 0.5 - Math.hypot(y - row, x - column)));
      const index = y * width + x;
      values[index] += part * (ink - values[index]);
    }
  }
}
