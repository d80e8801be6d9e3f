/** Understand: one unit, the map of the images, and their energy. */

import { bound, choices } from "./controls.js";
import { element, setShown } from "./dom.js";
import { energyPart } from "./energy.js";
import { mapPart } from "./map.js";
import { unitPart } from "./unit.js";
import { word } from "./words.js";

export function understandPanel(book) {
  const { state } = book;
  const parts = {
    unit: unitPart(book),
    map: book.maps.length ? mapPart(book) : null,
    energy: energyPart(book),
  };
  const names = Object.keys(parts).filter((name) => parts[name]);
  const options = names.map((value) => ({ value, label: word(`understand.${value}`) }));
  const layers = layerChoice(book);
  const show = () => {
    for (const name of names) setShown(parts[name], state.values.part === name);
    setShown(layers, state.values.part !== "energy" && book.layers > 1);
  };
  state.follow(["part"], show);
  return element(
    "div",
    { class: "understand" },
    element(
      "div",
      { class: "row" },
      bound(state, "part", choices, { label: word("understand.part"), options }),
      layers,
    ),
    ...names.map((name) => parts[name]),
  );
}

function layerChoice(book) {
  const options = [];
  for (let layer = 1; layer <= book.layers; layer += 1) options.push({ value: String(layer), label: String(layer) });
  const { state } = book;
  const control = choices({
    label: word("understand.layer"),
    options,
    value: String(state.values.layer),
    onInput: (value) => state.set({ layer: Number(value), unit: 0 }),
  });
  state.watch(["layer"], () => control.show(state.values.layer));
  return control.node;
}
