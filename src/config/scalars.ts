/** The outcome of reading one scalar. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly expected: string; readonly hint: string | null };

/** What a duration key expects, as messages say it. */
export const DURATION = 'a duration such as 250ms, 3s, 5m or 1h';
/** What a size key expects. */
const SIZE = 'a size such as 512B, 64KiB or 1MiB';
/** What a share key expects. */
export const SHARE = 'a share such as 10%';

/** The longest duration: timers cannot wait longer than 2^31-1 ms. */
export const LONGEST_DURATION_MS = 2_147_483_647;

const MS_PER = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;
const BYTES_PER = { B: 1, KiB: 1_024, MiB: 1_048_576, GiB: 1_073_741_824 } as const;

/** What `parseDuration` takes, for the JSON Schema. */
export const DURATION_PATTERN = '^\\d+(\\.\\d+)?(ms|s|m|h)$';

/** `250ms`, `1.5s`, `5m`, `1h` in milliseconds, rounded to whole ones. */
export function parseDuration(text: string): Parsed<number> {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text);
  if (!match) return { ok: false, expected: DURATION, hint: durationHint(text) };
  const value = Math.round(Number(match[1]) * MS_PER[match[2] as keyof typeof MS_PER]);
  if (value > LONGEST_DURATION_MS) return { ok: false, expected: `${DURATION}, and at most 596h`, hint: null };
  return { ok: true, value };
}

function durationHint(text: string): string | null {
  if (/^\d+(\.\d+)?$/.test(text)) return `say the unit: ${text}s or ${text}ms`;
  if (/^(\d+(ms|s|m|h)){2,}$/.test(text)) return 'use one unit: 90m instead of 1h30m';
  const words = /^(\d+(?:\.\d+)?)\s*(milli|sec|min|hour|s|m|h)[a-z]*$/i.exec(text);
  if (!words) return null;
  const unit = { milli: 'ms', sec: 's', min: 'm', hour: 'h', s: 's', m: 'm', h: 'h' }[
    (words[2] as string).toLowerCase()
  ];
  return `did you mean "${words[1]}${unit}"?`;
}

/** Milliseconds in the largest unit that needs no fraction: 90000 is `90s`, 120000 is `2m`. */
export function formatDuration(ms: number): string {
  for (const unit of ['h', 'm', 's'] as const) {
    if (ms >= MS_PER[unit] && ms % MS_PER[unit] === 0) return `${ms / MS_PER[unit]}${unit}`;
  }
  return ms === 0 ? '0s' : `${ms}ms`;
}

/** `512B`, `64KiB`, `1.5MiB`, `1GiB` in bytes. */
export function parseSize(text: string): Parsed<number> {
  const match = /^(\d+(?:\.\d+)?)(B|KiB|MiB|GiB)$/.exec(text);
  if (!match) return { ok: false, expected: SIZE, hint: sizeHint(text) };
  const value = Number(match[1]) * BYTES_PER[match[2] as keyof typeof BYTES_PER];
  if (!Number.isSafeInteger(value)) return { ok: false, expected: `${SIZE}, and a whole number of bytes`, hint: null };
  return { ok: true, value };
}

function sizeHint(text: string): string | null {
  if (/^\d+$/.test(text)) return `say the unit: ${text}B or ${text}KiB`;
  const other = /^(\d+(?:\.\d+)?)\s*([kmg])i?b?$/i.exec(text);
  return other ? `did you mean "${other[1]}${(other[2] as string).toUpperCase()}iB"? Units are powers of 1024` : null;
}

/** `10%` as 0.1; from 0% to 100%. */
export function parseShare(text: string): Parsed<number> {
  const match = /^(\d+(?:\.\d+)?)%$/.exec(text);
  if (!match) return { ok: false, expected: SHARE, hint: shareHint(text) };
  const value = Number(match[1]) / 100;
  if (value > 1) return { ok: false, expected: `${SHARE}, and at most 100%`, hint: null };
  return { ok: true, value };
}

/** What a bare number was most likely meant to be: 0.05 and 5 are `5%`; null when it is none. */
export function shareHint(text: string): string | null {
  if (!/^\d+(\.\d+)?$/.test(text) || Number(text) > 100) return null;
  return `did you mean "${Number(text) <= 1 ? formatShare(Number(text)) : `${text}%`}"?`;
}

/** A share from 0 to 1 as `parseShare` takes it: 0.07 is `7%`. */
export function formatShare(share: number): string {
  // 100 times a binary fraction is seldom a round number: the shortest text that means it.
  for (let digits = 0; digits < MOST_SHARE_DIGITS; digits++) {
    const percent = (share * 100).toFixed(digits);
    if (Number(percent) / 100 === share) return `${percent}%`;
  }
  return `${(share * 100).toFixed(MOST_SHARE_DIGITS)}%`;
}

/** More decimals than a number holds. */
const MOST_SHARE_DIGITS = 20;
