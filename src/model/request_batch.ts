import { NO_GRPC_STATUS } from './counters.ts';
import type { RequestRecord } from './observation.ts';

/** Records of one message at most. */
export const BATCH_RECORDS = 256;

/** Where a value of a record stands in its row. Texts are indexes into the batch's table; 0 is null. */
const COLUMN = {
  TIME: 0,
  DURATION: 1,
  UPSTREAM: 2,
  BYTES_IN: 3,
  BYTES_OUT: 4,
  STATUS: 5,
  GRPC_STATUS: 6,
  ATTEMPTS: 7,
  LOGGED: 8,
  SERVICE: 9,
  INSTANCE: 10,
  VERSION: 11,
  METHOD: 12,
  PATH: 13,
  REASON: 14,
  TRACE: 15,
  SPAN: 16,
  CLIENT: 17,
} as const;
const WIDTH = 18;

/**
 * Records as they cross from a thread to another: all numbers in one array whose memory is handed over, each text once. A message
 * of objects would be written out name by name, record by record, and cost more than the requests it tells of.
 */
export interface RequestBatch {
  readonly numbers: Float64Array<ArrayBuffer>;
  readonly texts: readonly string[];
  readonly records: number;
}

/** Collects records into a batch. */
export class BatchWriter {
  #numbers = new Float64Array(BATCH_RECORDS * WIDTH);
  #texts: string[] = [];
  readonly #places = new Map<string, number>();
  #records = 0;

  get records(): number {
    return this.#records;
  }

  get full(): boolean {
    return this.#records === BATCH_RECORDS;
  }

  /** Only while it is not full. */
  add(record: RequestRecord): void {
    const numbers = this.#numbers;
    const at = this.#records++ * WIDTH;
    numbers[at + COLUMN.TIME] = record.time;
    numbers[at + COLUMN.DURATION] = record.duration;
    numbers[at + COLUMN.UPSTREAM] = record.upstream;
    numbers[at + COLUMN.BYTES_IN] = record.bytesIn;
    numbers[at + COLUMN.BYTES_OUT] = record.bytesOut;
    numbers[at + COLUMN.STATUS] = record.status;
    numbers[at + COLUMN.GRPC_STATUS] = record.grpcStatus ?? NO_GRPC_STATUS;
    numbers[at + COLUMN.ATTEMPTS] = record.attempts;
    numbers[at + COLUMN.LOGGED] = record.logged ? 1 : 0;
    numbers[at + COLUMN.SERVICE] = this.#place(record.service);
    numbers[at + COLUMN.INSTANCE] = this.#place(record.instance);
    numbers[at + COLUMN.VERSION] = this.#place(record.version);
    numbers[at + COLUMN.METHOD] = this.#place(record.method);
    numbers[at + COLUMN.PATH] = this.#place(record.path);
    numbers[at + COLUMN.REASON] = this.#place(record.reason);
    numbers[at + COLUMN.TRACE] = this.#place(record.traceId);
    numbers[at + COLUMN.SPAN] = this.#place(record.spanId);
    numbers[at + COLUMN.CLIENT] = this.#place(record.client);
  }

  #place(text: string | null): number {
    if (text === null) return 0;
    const known = this.#places.get(text);
    if (known !== undefined) return known;
    const place = this.#texts.push(text);
    this.#places.set(text, place);
    return place;
  }

  /** What was collected; begins anew. The numbers' memory may be handed over. */
  take(): RequestBatch {
    const batch = { numbers: this.#numbers, texts: this.#texts, records: this.#records };
    this.#numbers = new Float64Array(BATCH_RECORDS * WIDTH);
    this.#texts = [];
    this.#places.clear();
    this.#records = 0;
    return batch;
  }
}

/** The records of a batch, in order. */
export function* readBatch({ numbers, texts, records }: RequestBatch): Generator<RequestRecord> {
  for (let row = 0; row < records; row++) {
    const number = (column: number): number => numbers[row * WIDTH + column] as number;
    const text = (column: number): string | null => texts[number(column) - 1] ?? null;
    const grpcStatus = number(COLUMN.GRPC_STATUS);
    yield {
      time: number(COLUMN.TIME),
      service: text(COLUMN.SERVICE) ?? '',
      instance: text(COLUMN.INSTANCE),
      version: text(COLUMN.VERSION),
      method: text(COLUMN.METHOD) ?? '',
      path: text(COLUMN.PATH) ?? '',
      status: number(COLUMN.STATUS),
      grpcStatus: grpcStatus === NO_GRPC_STATUS ? null : grpcStatus,
      reason: text(COLUMN.REASON),
      attempts: number(COLUMN.ATTEMPTS),
      bytesIn: number(COLUMN.BYTES_IN),
      bytesOut: number(COLUMN.BYTES_OUT),
      duration: number(COLUMN.DURATION),
      upstream: number(COLUMN.UPSTREAM),
      traceId: text(COLUMN.TRACE),
      spanId: text(COLUMN.SPAN),
      client: text(COLUMN.CLIENT),
      logged: number(COLUMN.LOGGED) === 1,
    };
  }
}
