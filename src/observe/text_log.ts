import type { LogFields, LogLevel } from '../base/log.ts';
import type { EventLog } from './log.ts';

/** Takes whole lines, newline included. */
interface LineSink {
  write(line: string): void;
}

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/** `2026-01-02T03:04:05.678Z INFO  instance is ready service=book address=127.0.0.1:50051` */
export function createTextLog(initial: LogLevel, sink: LineSink, now: () => number): EventLog {
  let level = initial;
  const at =
    (own: LogLevel) =>
    (message: string, fields: LogFields = {}): void => {
      if (RANK[own] < RANK[level]) return;
      const time = new Date(now()).toISOString();
      sink.write(`${time} ${own.toUpperCase().padEnd(5)} ${visible(message)}${pairs(fields)}\n`);
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    get level() {
      return level;
    },
    setLevel(next) {
      level = next;
    },
  };
}

function pairs(fields: LogFields): string {
  let text = '';
  for (const [key, value] of Object.entries(fields)) {
    if (value !== undefined) text += ` ${key}=${typeof value === 'string' ? quoted(value) : value}`;
  }
  return text;
}

/** A value that could be misread as two, or that would break the line, stands in quotes. */
function quoted(value: string): string {
  return /^[^\s"=\p{Cc}]+$/u.test(value) ? value : visible(JSON.stringify(value));
}

/** Control characters come from outside (a registry's record, an error text) and must not steer the terminal or forge a line. */
function visible(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
