// Elements made from data. All text goes through text nodes and attributes are set by name:
// what a model wrote is never parsed as HTML anywhere on this page.

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element: el("p", {class: "note", onclick: f}, "text", otherElement). */
function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for SVG elements. */
function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  append(node, children);
  return node;
}

/** Append nodes, texts and lists of them; nothing for null and false. */
function append(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

/** Replace all that is in a node. */
function put(node, ...children) {
  node.replaceChildren();
  append(node, children);
  return node;
}

const byId = (id) => document.getElementById(id);

/** A labelled <select>. options: [[value, text], ...] or {label, options} groups of them. */
function select(id, label, options, value, onchange) {
  const one = ([key, text]) => el("option", { value: key, selected: key === value }, text);
  const many = (entry) =>
    Array.isArray(entry) ? one(entry) : el("optgroup", { label: entry.label }, entry.options.map(one));
  const box = el("select", { id, onchange: (event) => onchange(event.target.value) }, options.map(many));
  return el("label", { class: "pick", for: id }, el("span", {}, label), box);
}

/** A button that is on or off. */
function toggle(text, pressed, onclick, attributes = {}) {
  return el(
    "button",
    { type: "button", class: "chip", "aria-pressed": pressed ? "true" : "false", onclick, ...attributes },
    text,
  );
}

/** Draw now, and again whenever the width of the box changes. draw(width) -> node. */
function responsive(box, draw) {
  let last = 0;
  const observer = new ResizeObserver(() => {
    const width = Math.floor(box.clientWidth);
    if (width > 0 && Math.abs(width - last) > 1) {
      last = width;
      put(box, draw(width));
    }
  });
  observer.observe(box);
  return box;
}
