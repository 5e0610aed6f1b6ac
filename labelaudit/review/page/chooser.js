// Another class, by typing: of ten thousand names those that fit best, or one that there was not.

import { make, named } from "./text.js";

const SHOWN = 50;
const dialog = document.getElementById("chooser");
const input = document.getElementById("chooser-input");
const list = document.getElementById("chooser-list");
const none = document.getElementById("chooser-none");
let names = [];
let folded = [];
let found = []; // options: { name, isNew }
let asked = null; // name of a new class, of which it was asked whether it is meant
let at = 0;
let chosen = () => {};

/** Say which classes there are. */
export function setClasses(classes) {
  names = classes;
  folded = classes.map((name) => name.toLocaleLowerCase());
}

/** Ask for a class; `done` gets its name and whether it is new, and nothing where somebody thinks better of it. */
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

/** The name of the class that what was typed would be; "" where there is one, be it in other letters. */
function newName(typed) {
  const name = typed.trim().replace(/\s+/g, " ");
  return folded.includes(name.toLocaleLowerCase()) ? "" : name;
}

function search() {
  found = matching(input.value).map((name) => ({ name, isNew: false }));
  const isNone = !found.length;
  const fresh = newName(input.value);
  if (fresh) found.push({ name: fresh, isNew: true });
  asked = null;
  at = 0;
  list.replaceChildren(
    ...found.map(({ name, isNew }, place) => {
      const option = make("li", isNew ? "new" : "", isNew ? "New class: " : "", named(name));
      option.id = `class-${place}`;
      option.setAttribute("role", "option");
      option.addEventListener("click", () => choose(place));
      return option;
    }),
  );
  list.hidden = !found.length;
  none.textContent = isNone ? "No class is called so." : "";
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
  const option = found[place];
  if (!option) return;
  if (option.isNew && asked !== option.name) return confirm(place);
  dialog.close();
  chosen(option.name, option.isNew);
}

/** Ask once whether a new class is meant: a name that is mistyped would be one, too. */
function confirm(place) {
  at = place;
  mark();
  asked = found[place].name;
  none.replaceChildren("There is no class ", named(asked), " yet. Enter or a click once more makes it one; Escape does not.");
}

input.addEventListener("input", search);
input.addEventListener("keydown", (event) => {
  if (event.isComposing) return; // the letters of a word that is not yet written
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step && found.length) {
    at = (at + step + found.length) % found.length;
    asked = null;
    none.textContent = "";
    mark();
    event.preventDefault();
  } else if (event.key === "Enter") {
    event.preventDefault();
    if (!event.repeat) choose(at); // a key that is held confirms nothing
  }
});
