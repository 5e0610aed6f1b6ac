// Another class, by typing: of ten thousand names those that fit best.

import { make, named } from "./text.js";

const SHOWN = 50;
const dialog = document.getElementById("chooser");
const input = document.getElementById("chooser-input");
const list = document.getElementById("chooser-list");
const none = document.getElementById("chooser-none");
let names = [];
let folded = [];
let found = [];
let at = 0;
let chosen = () => {};

/** Say which classes there are. */
export function setClasses(classes) {
  names = classes;
  folded = classes.map((name) => name.toLocaleLowerCase());
}

/** Ask for a class; `done` gets its name, and nothing where somebody thinks better of it. */
export function chooseClass(done) {
  chosen = done;
  input.value = "";
  search();
  dialog.showModal();
  input.focus();
}

/** Names that fit what was typed: those that are it, begin with it, have a word that does, contain it. */
export function matching(typed) {
  const wanted = typed.trim().toLocaleLowerCase();
  if (!wanted) return names.slice(0, SHOWN);
  const classes = [[], [], [], []];
  folded.forEach((name, place) => {
    const where = name.indexOf(wanted);
    if (where < 0) return;
    const isWord = where > 0 && /[\s_\-/.,]/.test(name[where - 1]);
    classes[name === wanted ? 0 : where === 0 ? 1 : isWord ? 2 : 3].push(names[place]);
  });
  return classes.flat().slice(0, SHOWN);
}

function search() {
  found = matching(input.value);
  at = 0;
  list.replaceChildren(
    ...found.map((name, place) => {
      const option = make("li", "", named(name));
      option.id = `class-${place}`;
      option.setAttribute("role", "option");
      option.addEventListener("click", () => choose(place));
      return option;
    }),
  );
  list.hidden = !found.length;
  none.hidden = Boolean(found.length);
  mark();
}

function mark() {
  [...list.children].forEach((option, place) => option.setAttribute("aria-selected", String(place === at)));
  list.children[at]?.scrollIntoView({ block: "nearest" });
  input.setAttribute("aria-expanded", String(found.length > 0));
  if (found.length) input.setAttribute("aria-activedescendant", `class-${at}`);
  else input.removeAttribute("aria-activedescendant");
}

function choose(place) {
  if (!found.length) return;
  dialog.close();
  chosen(found[place]);
}

input.addEventListener("input", search);
input.addEventListener("keydown", (event) => {
  if (event.isComposing) return; // the letters of a word that is not yet written
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step && found.length) {
    at = (at + step + found.length) % found.length;
    mark();
    event.preventDefault();
  } else if (event.key === "Enter") {
    event.preventDefault();
    choose(at);
  }
});
