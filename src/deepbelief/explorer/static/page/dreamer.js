/** A chain that runs in the worker, started and stopped from the page. */

const SETTLED = 90; // steps, after which a chain shows what it is about
const ANSWERS_EVERY = 250; // milliseconds between two questions to the classifiers about a dream

/** Who asked the system for less motion gets single pictures, and only when asking for them. */
export const calmMotion = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;

export class Dreamer {
  /** @param {Object} book; @param {function(Object, number)} show paints a frame, and its rate in frames a second. */
  constructor(book, show) {
    this.book = book;
    this.show = show;
    this.running = false;
    this.stream = null;
    this.shown = null; // the stream whose frames are shown, also the last one after it was stopped
    this.image = null;
    this.onChange = () => {};
    this.asked = 0;
    this.seed = 1;
    book.state.watch(["temperature", "speed", "samples"], () => {
      if (this.stream) this.stream.change(this.dials());
    });
  }

  dials() {
    const { temperature, speed, samples } = this.book.state.values;
    return { temperature, stepsPerFrame: speed, samples };
  }

  /** What the chain starts from, by the kind of dream that is chosen. */
  beginning(mask) {
    const { state, subject } = this.book;
    const kind = state.values.dream;
    return {
      start: kind === "image" || kind === "complete" ? subject.shown : null,
      label: kind === "label" ? state.values.label : null,
      clamp: kind === "complete" && mask ? { mask, image: subject.shown } : null,
    };
  }

  /** Begin a new dream: until it is stopped, or where motion is not wanted, one picture of what it comes to. */
  begin({ mask = null, frames = 0 }) {
    this.stop();
    this.seed += 1;
    const settled = calmMotion() ? { frames: 1, stepsPerFrame: SETTLED } : { frames };
    this.run({ ...this.beginning(mask), seed: this.seed, ...settled });
  }

  /** Go on with the last dream, or begin one if there is none. */
  goOn({ mask = null, frames = 0 }) {
    this.pause();
    if (!this.image) this.begin({ mask, frames });
    else this.run({ ...this.beginning(mask), seed: this.seed, frames, resume: true });
  }

  run(settings) {
    const times = [];
    let current = null;
    const onFrame = (frame) => {
      if (this.shown !== current) return; // a frame of another dream, which was under way when that was stopped
      this.image = frame.image;
      times.push(performance.now());
      if (times.length > 40) times.shift();
      const rate = times.length > 10 ? (1000 * (times.length - 1)) / (times[times.length - 1] - times[0]) : 0;
      requestAnimationFrame(() => this.show(frame, rate));
      this.ask(frame.image, settings.frames > 0);
    };
    current = this.book.client.stream("dream", { framesPerSecond: 60, ...this.dials(), ...settings }, onFrame);
    this.stream = current;
    this.shown = current;
    this.running = true;
    this.onChange();
    current.done.then(() => {
      if (this.stream === current) this.ended();
    });
  }

  /** Ask the classifiers about the dream, not at every frame. */
  ask(image, now) {
    if (!this.book.answers || (!now && performance.now() - this.asked < ANSWERS_EVERY)) return;
    this.asked = performance.now();
    this.book.answers.follow(image);
  }

  ended() {
    this.running = false;
    this.stream = null;
    this.onChange();
  }

  /** Stop for now. */
  pause() {
    if (this.stream) this.stream.stop();
    this.ended();
  }

  /** Stop for good: the next dream begins anew. */
  stop() {
    this.pause();
    this.shown = null;
    this.image = null;
  }
}
