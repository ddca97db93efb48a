// @ts-check
/**
 * Asking once somebody has stopped typing: only the last question is asked, and only its answer is heard. No DOM here.
 */

/** Milliseconds of quiet before a question is asked. */
const QUIET = 250;

/**
 * @template Question, Reply
 */
export class Later {
  /**
   * @param {(question: Question, signal: AbortSignal) => Promise<Reply>} ask
   * @param {{reply: (reply: Reply, question: Question) => void, fail: (error: unknown, question: Question) => void}} heard
   * @param {number} [quiet]
   */
  constructor(ask, heard, quiet = QUIET) {
    this.ask = ask;
    this.heard = heard;
    this.quiet = quiet;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    /** @type {AbortController | null} */
    this.asking = null;
  }

  /** Whether a question waits, or its answer. */
  get busy() {
    return this.timer !== undefined || this.asking !== null;
  }

  /**
   * Ask this, after a while of quiet; what was asked before no longer matters.
   * @param {Question} question
   */
  put(question) {
    this.drop();
    this.timer = setTimeout(() => void this.now(question), this.quiet);
  }

  /**
   * Ask this at once.
   * @param {Question} question
   */
  async now(question) {
    this.drop();
    const mine = new AbortController();
    this.asking = mine;
    try {
      const reply = await this.ask(question, mine.signal);
      if (this.asking !== mine) return;
      this.asking = null;
      this.heard.reply(reply, question);
    } catch (error) {
      if (this.asking !== mine) return;
      this.asking = null;
      this.heard.fail(error, question);
    }
  }

  /** Ask nothing, hear nothing. */
  drop() {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.asking?.abort();
    this.asking = null;
  }
}
