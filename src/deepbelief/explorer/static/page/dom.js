/** Making elements: everything on the page is made here, from text and never from HTML. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element, as in `element("button", {type: "button", onclick: save}, "Save")`.
 *
 * Attributes that are null or false are left out, true ones are there without a value; those whose name starts with "on"
 * are listeners. Children are nodes or texts; null is left out.
 * @param {string} name
 * @param {Object<string, any>} [attributes]
 * @param {...(Node|string|null)} children
 */
export function element(name, attributes = {}, ...children) {
  return furnish(document.createElement(name), attributes, children);
}

/** The same for an element of a drawing: `drawn("circle", {cx: 3, cy: 4, r: 2})`. */
export function drawn(name, attributes = {}, ...children) {
  return furnish(document.createElementNS(SVG, name), attributes, children);
}

function furnish(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, "");
    else if (value !== null && value !== false && value !== undefined) node.setAttribute(key, String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const counter = { made: 0 };

/** A name for an element that another one refers to, different at each call. */
export function freshId(start) {
  counter.made += 1;
  return `${start}-${counter.made}`;
}

/** Show or hide an element. */
export function setShown(node, shown) {
  node.hidden = !shown;
}
