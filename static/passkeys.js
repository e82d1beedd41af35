"use strict";
// Passkeys: the browser is asked what the form carries, and the form is sent with its answer.

document.querySelectorAll("form[data-passkey]").forEach((form) => {
  const field = form.elements.credential, trouble = form.querySelector("[role=alert]");
  const asked = async () => {
    if (form.dataset.options) return JSON.parse(form.dataset.options);
    const answer = await fetch(form.dataset.optionsFrom, { headers: { Accept: "application/json" } });
    return answer.json();
  };
  form.addEventListener("submit", async (event) => {
    if (field.value) return;
    event.preventDefault();
    event.stopPropagation(); // it is not sent yet
    trouble.hidden = true;
    try {
      field.value = JSON.stringify(await window.webauthnJSON[form.dataset.passkey](await asked()));
      form.requestSubmit();
    } catch {
      field.value = "";
      trouble.hidden = false;
    }
  });
});
