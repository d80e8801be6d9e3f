/** The page's side of the worker: every call is a message, its answer a promise. */

export class Client {
  /** @param {string} text the worker's script; @param {function(string)} failed is told when the worker breaks. */
  constructor(text, failed) {
    this.waiting = new Map();
    this.last = -1;
    const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    this.worker = new Worker(address);
    this.worker.onmessage = (event) => this.receive(event.data);
    this.worker.onerror = (event) => failed(event.message);
  }

  /** Ask for one answer: `await client.call("reconstruct", image, 2, 1)`. */
  call(name, ...values) {
    return this.ask(name, values, null).done;
  }

  /** Ask for frames until it is stopped: `{done, stop(), change(settings)}`; each frame goes to `onFrame`. */
  stream(name, settings, onFrame) {
    return this.ask(name, [settings], onFrame);
  }

  ask(name, values, onFrame) {
    this.last += 1;
    const id = this.last;
    const done = new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject, onFrame }));
    this.worker.postMessage({ id, call: name, arguments: values });
    return {
      done,
      stop: () => this.worker.postMessage({ cancel: id }),
      change: (settings) => this.worker.postMessage({ change: id, settings }),
    };
  }

  receive({ id, result, error, frame }) {
    const asked = this.waiting.get(id);
    if (!asked) return;
    if (frame !== undefined) {
      asked.onFrame(frame);
      return;
    }
    this.waiting.delete(id);
    if (error === undefined) asked.resolve(result);
    else asked.reject(new Error(error));
  }
}

/**
 * A function that runs `task` once at a time, and once more at the end where it was asked for meanwhile: a slider that
 * moves faster than the network computes asks only for its last position.
 */
export function latest(task) {
  let running = null;
  let again = false;
  async function loop() {
    try {
      do {
        again = false;
        await task();
      } while (again);
    } finally {
      running = null;
    }
  }
  return () => {
    if (running) again = true;
    else running = loop();
    return running;
  };
}
