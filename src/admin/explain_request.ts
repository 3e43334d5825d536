import type { ExplainRequest } from '../model/explain.ts';
import { RefusedRequest } from './router.ts';

/** RFC 9110 section 5.6.2; the rest of a header is taken as it comes. */
const HEADER = /^\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*:\s*(.*?)\s*$/;
const MOST_HEADERS = 50;

/**
 * What `/explain?service=&version=&path=&header=` asks: `version` is short for the header `x-version`, `header` (`name: value`) may come
 * several times. Throws a RefusedRequest for what cannot be a request.
 */
export function explainRequestOf(query: URLSearchParams): ExplainRequest {
  const service = query.get('service') ?? '';
  const path = query.get('path') ?? '/';
  const version = query.get('version');
  const refuse = (message: string): never => {
    const hint = 'for example /explain?service=book&version=v2&path=/book.Book/Get&header=x-user:%20ann';
    throw new RefusedRequest(400, { error: 'bad_request', message, hint });
  };
  if (/[\0-\x20\x7f]/.test(service)) refuse(`service ${JSON.stringify(service)} cannot be an authority`);
  if (!path.startsWith('/') || /[\0-\x20\x7f]/.test(path))
    refuse(`path ${JSON.stringify(path)} does not start with "/"`);
  const headers: [string, string][] = version === null || version === '' ? [] : [['x-version', version]];
  for (const text of query.getAll('header')) {
    const match = HEADER.exec(text);
    if (match === null) return refuse(`header ${JSON.stringify(text)} is not "name: value"`);
    headers.push([(match[1] as string).toLowerCase(), match[2] as string]);
  }
  if (headers.length > MOST_HEADERS) refuse(`more than ${MOST_HEADERS} headers`);
  return { authority: service, path, headers };
}
