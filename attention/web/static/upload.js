// If the server refuses an upload, Gradio would show the status and the raw JSON; this makes it show only the sentence.
const send = window.fetch;
window.fetch = async (address, options) => {
  const answer = await send(address, options);
  if (answer.ok || options?.method !== "POST" || !String(address).includes("/gradio_api/upload")) return answer;
  const { detail } = await answer.clone().json().catch(() => ({}));
  if (!detail) return answer;
  return { ok: true, status: answer.status, json: () => Promise.reject(new Error(detail)) }; // shown by Gradio
};
