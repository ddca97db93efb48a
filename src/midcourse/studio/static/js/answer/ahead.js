// @ts-check
/**
 * Tells the server what is being typed, so that the model has read most of it by Enter. DOM-free.
 *
 * At most one message is under way, and none sooner than a moment after the first key that it tells of: who types without
 * a pause is followed as well. That it could not be told is no loss, and said to nobody.
 */

/** @import * as T from "../types.d.ts" */
/** @typedef {{trace: string, body: T.Draft}} Typed */

/** Milliseconds from a key to the message that tells of it. */
const MOMENT = 150;

export class Ahead {
  /** What the server should know; null: that nothing is typed. @type {Typed | null} */
  #typed = null;
  /** What it was told last. @type {Typed | null} */
  #told = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer = undefined;
  #busy = false;

  /**
   * @param {(trace: string, body: T.Draft) => Promise<unknown>} send
   * @param {number} [moment]
   */
  constructor(send, moment = MOMENT) {
    this.send = send;
    this.moment = moment;
  }

  /** This is typed by now. @param {Typed} typed */
  put(typed) {
    this.#typed = typed;
    this.#later();
  }

  /** The line is closed: nothing has to be read for it any more. */
  close() {
    this.#typed = null;
    void this.#now();
  }

  /** The line was sent: the server knows by itself. */
  sent() {
    this.#typed = this.#told = null;
    this.#rest();
  }

  #rest() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #later() {
    if (this.#busy || this.#timer !== undefined || same(this.#typed, this.#told)) return;
    this.#timer = setTimeout(() => void this.#now(), this.moment);
  }

  async #now() {
    this.#rest();
    if (this.#busy || same(this.#typed, this.#told)) return;
    const message = this.#typed ?? (this.#told && { trace: this.#told.trace, body: { ...this.#told.body, text: "" } });
    this.#told = this.#typed;
    if (!message) return;
    this.#busy = true;
    await this.send(message.trace, message.body).catch(() => undefined);
    this.#busy = false;
    if (this.#typed) this.#later();
    else void this.#now();
  }
}

/** @param {Typed | null} one @param {Typed | null} other */
const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
