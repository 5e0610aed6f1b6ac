// Many samples of one kind at once: select, decide all of them with one key.

import { ask, pictureOf, problemOf } from "./talk.js";
import { count, make, named, plain, several } from "./text.js";

const PAGE = 60;
const grid = document.getElementById("grid");
const tiles = document.getElementById("tiles");
const title = document.getElementById("grid-title");
const counted = document.getElementById("grid-count");
let items = new Map(); // row -> item
let chosen = new Set(); // rows
let last = null; // tile that was touched last: a range begins there
let after = -1;
let left = 0;
let isLoading = false;
let wanted = {};
let changed = () => {};

/** Show the samples of an order from its beginning; `onChange` is called when others are selected. */
export async function openGrid(order, onChange) {
  wanted = order;
  changed = onChange;
  items = new Map();
  chosen = new Set();
  last = null;
  after = -1;
  tiles.replaceChildren();
  title.replaceChildren(...heading());
  await more();
  focusFirst();
}

/** Samples that are selected. */
export function selected() {
  return [...chosen].map((row) => items.get(row));
}

/** Take samples away that were decided on; bring up more where few are left. */
export async function removeTiles(rows) {
  const focused = tiles.contains(document.activeElement);
  for (const row of rows) {
    items.delete(row);
    chosen.delete(row);
    tileOf(row)?.remove();
    left -= 1;
  }
  if (last && !last.isConnected) last = null;
  if (items.size < PAGE / 2) await more();
  say();
  if (focused || document.activeElement === document.body) focusFirst();
}

/** Show other versions of samples, such as of those that somebody else decided on. */
export function renewTiles(fresh) {
  for (const item of fresh) if (items.has(item.row)) items.set(item.row, item);
}

/** Select all that are shown, or none where all are. */
export function selectAll() {
  const all = chosen.size < items.size;
  for (const tile of tiles.children) set(tile, all);
  say();
}

/** Select nothing. */
export function selectNone() {
  for (const tile of tiles.children) set(tile, false);
  say();
}

/** The sample that a key is about, null where none is. */
export function focusedItem() {
  const tile = document.activeElement?.closest?.(".tile");
  return tile ? items.get(Number(tile.dataset.row)) : null;
}

/** Move the focus by the arrow keys; with shift everything on the way is selected. */
export function moveFocus(key, { extend }) {
  const all = [...tiles.children];
  if (!all.length) return;
  const at = Math.max(0, all.indexOf(document.activeElement));
  const wide = Math.max(1, all.findIndex((tile) => tile.offsetTop > all[0].offsetTop));
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -wide, ArrowDown: wide, Home: -at, End: all.length - 1 - at }[key];
  const to = Math.min(all.length - 1, Math.max(0, at + step));
  if (extend) for (let each = Math.min(at, to); each <= Math.max(at, to); each += 1) set(all[each], true);
  all[to].focus();
  last = all[to];
  if (to > all.length - 2 * wide) more();
  say();
}

async function more() {
  if (isLoading || (after >= 0 && !left)) return;
  isLoading = true;
  try {
    const page = await ask("grid", { ...wanted, after, n: PAGE });
    ({ after, left } = page);
    for (const item of page.items) {
      if (items.has(item.row)) continue;
      items.set(item.row, item);
      tiles.append(tileFor(item));
    }
  } finally {
    isLoading = false;
  }
  say();
}

function tileFor(item) {
  const tile = make("button", "tile", picture(item), make("span", "under", ...under(item)));
  tile.type = "button";
  tile.dataset.row = item.row;
  tile.setAttribute("aria-pressed", "false");
  tile.title = plain(item.path);
  tile.addEventListener("click", (event) => press(tile, event));
  return tile;
}

function picture(item) {
  if (document.body.dataset.kind !== "images") return make("span", "words", named(item.path));
  const image = make("img");
  image.alt = plain(item.path);
  image.loading = "lazy";
  image.src = pictureOf(item, "small");
  image.addEventListener("error", async () => image.replaceWith(make("span", "words", await problemOf(image.src))));
  return image;
}

function under(item) {
  const given = wanted.given ? [] : [named(item.given)];
  const suggested = wanted.suggested || item.suggested === null ? [] : [make("span", "arrow", " → "), named(item.suggested)];
  return [...given, ...suggested];
}

function press(tile, event) {
  const all = [...tiles.children];
  if (event.shiftKey && last?.isConnected) {
    const [from, to] = [all.indexOf(last), all.indexOf(tile)].sort((a, b) => a - b);
    for (let at = from; at <= to; at += 1) set(all[at], true);
  } else set(tile, !chosen.has(Number(tile.dataset.row)));
  last = tile;
  say();
}

function set(tile, isChosen) {
  const row = Number(tile.dataset.row);
  if (isChosen) chosen.add(row);
  else chosen.delete(row);
  tile.setAttribute("aria-pressed", String(isChosen));
}

function say() {
  const picked = chosen.size ? `${count(chosen.size)} selected, ` : "";
  counted.textContent = left || items.size ? `${picked}${several(Math.max(left, items.size), "sample")} left` : "Nothing is left here.";
  changed();
}

function heading() {
  if (wanted.given && wanted.suggested) return [named(wanted.given), make("span", "arrow", " → "), named(wanted.suggested)];
  if (wanted.given) return ["given ", named(wanted.given)];
  return ["Every pair of classes"];
}

function tileOf(row) {
  return tiles.querySelector(`[data-row="${row}"]`);
}

function focusFirst() {
  tiles.firstElementChild?.focus({ preventScroll: true });
}

grid.addEventListener("scroll", () => {
  if (grid.scrollTop + grid.clientHeight > grid.scrollHeight - 600) more();
});
