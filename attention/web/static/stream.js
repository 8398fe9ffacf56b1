// One stream brings a page the results of all that it has asked for, and the server ends it when nothing is left. Who asks
// for something at that moment is told by Gradio's client to wait on a stream that is about to end, and waits for ever. So
// the end is kept from the client while anything is open, and what it reads goes on with a new stream.
const wanted = new Set(); // events that were asked for and are not done
const joining = new Set(); // requests for events that are on their way
const HEAD = 300; // characters of a message in which its kind and its event stand

const said = (message, field) => new RegExp(`"${field}": ?"([^"]+)"`).exec(message.slice(0, HEAD))?.[1];

// Passes the messages of one stream on; the message that ends it is returned, not passed.
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
