/** One event of `text/event-stream`. */
export interface StreamEvent {
  readonly event: string;
  readonly data: string;
}

/** Takes a stream of server-sent events apart, as far as this server writes them: one `event:` and one `data:` line each. */
export class EventReader {
  #rest = '';

  /** The events that are complete with `chunk`. */
  *read(chunk: string): Generator<StreamEvent> {
    const blocks = (this.#rest + chunk).split('\n\n');
    this.#rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const field = (name: string): string | undefined =>
        block
          .split('\n')
          .find((line) => line.startsWith(`${name}: `))
          ?.slice(name.length + 2);
      const data = field('data');
      if (data !== undefined) yield { event: field('event') ?? 'message', data };
    }
  }
}
