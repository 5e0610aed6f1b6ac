// Questions to the server. Every answer is JSON; what goes wrong is an Error with a sentence for people.

const tab = Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
let reviewer = sessionStorage.getItem("reviewer") || "";

/** Who decides in this tab; "" = whoever started the server. */
export function whoDecides() {
  return reviewer;
}

/** Let another person decide in this tab. */
export function setReviewer(name) {
  reviewer = name;
  sessionStorage.setItem("reviewer", name);
}

/** Ask for something; `about` has the parameters by name, those that are null are left out. */
export async function ask(name, about = {}) {
  const query = new URLSearchParams({ tab, reviewer });
  for (const [key, value] of Object.entries(about)) if (value !== null && value !== undefined) query.set(key, value);
  return answer(fetch(`/api/${name}?${query}`));
}

/** Say something; it is done, and on disk, when the promise is kept. */
export async function say(name, about = {}) {
  return answer(post(name, about));
}

/** Tell the server that this tab is closed. */
export function leave() {
  post("release", {}, { keepalive: true }).catch(() => {});
}

/** The address of a picture; the hash lets the browser keep it for as long as the content is the same. */
export function pictureOf(item, size) {
  return `/picture/${item.row}/${size}?${item.hash}`;
}

/** Why a picture cannot be shown. */
export async function problemOf(address) {
  try {
    return (await (await fetch(address)).json()).problem;
  } catch {
    return "The picture cannot be shown.";
  }
}

function post(name, about, more = {}) {
  const body = JSON.stringify({ tab, reviewer, ...about });
  return fetch(`/api/${name}`, { method: "POST", headers: { "content-type": "application/json" }, body, ...more });
}

async function answer(asked) {
  let response;
  try {
    response = await asked;
  } catch {
    throw new Error("The server does not answer: is labelaudit review still running?");
  }
  const said = await response.json().catch(() => null);
  if (!response.ok) throw new Error(said?.problem || (await whyNot(response)));
  return said;
}

async function whyNot(response) {
  return response.status === 403 ? "The server was started anew: open the address that it printed." : response.statusText;
}
