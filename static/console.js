/* What makes the console quicker to use. Every page works without it. No framework, nothing evaluated, nothing loaded from elsewhere. */
"use strict";
(() => {
  const words = document.getElementById("words")?.dataset ?? {};
  const language = document.documentElement.lang || "ru";
  const person = document.body.dataset.person ?? "";
  const fill = (text, values) => (text ?? "").replace(/\{(\w+)\}/g, (whole, key) => values[key] ?? whole);
  const group = (n) => n.toLocaleString(language).replace(/\u00a0/g, "\u202f");
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  function span(seconds) {
    const s = Math.max(0, Math.floor(seconds));
    if (s < 60) return fill(words.seconds, { n: s });
    if (s < 3600) return fill(words.minutes, { n: Math.floor(s / 60) });
    if (s < 172800) return fill(words.hours, { h: Math.floor(s / 3600), m: String(Math.floor((s % 3600) / 60)).padStart(2, "0") });
    return fill(words.days, { n: Math.floor(s / 86400) });
  }

  const clockTime = (at, timeZone) => new Intl.DateTimeFormat("ru", { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone }).format(at);

  /* Theme: remembered in a cookie, so that the server writes it into the page and nothing flashes. */
  function theme() {
    for (const button of all("[data-theme-switch]")) {
      button.hidden = false;
      button.addEventListener("click", () => {
        const root = document.documentElement;
        const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
        root.dataset.theme = dark ? "light" : "dark";
        document.cookie = `theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
      });
    }
  }

  function clocks() {
    const now = Date.now();
    for (const time of all("[data-clock]")) {
      const age = Math.abs(now - Date.parse(time.dateTime)) / 1000;
      const text = span(age);
      if (time.textContent !== text) time.textContent = text;
      const holder = time.closest(".clock");
      const passed = (limit) => limit && age >= Number(limit);
      const tone = passed(time.dataset.red) ? "bad" : passed(time.dataset.amber) ? "wait" : "";
      if (holder && holder.dataset.tone !== tone) {
        holder.classList.remove("tone-wait", "tone-bad", "tone-");
        if (tone) holder.classList.add(`tone-${tone}`);
        holder.dataset.tone = tone;
      }
    }
    for (const time of all("[data-zone]")) {
      const text = clockTime(now, time.dataset.zone);
      if (time.textContent !== text) time.textContent = text;
    }
  }

  function counters() {
    for (const counter of all("[data-counter]")) {
      const field = document.getElementById(counter.dataset.counter);
      const limit = Number(counter.dataset.limit);
      const show = () => {
        const used = [...field.value].length;
        const over = Math.max(0, used - limit);
        counter.querySelector(".num").textContent = fill(over ? words.over : words.used, { used: group(used), limit: group(limit), over: group(over) });
        counter.classList.toggle("over", over > 0);
      };
      field?.addEventListener("input", show);
    }
  }

  /* What was typed survives a lost session, a lost race and a refused submit. One draft a person and form, kept on this machine until it was
     saved, discarded, or the person logs out. */
  const keyOf = (form) => `draft:${person}:${form.dataset.keep}`;
  const kept = (input) => input.name && !["hidden", "password", "file", "submit", "button"].includes(input.type);
  function read(form) {
    const values = {};
    for (const input of form.elements) {
      if (!kept(input)) continue;
      const list = (values[input.name] ??= []);
      if (input.type === "checkbox" || input.type === "radio") { if (input.checked) list.push(input.value); }
      else if (input.multiple) list.push(...[...input.selectedOptions].map((option) => option.value));
      else list.push(input.value);
    }
    return values;
  }
  function write(form, values) {
    const seen = {};
    for (const input of form.elements) {
      const list = kept(input) ? values[input.name] : undefined;
      if (!list) continue;
      if (input.type === "checkbox" || input.type === "radio") input.checked = list.includes(input.value);
      else if (input.multiple) for (const option of input.options) option.selected = list.includes(option.value);
      else input.value = list[seen[input.name] ?? 0] ?? input.value;
      seen[input.name] = (seen[input.name] ?? 0) + 1;
      input.dispatchEvent(new Event("input", { bubbles: true }));
    }
  }
  function restoredNotice(form, at, original) {
    const notice = document.createElement("div");
    notice.className = "notice";
    notice.setAttribute("role", "status");
    const text = document.createElement("p");
    text.textContent = fill(words.kept, { time: `${clockTime(at, document.body.dataset.pageZone)} (${words.pageZoneName})` });
    const discard = document.createElement("button");
    discard.type = "button";
    discard.className = "slim";
    discard.textContent = words.discard;
    discard.addEventListener("click", () => { write(form, original); localStorage.removeItem(keyOf(form)); notice.remove(); changed(form); });
    notice.append(text, discard);
    form.prepend(notice);
  }
  function restore(form) {
    const original = read(form);
    const stored = JSON.parse(localStorage.getItem(keyOf(form)) ?? "null");
    const refused = form.querySelector(".error-summary") || document.querySelector(".error-summary");
    const saved = stored?.sent && cameFrom(stored.page) && !refused;
    if (saved) return localStorage.removeItem(keyOf(form));
    unsent(keyOf(form), stored);
    if (stored && !refused && JSON.stringify(stored.values) !== JSON.stringify(original)) {
      write(form, stored.values);
      restoredNotice(form, stored.at, original);
      addEventListener("load", () => changed(form)); // by then those who count listen
    }
  }
  const changed = (form) => [...form.elements].filter(kept).forEach((input) => input.dispatchEvent(new Event("change", { bubbles: true })));
  /* What was refused, or lost its session on the way, was not saved: leaving the page by a link drops none of it. */
  function unsent(key, stored) {
    if (stored?.sent) localStorage.setItem(key, JSON.stringify({ ...stored, sent: false }));
  }
  const cameFrom = (page) => document.referrer && new URL(document.referrer).pathname === page;
  function drafts() {
    const forms = all("form[data-keep]");
    const here = new Set(forms.map(keyOf));
    const landed = !document.body.hasAttribute("data-unsaved");
    for (const key of Object.keys(localStorage)) {
      if (!key.startsWith(`draft:${person}:`) || here.has(key)) continue;
      const stored = JSON.parse(localStorage.getItem(key));
      if (!landed) unsent(key, stored);
      else if (stored.sent && cameFrom(stored.page)) localStorage.removeItem(key);
    }
    for (const form of forms) {
      restore(form);
      const keep = (sent) => localStorage.setItem(keyOf(form), JSON.stringify({ at: Date.now(), page: location.pathname, values: read(form), sent }));
      form.addEventListener("input", (event) => { if (event.isTrusted || event.detail === "picked") keep(false); });
      form.addEventListener("submit", () => keep(true));
    }
    for (const form of all("form[data-leave]")) {
      form.addEventListener("submit", () => Object.keys(localStorage).filter((key) => key.startsWith(`draft:${person}:`)).forEach((key) => localStorage.removeItem(key)));
    }
  }

  /* Polling: changes text, attributes and bars in place; never a form, a button, the focus or the order of rows. */
  const untouched = "form, button, input, select, textarea";
  function sync(old, fresh) {
    if (old.matches(untouched)) return;
    for (const { name, value } of fresh.attributes) if (name !== "open" && old.getAttribute(name) !== value) old.setAttribute(name, value);
    for (const { name } of [...old.attributes]) if (name !== "open" && !fresh.hasAttribute(name)) old.removeAttribute(name);
    syncInside(old, fresh);
  }
  function syncInside(old, fresh) {
    const keyed = [...fresh.children].some((child) => child.dataset.key);
    keyed ? syncRows(old, fresh) : syncNodes(old, fresh);
  }
  function syncRows(old, fresh) {
    const byKey = new Map([...fresh.children].map((child) => [child.dataset.key, child]));
    for (const child of [...old.children]) {
      const twin = byKey.get(child.dataset.key);
      if (twin) sync(child, twin);
      else if (!child.contains(document.activeElement)) child.remove();
      byKey.delete(child.dataset.key);
    }
    const newestFirst = old.matches(".timeline");
    newestFirst ? old.prepend(...byKey.values()) : old.append(...byKey.values());
  }
  function syncNodes(old, fresh) {
    const olds = [...old.childNodes], news = [...fresh.childNodes];
    const alike = olds.length === news.length && olds.every((node, i) => node.nodeName === news[i].nodeName);
    if (!alike) {
      if (!old.contains(document.activeElement) && !old.querySelector("form")) old.replaceChildren(...news);
      return;
    }
    olds.forEach((node, i) => {
      if (node.nodeType === Node.ELEMENT_NODE) sync(node, news[i]);
      else if (node.nodeValue !== news[i].nodeValue) node.nodeValue = news[i].nodeValue;
    });
  }
  const USUAL = 2000, SLOWEST = 10000;
  function poll(element) {
    const usual = Number(element.dataset.every ?? USUAL);
    let wait = usual, last = Date.now(), busy = false, due = last + wait, over = false;
    const note = all("[data-poll-note]").find((n) => (n.dataset.pollNote ? n.dataset.pollNote === element.id : !element.dataset.every));
    const say = () => {
      if (!note) return;
      note.textContent = fill(wait > usual ? words.trouble : words.updated, { time: span((Date.now() - last) / 1000) });
      note.parentElement.classList.toggle("late", wait > usual);
    };
    const ask = async () => {
      const began = Date.now();
      busy = true;
      try {
        const answer = await fetch(element.dataset.poll, { headers: { "HX-Request": "true", "X-Poll": "1" }, signal: AbortSignal.timeout(SLOWEST) });
        if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
        const fresh = document.createElement("template");
        fresh.innerHTML = await answer.text();
        const holder = document.createElement("div");
        holder.append(fresh.content);
        syncInside(element, holder);
        over = answer.headers.get("X-Poll") === "over";
        last = Date.now();
        wait = usual;
        clocks();
      } catch { wait = Math.min(wait * 1.5, SLOWEST); }
      busy = false;
      due = began + wait;
    };
    setInterval(() => {
      if (over) return;
      if (!document.hidden && !busy && Date.now() >= due) ask();
      say();
    }, 250);
  }

  function focusFirst() {
    const problems = document.querySelector("[data-focus]");
    (problems ?? document.querySelector("[data-flash]"))?.focus();
    for (const link of all(".error-summary a")) {
      link.addEventListener("click", (event) => {
        const target = document.querySelector(link.hash);
        if (target) { event.preventDefault(); target.closest("details")?.setAttribute("open", ""); target.focus(); target.scrollIntoView({ block: "center" }); }
      });
    }
  }

  function copies() {
    for (const button of all("[data-copy]")) {
      button.hidden = false;
      button.addEventListener("click", async () => {
        const field = document.getElementById(button.dataset.copy);
        field.select();
        try { await navigator.clipboard.writeText(field.value); } catch { document.execCommand("copy"); }
        button.textContent = button.dataset.done;
      });
    }
  }

  function menus() {
    document.addEventListener("click", (event) => all("details.menu[open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; }));
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") all("details.menu[open]").forEach((menu) => { menu.open = false; menu.querySelector("summary").focus(); });
    });
    // Not by scrollIntoView: from there on the next Tab would leave out whatever stands before it.
    const here = document.querySelector(".rail [aria-current]");
    const row = here && [here.closest("ul"), here.closest(".rail")].find((box) => box && box.scrollWidth > box.clientWidth);
    if (row) row.scrollLeft += here.getBoundingClientRect().left - row.getBoundingClientRect().left - (row.clientWidth - here.offsetWidth) / 2;
  }

  /* Our own sentences, in the person's language, instead of the browser's bubbles. */
  for (const form of document.forms) form.noValidate = true;
  theme();
  counters();
  drafts();
  clocks();
  setInterval(clocks, 1000);
  all("[data-poll]").forEach(poll);
  focusFirst();
  menus();
  copies();
})();
