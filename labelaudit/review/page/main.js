// The page: which sample is shown, what a key does, and what follows a decision.

import { chooseClass, setClasses } from "./chooser.js";
import { focusedItem, moveFocus, openGrid, removeTiles, renewTiles, selectAll, selected, selectNone } from "./grid.js";
import { clearPanel, inWords, otherLabels, prefetchWhy, reasonsOf, showActions, showLabels, showWhy } from "./panel.js";
import { isOld, showOffer, showProgress } from "./progress.js";
import { prefetch, showNotice, showSample } from "./stage.js";
import { ask, leave, pictureOf, say, setReviewer, whoDecides } from "./talk.js";
import { count, key, make, named, plain, range, rate, several } from "./text.js";

const PAGE = 12; // samples that are fetched at once
const AHEAD = 4; // of them, whose pictures and reasons are fetched before they are shown
const HEARTBEAT_MS = 20_000;
const SETTLE_MS = 700; // after a decision until the numbers are looked at again

const element = (id) => document.getElementById(id);
const about = { kind: "images", title: "", reviewer: "" };
const steps = []; // what can be taken back: { step, rows }, and of this tab { place, note }
const notes = new Map(); // row, or "grid" for what is selected -> what goes with the next decision
const shown = []; // samples that were shown in this order, and the one that is
let at = -1; // of them
let upcoming = [];
let run = 0; // counts the orders that were begun
let filling = null; // the request for more
let after = -1; // place in the order behind which the next ones are
let left = 0;
let view = "one";
let order = "suspicion";
let pair = { given: null, suggested: null };
let askedAbout = []; // rows of questions, so that none comes twice
let isBusy = false; // a decision is on its way: keys wait, so that none hits a sample that nobody saw
let isPastSuspects = false; // somebody said to go on with what is probably right
let isPastQuestions = false; // the same of questions
let isOfferDismissed = sessionStorage.getItem("offer") === "no";
let latest = null; // numbers
let enter = null; // what the enter key does at a notice

const isQuestion = () => order === "questions";
const current = () => (enter ? null : (shown[at] ?? null));

// ---- which sample is shown -------------------------------------------------------------------------------------------

async function begin(name, only = { given: null, suggested: null }) {
  run += 1;
  filling = null;
  order = name;
  pair = only;
  shown.length = 0;
  at = -1;
  upcoming = [];
  after = -1;
  isPastSuspects = false;
  isPastQuestions = false;
  element("order").value = order;
  showFilter();
  if (view === "grid" && isQuestion()) setView("one");
  if (view === "grid") return openGrid({ order, ...pair }, showGridActions);
  return forward();
}

/** Fetch the next samples, one request at a time: two would fetch the same. */
function fill() {
  if (filling) return filling;
  const mine = fetchMore(run).finally(() => {
    if (filling === mine) filling = null; // an order that was begun meanwhile has its own
  });
  filling = mine;
  return mine;
}

async function fetchMore(mine) {
  const answer = isQuestion()
    ? await say("questions", { without: askedAbout })
    : await ask("queue", { order, ...pair, after, n: PAGE });
  if (mine !== run) return; // another order was chosen meanwhile
  if (isQuestion()) askedAbout.push(...answer.items.map((item) => item.row));
  else ({ after, left } = answer);
  upcoming.push(...answer.items);
}

/** Fetch what other tabs gave back meanwhile; what was skipped here is asked about at the end. */
async function fillWithOthers() {
  after = -1;
  await fill();
  const seen = new Set(shown.map((item) => item.row));
  upcoming = upcoming.filter((item) => !seen.has(item.row));
}

/** Show the next sample: one that was left by a step back, or a new one. */
async function forward() {
  const mine = run;
  if (at < shown.length - 1) {
    at += 1;
    return show();
  }
  if (isQuestion() && !isPastQuestions && enoughAnswered()) return showQuestionsDone();
  if (!upcoming.length) await fill();
  if (!upcoming.length && left && mine === run) await fillWithOthers();
  if (mine !== run) return null; // another order was begun meanwhile, and shows its own
  const item = upcoming[0];
  if (!item) return showEnd();
  if (order === "suspicion" && !item.is_suspect && !isPastSuspects) return showSuspectsDone();
  upcoming.shift();
  shown.push(item);
  at = shown.length - 1;
  if (upcoming.length < AHEAD) fill().then(lookAhead).catch(complain);
  return show();
}

function back() {
  if (enter) return show();
  if (at <= 0) return tell("This is the first one.");
  at -= 1;
  return show();
}

function show() {
  enter = null;
  const item = shown[at];
  if (!item) return;
  const isStill = () => current() === item;
  const hidden = isQuestion() && !item.mine;
  showCards(item);
  showActions(about.several ? CHOICES.filter((each) => each.press !== another) : CHOICES);
  note(item.row);
  bringUp(item, isStill).then(() => isStill() && (document.body.dataset.seen = "yes")).catch(complain);
  lookAhead();
  showWhy(item, { isStill, zoom, hidden, choose: (label) => decide("label", label) }).catch(complain);
}

/** Show its labels, and what was said of it. */
function showCards(item) {
  const question = isQuestion() && !item.mine;
  const opinions = order !== "second" || Boolean(item.mine);
  const note = notes.get(item.row);
  showLabels(item, { question, opinions, note, keep: () => decide("keep"), accept: () => decide("accept") });
}

/** Show the sample itself. */
async function bringUp(item, isStill) {
  if (about.kind === "images") return showSample(item, about.kind);
  showSample(item, about.kind, null);
  const { content } = await ask("sample", { row: item.row });
  return isStill() ? showSample(item, about.kind, content) : undefined;
}

/** Note that something else is shown: nobody has seen it yet. */
function note(row) {
  const { dataset } = document.body;
  delete dataset.seen;
  if (row === null) delete dataset.row;
  else dataset.row = row;
  dataset.shown = Number(dataset.shown ?? 0) + 1;
}

function lookAhead() {
  const next = upcoming.slice(0, AHEAD);
  if (about.kind === "images") prefetch(next);
  if (!isQuestion()) next.slice(0, 2).forEach(prefetchWhy);
}

function notice(title, lines, buttons) {
  enter = buttons.find((each) => each.main)?.press ?? (() => {});
  note(null);
  clearPanel();
  showNotice(title, lines, buttons);
}

function showEnd() {
  const again = { text: several(left, "sample"), press: () => begin(order, pair), main: true };
  if (isQuestion()) {
    return notice("No question is left", ["Everything that could be asked about was answered."], [
      { text: "Look at the suspects", press: () => begin("suspicion"), main: true },
    ]);
  }
  if (left) {
    again.text = `Look at ${left === 1 ? "it" : "them"} again`;
    return notice("Through", [`${several(left, "sample")} skipped, or before somebody else.`], [again]);
  }
  const why = {
    second: "There is nothing that others decided on and you did not.",
    disagreement: "Nobody disagrees about anything.",
  };
  return notice("Nothing is left here", [why[order] ?? "Everything was looked at."], [
    { text: "Worst first", press: () => begin("suspicion"), main: true },
  ]);
}

function enoughAnswered() {
  const numbers = latest?.progress;
  return numbers && numbers.blind >= numbers.questions;
}

function showQuestionsDone() {
  const { noise, blind } = latest.progress;
  const known = noise.interval ? `, between ${rate(noise.interval[0])} and ${rate(noise.interval[1])}` : "";
  const goOn = () => {
    isPastQuestions = true;
    forward().catch(complain);
  };
  notice(`${several(blind, "question")} answered`, [`About ${rate(noise.rate)} of the labels are wrong${known}.`], [
    { text: "Look at the suspects", press: () => begin("suspicion").catch(complain), main: true },
    { text: "More questions", press: goOn },
  ]);
}

function showSuspectsDone() {
  const next = latest?.progress?.next;
  const skipped = latest?.suspects_open ?? 0;
  const lines = [!about.accuses ? "What follows is a ranking: the least certain first." : "What follows is probably right."];
  if (next) lines.push(`The next ${several(next.looks, "look")} hold ${range(next.low, next.high)} errors.`);
  const goOn = () => {
    isPastSuspects = true;
    forward().catch(complain);
  };
  const again = { text: `Those that were skipped (${count(skipped)})`, press: () => begin("suspicion").catch(complain) };
  const title = !about.accuses ? "There are no suspects" : skipped ? "Through the suspects" : "All suspects are looked at";
  notice(title, lines, [{ text: "Go on", press: goOn, main: true }, ...(skipped ? [again] : [])]);
}

// ---- what can be done ------------------------------------------------------------------------------------------------

const CHOICES = [
  { keys: "C", text: "Another class", press: another, kind: "wide" },
  { keys: "M", text: "Cannot tell", press: () => decide("ambiguous"), kind: "wide" },
  { keys: "D", text: "Drop it", press: () => decide("drop"), kind: "" },
  { keys: "N", text: "Note", press: writeNote, kind: "" },
  { keys: "S", text: "Skip", press: skip, kind: "" },
  { keys: "U", text: "Undo", press: undo, kind: "" },
];

function showGridActions() {
  const choices = [
    ["A", "Suggested is right", "accept"],
    ["K", "Given is right", "keep"],
    ["C", "Another class", null],
    ["M", "Cannot tell", "ambiguous"],
    ["D", "Drop", "drop"],
  ];
  const possible = choices.filter(([, , choice]) => choice || !about.several);
  const buttons = possible.map(([keys, text, choice]) => {
    const button = make("button", choice === "accept" ? "main" : "", text, key(keys));
    button.type = "button";
    button.disabled = !selected().length;
    button.addEventListener("click", () => (choice ? decide(choice) : another()));
    return button;
  });
  const all = make("button", "quiet", "All", key("E"));
  all.type = "button";
  all.addEventListener("click", selectAll);
  const noting = make("button", "", "Note", key("N"));
  noting.type = "button";
  noting.addEventListener("click", writeNote);
  element("grid-actions").replaceChildren(all, ...buttons, noting);
  const kept = notes.get("grid");
  element("grid-note").replaceChildren(...(kept ? ["Note, with the next decision: ", named(kept)] : []));
}

function another() {
  if (about.several) return tell("Here a label is there or it is not: A or K.");
  if (view === "one" && !current()) return;
  chooseClass((label, isNew) => decide("label", label, isNew));
}

/** What a note is about: the sample that is shown, or whatever is selected in the grid. */
function placeOfNote() {
  return view === "grid" ? "grid" : current()?.row;
}

function writeNote() {
  const place = placeOfNote();
  if (place === undefined) return;
  element("noter-input").value = notes.get(place) ?? current()?.mine?.note ?? "";
  element("noter").showModal();
  element("noter-input").select();
}

/** At "submit": the "close" of the dialog comes a moment later, and the next key may decide before it. */
function keepNote() {
  const place = placeOfNote();
  const text = element("noter-input").value.trim();
  if (place === undefined) return;
  notes.delete(place);
  if (text) notes.set(place, text);
  tell(text ? "The note goes with the next decision." : "No note.");
  if (view === "grid") showGridActions();
  else showCards(shown[at]);
}

function skip() {
  return current() ? guarded(forward) : undefined;
}

/** Record a decision; the next sample is shown when it is on disk. */
async function decide(choice, label = null, isNew = false) {
  const items = view === "grid" ? selected() : [current()].filter(Boolean);
  if (!items.length) return view === "grid" ? tell("Select some first: space, a click, or E for all of them.") : undefined;
  if (choice === "accept" && items.some((item) => item.suggested === null)) return tell("Nothing is suggested here.");
  if (view === "one" && !document.body.dataset.seen) return undefined; // nobody decides on what is not there yet
  return guarded(async () => {
    const samples = items.map(({ row, version }) => ({ row, version }));
    const place = placeOfNote();
    const note = notes.get(place) ?? "";
    const taken = await say("decide", { choice, label, new_class: isNew, note, samples, question: isQuestion() });
    if (taken.recorded.length) {
      steps.push({ step: taken.step, rows: taken.recorded, place, note, isNew });
      notes.delete(place);
      if (isNew) await look();
    }
    renew(taken.items);
    take(taken.progress);
    if (taken.conflicts.length) tellOfConflicts(taken);
    else tell(...said(choice, label, taken.items));
    if (view === "grid") await removeTiles([...taken.recorded, ...taken.conflicts]);
    else if (taken.conflicts.length) await show();
    else await forward();
  });
}

async function undo() {
  return guarded(async () => {
    const last = steps.at(-1);
    if (!last) return tell("There is nothing to take back.");
    const taken = await say("undo", { step: last.step }).catch((problem) => {
      steps.pop();
      throw problem;
    });
    steps.pop();
    if (last.note) notes.set(last.place, last.note); // it goes with what is said instead
    if (last.isNew) await look();
    renew(taken.items);
    take(taken.progress);
    tell(`Taken back: ${several(taken.rows.length, "decision")}.`);
    if (view === "grid") return openGrid({ order, ...pair }, showGridActions);
    return showAgain(taken.items[0]);
  });
}

/** Show a sample whose decision was taken back: where it was shown, else now. */
function showAgain(item) {
  const place = shown.findIndex((each) => each.row === item.row);
  if (place >= 0) at = place;
  else {
    at += 1;
    shown.splice(at, 0, item);
  }
  return show();
}

/** Put what is known of samples now in the place of what was known. */
function renew(items) {
  const fresh = new Map(items.map((item) => [item.row, item]));
  for (const list of [shown, upcoming]) list.forEach((item, place) => (list[place] = fresh.get(item.row) ?? item));
  renewTiles(items);
}

function said(choice, label, items) {
  const what = items.length === 1 ? named(items[0].path) : several(items.length, "sample");
  if (items.length > 1 && choice === "accept") return [what, ": the suggested label."];
  if (items.length > 1 && choice === "keep") return [what, ": the given label."];
  return [what, ": ", ...inWords(items[0].mine), "."];
}

function tellOfConflicts({ items, conflicts }) {
  const other = items.find((item) => conflicts.includes(item.row));
  const by = other?.others.at(-1) ?? other?.mine;
  const many = conflicts.length > 1 ? `${count(conflicts.length)} were decided elsewhere meanwhile.` : "Decided elsewhere meanwhile";
  if (conflicts.length > 1 || !by) return tell(many);
  return tell(many, ": ", named(by.who), ": ", ...inWords(by), ". Say it again to overrule.");
}

/** Do one thing at a time; what goes wrong is told. */
async function guarded(act) {
  if (isBusy) return;
  isBusy = true;
  document.body.dataset.busy = "yes";
  try {
    await act();
  } catch (problem) {
    complain(problem);
  } finally {
    isBusy = false;
    delete document.body.dataset.busy;
  }
}

// ---- numbers ---------------------------------------------------------------------------------------------------------

let settling = null;

function take(numbers) {
  latest = numbers;
  showProgress(numbers);
  showOffer(numbers, isOfferDismissed || isQuestion());
  document.body.dataset.version = numbers.version;
  if (isOld(numbers)) {
    clearTimeout(settling);
    settling = setTimeout(() => ask("progress").then(take, complain), SETTLE_MS);
  }
}

async function look() {
  const state = await ask("state");
  take(state);
  const enough = { second: state.second, disagreement: state.disagreements };
  for (const [name, number] of Object.entries(enough)) {
    const option = element("order").querySelector(`[value="${name}"]`);
    option.textContent = `${option.textContent.replace(/ \(.*/, "")} (${count(number)})`;
  }
  look.pairs = state.pairs;
  look.agreement = state.agreement;
  setClasses([...about.classes, ...state.new_classes]);
  showFilter();
  showWho();
}

function showFilter() {
  const box = element("filter-box");
  const select = element("filter");
  box.hidden = !(order === "pair" || order === "class" || view === "grid") || isQuestion();
  if (box.hidden) return;
  const kinds = order === "class" ? byClass(look.pairs ?? []) : (look.pairs ?? []);
  const options = [make("option", "", order === "class" ? "every class" : "every pair")];
  options[0].value = "";
  kinds.forEach((each, place) => {
    const arrow = order === "class" ? "" : ` → ${each.suggested === null ? "?" : plain(each.suggested)}`;
    const option = make("option", "", `${plain(each.given)}${arrow} (${count(each.open)})`);
    option.value = String(place);
    option.selected = each.given === pair.given && (order === "class" || (each.suggested ?? "") === pair.suggested);
    options.push(option);
  });
  select.replaceChildren(...options);
  select.onchange = () => {
    const each = kinds[Number(select.value)];
    const only = select.value === "" ? { given: null, suggested: null } : { given: each.given, suggested: order === "class" ? null : (each.suggested ?? "") };
    begin(order, only).catch(complain);
    select.blur();
  };
}

function byClass(pairs) {
  const open = new Map();
  for (const { given, open: number } of pairs) open.set(given, (open.get(given) ?? 0) + number);
  return [...open].map(([given, number]) => ({ given, open: number })).sort((a, b) => b.open - a.open);
}

function showWho() {
  const name = whoDecides() || about.reviewer;
  const pairs = (look.agreement ?? []).filter((each) => each.first === name || each.second === name);
  const alike = pairs.reduce((sum, each) => sum + each.alike, 0);
  const both = pairs.reduce((sum, each) => sum + each.both, 0);
  const agreement = both ? make("span", "muted", ` agrees with others on ${count(alike)} of ${count(both)}`) : null;
  element("who").replaceChildren(named(name), ...(agreement ? [agreement] : []));
}

// ---- what is said ----------------------------------------------------------------------------------------------------

let fading = null;

function tell(...words) {
  const toast = element("toast");
  toast.classList.remove("wrong");
  toast.replaceChildren(...words);
  toast.classList.add("on");
  clearTimeout(fading);
  fading = setTimeout(() => toast.classList.remove("on"), 4000);
}

function complain(problem) {
  tell(problem.message);
  element("toast").classList.add("wrong");
}

function zoom(sample) {
  const image = element("zoom-image");
  image.hidden = about.kind !== "images";
  if (!image.hidden) {
    image.src = pictureOf(sample, "large");
    image.alt = plain(sample.path);
  }
  element("zoom-text").replaceChildren(named(sample.path), ": ", named(sample.given));
  element("zoom").showModal();
}

function setView(name) {
  view = name;
  element("one").hidden = view !== "one";
  element("grid").hidden = view !== "grid";
  element("view-one").setAttribute("aria-pressed", String(view === "one"));
  element("view-grid").setAttribute("aria-pressed", String(view === "grid"));
  document.body.dataset.view = view;
}

async function changeView(name) {
  if (name === view) return;
  setView(name);
  if (name === "one") return begin(order, pair);
  await look();
  const item = current();
  if (pair.given === null && item && item.suggested !== null && !isQuestion()) {
    return begin("pair", { given: item.given, suggested: item.suggested });
  }
  return begin(isQuestion() ? "pair" : order, pair);
}

// ---- keys ------------------------------------------------------------------------------------------------------------

const KEYS = {
  a: () => decide("accept"),
  k: () => decide("keep"),
  c: another,
  m: () => decide("ambiguous"),
  d: () => decide("drop"),
  n: writeNote,
  s: () => view === "one" && skip(),
  u: undo,
  g: () => guarded(() => changeView(view === "one" ? "grid" : "one")),
  q: () => guarded(() => begin("questions")),
  e: () => view === "grid" && selectAll(),
  "?": () => element("keys").showModal(),
};
const ONE = { ArrowRight: () => skip(), ArrowLeft: () => guarded(back) };
const HELP = [
  ["A", "the suggested label is right"],
  ["K", "keep: the given label is right"],
  ["1 – 5", "one of the other likely labels"],
  ["C", "another class, by typing; also a new one"],
  ["M", "cannot tell: ambiguous"],
  ["D", "drop it: it fits no class"],
  ["N", "a note with the decision"],
  ["S or →", "skip, and come back to it at the end"],
  ["←", "back to the one before"],
  ["U", "undo"],
  ["G", "grid: many samples at once"],
  ["arrows, space", "in the grid: move, select; with shift, all on the way"],
  ["E", "in the grid: select all, or none"],
  ["Z", "in the grid: larger"],
  ["Q", "questions by lot"],
];

function pressed(event) {
  const isTyping = event.target.closest?.("dialog, input, select, textarea");
  if (isTyping || event.altKey || event.metaKey) return;
  if (event.ctrlKey) {
    if (event.key.toLowerCase() === "z") event.preventDefault(), undo();
    return;
  }
  const act = actionOf(event);
  if (!act) return;
  event.preventDefault();
  if (event.repeat && !event.key.startsWith("Arrow")) return; // a key that lies under a book decides nothing
  Promise.resolve(act()).catch(complain);
}

function actionOf(event) {
  const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const isArrow = name.startsWith("Arrow") || name === "Home" || name === "End";
  if (view === "grid" && isArrow) return () => moveFocus(name, { extend: event.shiftKey });
  if (view === "grid" && name === "Escape") return selectNone;
  if (view === "grid" && name === "z") return () => focusedItem() && zoom(focusedItem());
  if (view === "one" && name === "Enter" && enter && event.target === document.body) return enter;
  if (view === "one" && ONE[name]) return ONE[name];
  if (view === "one" && /^[1-5]$/.test(name)) return () => likely(Number(name) - 1);
  return event.shiftKey && name !== "?" ? null : KEYS[name];
}

async function likely(place) {
  const item = current();
  if (!item || (isQuestion() && !item.mine)) return;
  const label = otherLabels(item, (await reasonsOf(item)).top)[place];
  if (label !== undefined && item === current()) await decide("label", label);
}

// ---- beginning -------------------------------------------------------------------------------------------------------

function wire() {
  document.addEventListener("keydown", pressed);
  // a button that was clicked with the mouse must not take the next key: the space bar would press it again
  element("one").addEventListener("click", (event) => event.detail && event.target.closest("button")?.blur());
  element("view-one").addEventListener("click", () => changeView("one").catch(complain));
  element("view-grid").addEventListener("click", () => changeView("grid").catch(complain));
  element("order").addEventListener("change", (event) => {
    event.target.blur();
    begin(event.target.value).catch(complain);
  });
  element("order").addEventListener("focus", () => look().catch(complain));
  element("offer-yes").addEventListener("click", () => begin("questions").catch(complain));
  element("offer-no").addEventListener("click", () => {
    isOfferDismissed = true;
    sessionStorage.setItem("offer", "no");
    element("offer").hidden = true;
  });
  element("help").addEventListener("click", () => element("keys").showModal());
  element("theme").addEventListener("click", changeTheme);
  element("who").addEventListener("click", () => {
    element("asker-input").value = whoDecides() || about.reviewer;
    element("asker").showModal();
  });
  element("asker").addEventListener("submit", () => changeWho(element("asker-input").value.trim()).catch(complain));
  element("noter").addEventListener("submit", keepNote);
  element("keys-list").append(...HELP.flatMap(([keys, text]) => [make("dt", "", key(keys)), make("dd", "", text)]));
  window.addEventListener("pagehide", leave);
  window.addEventListener("pageshow", (event) => event.persisted && location.reload());
  setInterval(() => ask("progress").then(take, complain), HEARTBEAT_MS);
}

async function changeWho(name) {
  if (!name || name === (whoDecides() || about.reviewer)) return;
  setReviewer(name);
  const { steps: mine } = await ask("about");
  steps.splice(0, steps.length, ...mine);
  await look();
  await begin(order, pair);
}

function changeTheme() {
  const root = document.documentElement;
  const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = isDark ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
}

async function start() {
  history.replaceState(null, "", "/"); // the token stays neither in the address bar nor in the history
  const theme = localStorage.getItem("theme");
  if (theme) document.documentElement.dataset.theme = theme;
  wire();
  setView("one");
  Object.assign(about, await ask("about"));
  document.body.dataset.kind = about.kind;
  document.title = `${about.title}: labelaudit review`;
  element("title").textContent = plain(about.title);
  setClasses(about.classes);
  steps.push(...about.steps);
  await Promise.all([begin("suspicion"), look()]);
}

start().catch(complain);
