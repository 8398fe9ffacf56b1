// The Compare tab: a tap on a picture, the pinned reference, the picked class, the order of the cards, keys. The server
// sends a new board after every model, so what a visitor did to the old one is done to the new one again.
const results = () => document.querySelector("#results");

// Writes into one of the hidden boxes, as if it were typed there.
const tell = (box, value) => {
  const field = document.querySelector(`#${box} textarea, #${box} input`);
  if (!field) return;
  field.value = value;
  field.dispatchEvent(new Event("input", {bubbles: true}));
};

const show = (kind) => {
  const choice = document.querySelector(`#map-choice input[value="${kind}"]`);
  if (choice) choice.click(); else results().dataset.map = kind;
};

let stopped = null; // the comparison that the Stop button ended

document.addEventListener("click", (event) => {
  const at = (selector) => event.target.closest && event.target.closest(selector);
  const pressed = (button) => button.getAttribute("aria-pressed") === "true";
  const kind = results()?.dataset.map || "attention";
  if (at("#results button.pic")) {
    const order = ["attention", "activation", "photo"];
    show(order[(order.indexOf(kind) + 1) % 3]);
  } else if (at("#results [data-pin]")) {
    const button = at("[data-pin]");
    tell("reference", pressed(button) ? "" : button.dataset.pin);
  } else if (at("#results [data-class]")) {
    const button = at("[data-class]");
    tell("picked", pressed(button) ? "" : button.dataset.class);
    if (kind !== "difference") show("activation");
  } else if (at("#stop")) {
    stopped = document.querySelector("#results .cards")?.dataset.run;
    mark();
  }
});

// On a new board, put the cards in the chosen order once all are there, and the focus back on its card. Gradio patches
// the old board by position, so at first the cards are in the order of the list, whatever their order was before.
const KEYS = {confidence: -1, latency: 1, disagreement: -1}; // -1: the largest first
let focused = null, drawn = null, arranged = null;

const arrange = (board, key) => {
  const cards = [...board.children];
  const value = (card) => {
    if (!(key in KEYS)) return +card.dataset.place;
    return key in card.dataset ? KEYS[key] * card.dataset[key] : Infinity; // a model that could not run stands last
  };
  const sorted = [...cards].sort((a, b) => value(a) - value(b) || a.dataset.place - b.dataset.place);
  if (sorted.some((card, index) => card !== cards[index])) board.append(...sorted);
};

const mark = () => {
  document.querySelectorAll("#results .cards").forEach((board) => {
    board.classList.toggle("stopped", board.dataset.run === stopped);
  });
};

new MutationObserver(() => {
  const board = document.querySelector("#results .cards");
  if (!board) return;
  lead(board);
  const run = `${board.dataset.run} ${"complete" in board.dataset}`, key = results().dataset.sort ?? "list";
  if (run === drawn && key === arranged) return;
  if (run !== drawn) [...board.children].forEach((card, index) => { card.dataset.place = index; });
  [drawn, arranged] = [run, key];
  if ("complete" in board.dataset) arrange(board, key);
  mark();
  const now = document.activeElement, then = focused && document.querySelector(focused);
  if (then && then !== now && (now === document.body || board.contains(now))) then.focus({preventScroll: true});
}).observe(document.documentElement, {
  childList: true, subtree: true, attributes: true, attributeFilter: ["data-run", "data-complete", "data-sort"],
});

document.addEventListener("focusin", (event) => {
  const button = event.target.closest && event.target.closest("#results button");
  const card = button && button.closest(".card");
  const which = card && (button.dataset.pin ? "[data-pin]" : button.dataset.class
    ? `[data-class="${CSS.escape(button.dataset.class)}"]` : ".pic");
  focused = card ? `#results [data-model="${card.dataset.model}"] ${which}` : null;
});
document.addEventListener("pointerdown", () => { focused = null; });

// On a phone the results begin below the screen: a new photo or the button leads to them, a tick in the list does not.
let used = null, led = null;
for (const event of ["click", "change"]) document.addEventListener(event, ({target}) => { used = target; }, true);

const lead = (board) => {
  if (board.dataset.run === led) return;
  led = board.dataset.run;
  const below = results().getBoundingClientRect().top > innerHeight / 2;
  if (innerWidth <= 600 && below && used?.closest?.("#photo, #samples, #go")) results().scrollIntoView();
};

// Arrow keys go through the samples, unless a control needs them.
document.addEventListener("keydown", (event) => {
  const step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
  const taken = "input, textarea, select, video, [contenteditable=true], [role=tab], [role=slider], [role=listbox], [role=dialog]";
  if (!step || event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.repeat) return;
  if (event.target.closest && event.target.closest(taken)) return;
  const samples = [...document.querySelectorAll("#samples .thumbnail-item")].filter((sample) => sample.offsetParent);
  if (!samples.length) return;
  event.preventDefault();
  const now = samples.findIndex((sample) => sample.classList.contains("selected"));
  const next = now < 0 ? (step > 0 ? 0 : samples.length - 1) : (now + step + samples.length) % samples.length;
  samples[next].click();
});
