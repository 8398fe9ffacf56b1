// "Save picture": the cards that are on the page as one PNG, drawn here at twice the size, on white, with the page's own fonts.
// Nothing is sent anywhere.
const SCALE = 2, MARGIN = 32, GAP = 24, CELL = 280, INK = "#1d2530", MUTED = "#5b6472", SOFT = "#f4f6f8", HAIR = "#dfe3e8";
const ROOM = {name: 50, chip: 32, below: 10, prediction: 26, unit: 36}; // heights in a cell, besides its picture
const FILE = "attention-lab.png";

const words = (element, selector) => (element?.querySelector(selector)?.innerText ?? "").trim();
const visible = (element) => +getComputedStyle(element).opacity > 0;

// Breaks text into lines of a given width: between words, and between any two Chinese characters.
const broken = (pen, text, width) => {
  const pieces = text.match(/[\u2e80-\uffef]|[^\s\u2e80-\uffef]+\s*|\s+/g) ?? [];
  return pieces.reduce((lines, piece) => {
    const last = lines.length - 1;
    if (last >= 0 && pen.measureText(lines[last] + piece.trimEnd()).width <= width) lines[last] += piece;
    else lines.push(piece);
    return lines;
  }, []);
};

// Writes at most `most` lines of text, and returns the height that they take.
const write = (pen, text, x, y, {px, width, weight = 400, colour = INK, most = 9, align = "left"}) => {
  pen.font = `${weight} ${px}px ${getComputedStyle(document.body).fontFamily}`;
  Object.assign(pen, {fillStyle: colour, textBaseline: "top", textAlign: align});
  const lines = broken(pen, text, width).slice(0, most), step = Math.round(px * 1.4);
  lines.forEach((line, index) => pen.fillText(line.trimEnd(), x, y + index * step));
  return lines.length * step;
};

const loaded = (address) => new Promise((resolve, reject) => {
  const image = new Image();
  Object.assign(image, {onload: () => resolve(image), onerror: reject, src: address});
});

// The bars of channel weights are an SVG on the page; as a picture it needs a size and a colour of its own.
const barsAsImage = (svg) => {
  const copy = svg.cloneNode(true);
  const set = {xmlns: "http://www.w3.org/2000/svg", width: CELL * SCALE, height: CELL * SCALE, color: INK};
  Object.entries(set).forEach(([name, value]) => copy.setAttribute(name, value));
  return loaded("data:image/svg+xml;charset=utf-8," + encodeURIComponent(new XMLSerializer().serializeToString(copy)));
};

// The photo with the layers that the page shows, as large as fits into the square.
const drawLayers = (pen, photo, layers, x, y, filter = "none") => {
  const factor = CELL / Math.max(photo.naturalWidth, photo.naturalHeight);
  const [width, height] = [photo.naturalWidth * factor, photo.naturalHeight * factor];
  const place = [x + (CELL - width) / 2, y + (CELL - height) / 2, width, height];
  pen.filter = filter;
  pen.drawImage(photo, ...place);
  pen.filter = "none";
  for (const layer of layers) {
    pen.globalAlpha = +getComputedStyle(layer).opacity;
    pen.drawImage(layer, ...place); // of the photo's shape, though it may have fewer pixels
    pen.globalAlpha = 1;
  }
};

const drawPicture = async (pen, card, x, y) => {
  pen.fillStyle = SOFT;
  pen.fillRect(x, y, CELL, CELL);
  const bars = card.querySelector(".pic .bars");
  if (bars && visible(bars)) {
    pen.drawImage(await barsAsImage(bars.querySelector("svg")), x + 8, y + 8, CELL - 16, CELL - 16);
    return;
  }
  const [photo, ...layers] = card.querySelectorAll(".pic img");
  drawLayers(pen, photo, layers.filter(visible), x, y, getComputedStyle(photo).filter);
  const none = [...card.querySelectorAll(".pic .none")].find(visible);
  if (!none) return;
  const style = {px: 13, width: CELL - 32}, height = write(pen, none.innerText, 0, -1000, style); // measured out of sight
  pen.fillStyle = "#fff";
  pen.fillRect(x + 8, y + CELL - height - 16, CELL - 16, height + 8);
  write(pen, none.innerText, x + 16, y + CELL - height - 12, style);
};

const drawCard = async (pen, card, kind, x, y) => {
  write(pen, words(card, "h2"), x, y, {px: 17, weight: 600, width: CELL, most: 2});
  y += ROOM.name;
  pen.font = `400 13px ${getComputedStyle(document.body).fontFamily}`;
  const chip = words(card, ".chip"), width = pen.measureText(chip).width + 16;
  Object.assign(pen, {strokeStyle: getComputedStyle(card).getPropertyValue("--placement"), lineWidth: 1.5});
  pen.beginPath();
  pen.roundRect(x + 1, y, width, 22, 11);
  pen.stroke();
  write(pen, chip, x + 9, y + 5, {px: 13, width: CELL});
  const pin = card.querySelector(".pin[aria-pressed=true]");
  if (pin) write(pen, "\u25CF " + pin.innerText, x + CELL, y + 5, {px: 13, weight: 600, width: CELL, align: "right"});
  y += ROOM.chip;
  await drawPicture(pen, card, x, y);
  y += CELL + ROOM.below;
  const [name, share] = card.querySelectorAll(".top5 li:first-child > span");
  write(pen, name.innerText, x, y, {px: 16, weight: 600, width: CELL - 70, most: 1});
  write(pen, share.innerText, x + CELL, y, {px: 16, width: 70, align: "right"});
  y += ROOM.prediction;
  write(pen, words(card, `.unit .${kind}`).split("\n")[0], x, y, {px: 12, colour: MUTED, width: CELL, most: 2});
};

// What stands above the cards: title, what the models say together, the scale. Returns the height that it takes.
const drawHead = (pen, board, kind, width, y) => {
  const from = y, label = document.querySelector("#map-choice input:checked")?.closest("label")?.innerText.trim() ?? "";
  const style = {width, colour: INK};
  y += write(pen, `${board.dataset.title} · ${label}`, MARGIN, y, {...style, px: 24, weight: 600}) + 4;
  y += write(pen, words(document, "#results .summary"), MARGIN, y, {...style, px: 17}) + 8;
  const line = document.querySelector(`#results .legend .${kind}`);
  if (line) {
    const [low, high] = [...line.querySelectorAll(".scale > span:not(.ramp)")].map((end) => end.innerText);
    const stops = line.querySelector(".ramp").style.background.match(/rgb\([^)]*\)/g);
    const left = MARGIN + 36, ramp = pen.createLinearGradient(left, 0, left + 120, 0);
    stops.forEach((colour, index) => ramp.addColorStop(index / (stops.length - 1), colour));
    write(pen, low, left - 8, y, {px: 13, width, colour: MUTED, align: "right"});
    pen.fillStyle = ramp;
    pen.fillRect(left, y + 2, 120, 10);
    write(pen, high, left + 128, y, {px: 13, width, colour: MUTED});
    y += write(pen, words(line, ".of"), left + 170, y, {px: 13, width: width - 206, colour: MUTED});
  }
  return y - from + 16;
};

const draw = async (board, cards) => {
  const kind = document.querySelector("#results").dataset.map || "attention";
  const count = cards.length + 1, columns = count < 5 ? count : count < 7 ? 3 : 4; // the photo itself comes first
  const inner = Math.max(2, columns) * (CELL + GAP) - GAP, tall = CELL + Object.values(ROOM).reduce((a, b) => a + b);
  const canvas = document.createElement("canvas"), pen = canvas.getContext("2d");
  const head = drawHead(pen, board, kind, inner, 0);
  const rows = Math.ceil(count / columns);
  const [width, height] = [inner + 2 * MARGIN, MARGIN + head + rows * (tall + GAP) + 20 + MARGIN];
  Object.assign(canvas, {width: width * SCALE, height: height * SCALE});
  pen.scale(SCALE, SCALE);
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, width, height);
  drawHead(pen, board, kind, inner, MARGIN);
  const top = MARGIN + head, photo = cards[0].querySelector(".pic img");
  write(pen, photo.alt, MARGIN, top, {px: 17, weight: 600, width: CELL});
  pen.fillStyle = SOFT;
  pen.fillRect(MARGIN, top + ROOM.name + ROOM.chip, CELL, CELL);
  drawLayers(pen, photo, [], MARGIN, top + ROOM.name + ROOM.chip);
  for (const [index, card] of cards.entries()) {
    const column = (index + 1) % columns, row = Math.floor((index + 1) / columns);
    await drawCard(pen, card, kind, MARGIN + column * (CELL + GAP), top + row * (tall + GAP));
  }
  pen.fillStyle = HAIR;
  pen.fillRect(MARGIN, height - MARGIN - 20, inner, 1);
  write(pen, board.dataset.footer, MARGIN, height - MARGIN - 10, {px: 12, colour: MUTED, width: inner});
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
};

const say = (sentence) => {
  let line = document.querySelector("#picture-says");
  if (!line) {
    line = Object.assign(document.createElement("p"), {id: "picture-says", role: "status"});
    document.querySelector("#take-away").append(line);
  }
  line.textContent = sentence;
};

document.addEventListener("click", async (event) => {
  if (!event.target.closest || !event.target.closest("#save-picture")) return;
  const board = document.querySelector("#results .cards"), cards = [...document.querySelectorAll("#results .card.done")];
  if (!cards.length) {
    say(document.querySelector("#results .empty")?.dataset.nothing ?? document.querySelector("#results").innerText);
    return;
  }
  const address = URL.createObjectURL(await draw(board, cards));
  Object.assign(document.createElement("a"), {href: address, download: FILE}).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
  say(board.dataset.saved);
});
