import { MAX_RECENT, recentString, rememberString } from './recent_strings.ts';

/** Buffer methods that every Node release has and its types leave out; `toString` and `write` look the encoding up first. */
type Latin1Buffer = Buffer & {
  latin1Slice(start: number, end: number): string;
  latin1Write(text: string, at: number, length: number): number;
};

const chars = String.fromCharCode;

/**
 * The octets from `start` to `end` as one-byte characters. A call into the runtime costs about 55 ns however short the string is;
 * up to 8 characters (timeouts, lengths, status codes), putting them together here takes 10 to 20.
 */
export function latin1(buf: Buffer, start: number, end: number): string {
  const length = end - start;
  if (length > 8) return longer(buf as Latin1Buffer, start, end);
  const o = (i: number): number => buf[start + i] as number;
  switch (length) {
    case 0:
      return '';
    case 1:
      return chars(o(0));
    case 2:
      return chars(o(0), o(1));
    case 3:
      return chars(o(0), o(1), o(2));
    case 4:
      return chars(o(0), o(1), o(2), o(3));
    case 5:
      return chars(o(0), o(1), o(2), o(3), o(4));
    case 6:
      return chars(o(0), o(1), o(2), o(3), o(4), o(5));
    case 7:
      return chars(o(0), o(1), o(2), o(3), o(4), o(5), o(6));
    default:
      return chars(o(0), o(1), o(2), o(3), o(4), o(5), o(6), o(7));
  }
}

function longer(buf: Latin1Buffer, start: number, end: number): string {
  if (end - start > MAX_RECENT) return buf.latin1Slice(start, end);
  const recent = recentString(buf, start, end);
  if (recent !== null) return recent;
  const text = buf.latin1Slice(start, end);
  rememberString(buf, start, end, text);
  return text;
}

/** Writes one-byte characters at `at`; returns the offset behind them. From about 16 on, the call into the runtime is cheaper. */
export function writeLatin1(text: string, out: Buffer, at: number): number {
  const length = text.length;
  if (length > 16) return at + (out as Latin1Buffer).latin1Write(text, at, length);
  for (let i = 0; i < length; i++) out[at + i] = text.charCodeAt(i);
  return at + length;
}
