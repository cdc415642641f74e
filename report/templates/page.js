"use strict";
(() => {
  const filters = document.getElementById("filters");
  if (!filters) return;
  const select = (name) => document.getElementById(`by-${name}`);
  const texts = [...document.querySelectorAll(".text")];
  const list = document.getElementById("all-texts");
  const tip = document.getElementById("tip");
  const more = document.getElementById("more");
  const first = 8;
  let limit = first;
  const meaning = (status) => document.querySelector(`#meanings [data-s="${status}"]`).textContent;

  function filter() {
    const language = select("language").value, status = select("status").value, kind = select("kind").value;
    let found = 0;
    hide();
    for (const text of texts) {
      const fits = (!language || text.dataset.language === language) && (!kind || text.dataset.kind === kind) &&
        (!status || text.dataset.statuses.split(" ").includes(status));
      found += fits;
      text.hidden = !fits || found > limit;
      const marks = [...text.querySelectorAll(".m")];
      for (const mark of marks) mark.classList.toggle("other", Boolean(status) && mark.dataset.s !== status);
      reach(marks.find((mark) => !mark.classList.contains("other")), marks);
    }
    more.hidden = found <= limit;
    document.getElementById("count").textContent = `${found} of ${texts.length} texts`;
  }

  // One mention of each text is in the order of the Tab key; the arrow keys move between the mentions.
  function reach(chosen, marks) {
    for (const mark of marks) mark.tabIndex = mark === chosen ? 0 : -1;
  }

  function line(before, text, lang = "en") {
    const made = document.createElement("span"), words = document.createElement("bdi");
    [words.textContent, words.lang] = [text, lang];
    made.append(before, words);
    tip.append(made);
  }

  function show(mark) {
    const data = mark.dataset, language = mark.closest(".words").lang;
    tip.replaceChildren();
    line("", data.l || mark.textContent, language);
    line("", data.q || "no item");
    if (mark.closest(".text").dataset.kind === "article") line("target: ", data.t, language);
    else line("", data.t);
    line("", `${data.s.replaceAll("_", " ")}: ${meaning(data.s)}`);
    tip.hidden = false;
    mark.setAttribute("aria-describedby", "tip");
    const box = mark.getClientRects()[0], width = document.documentElement.clientWidth;
    const left = Math.max(8, Math.min(box.left, width - tip.offsetWidth - 8));
    const above = box.top - tip.offsetHeight - 6;
    tip.style.left = `${left + scrollX}px`;
    tip.style.top = `${(above > 0 ? above : box.bottom + 6) + scrollY}px`;
  }

  function hide() {
    tip.hidden = true;
    for (const mark of document.querySelectorAll("[aria-describedby=tip]")) mark.removeAttribute("aria-describedby");
  }

  const markOf = (event) => event.target.closest?.(".m:not(.other)");
  list.addEventListener("pointerover", (event) => markOf(event) ? show(markOf(event)) : hide());
  list.addEventListener("focusin", (event) => markOf(event) && show(markOf(event)));
  list.addEventListener("focusout", hide);
  list.addEventListener("click", (event) => markOf(event) ? show(markOf(event)) : hide());
  list.addEventListener("keydown", (event) => {
    const mark = markOf(event);
    if (event.key === "Escape") hide();
    if (!mark) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      show(mark);
      return;
    }
    const marks = [...mark.closest(".text").querySelectorAll(".m:not(.other)")];
    const forward = mark.closest(".words").dir === "rtl" ? "ArrowLeft" : "ArrowRight";
    const places = { ArrowLeft: -1, ArrowRight: 1, Home: -marks.length, End: marks.length };
    if (!(event.key in places)) return;
    event.preventDefault();
    let step = places[event.key];
    if (event.key.startsWith("Arrow")) step = event.key === forward ? 1 : -1;
    const next = marks[Math.max(0, Math.min(marks.indexOf(mark) + step, marks.length - 1))];
    reach(next, marks);
    next.focus();
  });
  for (const name of ["language", "status", "kind"]) {
    select(name).addEventListener("change", () => {
      limit = first;
      filter();
    });
  }
  more.addEventListener("click", () => {
    limit += 24;
    filter();
  });
  document.getElementById("tokens").addEventListener("change", (event) => {
    list.classList.toggle("tokens", event.target.checked);
    hide();
  });
  filters.addEventListener("submit", (event) => event.preventDefault());
  filters.hidden = false;
  filters.reset();
  filter();
})();
