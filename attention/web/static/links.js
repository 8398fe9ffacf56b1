// The address follows what is shown, and the button copies it. What a link can say: links.py. An upload is never part of one.
const valueOf = (selector) => document.querySelector(selector)?.value ?? "";
const page = () => document.querySelector("#page-loaded")?.dataset;

const shown = () => ({
  tab: (document.querySelector("#pages > .tab-wrapper [role=tab][aria-selected=true]")?.id ?? "").replace(/^page-|-button$/g, ""),
  dataset: valueOf("#compare-dataset input:checked"),
  models: [...document.querySelectorAll("#models input[type=checkbox]:checked")].map((box) => box.name).join(","),
  sample: valueOf("#sample textarea, #sample input"),
  map: valueOf("#map-choice input:checked"),
  reference: valueOf("#reference textarea, #reference input"),
  class: valueOf("#picked textarea, #picked input"),
});

// Parameters that are not ours, and the language, stay as they are.
const address = () => {
  const link = new URL(location.href), defaults = JSON.parse(page().defaults), now = shown();
  const elsewhere = now.dataset && now.dataset !== defaults.dataset;
  for (const [name, value] of Object.entries(now)) {
    const usual = value === (defaults[name] ?? "") && !(name === "models" && elsewhere);
    if (!value || usual) link.searchParams.delete(name); else link.searchParams.set(name, value);
  }
  link.search = link.search.replaceAll("%2C", ",");
  return link.href;
};

setInterval(() => {
  if (page() && address() !== location.href) history.replaceState(history.state, "", address());
}, 400);

async function copied(words) {
  try {
    await navigator.clipboard.writeText(words);
    return true;
  } catch { // without https, or not allowed: the older way to copy
    const box = Object.assign(document.createElement("textarea"), { value: words });
    document.body.append(box);
    box.select();
    const done = document.execCommand("copy");
    box.remove();
    return done;
  }
}

document.addEventListener("click", async (event) => {
  if (!event.target.closest || !event.target.closest("#copy-link") || !page()) return;
  const words = JSON.parse(page().words), isUpload = document.querySelector("#photo img") && !shown().sample;
  const says = !(await copied(address())) ? "link_not_copied" : isUpload ? "link_without_photo" : "link_copied";
  document.dispatchEvent(new CustomEvent("say", { detail: words[says] }));
});
