/** What the page is made of, and what it weighs. */

import { element } from "./dom.js";
import { word } from "./words.js";

export function footer({ header, sizes }) {
  const { size, weights } = header;
  const rows = Object.entries(size ?? {}).map(([part, bytes]) =>
    element("tr", {}, element("th", { scope: "row" }, part), element("td", {}, megabytes(bytes))),
  );
  const type = weights?.type ? word("foot.type", { type: weights.type }) : "";
  return [
    element("p", {}, word("foot.made", { sizes: sizes.join("–"), type })),
    element(
      "details",
      {},
      element("summary", {}, word("foot.size")),
      element("table", { class: "numbers" }, element("tbody", {}, ...rows)),
    ),
  ];
}

function megabytes(bytes) {
  if (bytes < 100_000) return `${(bytes / 1000).toFixed(1)}\u202fkB`;
  return `${(bytes / 1e6).toFixed(2)}\u202fMB`;
}
