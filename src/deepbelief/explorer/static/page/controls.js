/** The controls of the page: each is made with its label, and told its value when a link or the tour changes it. */

import { element, freshId } from "./dom.js";

/** A button with a text. */
export function button(label, onClick, attributes = {}) {
  return element("button", { type: "button", onclick: onClick, ...attributes }, label);
}

/**
 * A slider with its label and its value in words.
 * @param {{label: string, min: number, max: number, step: number, value: number, say: function(number): string,
 *   onInput: function(number)}} about
 */
export function slider({ label, min, max, step, value, say, onInput }) {
  const id = freshId("slider");
  const input = element("input", { type: "range", id, min, max, step });
  const output = element("output", { for: id });
  function show(now) {
    input.value = String(now);
    output.textContent = say(now);
    input.setAttribute("aria-valuetext", say(now));
  }
  input.addEventListener("input", () => {
    show(Number(input.value));
    onInput(Number(input.value));
  });
  show(value);
  return { node: element("div", { class: "slider" }, element("label", { for: id }, label), output, input), show };
}

/** A check box with its label. */
export function toggle({ label, value, onInput }) {
  const input = element("input", { type: "checkbox", onchange: () => onInput(input.checked) });
  input.checked = value;
  const node = element("label", { class: "toggle" }, input, label);
  return {
    node,
    show: (now) => {
      input.checked = now;
    },
  };
}

/**
 * One of a few: a row of radio buttons that looks like one control.
 * @param {{label: string, options: {value: string, label: string}[], value: string, onInput: function(string)}} about
 */
export function choices({ label, options, value, onInput }) {
  const name = freshId("choice");
  const inputs = options.map((option) => {
    const input = element("input", { type: "radio", name, value: option.value, onchange: () => onInput(option.value) });
    input.checked = option.value === value;
    return input;
  });
  const labels = options.map((option, index) => element("label", {}, inputs[index], element("span", {}, option.label)));
  const node = element("fieldset", { class: "choices" }, element("legend", {}, label), element("div", {}, ...labels));
  function show(now) {
    for (const input of inputs) input.checked = input.value === String(now);
  }
  return { node, show };
}

/** One of many: a list that opens. */
export function selection({ label, options, value, onInput }) {
  const id = freshId("select");
  const input = element("select", { id, onchange: () => onInput(input.value) });
  input.append(...options.map((option) => element("option", { value: option.value }, option.label)));
  input.value = value;
  const node = element("div", { class: "selection" }, element("label", { for: id }, label), input);
  return {
    node,
    show: (now) => {
      input.value = String(now);
    },
  };
}

/** Tie a control to a setting: what the user does is set, and what a link or the tour sets is shown. */
export function bound(state, name, make, about) {
  const control = make({ ...about, value: state.values[name], onInput: (value) => state.set({ [name]: value }) });
  state.watch([name], (values) => control.show(values[name]));
  return control.node;
}
