// One stream brings a page the results of all its requests, and the server ends it when nothing is left. If the page
// asks for something at that moment, Gradio's client listens to a stream that is about to end, and waits for ever. So
// the end is kept from the client while any request is open, and a new stream goes on where the old one ended.
const wanted = new Set(); // events that were asked for and are not done
const joining = new Set(); // requests for events that are on their way
const HEAD = 300; // the first characters of a message, which hold its kind and its event

const said = (message, field) => new RegExp(`"${field}": ?"([^"]+)"`).exec(message.slice(0, HEAD))?.[1];

// Passes on the messages of one stream; the message that ends it is returned instead.
const pass = async (answer, pipe, encoder) => {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  pipe.reader = reader;
  let parts = [];
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    const [rest, ...begun] = read.value.split("\n\n");
    parts.push(rest);
    for (const next of begun) {
      const message = parts.join(""), kind = said(message, "msg");
      parts = [next];
      if (kind === "close_stream") return message;
      if (kind === "process_completed") wanted.delete(said(message, "event_id"));
      pipe.enqueue(encoder.encode(`${message}\n\n`));
    }
  }
  return null;
};

const follow = async (first, request, pipe) => {
  const encoder = new TextEncoder();
  try {
    for (let answer = first; ; ) {
      const end = await pass(answer, pipe, encoder);
      await Promise.allSettled([...joining]);
      const next = end !== null && wanted.size ? await ask(...request) : null;
      if (next?.ok) { answer = next; continue; }
      if (end !== null) pipe.enqueue(encoder.encode(`${end}\n\n`));
      wanted.clear();
      return pipe.close();
    }
  } catch (error) {
    wanted.clear();
    pipe.error(error);
  }
};

const ask = window.fetch;
window.fetch = async (...request) => {
  const path = String(request[0]?.url ?? request[0]).split("?")[0];
  if (path.endsWith("/queue/join")) {
    const asked = ask(...request);
    const noted = asked.then(async (answer) => {
      if (answer.ok) wanted.add((await answer.clone().json()).event_id);
    });
    joining.add(noted);
    await noted.catch(() => {}).finally(() => joining.delete(noted));
    return asked;
  }
  const answer = await ask(...request);
  if (!path.endsWith("/queue/data") || !answer.ok || !answer.body) return answer;
  const {status, headers} = answer;
  let reader = null;
  const body = new ReadableStream({
    start(controller) {
      follow(answer, request, {
        set reader(now) { reader = now; },
        enqueue: (bytes) => controller.enqueue(bytes), close: () => controller.close(), error: (e) => controller.error(e),
      });
    },
    cancel: () => reader?.cancel(),
  });
  return new Response(body, {status, headers});
};
