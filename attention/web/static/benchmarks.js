// The table of the Benchmarks tab: narrowed by a search and by one placement, and saved as a file. The choice is kept
// when another device or data set brings a new table.
const narrowed = { placement: "", words: "" };
let watcher = null;

function frameOf(element) {
  return element && element.closest && element.closest(".filtered");
}

function isLeft(row, words) {
  const placed = !narrowed.placement || row.dataset.placement === narrowed.placement || "reference" in row.dataset;
  return placed && words.every((word) => row.dataset.search.includes(word));
}

function narrow(frame) {
  const words = narrowed.words.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = [...frame.querySelectorAll("tbody tr")];
  rows.forEach((row) => { row.hidden = !isLeft(row, words); });
  const status = frame.querySelector(".count");
  const left = rows.filter((row) => !row.hidden).length;
  const { count, none } = status.dataset;
  const said = left === rows.length ? "" : left ? count.replace("#shown", left).replace("#all", rows.length) : none;
  if (status.textContent !== said) status.textContent = said;
  frame.querySelectorAll("[data-save]").forEach((button) => { button.disabled = !left; });
}

function keepNarrow(frame) {
  narrow(frame);
  const host = frame.closest("#accuracy-table");
  if (watcher || !host) return;
  watcher = new MutationObserver(() => {
    const fresh = host.querySelector(".filtered");
    const search = fresh && fresh.querySelector(".search");
    if (!search) return;
    if (search.value !== narrowed.words) search.value = narrowed.words;
    press(fresh);
    narrow(fresh);
  });
  watcher.observe(host, { childList: true, subtree: true });
}

function press(frame) {
  const buttons = [...frame.querySelectorAll(".filters button")];
  if (!buttons.some((button) => button.dataset.show === narrowed.placement)) narrowed.placement = "";
  buttons.forEach((button) => button.setAttribute("aria-pressed", button.dataset.show === narrowed.placement));
}

document.addEventListener("input", (event) => {
  const frame = event.target.matches && event.target.matches(".search") && frameOf(event.target);
  if (!frame) return;
  narrowed.words = event.target.value;
  keepNarrow(frame);
});

document.addEventListener("click", (event) => {
  const filter = event.target.closest && event.target.closest(".filters button");
  if (filter) {
    narrowed.placement = filter.dataset.show;
    press(frameOf(filter));
    keepNarrow(frameOf(filter));
    return;
  }
  const save = event.target.closest && event.target.closest("[data-save]");
  if (save) document.querySelector(`#save-${save.dataset.save}`).click(); // the hidden button asks the server
});

// A file that the server wrote, {name, type, text}, goes to the visitor's disk without ever lying on the server's.
document.addEventListener("save-file", (event) => {
  const { name, type, text } = event.detail;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
});
