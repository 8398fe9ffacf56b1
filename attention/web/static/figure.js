// "Save picture": the board that is on the page as a PNG of twice its size. The browser draws it from a copy inside an SVG, with the
// page's own style sheets, so that it is the board that the visitor sees. Nothing is sent anywhere.
const SCALE = 2, MARGIN = 24, HEAD = 56, FOOT = 40, FILE = "attention-lab.png";
const XHTML = "http://www.w3.org/1999/xhtml";

const rules = () => [...document.styleSheets].flatMap((sheet) => {
  try { return [...sheet.cssRules].map((rule) => rule.cssText); } catch { return []; } // of another origin: none of ours
}).join("\n");

// A copy inside empty copies of all that the element stands in, because style sheets name these. They take no room, and none is dark.
const inItsPlace = (element, copy) => {
  for (let around = element.parentElement; around; around = around.parentElement) {
    const shell = around.cloneNode(false);
    shell.classList.remove("dark");
    shell.setAttribute("style", "display:contents");
    shell.append(copy);
    copy = shell;
  }
  return copy;
};

const line = (words, style) => {
  const paragraph = document.createElementNS(XHTML, "p");
  paragraph.textContent = words;
  paragraph.setAttribute("style", `margin:0;padding:0 ${MARGIN}px;${style}`);
  return paragraph;
};

const draw = async (results, board) => {
  const [width, height] = [results.clientWidth + 2 * MARGIN, results.scrollHeight + HEAD + FOOT + MARGIN];
  const label = document.querySelector("#map-choice input:checked")?.closest("label")?.innerText.trim() ?? "";
  const copy = results.cloneNode(true);
  copy.style.cssText += `;width:${results.clientWidth}px;margin:0 ${MARGIN}px;padding:0;overflow:visible`;
  const page = document.createElementNS(XHTML, "div");
  page.setAttribute("style", `width:${width}px;background:#fff;font-family:system-ui,sans-serif`);
  page.append(line(`${board.dataset.title} · ${label}`, `font-size:22px;font-weight:600;line-height:${HEAD}px;color:#14181f`),
    inItsPlace(results, copy), line(board.dataset.footer, `font-size:12px;line-height:${FOOT}px;color:#4b5563`));
  const style = document.createElementNS(XHTML, "style");
  style.textContent = rules();
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const inside = document.createElementNS("http://www.w3.org/2000/svg", "foreignObject");
  const size = { width: Math.max(innerWidth, width), height }; // as wide as the window, by which style sheets choose
  for (const part of [svg, inside]) Object.entries(size).forEach(([name, value]) => part.setAttribute(name, value));
  inside.append(style, page);
  svg.append(inside);
  const image = new Image(size.width * SCALE, size.height * SCALE);
  image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(new XMLSerializer().serializeToString(svg));
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: width * SCALE, height: height * SCALE });
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(image, 0, 0, size.width * SCALE, size.height * SCALE);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
};

const say = (sentence) => {
  let said = document.querySelector("#picture-says");
  if (!said) {
    said = Object.assign(document.createElement("p"), { id: "picture-says", role: "status" });
    document.querySelector("#take-away").append(said);
  }
  said.textContent = sentence;
};

document.addEventListener("click", async (event) => {
  if (!event.target.closest || !event.target.closest("#save-picture")) return;
  const results = document.querySelector("#results"), board = results.querySelector(".cards");
  if (!results.querySelector(".card.done")) {
    say(results.querySelector(".empty")?.dataset.nothing ?? results.innerText);
    return;
  }
  const address = URL.createObjectURL(await draw(results, board));
  Object.assign(document.createElement("a"), { href: address, download: FILE }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
  say(board.dataset.saved);
});
