// The sample itself, as large as the window allows: its picture, its text, or its row.

import { pictureOf, problemOf } from "./talk.js";
import { make, named, plain } from "./text.js";

const FAR = 3; // deviations from which a cell is marked: about 1 in 400 of a normal distribution
const TINY = 64; // pixels of a side up to which a picture is shown in squares: smoothing would hide what there is

const stage = document.getElementById("stage");

/** Show a sample; `content` comes later for what is no picture. The promise is kept when there is something to see. */
export function showSample(item, kind, content) {
  const { body, seen } = kind === "images" ? picture(item) : { body: rest(item, content), seen: Promise.resolve() };
  stage.replaceChildren(body, caption(item));
  stage.scrollTop = 0;
  return seen;
}

/** Show something that is no sample: the end of a queue, an error. */
export function showNotice(title, lines, buttons = []) {
  const card = make("div", "notice", make("h2", "", title), ...lines.map((line) => make("p", "", line)));
  const row = make("div", "row");
  for (const { text, press, main } of buttons) {
    const button = make("button", main ? "main" : "", text, ...(main ? [make("kbd", "", "Enter")] : []));
    button.type = "button";
    button.addEventListener("click", press);
    row.append(button);
  }
  if (buttons.length) card.append(row);
  stage.replaceChildren(card);
}

/** Have the browser fetch pictures before they are needed. */
export function prefetch(items) {
  for (const item of items) new Image().src = pictureOf(item, "large");
}

function picture(item) {
  const image = make("img", "picture");
  const address = pictureOf(item, "large");
  image.alt = `Sample ${plain(item.path)}`;
  image.decoding = "async";
  const seen = new Promise((done) => {
    image.addEventListener("load", () => {
      image.classList.toggle("tiny", Math.max(image.naturalWidth, image.naturalHeight) <= TINY);
      done();
    });
    image.addEventListener("error", async () => {
      image.replaceWith(make("p", "problem", await problemOf(address)));
      done();
    });
  });
  image.src = address;
  return { body: make("div", "frame", image), seen };
}

function rest(item, content) {
  if (!content) return make("div", "frame");
  if (content.problem) return make("div", "frame", make("p", "problem", content.problem));
  if ("text" in content) {
    const cut = content.cut ? ` … (${content.cut} more characters)` : "";
    return reading(make("p", "words", content.text + cut));
  }
  if (content.cells?.length) return reading(cells(item, content.cells));
  const nothing = "There is nothing to look at in a vector of numbers; what is most like it stands on the right.";
  return make("div", "frame", make("p", "problem muted", nothing));
}

/** Something long, which the keys can scroll. */
function reading(content) {
  const region = make("div", "reading", content);
  region.tabIndex = 0;
  region.setAttribute("role", "region");
  region.setAttribute("aria-label", "Content of the sample");
  return region;
}

function cells(item, rows) {
  const compared = rows.some((row) => row.usual !== null);
  const both = compared && rows.some((row) => row.usual_other !== null);
  const head = make("tr", "", make("th", "", "column"), make("th", "", "here"));
  if (compared) head.append(make("th", "", "usual for ", named(item.given)));
  if (both) head.append(make("th", "", "usual for ", named(item.suggested)));
  const table = make("table", "cells", make("thead", "", head));
  const body = make("tbody");
  for (const row of rows) {
    const line = make("tr", row.off >= FAR ? "far" : "", make("th", "", named(row.name)), make("td", "value", named(row.text)));
    line.firstChild.scope = "row";
    if (compared) line.append(make("td", "", row.usual ?? "–"));
    if (both) line.append(make("td", "", row.usual_other ?? "–"));
    body.append(line);
  }
  for (const cell of head.children) cell.scope = "col";
  table.append(body);
  return table;
}

function caption(item) {
  const rank = make("span", "muted", `no. ${item.rank.toLocaleString("en")}`);
  return make("p", "caption", named(item.path, "path"), rank);
}
