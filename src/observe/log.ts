import { type DestinationStream, destination as openDestination, pino } from 'pino';
import type { Log, LogFields, LogLevel } from '../base/log.ts';
import { createTextLog } from './text_log.ts';

/** From the most to the least talkative. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const satisfies readonly LogLevel[];

/** A log whose level can change while it is used. */
export interface EventLog extends Log {
  readonly level: LogLevel;
  /** Holds for every call from now on. */
  setLevel(level: LogLevel): void;
}

export interface LogOptions {
  readonly level: LogLevel;
  /** `json`: one object per line, for collectors; `text`: one line to be read in a terminal. */
  readonly format: 'json' | 'text';
  /** A file descriptor (1, 2), or whatever takes whole lines. */
  readonly destination: number | DestinationStream;
  /** Epoch milliseconds; `Date.now` unless a test moves the time. */
  readonly now?: () => number;
}

/**
 * Opens the event log. Every line is written before the call returns, so that the last words of a process that exits or crashes
 * are not lost; it is for rare events, and never called per request.
 */
export function createLog(options: LogOptions): EventLog {
  const { level, format, now = Date.now } = options;
  const sink =
    typeof options.destination === 'number'
      ? openDestination({ dest: options.destination, sync: true })
      : options.destination;
  return format === 'text' ? createTextLog(level, sink, now) : createJsonLog(level, sink, now);
}

function createJsonLog(level: LogLevel, sink: DestinationStream, now: () => number): EventLog {
  const logger = pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date(now()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }), log: renameReserved },
    },
    sink,
  );
  return {
    debug: (message, fields = {}) => logger.debug(fields, message),
    info: (message, fields = {}) => logger.info(fields, message),
    warn: (message, fields = {}) => logger.warn(fields, message),
    error: (message, fields = {}) => logger.error(fields, message),
    get level() {
      return logger.level as LogLevel;
    },
    setLevel(next) {
      logger.level = next;
    },
  };
}

const RESERVED: readonly string[] = ['level', 'time', 'msg'];

/** pino would write a field with one of its own names as a second key of that name; it gets an underscore instead. */
function renameReserved(fields: LogFields | Record<string, unknown>): Record<string, unknown> {
  if (!RESERVED.some((key) => key in fields)) return fields;
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [RESERVED.includes(key) ? `${key}_` : key, value]),
  );
}
