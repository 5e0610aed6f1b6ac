// Text and elements. Names come from data: they are set as text, never as markup, and what is invisible is spelled out.

const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const SIGNS = { "\n": "⏎", "\t": "⇥", "\r": "␍" };

/** A name as people can read it: line breaks, control characters and those that turn text around become visible. */
export function plain(name) {
  return name.replace(HIDDEN, (sign) => SIGNS[sign] ?? `[U+${sign.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}]`);
}

/** A new element: its class, and its children, which are elements or text. */
export function make(tag, kind, ...children) {
  const element = document.createElement(tag);
  if (kind) element.className = kind;
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** A name from the data: set apart, so that right-to-left letters do not turn what is around them. */
export function named(name, kind = "") {
  const element = make("bdi", kind, name === null ? "no label" : plain(name));
  element.title = element.textContent;
  return element;
}

/** "3 %", and "< 1 %" or "> 99 %" at the ends. */
export function percent(share) {
  if (share === null || share === undefined) return "–";
  if (share > 0 && share < 0.005) return "< 1 %";
  if (share < 1 && share > 0.995) return "> 99 %";
  return `${Math.round(100 * share)} %`;
}

/** "3.2 %": rates are small. */
export function rate(share) {
  return `${(100 * share).toFixed(1)} %`;
}

export function count(number) {
  return Math.round(number).toLocaleString("en");
}

/** "1 error", "2 errors". */
export function several(number, noun) {
  return `${count(number)} ${Math.round(number) === 1 ? noun : `${noun}s`}`;
}

/** Whole numbers from one to another: "12 to 25", or one where they are the same. */
export function range(low, high) {
  const [from, to] = [count(low), count(high)];
  return from === to ? from : `${from} to ${to}`;
}

/** Put other children into an element; whoever stood on its third button stands on the third one again. */
export function renew(element, ...children) {
  const place = [...element.querySelectorAll("button")].indexOf(document.activeElement);
  element.replaceChildren(...children);
  if (place >= 0) element.querySelectorAll("button")[place]?.focus({ preventScroll: true });
}

/** A key on a button. */
export function key(name) {
  return make("kbd", "", name);
}
