import { hash32 } from '../../base/hash.ts';
import type { HashSource } from '../../model/service.ts';
import type { RequestView } from './request_view.ts';

/** What a request is hashed by, as an unsigned 32-bit number; null when it has nothing of the kind. */
export function hashOf(view: RequestView, source: HashSource): number | null {
  const text = textOf(view, source);
  return text === null ? null : hash32(text);
}

function textOf(view: RequestView, source: HashSource): string | null {
  switch (source.kind) {
    case 'path':
      return view.head.path;
    case 'header':
      return view.list.get(source.name);
    case 'cookie':
      return cookieOf(view, source.name);
    case 'source':
      return view.source;
  }
}

/** The value of a cookie (RFC 6265 section 5.4); HTTP/2 may split the field (RFC 9113 section 8.2.3). */
function cookieOf(view: RequestView, name: string): string | null {
  const { fields } = view.list;
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] !== 'cookie') continue;
    for (const pair of (fields[i + 1] as string).split(';')) {
      const at = pair.indexOf('=');
      if (at !== -1 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim();
    }
  }
  return null;
}
