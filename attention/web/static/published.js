// A class among a thousand is found by typing: a click selects the text in the box, so that typing replaces it.
document.addEventListener("click", (event) => {
  const box = event.target.closest && event.target.closest("#examine-class input:not([readonly])");
  if (box && box.selectionStart === box.selectionEnd) box.select();
});
