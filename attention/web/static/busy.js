// "Busy: 7 before you": Gradio's client learns this from its stream of events and would show "queue: 8/20", only in
// English, or an error if the queue is full. So the messages are read here as they pass, from a copy of the stream.
const SHOW_MS = 400; // shorter waits are not shown
const SAY_MS = 10000; // at least, between two announcements by a screen reader
const REFUSED_MS = 20000;
const mine = new Map(); // this page's unfinished requests, oldest first: id -> {since, rank, eta}; rank null: it runs
const asked = new Map(); // id -> which event of the page
let near = null, hiding, waking, lastSaid = 0;

const words = (key, fields) => {
  const said = JSON.parse(document.querySelector("#busy").dataset.words);
  const sentence = said[document.documentElement.lang.startsWith("zh") ? "zh" : "en"][key];
  return sentence.replace(/\{(\w+)\}/g, (_, name) => fields[name]);
};

// The first visible component that the event changes; the sentence stands at its top.
const result = (event) => {
  const {dependencies, components} = window.gradio_config;
  const ids = dependencies.find(({id}) => id === event)?.outputs ?? [];
  const boxes = ids.map((id) => {
    const name = components.find((component) => component.id === id)?.props.elem_id || `component-${id}`;
    return document.getElementById(name);
  });
  return boxes.find((box) => box?.offsetParent && box.offsetHeight) ?? null;
};

const place = () => {
  const line = document.querySelector("#busy");
  if (!line?.textContent) return;
  const box = near?.isConnected ? near.getBoundingClientRect() : {left: 0, width: innerWidth, top: innerHeight};
  const within = (value, room) => Math.round(Math.max(12, Math.min(value, room - 12)));
  const left = within(box.left + (box.width - line.offsetWidth) / 2, document.documentElement.clientWidth - line.offsetWidth);
  line.style.transform = `translate(${left}px, ${within(box.top - 8, innerHeight - line.offsetHeight)}px)`;
};

const say = (sentence, refused = false) => {
  const line = document.querySelector("#busy"), said = document.querySelector("#busy-said");
  if (!line) return;
  clearTimeout(hiding);
  if (line.textContent !== sentence) line.textContent = sentence;
  line.classList.toggle("refused", refused);
  if (said.textContent !== sentence && (!sentence || refused || Date.now() - lastSaid > SAY_MS)) {
    said.textContent = sentence;
    lastSaid = sentence ? Date.now() : 0;
  }
  if (refused) hiding = setTimeout(say, REFUSED_MS, "");
  place();
};

const show = () => {
  clearTimeout(waking);
  const now = Date.now(), order = [...mine.keys()];
  const waiting = order.filter((id) => mine.get(id).rank !== null);
  const id = waiting.find((id) => now - mine.get(id).since >= SHOW_MS && result(asked.get(id)));
  if (waiting.length) waking = setTimeout(show, SHOW_MS); // by then it has waited long enough, or another tab is open
  if (!id) {
    if (!document.querySelector("#busy")?.classList.contains("refused")) say("");
    return;
  }
  const {rank, eta} = mine.get(id);
  const count = rank + 1 - order.indexOf(id); // + 1 for the one that runs; a visitor's own requests do not count
  near = result(asked.get(id));
  if (count < 1) say("");
  else if (eta === null) say(words("busy_wait", {count}));
  else if (eta < 90) say(words("busy_wait_s", {count, time: Math.max(1, Math.ceil(eta))}));
  else say(words("busy_wait_min", {count, time: Math.ceil(eta / 60)}));
};

// Reads one message, only its beginning, because a result may have megabytes.
const hear = (head) => {
  const value = (name) => new RegExp(`"${name}": ?"?([^",}]+)`).exec(head)?.[1];
  const id = value("event_id"), number = (name) => (isNaN(parseFloat(value(name))) ? null : parseFloat(value(name)));
  switch (value("msg")) {
    case "estimation":
      if (!id || number("rank") === null) return;
      mine.set(id, {since: Date.now(), ...mine.get(id), rank: number("rank"), eta: number("rank_eta")});
      break;
    case "process_starts":
      mine.set(id, {...mine.get(id), rank: null});
      break;
    case "process_completed":
      mine.delete(id);
      asked.delete(id);
      break;
    case "close_stream":
    case "unexpected_error":
      mine.clear();
      break;
    default:
      return;
  }
  show();
};

const listen = async (stream) => {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let head = "";
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      const [rest, ...lines] = read.value.split("\n");
      head = (head + rest).slice(0, 400);
      for (const line of lines) {
        hear(head);
        head = line.slice(0, 400);
      }
    }
  } catch { /* the page closed the stream */ }
  mine.clear();
  show();
};

// Gradio's client ends an event silently if the answer is an empty list of errors, so that only our sentence is shown.
const refuse = (answer, event) => {
  const time = parseInt(answer.headers.get("retry-after")) || 0;
  near = result(event);
  say(answer.status === 429 ? words("busy_often", {time}) : words(time ? "busy_restart" : "busy_full"), true);
  return Response.json({detail: []}, {status: 422});
};

const send = window.fetch;
window.fetch = async (...request) => {
  const path = String(request[0]?.url ?? request[0]).split("?")[0];
  const answer = await send(...request);
  if (path.endsWith("/queue/data") && answer.body) {
    listen(answer.clone().body);
  } else if (path.endsWith("/queue/join")) {
    const event = JSON.parse(request[1].body).fn_index;
    if ([429, 503].includes(answer.status)) return refuse(answer, event);
    if (answer.ok) {
      asked.set((await answer.clone().json()).event_id, event);
      document.querySelector("#busy")?.classList.remove("refused"); // what was said about the request before this one
      setTimeout(show); // later, so that an error in it does not break the request
    }
  }
  return answer;
};
addEventListener("scroll", place, {passive: true, capture: true});
addEventListener("resize", place);
