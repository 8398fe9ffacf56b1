// The language switch: remembers the language in a cookie and reloads the page with its address and its photo.
const PHOTO = "attention-photo";

document.addEventListener("click", (event) => {
  const link = event.target.closest && event.target.closest("a.language");
  if (!link) return;
  event.preventDefault();
  document.cookie = `attention_lang=${link.dataset.language}; path=/; max-age=31536000; SameSite=Lax`;
  const address = new URL(location.href);
  address.searchParams.set("lang", link.dataset.language);
  const photo = document.querySelector("#photo img");
  if (photo && !address.searchParams.has("sample")) sessionStorage.setItem(PHOTO, photo.src);
  location.assign(address);
});

// The server still has the photo: fetch it from there, and hand it in as if it had been chosen.
async function bringBack(source) {
  const answer = await fetch(source);
  const input = document.querySelector("#photo input[type=file]");
  if (!answer.ok || !input) return;
  const picture = await answer.blob();
  const files = new DataTransfer();
  files.items.add(new File([picture], source.split("/").pop(), { type: picture.type }));
  input.files = files.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

const carried = sessionStorage.getItem(PHOTO);
sessionStorage.removeItem(PHOTO);
if (carried && carried.startsWith(location.origin)) {
  const loaded = new MutationObserver(() => {
    if (!document.querySelector("#page-loaded")) return;
    loaded.disconnect();
    bringBack(carried);
  });
  loaded.observe(document.body, { childList: true, subtree: true });
}
