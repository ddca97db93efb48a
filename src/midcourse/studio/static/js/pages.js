// @ts-check
/**
 * A long list that comes in pages, one after the other: what has been fetched of it, and what is under way. No DOM here.
 *
 * Representation: `rows` are the first rows of the list, in order, without a gap. `total` is how many there are in all,
 * as far as anybody knows: what the first page said, at least as many as there are, and exact once the last page is
 * here. Only one page is under way at a time; an answer to a question that was dropped by `restart` is not heard.
 */

/**
 * @template Row
 * @typedef {{rows: Row[], next: string | null, total: number | null}} Page
 */

/** @template Row */
export class Pages {
  /**
   * @param {(after: string | null, limit: number, signal: AbortSignal) => Promise<Page<Row>>} fetch
   * @param {() => void} changed called after rows came, or could not be had
   * @param {{page?: number, most?: number}} [sizes] rows of an ordinary page, and of one when much is missing
   */
  constructor(fetch, changed, { page = 200, most = 1000 } = {}) {
    this.fetch = fetch;
    this.changed = changed;
    this.page = page;
    this.most = most;
    /** @type {Row[]} */
    this.rows = [];
    this.total = 0;
    this.known = false;
    /** @type {unknown} */
    this.error = null;
    /** @type {string | null} */
    this.next = null;
    this.wanted = 0;
    /** @type {AbortController | null} */
    this.under_way = null;
  }

  /** Whether a page is being fetched. */
  get loading() {
    return this.under_way !== null;
  }

  /** Whether every row is here. */
  get complete() {
    return this.known && this.next === null;
  }

  /** Begin anew, with as many rows as there were (or `rows`): a filter has changed, or the list itself. */
  restart(rows = this.page) {
    this.under_way?.abort();
    this.under_way = null;
    this.known = false;
    this.next = null;
    this.error = null;
    this.wanted = 0;
    void this.want(rows);
  }

  /**
   * Have at least the first `count` rows, if there are so many.
   * @param {number} count
   * @returns {Promise<void>} when they are here, or cannot be had
   */
  async want(count) {
    this.wanted = Math.max(this.wanted, count);
    if (this.under_way) return;
    const mine = new AbortController();
    this.under_way = mine;
    this.error = null;
    try {
      while (!this.complete && (!this.known || this.rows.length < this.wanted)) {
        const have = this.known ? this.rows.length : 0;
        const limit = Math.min(this.most, Math.max(this.page, this.wanted - have));
        const page = await this.fetch(this.known ? this.next : null, limit, mine.signal);
        if (this.under_way !== mine) return;
        this.take(page);
        this.changed();
      }
    } catch (error) {
      if (this.under_way !== mine) return;
      this.error = error;
    }
    this.under_way = null;
    this.wanted = 0;
    this.changed();
  }

  /** @param {Page<Row>} page */
  take(page) {
    this.rows = this.known ? [...this.rows, ...page.rows] : page.rows;
    this.total = page.total ?? (this.known ? this.total : page.rows.length);
    this.total = page.next === null ? this.rows.length : Math.max(this.total, this.rows.length + 1);
    this.next = page.next;
    this.known = true;
  }

  /**
   * Put another row in the place of one.
   * @param {number} index
   * @param {Row} row
   */
  replace(index, row) {
    this.rows[index] = row;
  }

  /** Nobody looks any more. */
  close() {
    this.under_way?.abort();
    this.under_way = null;
  }
}
