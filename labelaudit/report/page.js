"use strict";
(() => {
  const gallery = document.getElementById("gallery");
  if (!gallery) return;
  const cards = Array.from(gallery.querySelectorAll(".card"));
  const form = document.getElementById("filters");
  const more = document.getElementById("more");
  const all = document.getElementById("all");
  const said = document.getElementById("said");
  const page = 48;
  let most = page;
  form.hidden = false;

  const fits = (card) => {
    for (const field of form.querySelectorAll("select")) {
      if (field.value !== "" && card.dataset[field.name] !== field.value) return false;
    }
    const words = form.elements.words.value.trim().toLowerCase();
    return words === "" || card.dataset.words.toLowerCase().includes(words);
  };

  const show = () => {
    let found = 0;
    for (const card of cards) {
      const is_in = fits(card);
      if (is_in) found += 1;
      card.hidden = !is_in || found > most;
    }
    const shown = Math.min(found, most);
    said.textContent = found === 0 ? "Nothing fits these filters." :
      (shown < found ? `${shown} of ${found} shown.` : `${found} shown.`);
    more.hidden = all.hidden = shown >= found;
    more.textContent = `Show ${Math.min(page, found - shown)} more`;
    all.textContent = `Show all ${found}`;
  };

  const anew = () => { most = page; show(); };
  form.addEventListener("input", anew);
  form.addEventListener("reset", () => setTimeout(anew, 0));
  form.addEventListener("submit", (event) => event.preventDefault());
  more.addEventListener("click", () => {
    const next = cards.filter((card) => !card.hidden).length;
    most += page;
    show();
    const visible = cards.filter((card) => !card.hidden);
    if (visible[next]) visible[next].focus();
  });
  all.addEventListener("click", () => { most = cards.length; show(); });

  const follow = () => {
    const card = document.getElementById(location.hash.slice(1));
    if (!card || !cards.includes(card)) return;
    for (const field of form.querySelectorAll("select, input")) field.value = "";
    most = cards.length;
    show();
    card.scrollIntoView({ block: "center" });
    card.focus();
  };
  window.addEventListener("hashchange", follow);
  show();
  follow();
})();
