/* Joins our forms with allauth's passkey script: <form data-passkey="loginForm | authenticateForm | addForm">. Without a script, or in a
   browser without passkeys, the forms stay hidden and the words beside them say so. */
"use strict";
(() => {
  const kinds = window.allauth?.webauthn?.forms;
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    if (!kinds || !window.PublicKeyCredential) continue;
    const button = form.querySelector("[data-passkey-button]").id;
    const ids = { login: button, authenticate: button, add: button, credential: form.elements.credential.id };
    if (form.dataset.passkey !== "loginForm") ids.data = "js_data";
    if (form.elements.passwordless) ids.passwordless = form.elements.passwordless.id;
    kinds[form.dataset.passkey]({ ids });
    form.hidden = false;
    document.querySelector("[data-no-passkeys]")?.remove();
  }
  document.addEventListener("allauth.error", (event) => {
    event.preventDefault();
    const problem = document.querySelector("[data-passkey-problem]");
    if (problem) { problem.hidden = false; problem.focus(); }
  });
})();
