/* Countries picked by a click on the map. The list below it does the same without a mouse and without this file. */
"use strict";
(() => {
  const map = document.getElementById("audience-map");
  if (!map?.dataset.pick) return;
  const fields = () => [...document.querySelectorAll(`[name="${map.dataset.pick}"]`)];
  const said = (field) => (field.type === "checkbox" ? field.checked : field.value.trim() !== "");
  const means = (field, land) => [land.dataset.name, land.dataset.code].some((name) => name.toLowerCase() === field.value.trim().toLowerCase());

  function toggle(land) {
    const own = fields().filter((field) => means(field, land));
    const field = own.find(said) ?? own[0] ?? fields().find((each) => each.type !== "checkbox" && !said(each));
    if (!field) return;
    if (field.type === "checkbox") field.checked = !field.checked;
    else field.value = said(field) ? "" : land.dataset.name;
    field.dispatchEvent(new CustomEvent("input", { bubbles: true, detail: "picked" }));
    field.dispatchEvent(new Event("change", { bubbles: true }));
  }
  function show() {
    const meant = [...document.querySelectorAll('[name$="countries"]:not([name*="not_"])')].filter(said);
    for (const land of map.querySelectorAll("[data-code]")) land.classList.toggle("chosen", meant.some((field) => means(field, land)));
  }
  map.addEventListener("click", (event) => {
    const land = event.target.closest("[data-code]");
    if (land) toggle(land);
  });
  document.addEventListener("input", show);
  show();
})();
