"use strict";
// The runtime of every component: its data, elements, dates, announcements, charts.
const Recursor = (() => {
  const page = JSON.parse(document.getElementById("page-data").textContent);
  const components = new Map();
  const clear = [];
  const prefix = `recursor:${page.space}:`;
  const memory = new Map();
  let storage = null;
  // A sandboxed frame or a strict browser refuses local storage: then the page remembers until it is closed.
  try {
    window.localStorage.setItem(`${prefix}probe`, "1");
    window.localStorage.removeItem(`${prefix}probe`);
    storage = window.localStorage;
  } catch {
    storage = null;
  }

  function read(key, fallback) {
    let found;
    try {
      found = JSON.parse(storage ? storage.getItem(prefix + key) : memory.get(key) ?? "null");
    } catch {
      found = null;
    }
    const fits = found !== null && found !== undefined && typeof found === typeof fallback && Array.isArray(found) === Array.isArray(fallback);
    return fits ? found : fallback;
  }

  function write(key, value) {
    const text = JSON.stringify(value);
    memory.set(key, text);
    try {
      if (storage) storage.setItem(prefix + key, text);
    } catch {
      say("This browser's storage is full: what you entered last is kept only until the page is closed.");
    }
  }

  function el(tag, attributes = {}, ...children) {
    const svg = ["svg", "rect", "path", "text", "line", "circle", "g", "title"].includes(tag);
    const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === null || value === undefined || value === false) continue;
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (name === "value") continue;
      else if (name === "checked") node.checked = value;
      else node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
    // A select takes its value only once it has its options.
    if (attributes.value !== null && attributes.value !== undefined) node.value = attributes.value;
    return node;
  }

  function say(text, undo) {
    const toasts = document.getElementById("toasts");
    const toast = el("div", { class: "toast" }, el("span", {}, text));
    if (undo) {
      toast.append(el("button", { type: "button", onclick: () => { undo(); toast.remove(); } }, "Undo"));
    }
    toasts.replaceChildren(toast);
    setTimeout(() => toast.remove(), 6000);
  }

  const two = (number) => String(number).padStart(2, "0");
  const dayOf = (date) => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const today = () => dayOf(new Date());
  function daysBack(count) {
    const days = [];
    for (let back = count - 1; back >= 0; back -= 1) {
      const date = new Date();
      date.setHours(12, 0, 0, 0);
      date.setDate(date.getDate() - back);
      days.push(dayOf(date));
    }
    return days;
  }
  const dateOf = (day) => new Date(`${day}T12:00:00`);
  const weekday = (day) => dateOf(day).toLocaleDateString(undefined, { weekday: "short" });
  const longDay = (day) => dateOf(day).toLocaleDateString(undefined, { weekday: "short", day: "numeric", month: "short", year: "numeric" });
  const number = (value) => Number(value).toLocaleString(undefined, { maximumFractionDigits: 2 });
  let lastId = 0;
  const newId = () => `${Date.now().toString(36)}${(lastId += 1).toString(36)}`;

  // Daily counts of events on the page, for charts.
  const listeners = new Set();
  function count(series, amount = 1) {
    const all = read("activity", {});
    const days = (all[series] ??= {});
    days[today()] = Math.max(0, (days[today()] ?? 0) + amount);
    write("activity", all);
    listeners.forEach((listener) => listener());
  }

  function chart(rows, { kind = "bars", label = "Chart", room = 640 } = {}) {
    const total = rows.reduce((sum, row) => sum + Math.max(0, row.value), 0);
    // As wide as its container, so that the letters keep their size.
    const width = kind === "ring" ? 640 : Math.min(Math.max(room, 280), 1000);
    const height = 240;
    const told = `${label}: ${rows.map((row) => `${row.label} ${number(row.value)}`).join(", ")}`;
    const drawn = el("svg", { class: "drawn", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": told });
    if (kind === "ring") {
      let angle = -Math.PI / 2;
      rows.forEach((row, index) => {
        const share = total ? Math.max(0, row.value) / total : 0;
        const end = angle + Math.min(share, 0.9999) * 2 * Math.PI;
        const at = (a) => `${(120 + 85 * Math.cos(a)).toFixed(2)} ${(120 + 85 * Math.sin(a)).toFixed(2)}`;
        const colour = `oklch(${55 + (index % 3) * 12}% 0.13 ${(page.hue + index * 67) % 360})`;
        drawn.append(el("path", { d: `M ${at(angle)} A 85 85 0 ${share > 0.5 ? 1 : 0} 1 ${at(end)}`, fill: "none", stroke: colour, "stroke-width": 38, "data-value": row.value }));
        drawn.append(el("rect", { x: 270, y: 20 + index * 24, width: 14, height: 14, rx: 3, fill: colour }));
        drawn.append(el("text", { x: 294, y: 32 + index * 24 }, `${row.label.slice(0, 30)}: ${number(row.value)} (${Math.round(share * 100)} %)`));
        angle = end;
      });
      return drawn;
    }
    const top = Math.max(...rows.map((row) => row.value), 1);
    const low = Math.min(...rows.map((row) => row.value), 0);
    const y = (value) => 200 - ((value - low) / (top - low || 1)) * 172;
    const slot = (width - 50) / Math.max(rows.length, 1);
    for (const step of [0, 0.5, 1]) {
      const value = low + (top - low) * step;
      drawn.append(el("line", { x1: 44, x2: width, y1: y(value), y2: y(value), stroke: "var(--line)" }));
      drawn.append(el("text", { x: 38, y: y(value) + 4, "text-anchor": "end" }, number(Math.round(value * 10) / 10)));
    }
    const middle = (index) => 50 + slot * index + slot / 2;
    if (kind === "line") {
      drawn.append(el("path", { d: rows.map((row, index) => `${index ? "L" : "M"} ${middle(index).toFixed(1)} ${y(row.value).toFixed(1)}`).join(" "), fill: "none", stroke: "var(--accent)", "stroke-width": 3, "stroke-linejoin": "round" }));
    }
    rows.forEach((row, index) => {
      const bar = Math.min(slot * 0.64, 64);
      const mark = kind === "line"
        ? el("circle", { cx: middle(index), cy: y(row.value), r: 5, fill: "var(--second)", "data-value": row.value })
        : el("rect", { x: middle(index) - bar / 2, y: Math.min(y(row.value), y(0)), width: bar, height: Math.abs(y(0) - y(row.value)), rx: Math.min(5, page.radius), fill: "var(--accent)", "data-value": row.value });
      mark.append(el("title", {}, `${row.label}: ${number(row.value)}`));
      drawn.append(mark);
      if (rows.length <= 12 || index % Math.ceil(rows.length / 12) === 0) {
        drawn.append(el("text", { x: middle(index), y: 224, "text-anchor": "middle" }, row.label.slice(0, Math.max(3, Math.floor(slot / 7)))));
      }
    });
    return drawn;
  }

  function save(name, text, type) {
    const link = el("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  const templates = new Map();
  function mount(section) {
    const body = section.querySelector(".body");
    const id = section.id;
    if (!templates.has(id)) templates.set(id, [...body.childNodes].map((node) => node.cloneNode(true)));
    else body.replaceChildren(...templates.get(id).map((node) => node.cloneNode(true)));
    const info = page.sections[id];
    const find = (part) => body.querySelector(`[data-el="${part}"]`);
    const setUp = components.get(section.dataset.component);
    if (!setUp) return;
    setUp({
      id, title: info.title, options: info.options, root: body, find, el, say, today, daysBack, dateOf, weekday, longDay, number, newId, count, dayOf,
      chart: (rows, how) => chart(rows, { room: body.clientWidth, ...how }),
      load: (name, fallback) => read(`${id}.${name}`, fallback),
      keep: (name, value) => write(`${id}.${name}`, value),
      activity: () => read("activity", {}),
      onActivity: (listener) => { listeners.add(listener); clear.push(() => listeners.delete(listener)); },
      every: (milliseconds, action) => { const timer = setInterval(action, milliseconds); clear.push(() => clearInterval(timer)); },
      saveJson: (name, value) => save(`${name}.json`, JSON.stringify(value, null, 2), "application/json"),
      saveText: (name, text) => save(name, text, "text/plain"),
      fill: (list, items, row, empty) => {
        list.replaceChildren(...items.map(row));
        const note = list.nextElementSibling?.matches(".empty") ? list.nextElementSibling : null;
        if (items.length) note?.remove();
        else if (note) note.textContent = empty;
        else list.after(el("p", { class: "empty" }, empty));
      },
      submit: (form, action) => form.addEventListener("submit", (event) => {
        event.preventDefault();
        action(Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value).trim()])));
      }),
    });
  }

  function everything() {
    const data = {};
    const names = storage ? Object.keys(storage).filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length)) : [...memory.keys()];
    for (const name of names) data[name] = JSON.parse(storage ? storage.getItem(prefix + name) : memory.get(name));
    return data;
  }

  function mountAll() {
    clear.splice(0).forEach((stop) => stop());
    document.querySelectorAll("[data-component]").forEach((section) => {
      // An error in one component must not affect the others.
      try {
        mount(section);
      } catch (error) {
        console.error(`${section.id}:`, error);
      }
    });
  }

  function setUpTools() {
    const mode = document.getElementById("page-mode");
    const system = window.matchMedia("(prefers-color-scheme: dark)");
    const root = document.documentElement;
    const given = root.dataset.mode;
    const isDark = () => root.dataset.mode === "dark" || (root.dataset.mode === "auto" && system.matches);
    const show = () => {
      mode.setAttribute("aria-pressed", String(isDark()));
    };
    root.dataset.mode = read("mode", given);
    show();
    system.addEventListener("change", show);
    mode.addEventListener("click", () => {
      root.dataset.mode = isDark() ? "light" : "dark";
      write("mode", root.dataset.mode);
      show();
    });
    const file = document.getElementById("page-file");
    document.getElementById("page-export")?.addEventListener("click", () => {
      save(`${page.file}.json`, JSON.stringify({ page: page.title, data: everything() }, null, 2), "application/json");
      say("Your data is in the downloaded file.");
    });
    document.getElementById("page-import")?.addEventListener("click", () => file.click());
    file?.addEventListener("change", async () => {
      try {
        const read = JSON.parse(await file.files[0].text());
        if (typeof read.data !== "object" || read.data === null) throw new Error("no data");
        for (const [name, value] of Object.entries(read.data)) write(name, value);
        mountAll();
        say("The data of the file is on the page.");
      } catch {
        say("That file holds no data exported from this page.");
      }
      file.value = "";
    });
  }

  // A sandboxed frame submits no form, and sends no event: so listen for the press of the button.
  function setUpForms() {
    document.addEventListener("click", (event) => {
      const button = event.target.closest("button[type=submit]");
      if (!button?.form) return;
      event.preventDefault();
      if (button.form.noValidate || button.form.reportValidity()) button.form.dispatchEvent(new Event("submit", { cancelable: true }));
    });
  }

  return {
    component: (name, setUp) => components.set(name, setUp),
    start: () => { setUpForms(); setUpTools(); mountAll(); },
  };
})();

// Reads a form's fields and shows errors beside them: missing and malformed values.
function fieldsOf(form, fields) {
  const problems = {
    email: (value) => (/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(value) ? "" : "This is not an e-mail address: name@example.org"),
    tel: (value) => (/^[+\d][\d\s()/.-]{3,}$/.test(value) ? "" : "This is not a telephone number."),
    url: (value) => (/^[a-z]+:\/\/\S+\.\S+|^\S+\.\S{2,}$/i.test(value) ? "" : "This is not a web address."),
    number: (value) => (Number.isFinite(Number(value)) ? "" : "This is not a number."),
  };
  // Not form.elements[name]: a field may be called "length".
  const inputOf = (field) => form.querySelector(`[name="${field.name}"]`);
  function told(field, problem) {
    const input = inputOf(field);
    const place = form.querySelector(`[data-problem="${field.name}"]`);
    input.setAttribute("aria-invalid", String(Boolean(problem)));
    place.textContent = problem;
    place.hidden = !problem;
    return !problem;
  }
  function problemOf(field) {
    const input = inputOf(field);
    const value = input.value.trim();
    if (input.validity?.badInput) return `${field.label} cannot be read: please enter it again.`;
    if (!value) return field.required ? `${field.label} is missing.` : "";
    return problems[field.type]?.(value) ?? "";
  }
  // An error disappears during typing, not when the field is left: the button that is just being pressed
  // would move away, and the press would be lost.
  fields.forEach((field) => inputOf(field).addEventListener("input", () => {
    if (inputOf(field).getAttribute("aria-invalid") === "true") told(field, problemOf(field));
  }));
  return {
    input: inputOf,
    clear: () => fields.forEach((field) => told(field, "")),
    read: () => {
      const wrong = fields.filter((field) => !told(field, problemOf(field)));
      if (wrong.length) {
        inputOf(wrong[0]).focus();
        return null;
      }
      return Object.fromEntries(fields.map((field) => [field.name, inputOf(field).value.trim()]));
    },
  };
}
