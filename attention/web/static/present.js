// Presentations: figures of the page as slides in large type. A slide is a copy that needs neither the page nor the
// server; collected slides stay in this browser (IndexedDB), so that a talk can be prepared the day before.
const FIGURES = "#results .cards[data-complete], #pages table.matrix, #pages .js-plotly-plot, #pages [data-present]";
const say = (words) => document.dispatchEvent(new CustomEvent("say", { detail: words }));
const words = () => JSON.parse(document.querySelector("#page-loaded")?.dataset.words ?? "null");
const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

// ---- what was collected: a list of slides {title, kind, html}

const database = () => new Promise((resolve, reject) => {
  const asked = indexedDB.open("attention-lab", 1);
  asked.onupgradeneeded = () => asked.result.createObjectStore("slides");
  asked.onsuccess = () => resolve(asked.result);
  asked.onerror = () => reject(asked.error);
});
let slides = []; // the collected slides; if the browser cannot store them, they last until the page is left
const kept = database().then((db) => new Promise((resolve) => {
  const asked = db.transaction("slides").objectStore("slides").get("all");
  asked.onsuccess = () => { slides = asked.result ?? []; resolve(db); };
  asked.onerror = () => resolve(db);
})).catch(() => null);
const keep = async () => {
  const db = await kept;
  if (db) db.transaction("slides", "readwrite").objectStore("slides").put(slides, "all");
};

// ---- a figure as a slide

let copies = 0;

// A copy as it looks now: without hidden parts and without anything to press, and with new ids, as ids must be unique.
const still = (node) => {
  const copy = node.cloneNode(true), originals = [...node.querySelectorAll("*")], all = [...copy.querySelectorAll("*")];
  const suffix = `-s${Date.now()}-${copies++}`;
  originals.forEach((original, index) => {
    const style = getComputedStyle(original), twin = all[index];
    if (style.display === "none" || style.visibility === "hidden" || style.opacity === "0") return twin.remove();
    if (style.opacity !== "1" || twin.matches(".pic *")) twin.style.opacity = style.opacity; // the page shows one map of several
    if (style.filter !== "none") twin.style.filter = style.filter;
  });
  copy.querySelectorAll(".pin, .own, .present-add, .modebar-container, .hoverlayer, .filters").forEach((part) => part.remove());
  for (const element of [copy, ...copy.querySelectorAll("*")]) {
    if (element.id) element.id += suffix;
    ["tabindex", "aria-pressed", "role"].forEach((name) => element.removeAttribute(name));
    for (const { name, value } of [...element.attributes]) {
      if (value.includes("url(")) element.setAttribute(name, value.replace(/url\(["']?[^)#]*#([^)"']+)["']?\)/g, `url(#$1${suffix})`));
    }
  }
  copy.querySelectorAll("button").forEach((button) => {
    const plain = make(button.matches(".pic") ? "div" : "span", { className: button.className });
    plain.append(...button.childNodes);
    button.replaceWith(plain);
  });
  return copy;
};

// Plotly draws at a fixed size in pixels: with a viewBox its layers grow with the slide.
const chart = (plot) => {
  const { width, height } = plot.getBoundingClientRect(), size = plot.querySelector(".main-svg");
  const [w, h] = [+size?.getAttribute("width") || width, +size?.getAttribute("height") || height];
  const copy = still(plot);
  copy.querySelectorAll(".main-svg").forEach((svg) => {
    svg.setAttribute("viewBox", `0 0 ${w} ${h}`);
    ["width", "height", "style"].forEach((name) => svg.removeAttribute(name));
  });
  copy.removeAttribute("style");
  return make("div", { className: "chart", style: `--ratio:${w / h}` }, copy);
};

// Only what was trained: rows that are still empty tell an audience nothing.
const matrix = (table) => {
  const copy = still(table);
  copy.querySelectorAll(".entry:not([data-verdict])").forEach((entry) => entry.remove());
  copy.querySelectorAll("tbody tr").forEach((row) => row.querySelector(".entry") ?? row.remove());
  return copy;
};

const textOf = (selector, root = document) => root.querySelector(selector)?.textContent.trim() ?? "";
const paragraph = (words, className) => words ? [make("p", { className, textContent: words })] : [];

// The nearest heading above a figure of Benchmarks, and the nearest sentence below it.
const around = (figure) => {
  const before = [...document.querySelectorAll("#pages h2, #pages h3")].filter((h) => h.getClientRects().length
    && h.compareDocumentPosition(figure) & Node.DOCUMENT_POSITION_FOLLOWING);
  const after = [...document.querySelectorAll("#pages .says")].find((p) => p.getClientRects().length
    && p.compareDocumentPosition(figure) & Node.DOCUMENT_POSITION_PRECEDING);
  return [before.at(-1)?.textContent.trim() ?? "", after?.textContent.trim() ?? ""];
};

const slide = (kind, title, ...parts) => ({ kind, title, html: parts.map((part) => part.outerHTML).join("") });
const boardSlide = (board) => {
  const title = textOf("#results .summary"), copy = still(board), count = board.children.length;
  const columns = count < 5 ? count : count < 9 ? Math.ceil(count / 2) : Math.ceil(count / 3);
  copy.style.setProperty("--columns", columns);
  copy.style.setProperty("--rows", Math.ceil(count / columns));
  return slide("board", title, copy);
};
const cardSlide = (card) => slide("card", textOf("h2", card), still(card));
const figureSlide = (figure) => {
  if (figure.matches(".cards")) return boardSlide(figure);
  if (figure.dataset.present) return slide("other", figure.dataset.present, still(figure));
  const [title, says] = around(figure);
  if (!figure.matches("table")) return slide("plot", title, chart(figure), ...paragraph(says, "caption"));
  return slide("table", title, matrix(figure));
};

// ---- "Add to presentation" beside every figure; put back whenever the page draws its figures again

const addButton = (figure) => {
  const home = figure.matches(".cards") ? document.querySelector("#take-away") : figure.closest(".table-wrap, .block") ?? figure;
  if (!home || home.parentElement?.querySelector(":scope > .present-add") || home.querySelector(":scope > .present-add")) return;
  const button = make("button", { type: "button", className: "present-add", textContent: words().present_add });
  button.onclick = () => {
    slides.push(figureSlide(home.id === "take-away" ? document.querySelector("#results .cards") : home.querySelector(FIGURES) ?? figure));
    keep();
    say(words().present_added);
  };
  if (home.matches(".table-wrap")) home.after(button); else home.append(button);
};
let waiting;
new MutationObserver(() => {
  waiting ??= setTimeout(() => {
    waiting = undefined;
    if (words()) document.querySelectorAll(FIGURES).forEach(addButton);
  }, 300);
}).observe(document.documentElement, { childList: true, subtree: true });

// ---- the slides when nothing was collected: the photo with its cards, the matrix, the chart, and what the tables say

const until = async (found, tries = 40) => {
  for (; tries && !found(); tries--) await new Promise((resolve) => setTimeout(resolve, 100));
  return found();
};

// Gradio draws a tab only when it is opened: open Benchmarks behind the slides, then go back.
const benchmarks = async () => {
  const tab = document.querySelector("#page-benchmarks-button"), now = document.querySelector("#pages [role=tab][aria-selected=true]");
  if (!tab) return [];
  tab.click();
  const drawn = () => document.querySelector("#accuracy-latency .main-svg .points *") && document.querySelector("table.matrix");
  await until(drawn);
  const figures = [document.querySelector("#pages table.matrix"), document.querySelector("#accuracy-latency .js-plotly-plot")];
  const found = figures.filter(Boolean).map(figureSlide);
  const says = textOf("#accuracy-table .says") || textOf("#chart-notes .says");
  if (says) found.push(slide("words", words().present_finding, ...paragraph(says)));
  now?.click();
  return found;
};

const comparison = () => {
  const board = document.querySelector("#results .cards[data-complete]");
  return board ? [boardSlide(board), ...[...board.querySelectorAll(".card.done")].map(cardSlide)] : [];
};

// ---- the screen

let dialog, deck = [], at = 0;

const fit = () => { // a copy that is too large for the screen shrinks; a chart and a photo have the screen's size already
  const stage = dialog.querySelector(".stage"), body = stage.querySelector(".body");
  body.style.zoom = 1;
  const room = stage.clientHeight - (body.offsetTop - stage.offsetTop) - 8;
  const scale = Math.min(1, room / body.scrollHeight, stage.clientWidth / body.scrollWidth);
  if (scale < 1 && innerWidth > 600) body.style.zoom = Math.max(0.4, scale);
};

const show = (index) => {
  at = Math.max(0, Math.min(deck.length - 1, index));
  const { kind, title, html } = deck[at], heading = kind === "card" ? [] : [make("h2", { textContent: title })];
  const stage = dialog.querySelector(".stage");
  stage.className = `stage of-${kind}`;
  stage.replaceChildren(...heading, make("div", { className: "body", innerHTML: html }));
  number();
  fit();
};
const number = () => { dialog.querySelector(".number").textContent = `${at + 1} / ${deck.length}`; };

const list = () => {
  const panel = dialog.querySelector(".list"), t = words();
  const button = (label, sign, press, disabled = false) => {
    const made = make("button", { type: "button", textContent: sign, title: label, ariaLabel: label, disabled });
    made.onclick = () => { press(); list(); };
    return made;
  };
  const move = (from, to) => { slides.splice(to, 0, ...slides.splice(from, 1)); changed(to); };
  const rows = deck.map(({ title }, index) => {
    const go = button(title, `${index + 1}. ${title}`, () => show(index));
    go.className = "go";
    if (index === at) go.setAttribute("aria-current", "true");
    const edit = !slides.length ? [] : [
      button(`${t.present_up}: ${title}`, "↑", () => move(index, index - 1), index === 0),
      button(`${t.present_down}: ${title}`, "↓", () => move(index, index + 1), index === deck.length - 1),
      button(`${t.present_remove}: ${title}`, "✕", () => { slides.splice(index, 1); changed(index); }),
    ];
    return make("li", {}, go, ...edit);
  });
  const clear = slides.length ? [button(t.present_clear, t.present_clear, () => { slides = []; changed(0); })] : [];
  panel.replaceChildren(make("ol", {}, ...rows), ...paragraph(slides.length ? "" : t.present_usual), ...clear);
  panel.querySelector("[aria-current]")?.focus();
};
const changed = async (index) => {
  keep();
  deck = slides.length ? slides : [...comparison(), ...await benchmarks()];
  if (!deck.length) return dialog.close();
  show(index);
  if (!dialog.querySelector(".list").hidden) list();
};

const build = () => {
  const t = words(), press = (name, sign, action) => {
    const made = make("button", { type: "button", className: name, textContent: sign, title: t[`present_${name}`], ariaLabel: t[`present_${name}`] });
    made.onclick = action;
    return made;
  };
  const panel = make("nav", { className: "list", hidden: true, ariaLabel: t.present_slides });
  const bar = make("div", { className: "bar" },
    make("span", { className: "keys", textContent: t.present_keys }),
    press("slides", "☰", () => { panel.hidden = !panel.hidden; if (!panel.hidden) list(); }),
    press("previous", "‹", () => show(at - 1)), make("span", { className: "number", role: "status" }),
    press("next", "›", () => show(at + 1)), press("close", "✕", () => dialog.close()));
  dialog = make("dialog", { id: "present", ariaLabel: t.present_label },
    make("div", { className: "stage", tabIndex: 0 }), panel, bar);
  dialog.addEventListener("keydown", keys);
  dialog.querySelector(".stage").onclick = (event) => show(at + (event.clientX < innerWidth / 5 ? -1 : 1));
  dialog.onclose = () => {
    if (document.fullscreenElement) document.exitFullscreen();
    dialog.remove();
  };
  // in Gradio's container, because Gradio limits the rules of media queries to it
  (document.querySelector(".gradio-container .contain") ?? document.body).append(dialog);
};

const STEPS = { ArrowRight: 1, ArrowDown: 1, PageDown: 1, " ": 1, Enter: 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1, Home: -1e6, End: 1e6 };
const keys = (event) => {
  event.stopPropagation();
  const pressing = event.target.closest("button") && (event.key === " " || event.key === "Enter");
  if (!(event.key in STEPS) || pressing || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  show(at + STEPS[event.key]);
};

const present = async () => {
  if (!words() || dialog?.open) return;
  await kept;
  try { await document.documentElement.requestFullscreen(); } catch { /* not allowed here: a window will do */ }
  deck = slides.length ? slides : comparison();
  const more = slides.length ? [] : benchmarks();
  if (!deck.length) deck = await more;
  if (!deck.length) {
    if (document.fullscreenElement) document.exitFullscreen();
    return say(words().present_nothing);
  }
  build();
  dialog.showModal();
  show(0);
  dialog.querySelector(".stage").focus();
  if (deck !== slides && deck !== await more) {
    deck = [...deck, ...await more];
    number();
  }
  dialog.classList.add("complete"); // now present.css may hide the page beneath: Gradio draws no hidden chart
};

// Esc only leaves full screen and the page never sees that key, so leaving full screen closes the slides.
document.addEventListener("fullscreenchange", () => { if (!document.fullscreenElement && dialog?.open) dialog.close(); });
addEventListener("resize", () => { if (dialog?.open) fit(); });
document.addEventListener("click", (event) => { if (event.target.closest && event.target.closest("#present-now")) present(); });
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest && event.target.closest("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable=true], [role=listbox]");
  if (event.key.toLowerCase() === "p" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) present();
});
