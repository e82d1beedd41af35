"use strict";
// Small conveniences; every page works without them.

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const search = document.getElementById("q");
    if (search) {
      event.preventDefault();
      search.focus();
      search.select();
    }
  }
});

// What has room only on a wide screen: the long hint of the search, the filters of a list unfolded.
const narrow = window.matchMedia("(max-width: 60rem)");
const fit = () => {
  document.querySelectorAll("[data-wide]").forEach((field) => {
    field.dataset.short ??= field.placeholder;
    field.placeholder = narrow.matches ? field.dataset.short : field.dataset.wide;
  });
  document.querySelectorAll("details.narrow-fold").forEach((fold) => { fold.open = !narrow.matches || "used" in fold.dataset; });
};
fit();
narrow.addEventListener("change", fit);

// A form is sent once, however often it is clicked; one that is answered by a download stays and can be sent again.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || "download" in form.dataset || form.dataset.sent) {
    if (form.dataset.sent) event.preventDefault();
    return;
  }
  form.dataset.sent = "1";
});
window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent));

// What was typed is not lost by a slip of the hand.
let typed = false;
document.addEventListener("input", (event) => { if (event.target.closest("form.stack")) typed = true; });
document.addEventListener("submit", () => { typed = false; });
window.addEventListener("beforeunload", (event) => { if (typed) event.preventDefault(); });

// In a row of pages that scrolls sideways, the one you are on is seen.
document.querySelectorAll(".subjects, .side").forEach((row) => {
  const here = row.querySelector("[aria-current]");
  if (here && row.scrollWidth > row.clientWidth) row.scrollLeft = here.offsetLeft - row.offsetLeft - (row.clientWidth - here.offsetWidth) / 2;
});

// After a refusal the summary of errors is where reading begins.
document.querySelector(".errors")?.focus();
