import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { AccessLogConfig, TracingConfig } from '../config/observe_options.ts';
import { matchesTap, type ObserveSettings, type RequestRecord, type TapFilter } from '../model/observation.ts';
import { readBatch } from '../model/request_batch.ts';
import type { FromDataThread, ToDataThread } from '../model/snapshot.ts';
import { Exemplars } from '../observe/exemplars.ts';
import { LineWriter } from '../observe/line_writer.ts';
import { requestLine } from '../observe/request_line.ts';
import type { SpanExporter } from '../observe/tracing/exporter.ts';

/** Octets of the access log that may wait for the disk. */
const LOG_BUFFER = 4 * 1024 * 1024;
/** People who look at requests at the same time. */
const MOST_TAPS = 16;

/** What the config says of single requests. */
export interface ObservationConfig {
  readonly accessLog: AccessLogConfig;
  readonly tracing: TracingConfig | null;
}

export interface ObservationDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Of Outrigger. */
  readonly version: string;
  broadcast(message: ToDataThread): void;
  send(thread: number, message: ToDataThread): void;
}

interface Tap {
  readonly filter: TapFilter;
  readonly told: (record: RequestRecord) => void;
}

/** What became of the records of requests, since the start. */
export interface ObservationCounts {
  /** Records that are missing, by who missed them: `data_thread` (nobody got them), `access_log`, `tracing`. */
  readonly dropped: Readonly<Record<'data_thread' | 'access_log' | 'tracing', number>>;
  readonly spansExported: number;
}

/**
 * Where the records of requests go that the data threads send: the access log, those who tap, the collector of traces. Tells the data threads
 * which requests anybody wants to hear of.
 */
export class Observation {
  readonly exemplars = new Exemplars();
  readonly #deps: ObservationDeps;
  #config: ObservationConfig;
  #writer: LineWriter | null = null;
  #exporter: Promise<SpanExporter> | null = null;
  readonly #taps = new Set<Tap>();
  readonly #dropped = { data_thread: 0, access_log: 0, tracing: 0 };
  #exported = 0;
  #closing: Promise<unknown> = Promise.resolve();

  constructor(config: ObservationConfig, deps: ObservationDeps) {
    this.#config = config;
    this.#deps = deps;
  }

  /** What a data thread is to be told of. */
  settings(): ObserveSettings {
    const { accessLog, tracing } = this.#config;
    return {
      log: { mode: accessLog.mode, sample: accessLog.sample },
      taps: Array.from(this.#taps, ({ filter }) => filter),
      tracing: tracing === null ? null : { sample: tracing.sample },
    };
  }

  /** Another config: a log or a collector that changed is opened anew. */
  configure(config: ObservationConfig): void {
    const { accessLog, tracing } = this.#config;
    if (accessLog.file !== config.accessLog.file) this.#closeWriter();
    if (tracing?.otlp !== config.tracing?.otlp || tracing?.serviceName !== config.tracing?.serviceName)
      this.#closeExporter();
    if (config.tracing === null) this.exemplars.clear();
    this.#config = config;
    this.#deps.broadcast({ kind: 'observe', settings: this.settings() });
  }

  /** What a data thread has seen. */
  received(thread: number, message: Extract<FromDataThread, { kind: 'requests' }>): void {
    this.#dropped.data_thread += message.dropped;
    const { format } = this.#config.accessLog;
    let text = '';
    let lines = 0;
    for (const record of readBatch(message.batch)) {
      if (record.logged) {
        text += requestLine(record, format);
        lines++;
      }
      if (record.spanId !== null) this.exemplars.add(record);
      for (const { filter, told } of this.#taps) if (matchesTap(filter, record)) told(record);
    }
    if (lines > 0) this.#log(text, lines);
    if (message.traces.length > 0) this.#trace(message.traces);
    this.#deps.send(thread, { kind: 'requests_taken' });
  }

  /** Somebody looks: `told` hears of each request that `filter` lets through, until what this gives is called. Null: too many look. */
  tap(filter: TapFilter, told: (record: RequestRecord) => void): (() => void) | null {
    if (this.#taps.size >= MOST_TAPS) return null;
    const tap = { filter, told };
    this.#taps.add(tap);
    this.#deps.broadcast({ kind: 'observe', settings: this.settings() });
    return () => {
      if (this.#taps.delete(tap)) this.#deps.broadcast({ kind: 'observe', settings: this.settings() });
    };
  }

  counts(): ObservationCounts {
    return { dropped: { ...this.#dropped }, spansExported: this.#exported };
  }

  /** Writes and sends what is left, within a bounded time. */
  async close(): Promise<void> {
    this.#closeWriter();
    this.#closeExporter();
    await this.#closing;
  }

  #log(text: string, lines: number): void {
    const { clock, log } = this.#deps;
    const { file } = this.#config.accessLog;
    this.#writer ??= new LineWriter({
      file,
      clock,
      limit: LOG_BUFFER,
      dropped: (lines) => {
        this.#dropped.access_log += lines;
      },
      failed: (reason) =>
        log.error('The access log cannot be written: lines are lost.', { file: file ?? 'stdout', reason }),
    });
    this.#writer.write(text, lines);
  }

  #trace(traces: Extract<FromDataThread, { kind: 'requests' }>['traces']): void {
    const { tracing } = this.#config;
    if (tracing === null) return;
    this.#exporter ??= this.#open(tracing);
    void this.#exporter.then((exporter) => {
      for (const trace of traces) exporter.add(trace);
    });
  }

  async #open({ otlp, serviceName }: TracingConfig): Promise<SpanExporter> {
    const { clock, log, version } = this.#deps;
    const { SpanExporter: Exporter } = await import('../observe/tracing/exporter.ts');
    const where = { otlp: otlp.replace(/\/\/[^@/]*@/, '//') };
    return new Exporter({
      otlp,
      serviceName,
      version,
      clock,
      exported: (spans) => {
        this.#exported += spans;
      },
      dropped: (spans) => {
        this.#dropped.tracing += spans;
      },
      failed: (reason) => log.warn('The collector does not take traces: they are lost.', { ...where, reason }),
      recovered: () => log.info('The collector takes traces again.', where),
    });
  }

  #closeWriter(): void {
    const writer = this.#writer;
    this.#writer = null;
    if (writer === null) return;
    this.#alsoWaitFor(writer.close());
  }

  #closeExporter(): void {
    const exporter = this.#exporter;
    this.#exporter = null;
    if (exporter === null) return;
    this.#alsoWaitFor(exporter.then((open) => open.close()));
  }

  #alsoWaitFor(done: Promise<void>): void {
    this.#closing = Promise.all([this.#closing, done]);
  }
}
