export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Values that name a thing (`service`, `address`, `registry`, ...); never secrets. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** The event log. Messages are sentences a person reads; what varies stands in the fields. Never called per request. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** For tests and for code that runs before the log exists. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
