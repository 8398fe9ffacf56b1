// The search field of the list of all classes: names without its text are hidden.
document.addEventListener("input", (event) => {
  if (!event.target.matches(".all-classes input")) return;
  const wanted = event.target.value.trim().toLowerCase();
  for (const item of event.target.parentElement.querySelectorAll("li")) {
    item.hidden = !item.textContent.toLowerCase().includes(wanted);
  }
});
