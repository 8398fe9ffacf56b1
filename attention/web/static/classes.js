// The field that searches the list of all classes: what does not hold its text is hidden.
document.addEventListener("input", (event) => {
  if (!event.target.matches(".all-classes input")) return;
  const wanted = event.target.value.trim().toLowerCase();
  for (const item of event.target.parentElement.querySelectorAll("li")) {
    item.hidden = !item.textContent.toLowerCase().includes(wanted);
  }
});
