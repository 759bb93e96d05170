// Builds elements. Text becomes text nodes and nothing else: no string is ever parsed as markup.

import { below } from "./base.js";

const SVG = "http://www.w3.org/2000/svg";

// Characters that reorder or hide text around them. Names come from strangers, so they never reach the page.
const TREACHEROUS = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

// No script needs more marks on a letter; towers of them reach over the lines above and below.
const TOWERS = /(\p{M}{4})\p{M}+/gu;

/** Text fit to be shown, whoever wrote it. */
export const clean = (text) => String(text).replace(TREACHEROUS, "").replace(TOWERS, "$1");

/** An element: `h("a", { class: "x", href: "/", onclick: f }, "text", child, [children], null)`; "/" is the overview. */
export function h(tag, props, ...children) {
  const el = document.createElement(tag);
  apply(el, props);
  el.append(...nodes(children));
  return el;
}

/** An SVG element. */
export function svg(tag, attributes, ...children) {
  const el = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) el.setAttribute(name, value);
  el.append(...children);
  return el;
}

function apply(el, props) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) el.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked") el[name] = value;
    else el.setAttribute(name, value === true ? "" : fit(name, value));
  }
}

// What people see or hear is text like any other; an address is written from the top of the dashboard.
const SAID = ["title", "aria-label", "aria-valuetext", "placeholder", "alt"];
const fit = (name, value) => (SAID.includes(name) ? clean(value) : name === "href" ? below(value) : value);

function nodes(children) {
  return children
    .flat(Infinity)
    .filter((c) => c !== null && c !== undefined && c !== false)
    .map((c) => (c instanceof Node ? c : document.createTextNode(clean(c))));
}

/** Replaces all children. */
export function fill(el, ...children) {
  el.replaceChildren(...nodes(children));
  return el;
}

/** Sets text only when it differs, so that nothing is laid out again for nothing. */
export function setText(el, text) {
  const wanted = clean(text);
  if (el.textContent !== wanted) el.textContent = wanted;
}

/** Sets or removes an attribute only when it differs. */
export function setAttr(el, name, value) {
  const wanted = value ? fit(name, value) : value;
  if (wanted === null || wanted === undefined || wanted === false) el.removeAttribute(name);
  else if (el.getAttribute(name) !== String(wanted)) el.setAttribute(name, wanted);
}

/** A name from the network, kept from reordering its surroundings. */
export const name = (text, props) => h("bdi", { class: "name", title: text, ...props }, text);

/**
 * Makes `parent`'s children follow `items`: one element per key, kept while its key stays, moved only when its
 * place changed. `make(item)` returns an element; `update(element, item)` is called for new and old alike.
 */
export function keyed(parent, items, key, make, update) {
  const old = parent._rows ?? new Map();
  const next = new Map();
  let at = parent.firstChild;
  for (const item of items) {
    const k = key(item);
    if (next.has(k)) continue;
    const el = old.get(k) ?? make(item);
    update?.(el, item);
    next.set(k, el);
    if (el === at) at = at.nextSibling;
    else parent.insertBefore(el, at);
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
  parent._rows = next;
}
