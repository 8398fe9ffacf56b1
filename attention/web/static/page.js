// Sorts tables without the server. Events are delegated, so that tables that arrive later can be sorted too.
document.addEventListener("click", (event) => {
  const heading = event.target.closest && event.target.closest("table.figures thead th:not(.group)");
  if (heading) {
    const up = heading.getAttribute("aria-sort") !== "ascending";
    const body = heading.closest("table").tBodies[0];
    const value = (row) => row.cells[heading.cellIndex].dataset.value ?? row.cells[heading.cellIndex].innerText;
    const rows = [...body.rows].sort((a, b) => {
      const [x, y] = [value(a), value(b)], [p, q] = [parseFloat(x), parseFloat(y)];
      const missing = (x === "–") - (y === "–"); // last in either direction
      return missing || (isNaN(p) || isNaN(q) ? x.localeCompare(y) : p - q) * (up ? 1 : -1);
    });
    heading.parentElement.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", up ? "ascending" : "descending");
    body.append(...rows);
  }
});

// Gradio's groups of checkboxes are fieldsets without a legend: name each by its visible label.
document.addEventListener("focusin", (event) => {
  const group = event.target.closest && event.target.closest("fieldset:not([aria-label])");
  const label = group && group.querySelector("[data-testid=block-info]");
  if (label) group.setAttribute("aria-label", label.innerText);
});

// Gradio's empty pictures and plots have an aria-label but no role, which is not allowed: give them one.
new MutationObserver(() => {
  document.querySelectorAll(".empty[aria-label]:not([role])").forEach((empty) => empty.setAttribute("role", "img"));
}).observe(document.documentElement, { childList: true, subtree: true });
