/** The words of the page, which all come from words.json. */

const texts = new Map();

/** Take the words from the page's own data. */
export function readWords() {
  const read = JSON.parse(document.getElementById("words").textContent);
  for (const [key, text] of Object.entries(read)) texts.set(key, text);
}

/** The text of that key; `{name}` in it becomes `values.name`. A key without text is a mistake, and is shown as it is. */
export function word(key, values = {}) {
  const text = texts.get(key) ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** The paragraphs of that key, which are a list in words.json. */
export function paragraphs(key) {
  return texts.get(key) ?? [key];
}

/** A number with so many digits after the point, and a true minus sign. */
export function figure(value, digits = 2) {
  return value.toFixed(digits).replace("-", "\u2212");
}

/** A share in per cent, whole if nothing else is said. */
export function percent(share, digits = 0) {
  return `${(share * 100).toFixed(digits)}\u202f%`;
}

/** `a, b and c`. */
export function listing(names) {
  if (names.length < 2) return names.join("");
  return `${names.slice(0, -1).join(", ")} ${word("and")} ${names[names.length - 1]}`;
}
