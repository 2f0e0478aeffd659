/* The server, asked. Whatever it refuses comes as one sentence. */

export class Refused extends Error {}

async function answerOf(response) {
  if (response.ok) return response;
  let sentence = "";
  try {
    sentence = (await response.clone().json()).error;
  } catch {
    sentence = (await response.text()).slice(0, 300);
  }
  throw new Refused(sentence || `The studio answered ${response.status}.`);
}

export async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused("The studio does not answer. Is it still running in its terminal?");
  }
  return answerOf(response);
}

export const get = async (path) => (await ask(path)).json();
export const bytes = async (path, signal) => (await ask(path, { signal })).arrayBuffer();

export async function send(method, path, values = {}) {
  const body = JSON.stringify(values);
  return (await ask(path, { method, body, headers: { "Content-Type": "application/json" } })).json();
}

export const post = (path, values) => send("POST", path, values);
export const put = (path, values) => send("PUT", path, values);
export const remove = async (path) => (await ask(path, { method: "DELETE" })).json();

export const encoded = encodeURIComponent;
export const sessionPath = (name, rest = "") => `/api/sessions/${encoded(name)}${rest}`;
export const stemsPath = (name, version, take, rest = "") =>
  sessionPath(name, `/stems/${encoded(version)}/${encoded(take)}${rest}`);

/* A file as the body of a request, with its progress: fetch tells nothing of what was sent. */
export function upload(path, file, onShare) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    request.upload.addEventListener("progress", (event) => event.lengthComputable && onShare(event.loaded / event.total));
    request.addEventListener("error", () => reject(new Refused(`${file.name} did not arrive. Is the studio still running?`)));
    request.addEventListener("load", () => {
      let values = {};
      try {
        values = JSON.parse(request.responseText);
      } catch {
        values = {};
      }
      if (request.status < 300) resolve(values);
      else reject(new Refused(values.error || `The studio answered ${request.status}.`));
    });
    request.send(file);
  });
}

/* Events of the server; comes back by itself when the server does, unless that does not know the page any more
   (onLost(true)). Returns what ends it. */
export function listen(path, onValues, onLost = () => {}) {
  const source = new EventSource(path);
  source.addEventListener("message", (event) => onValues(JSON.parse(event.data)));
  source.addEventListener("error", () => onLost(source.readyState === EventSource.CLOSED));
  source.addEventListener("gone", () => source.close());
  return () => source.close();
}
