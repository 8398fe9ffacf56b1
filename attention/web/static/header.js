// The line under the header's buttons, in which other scripts say what they did: document.dispatchEvent(new CustomEvent("say", …)).
let fading;
document.addEventListener("say", (event) => {
  const line = document.querySelector("#lead .said");
  line.textContent = event.detail;
  clearTimeout(fading);
  fading = setTimeout(() => { line.textContent = ""; }, 8000);
});

// The skip link; the page has a <base>, so a bare #fragment would reload it.
document.addEventListener("click", (event) => {
  if (!event.target.closest || !event.target.closest("a.skip")) return;
  event.preventDefault();
  const tab = document.querySelector("#pages [role=tab][aria-selected=true]");
  if (tab) tab.focus();
});
