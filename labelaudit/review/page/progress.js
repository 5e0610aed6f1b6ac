// How far people have come, what is left, and whether going on pays.

import { count, make, range, rate, several } from "./text.js";

const bar = document.getElementById("bar");
const counts = document.getElementById("counts");
const advice = document.getElementById("advice");
const offer = document.getElementById("offer");

/** Show what the server says of the whole. */
export function showProgress({ suspects, suspects_open, progress }) {
  const looked = suspects - suspects_open;
  bar.max = Math.max(1, suspects);
  bar.value = looked;
  const parts = [[make("b", "", count(looked)), ` of ${several(suspects, "suspect")} looked at`]];
  if (progress) {
    const left = progress.errors_left;
    parts.push([make("b", "", range(left.low, left.high)), " errors left in all of the data"]);
    if (progress.noise.rate !== null) parts.push([noise(progress.noise)]);
  }
  counts.replaceChildren(...parts.map((part) => make("span", "", ...part)));
  advice.replaceChildren(...(progress ? advise(progress, suspects_open) : []));
}

/** Offer the questions where the audit is unsure, unless they were answered or turned down. */
export function showOffer({ progress }, isDismissed) {
  const is_wanted = progress && progress.is_unsure && progress.blind < progress.questions && !isDismissed;
  offer.hidden = !is_wanted;
  if (!is_wanted) return;
  const { rate: likely, interval } = progress.noise;
  const known = interval ? `between ${rate(interval[0])} and ${rate(interval[1])}` : `about ${rate(likely)}`;
  const left = progress.questions - progress.blind;
  document.getElementById("offer-text").textContent =
    `How many labels are wrong is not well known: ${known}. ${several(left, "question")} about samples drawn by lot tell most.`;
}

/** Whether the numbers are of before the latest decision. */
export function isOld({ version, progress }) {
  return !progress || progress.version < version;
}

function noise({ rate: likely, interval }) {
  return `noise ${rate(likely)}${interval ? ` (${rate(interval[0])} to ${rate(interval[1])})` : ""}`;
}

function advise(progress, open) {
  const next = progress.next;
  if (!next.looks) return [make("span", "", "Everything is looked at.")];
  const hold = make("span", "", `The next ${several(next.looks, "look")}: `, make("b", "", range(next.low, next.high)), " errors");
  if (progress.pays) return [hold];
  const worth = open ? "fewer than one in twenty" : "fewer than one in twenty: a good place to stop, or to scan the mended labels again";
  return [hold, make("span", "stop", worth)];
}
