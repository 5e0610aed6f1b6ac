// What is said of the sample, what can be done with it, and why it is here.

import { ask, pictureOf } from "./talk.js";
import { key, make, named, percent, plain, renew } from "./text.js";

const labels = document.getElementById("labels");
const actions = document.getElementById("actions");
const why = document.getElementById("why");
const ISSUES = {
  "duplicate-conflict": "A twin has another label.",
  "out-of-distribution": "No class fits it well.",
  "rare-class": "Its class has a few samples only.",
  ambiguous: "The label is in doubt, and no other is clearly better.",
};
const reasons = new Map(); // row -> what was answered, so that a step back costs nothing
const KEPT = 60;

/** What somebody said, in words, and the note that they left with it. */
export function inWords(decision) {
  const { choice, label, note } = decision;
  const words = { keep: "the label is right", ambiguous: "cannot be told", drop: "drop it", wrong: "the label is wrong" };
  const said = choice === "label" ? ["it is ", named(label)] : [words[choice]];
  return note ? [...said, " (", named(note), ")"] : said;
}

/** Show the labels of a sample, each a button; of a question without how likely they are, which would sway the answer. */
export function showLabels(item, { question = false, opinions = true, note = "", keep, accept } = {}) {
  const share = (value) => (question ? null : value);
  const cards = [card("given", question ? "given: is it right?" : "given", item.given, share(item.clean_prob), "K", keep)];
  if (item.suggested !== null) {
    cards.push(card("suggested", question ? "or rather" : "suggested", item.suggested, share(item.suggested_prob), "A", accept));
  }
  const notes = [];
  if (!question && ISSUES[item.issue]) notes.push(make("p", "note", ISSUES[item.issue], item.detail ? ` ${plain(item.detail)}` : ""));
  if (item.mine) notes.push(make("p", "note said", "You said: ", ...inWords(item.mine), "."));
  if (opinions) for (const other of item.others) notes.push(make("p", "note said", named(other.who), ": ", ...inWords(other), "."));
  if (note) notes.push(make("p", "note said", "Your note, with the next decision: ", named(note)));
  renew(labels, ...cards, ...notes);
}

/** Show what can be done; `choices` are { keys, text, press, kind }. */
export function showActions(choices) {
  renew(
    actions,
    ...choices.map(({ keys, text, press, kind }) => {
      const button = make("button", kind, ...[text].flat(), key(keys));
      button.type = "button";
      button.addEventListener("click", press);
      return button;
    }),
  );
}

/** Empty the panel. */
export function clearPanel() {
  for (const part of [labels, actions, why]) part.replaceChildren();
}

/** Show why a sample is here, once it is known; `isStill` says whether it is still this one that is shown. */
export async function showWhy(item, { isStill, zoom, choose, hidden }) {
  why.replaceChildren();
  if (hidden) return;
  const said = await reasonsOf(item);
  if (!isStill()) return;
  why.replaceChildren(...[others(item, said.top, choose), neighbours(said.neighbours, zoom), twins(said.twins, zoom), witnesses(item, said.witnesses)].filter(Boolean));
}

/** Ask why before it is needed. */
export function prefetchWhy(item) {
  reasonsOf(item).catch(() => {});
}

/** The labels that were thought likely beside the given and the suggested one. */
export function otherLabels(item, top) {
  return top.map((each) => each.label).filter((label) => label !== item.given && label !== item.suggested).slice(0, 5);
}

export function reasonsOf(item) {
  if (!reasons.has(item.row)) {
    const asked = ask("why", { row: item.row });
    asked.catch(() => reasons.delete(item.row));
    reasons.set(item.row, asked);
    if (reasons.size > KEPT) reasons.delete(reasons.keys().next().value);
  }
  return reasons.get(item.row);
}

function card(kind, title, label, share, keys, press) {
  const box = make("button", `label ${kind}`, make("span", "head", make("span", "", title)), make("span", "name", named(label), key(keys)));
  box.type = "button";
  box.addEventListener("click", press);
  if (share === null || share === undefined) return box;
  const meter = make("span", "meter", make("span", "level"));
  meter.firstChild.style.width = `${Math.round(100 * share)}%`;
  box.firstChild.append(make("span", "share", percent(share)));
  box.append(meter);
  return box;
}

function others(item, top, choose) {
  const names = otherLabels(item, top);
  if (!names.length) return null;
  const row = make("div", "chips");
  names.forEach((label, at) => {
    const chip = make("button", "chip", named(label), key(String(at + 1)));
    chip.type = "button";
    chip.addEventListener("click", () => choose(label));
    row.append(chip);
  });
  return make("section", "", make("h2", "", "Or"), row);
}

function neighbours(groups, zoom) {
  if (!groups.length) return null;
  const section = make("section", "", make("h2", "", groups[0].how === "nearest" ? "Most like it" : "Typical of the class"));
  for (const group of groups) section.append(make("p", "strip-name", named(group.label)), strip(group.samples, zoom));
  return section;
}

function twins(samples, zoom) {
  if (!samples.length) return null;
  const section = make("section", "", make("h2", "", samples[0].bits ? "Nearly the same" : "The same content"), strip(samples, zoom));
  const names = [...new Set(samples.map((sample) => sample.given))];
  section.append(make("p", "note", "labelled ", ...names.flatMap((name, at) => [at ? ", " : "", named(name)])));
  return section;
}

function strip(samples, zoom) {
  const row = make("div", "strip");
  for (const sample of samples) {
    const button = make("button", "thumb");
    button.type = "button";
    button.title = plain(sample.path);
    if (document.body.dataset.kind === "images") {
      const image = make("img");
      image.src = pictureOf(sample, "small");
      image.alt = `${plain(sample.given ?? "")}: ${plain(sample.path)}`;
      image.loading = "lazy";
      button.append(image);
    } else button.append(named(sample.path));
    button.addEventListener("click", () => zoom(sample));
    row.append(button);
  }
  return row;
}

function witnesses(item, said) {
  if (!said.length) return null;
  const list = make("ul", "witnesses");
  for (const each of said) {
    const agrees = each.label === item.given;
    const how = each.taught === null ? "" : each.taught ? "learnt the labels" : "never saw the labels";
    const line = make("li", agrees ? "for" : "against", make("span", "who", plain(each.name)), " says ", named(each.label));
    if (how) line.append(make("span", "muted", ` ${how}`));
    list.append(line);
  }
  return make("section", "", make("h2", "", "Witnesses"), list);
}
