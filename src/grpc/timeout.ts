/** Milliseconds of each unit of `grpc-timeout` (PROTOCOL-HTTP2.md, TimeoutUnit). */
const UNITS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 0.001, n: 0.000_001 };

/** The value of a `grpc-timeout` header in milliseconds; null when it does not keep the format (at most 8 digits and a unit). */
export function parseTimeout(value: string): number | null {
  const unit = UNITS[value.charAt(value.length - 1)];
  if (unit === undefined || value.length < 2 || value.length > 9) return null;
  let digits = 0;
  for (let i = 0; i < value.length - 1; i++) {
    const digit = value.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return null;
    digits = digits * 10 + digit;
  }
  return digits * unit;
}

/** Milliseconds as a `grpc-timeout` value: rounded down, so that what is forwarded is never longer than what is left; at least 1n. */
export function formatTimeout(ms: number): string {
  const micros = Math.floor(ms * 1000);
  if (micros < 1) return '1n';
  if (micros < 100_000_000) return `${micros}u`;
  const millis = Math.floor(ms);
  if (millis < 100_000_000) return `${millis}m`;
  return `${Math.min(99_999_999, Math.floor(ms / 1000))}S`;
}
