/** What the page is made of, and what it weighs. */

import { element } from "./dom.js";
import { percent, word } from "./words.js";

export function footer({ header, sizes }) {
  const { size, weights } = header;
  const rows = Object.entries(size ?? {}).map(([part, bytes]) =>
    element("tr", {}, element("th", { scope: "row" }, part), element("td", {}, megabytes(bytes))),
  );
  const kind = weights.type === "auto" ? word("foot.auto") : weights.type;
  const type = word("foot.type", { type: kind });
  return [
    element("p", {}, word("foot.made", { sizes: sizes.join("–"), type })),
    element(
      "details",
      {},
      element("summary", {}, word("foot.size")),
      element("table", { class: "numbers" }, element("tbody", {}, ...rows)),
      errorsOf(weights.errors),
    ),
  ];
}

/** What keeping the weights in few bytes costs, where that was measured. */
function errorsOf(errors) {
  if (!errors) return null;
  const { probabilities, reconstructions, same_class } = errors;
  const exact = (value) => (typeof value === "number" ? value.toPrecision(2) : "0");
  const same = typeof same_class === "number" ? percent(same_class, 1) : "";
  const values = { probabilities: exact(probabilities), reconstructions: exact(reconstructions), same };
  return element("p", {}, word(same ? "foot.errors" : "foot.errors.bare", values));
}

function megabytes(bytes) {
  if (bytes < 100_000) return `${(bytes / 1000).toFixed(1)}\u202fkB`;
  return `${(bytes / 1e6).toFixed(2)}\u202fMB`;
}
