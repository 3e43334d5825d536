/** Numbers per instance: 32 octets, so that a pick fetches one or two lines of memory for it, and ten thousand instances fit a processor's cache. */
const LINE = 4;
const FIRST_LINES = 64;

/**
 * What policies look at with each pick, of all instances of a thread, in one array: a pick among thousands waits for memory and for hardly
 * anything else, and objects lie all over it.
 */
export class LoadTable {
  /** Another one when the table has grown: not to be kept. */
  values = new Float64Array(FIRST_LINES * LINE);
  #used = 0;
  readonly #free: number[] = [];

  /** Gives the index of the first number of a line that nobody has, all 0. */
  take(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#used === this.values.length) {
      const larger = new Float64Array(2 * this.values.length);
      larger.set(this.values);
      this.values = larger;
    }
    const line = this.#used;
    this.#used += LINE;
    return line;
  }

  give(line: number): void {
    this.values.fill(0, line, line + LINE);
    this.#free.push(line);
  }
}
