/** What is set on the page, as one table of names and values, and the link that says it. */

/** Every setting with its value at the start; the type of the value is how a link is read. */
export const DEFAULTS = {
  tour: 0,
  tab: "look",
  image: 0,
  passes: 1,
  noise: 0,
  clipped: false,
  draw: 1,
  size: 0,
  row: 0.5,
  column: 0.5,
  blur: 0,
  contrast: 1,
  attack: "none",
  through: "",
  epsilon: 0.1,
  steps: 20,
  aware: false,
  defence: 0,
  sweep: "noise",
  dream: "nothing",
  label: 0,
  temperature: 1,
  speed: 3,
  samples: false,
  to: 1,
  place: 6,
  walked: 0,
  part: "unit",
  layer: 1,
  unit: 0,
};

export class State {
  /**
   * @param {function(number): Object} preset gives the settings of a step of the tour.
   * @param {Object} own settings that start otherwise in this file than in DEFAULTS.
   */
  constructor(preset, own) {
    this.preset = preset;
    this.usual = { ...DEFAULTS, ...own };
    this.values = { ...this.usual };
    this.listeners = [];
    this.timer = null;
    window.addEventListener("hashchange", () => this.read());
  }

  /** Tell `listener` of every change to one of these settings. */
  watch(names, listener) {
    this.listeners.push({ names, listener });
  }

  /** Call `show` now, and at every change to one of these settings. */
  follow(names, show) {
    this.watch(names, show);
    show(this.values);
  }

  /** Change settings: `state.set({noise: 0.3})`. */
  set(changes) {
    const changed = Object.keys(changes).filter((name) => this.values[name] !== changes[name]);
    if (changed.length === 0) return;
    Object.assign(this.values, changes);
    for (const { names, listener } of this.listeners) {
      if (names.some((name) => changed.includes(name))) listener(this.values);
    }
    // A browser takes few changes of its address in a short time, and a slider makes many.
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.write(), 200);
  }

  /** Go to a step of the tour (0: leave it), which the browser's back button undoes. */
  goTo(step) {
    clearTimeout(this.timer);
    history.pushState(null, "", step ? `#tour=${step}` : "#");
    if (step) this.set(this.of({ tour: step }));
    else this.set({ tour: 0 });
  }

  /** All settings that a link means: those of its step of the tour, changed by its own. */
  of(said) {
    const start = { ...this.usual, tour: said.tour || 0 };
    return { ...start, ...(said.tour ? this.preset(said.tour) : {}), ...said };
  }

  /** Take the settings from the address. An address that names none (`#main`) changes nothing. */
  read() {
    const text = location.hash.slice(1);
    if (text && !text.includes("=")) return;
    this.set(this.of(parseLink(text)));
  }

  /** Write the settings that are not as at the start into the address. */
  write() {
    const usual = this.of({ tour: this.values.tour });
    const said = Object.keys(DEFAULTS).filter((name) => this.values[name] !== usual[name]);
    const names = this.values.tour ? ["tour", ...said.filter((name) => name !== "tour")] : said;
    const text = names.map((name) => `${name}=${encodeURIComponent(this.values[name])}`).join("&");
    if (text !== location.hash.slice(1)) history.replaceState(null, "", `#${text}`);
  }
}

/** `tab=disturb&noise=0.3` -> {tab: "disturb", noise: 0.3}; what is not a setting, or not of its type, is left out. */
export function parseLink(text) {
  const said = {};
  for (const [name, value] of new URLSearchParams(text)) {
    const usual = Object.hasOwn(DEFAULTS, name) ? DEFAULTS[name] : undefined;
    if (typeof usual === "number" && value !== "" && Number.isFinite(Number(value))) said[name] = Number(value);
    if (typeof usual === "boolean") said[name] = value === "true";
    if (typeof usual === "string") said[name] = value;
  }
  return said;
}
