import type { HrTime, SpanContext } from '@opentelemetry/api';
import type { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { Clock } from '../../base/clock.ts';
import { describeError } from '../../base/errors.ts';
import type { TraceRecord } from '../../model/observation.ts';
import { type Span, spansOf } from './spans.ts';

/** Spans that wait to be sent: more are dropped and counted. */
const MOST_WAITING = 4_096;
/** Spans of one message. */
const BATCH = 512;
/** What is no batch yet leaves after this long, in milliseconds. */
const INTERVAL = 1_000;
/** How long a collector may take to answer, in milliseconds; the library tries again within it. */
const TIMEOUT = 10_000;
/** How long `close` waits for the last spans, in milliseconds. */
const LAST_WORDS = 2_000;

export interface SpanExporterOptions {
  /** Base URL of the collector. */
  readonly otlp: string;
  readonly serviceName: string;
  /** Of Outrigger. */
  readonly version: string;
  readonly clock: Clock;
  /** So many spans were sent; so many had no room, or were not taken. */
  readonly exported: (spans: number) => void;
  readonly dropped: (spans: number) => void;
  /** The collector does not take spans; told once, until it does again. */
  readonly failed: (reason: string) => void;
  readonly recovered: () => void;
}

/** What the library is asked for: loaded when the first spans are sent. */
interface Library {
  readonly exporter: OTLPTraceExporter;
  readonly resource: Resource;
}

/** Sends spans to a collector (OTLP over HTTP), in batches, one at a time. Never waits and never throws. */
export class SpanExporter {
  readonly #options: SpanExporterOptions;
  #waiting: Span[] = [];
  #library: Promise<Library> | null = null;
  #sending: Promise<void> | null = null;
  #cancel: (() => void) | null = null;
  #failing = false;

  constructor(options: SpanExporterOptions) {
    this.#options = options;
  }

  add(trace: TraceRecord): void {
    for (const span of spansOf(trace)) {
      if (this.#waiting.length === MOST_WAITING) this.#options.dropped(1);
      else this.#waiting.push(span);
    }
    this.#next();
  }

  /** Resolves when what waits is sent, or after two seconds. */
  async close(): Promise<void> {
    this.#cancel?.();
    const all = async (): Promise<void> => {
      while (this.#waiting.length > 0 || this.#sending !== null) {
        this.#send();
        await this.#sending;
      }
      if (this.#library !== null) await (await this.#library).exporter.shutdown();
    };
    let cancel: () => void = () => {};
    const patience = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, LAST_WORDS);
      cancel = () => clearTimeout(timer);
    });
    await Promise.race([all().catch(() => {}), patience]);
    cancel();
  }

  #next(): void {
    if (this.#sending !== null) return;
    if (this.#waiting.length >= BATCH) this.#send();
    else if (this.#waiting.length > 0) this.#cancel ??= this.#options.clock.after(INTERVAL, () => this.#send());
  }

  #send(): void {
    this.#cancel?.();
    this.#cancel = null;
    if (this.#sending !== null || this.#waiting.length === 0) return;
    const batch = this.#waiting.splice(0, BATCH);
    this.#sending = this.#export(batch).finally(() => {
      this.#sending = null;
      this.#next();
    });
  }

  async #export(batch: readonly Span[]): Promise<void> {
    try {
      this.#library ??= load(this.#options);
      const { exporter, resource } = await this.#library;
      const spans = batch.map((span) => readable(span, resource, this.#options.version));
      await new Promise<void>((resolve, reject) => {
        exporter.export(spans, ({ code, error }) => (code === 0 ? resolve() : reject(error ?? new Error('not taken'))));
      });
      this.#options.exported(batch.length);
      if (this.#failing) this.#options.recovered();
      this.#failing = false;
    } catch (error) {
      this.#options.dropped(batch.length);
      if (!this.#failing) this.#options.failed(describeError(error));
      this.#failing = true;
    }
  }
}

async function load({ otlp, serviceName, version }: SpanExporterOptions): Promise<Library> {
  const [{ OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all([
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ]);
  const url = tracesUrl(otlp);
  return {
    exporter: new OTLPTraceExporter({ url, timeoutMillis: TIMEOUT, concurrencyLimit: 1 }),
    resource: resourceFromAttributes({
      'service.name': serviceName,
      'telemetry.distro.name': 'outrigger',
      'telemetry.distro.version': version,
    }),
  };
}

/** https://opentelemetry.io/docs/specs/otel/protocol/exporter/#endpoint-urls-for-otlphttp */
function tracesUrl(base: string): string {
  const url = new URL(base);
  if (!url.pathname.endsWith('/v1/traces')) url.pathname = `${url.pathname.replace(/\/$/, '')}/v1/traces`;
  return url.href;
}

/** SpanKind.CLIENT and the status codes of @opentelemetry/api, whose numbers are fixed. */
const CLIENT = 2;
const UNSET = 0;
const ERROR = 2;
const SAMPLED = 1;

function readable(span: Span, resource: Resource, version: string): ReadableSpan {
  const { traceId, spanId, parentId } = span;
  const context = (id: string): SpanContext => ({ traceId, spanId: id, traceFlags: SAMPLED, ...stateOf(span.state) });
  return {
    name: span.name,
    kind: CLIENT,
    spanContext: () => context(spanId),
    ...(parentId === null ? {} : { parentSpanContext: { ...context(parentId), isRemote: true } }),
    startTime: hrTime(span.start),
    endTime: hrTime(span.end),
    duration: hrTime(Math.max(0, span.end - span.start)),
    status: { code: span.failed ? ERROR : UNSET },
    attributes: span.attributes,
    links: [],
    events: [],
    ended: true,
    resource,
    instrumentationScope: { name: 'outrigger', version },
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

/** The library only writes it out again. */
function stateOf(state: string | null): Pick<SpanContext, 'traceState'> {
  if (state === null) return {};
  const text = {
    serialize: () => state,
    get: () => undefined,
    set: () => text,
    unset: () => text,
  };
  return { traceState: text };
}

/** Seconds, and nanoseconds of the second. */
function hrTime(millis: number): HrTime {
  const seconds = Math.floor(millis / 1_000);
  return [seconds, Math.round((millis - seconds * 1_000) * 1e6)];
}
