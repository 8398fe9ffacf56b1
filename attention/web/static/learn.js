// The Learn tab. A tap on a slot of the network chooses it in the list beside it; the keyboard uses the list itself.
document.addEventListener("click", (event) => {
  const slot = event.target.closest && event.target.closest("#learn-network [data-slot]");
  const choice = slot && document.querySelector(`#learn-slot input[value="${slot.dataset.slot}"]`);
  if (!choice) return;
  choice.click();
  document.querySelector("#learn-slot-says").scrollIntoView({ block: "nearest" }); // on a phone it lies far below
});

// On narrow screens Gradio's steps lose their text, and steps already passed show only a tick: each gets its name back.
new MutationObserver(() => {
  const names = (document.querySelector("#learn-steps")?.dataset.names || "").split("|");
  document.querySelectorAll("#learn-walk .stepper-container [role=tab]").forEach((step, index) => {
    if (names[index] && step.getAttribute("aria-label") !== names[index]) step.setAttribute("aria-label", names[index]);
  });
}).observe(document.documentElement, { childList: true, subtree: true });
