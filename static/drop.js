"use strict";
// A file can be dropped anywhere on the form; without this, choosing it does the same.
const form = document.querySelector("form.drop");
const field = form.querySelector("input[type=file]");
form.querySelector(".drop-hint").hidden = false;

const over = (event) => {
  if (!event.dataTransfer?.types.includes("Files")) return;
  event.preventDefault();
  form.classList.toggle("over", event.type === "dragover");
};
form.addEventListener("dragover", over);
form.addEventListener("dragleave", over);
form.addEventListener("drop", (event) => {
  over(event);
  if (event.dataTransfer.files.length !== 1) return;
  field.files = event.dataTransfer.files;
  form.requestSubmit();
});
