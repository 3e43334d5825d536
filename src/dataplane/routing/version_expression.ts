import { createRequire } from 'node:module';
import type semver from 'semver';

/** One alternative of what a request asks for: a version by name, a range of semantic versions, or `*`: any. */
export type VersionTerm =
  | { readonly kind: 'exact'; readonly version: string }
  | { readonly kind: 'range'; readonly range: string; readonly matches: (version: string) => boolean }
  | { readonly kind: 'any' };

/** A header longer than this names no version: nobody registers one like it. */
const LONGEST_EXPRESSION = 256;
const MOST_TERMS = 16;
/** What a range begins with, or holds, and a name does not. */
const RANGE = /^[\^~<>=]|\s-\s|\|\||^\d+(\.(\d+|[xX*]))?\.[xX*]$|^[xX]$/;

/**
 * `v3, v2`: alternatives in order; `*`: any; `^1.2`, `~1.2.3`, `>=1 <2`, `1.x`: a range, for instances whose version is a semantic one,
 * with or without a `v` before it. Anything else is the name of a version. Text that is too long has no terms.
 */
export function parseVersions(expression: string): readonly VersionTerm[] {
  if (expression.length > LONGEST_EXPRESSION) return [];
  const terms: VersionTerm[] = [];
  for (const part of expression.split(',', MOST_TERMS)) {
    const text = part.trim();
    if (text !== '') terms.push(parseTerm(text));
  }
  return terms;
}

function parseTerm(text: string): VersionTerm {
  if (text === '*') return { kind: 'any' };
  if (!RANGE.test(text)) return { kind: 'exact', version: text };
  const { Range, coerce, parse } = semantic();
  let range: semver.Range;
  try {
    range = new Range(text);
  } catch {
    return { kind: 'exact', version: text };
  }
  return {
    kind: 'range',
    range: text,
    // `v1.2` is 1.2.0 to those who write it; `v1.3.0-rc.1` is taken as it stands.
    matches: (version) => {
      const known = parse(version) ?? (/^v?\d+(\.\d+){0,2}$/.test(version) ? coerce(version) : null);
      return known !== null && range.test(known);
    },
  };
}

let loaded: typeof semver | null = null;

/** The first range that is asked for pays for loading the library; most sidecars never see one. */
function semantic(): typeof semver {
  loaded ??= createRequire(import.meta.url)('semver') as typeof semver;
  return loaded;
}
