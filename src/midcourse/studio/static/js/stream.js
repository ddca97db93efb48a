// @ts-check
/**
 * Server-sent events, read from the body of a `fetch`.
 *
 * A body comes in chunks that know nothing of lines or characters: `TextDecoderStream` joins characters that were split,
 * `parse` joins lines. An event is what stands between two empty lines, as the HTML standard says ("event stream
 * interpretation"): CR, LF or CRLF end a line, `data` lines are joined by LF, a comment begins with a colon, and an
 * event without data is none. A body that ends in the middle of an event has not sent it.
 */

/** @typedef {{event: string, data: string}} StreamEvent */

/**
 * The events of some text.
 * @param {AsyncIterable<string>} chunks
 * @returns {AsyncGenerator<StreamEvent, void, void>}
 */
export async function* parse(chunks) {
  let rest = "";
  let event = "";
  /** @type {string[]} */
  let data = [];
  let first = true;
  for await (let chunk of chunks) {
    if (first && chunk) {
      chunk = chunk.replace(/^\uFEFF/, "");
      first = false;
    }
    rest += chunk;
    let from = 0;
    // A CR at the very end may be half of a CRLF: it waits for what follows.
    for (let end; (end = lineEnd(rest, from)) !== null; from = end.next) {
      const line = rest.slice(from, end.at);
      if (line === "") {
        if (data.length) yield { event: event || "message", data: data.join("\n") };
        event = "";
        data = [];
        continue;
      }
      const colon = line.indexOf(":");
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (field === "event") event = value;
      if (field === "data") data.push(value);
    }
    rest = rest.slice(from);
  }
}

/**
 * Where the line that begins at `from` ends, and where the next one begins; null if it is not whole yet.
 * @param {string} text
 * @param {number} from
 */
function lineEnd(text, from) {
  for (let at = from; at < text.length; at++) {
    if (text[at] === "\n") return { at, next: at + 1 };
    if (text[at] !== "\r") continue;
    if (at + 1 === text.length) return null;
    return { at, next: text[at + 1] === "\n" ? at + 2 : at + 1 };
  }
  return null;
}

/**
 * The events of a response's body. Whoever stops reading cancels it.
 * @param {ReadableStream<Uint8Array>} body
 */
export function events(body) {
  return parse(texts(body));
}

/**
 * @param {ReadableStream<Uint8Array>} body
 * @returns {AsyncGenerator<string, void, void>}
 */
async function* texts(body) {
  // The types of the DOM disagree with themselves about what a decoder takes.
  const decoder = /** @type {ReadableWritablePair<string, Uint8Array>} */ (/** @type {unknown} */ (new TextDecoderStream()));
  const reader = body.pipeThrough(decoder).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined); // it is broken already, and that error is on its way
  }
}
