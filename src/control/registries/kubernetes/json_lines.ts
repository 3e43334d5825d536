const NEWLINE = 0x0a;

/** Splits octets into lines of JSON, whatever pieces they come in; a line that is longer than the bound is an error. */
export class JsonLines {
  readonly #most: number;
  readonly #line: (value: unknown) => void;
  #pieces: Buffer[] = [];
  #held = 0;

  /** @param most the longest line, in octets */
  constructor(most: number, line: (value: unknown) => void) {
    this.#most = most;
    this.#line = line;
  }

  /** Takes what came next, and tells each line that is whole now. Throws when a line is too long or no JSON. */
  push(octets: Buffer): void {
    let from = 0;
    for (let end = octets.indexOf(NEWLINE); end !== -1; end = octets.indexOf(NEWLINE, from)) {
      this.#hold(octets.subarray(from, end));
      from = end + 1;
      const text = Buffer.concat(this.#pieces).toString('utf8').trim();
      this.#pieces = [];
      this.#held = 0;
      if (text !== '') this.#line(JSON.parse(text));
    }
    if (from < octets.length) this.#hold(octets.subarray(from));
  }

  #hold(piece: Buffer): void {
    this.#held += piece.length;
    if (this.#held > this.#most) throw new Error(`a line of over ${this.#most} octets`);
    this.#pieces.push(piece);
  }
}
