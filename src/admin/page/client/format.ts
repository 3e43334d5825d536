/** No value, or none yet. */
const NONE = '–';

const WHOLE = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

/** `0`, `0.25`, `3.4`, `128`, `12,345`, `1.2M`: digits line up in a column. */
export function rate(value: number | null): string {
  if (value === null) return NONE;
  if (value === 0) return '0';
  if (value < 0.005) return '<0.01';
  if (value < 1) return value.toFixed(2);
  if (value < 100) return value.toFixed(1);
  if (value < 1_000_000) return WHOLE.format(value);
  return `${(value / 1_000_000).toFixed(1)}M`;
}

/** `3`, `12,345`. */
export function number(count: number): string {
  return WHOLE.format(count);
}

/** A share of 0 to 1. */
export function percent(share: number | null): string {
  if (share === null) return NONE;
  const value = share * 100;
  if (value > 0 && value < 0.1) return '<0.1%';
  return `${value > 0 && value < 10 ? value.toFixed(1) : Math.round(value)}%`;
}

/** A latency in milliseconds: `0.42 ms`, `4.0 ms`, `12 ms`, `1.3 s`. */
export function latency(ms: number | null): string {
  if (ms === null) return NONE;
  if (ms < 1000) return `${ms < 1 ? ms.toFixed(2) : ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
  return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}

/** How long ago: `just now`, `8 s ago`, `3 min ago`. */
export function ago(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 2) return 'just now';
  if (seconds < 90) return `${seconds} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129_600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86_400)} days ago`;
}

/** `1 instance`, `3 instances`. */
export function counted(count: number, word: string): string {
  return `${WHOLE.format(count)} ${word}${count === 1 ? '' : 's'}`;
}

/** A bound of a latency bucket, in seconds, as short as it can be told: `0.25`, `10`, `1s`. */
export function bound(seconds: number): string {
  return seconds < 1 ? String(Number((seconds * 1000).toPrecision(3))) : `${seconds}s`;
}
