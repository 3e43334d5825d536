import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { describeError } from '../../base/errors.ts';
import type { RegistryOptions, RegistryTls } from '../../config/registry_options.ts';
import type { Check } from './checklist.ts';

/** Longest wait for the answer, in milliseconds. */
const PATIENCE = 3_000;
/** Clocks further apart than this make certificates and lease times wrong, and logs hard to read. In milliseconds. */
const TOLERANCE = 10_000;
/** `Date` has whole seconds: so much is not known. In milliseconds. */
const PRECISION = 1_000;

/** A place of a registry that answers anybody over HTTP, and with the time, as servers do (RFC 9110 section 6.6.1). */
interface TimeSource {
  readonly url: URL;
  readonly tls: RegistryTls;
}

/** Whether the clock of a registry's server is near ours. `now` in epoch milliseconds. */
export async function checkClock(name: string, options: RegistryOptions, now: () => number): Promise<Check> {
  const check = { what: 'clock', of: name };
  const source = timeSource(options);
  if (source === null) return { ...check, ok: null, text: `a registry of type ${options.type} tells no time` };
  let date: number;
  let before: number;
  let after: number;
  try {
    before = now();
    date = Date.parse((await head(source)).headers.date ?? '');
    after = now();
  } catch (error) {
    return { ...check, ok: null, text: `its server tells no time: ${describeError(error)}` };
  }
  if (Number.isNaN(date)) return { ...check, ok: null, text: 'its server tells no time' };
  // The server looked at its clock somewhere in between, and cut off what is less than a second.
  const ahead = Math.max(0, date - after);
  const behind = Math.max(0, before - (date + PRECISION));
  const apart = Math.max(ahead, behind);
  if (apart <= TOLERANCE)
    return { ...check, ok: true, text: `its server's and ours agree to ${seconds(apart + PRECISION)}` };
  const text = `its server's is ${seconds(apart)} ${ahead > behind ? 'ahead of' : 'behind'} ours`;
  return { ...check, ok: false, text, hint: 'certificates and the times of leases go wrong: let NTP set both clocks' };
}

function timeSource(options: RegistryOptions): TimeSource | null {
  switch (options.type) {
    case 'etcd':
      return at(options.endpoints[0], '/version', options.tls);
    case 'consul':
      return at(options.address, '/v1/status/leader', options.tls);
    case 'eureka':
      return at(options.urls[0], '', options.tls);
    case 'kubernetes':
      return at(options.address, '/version', options.tls);
    case 'zookeeper':
    case 'dns':
    case 'file':
    case 'static':
      return null;
  }
}

function at(base: string | undefined, path: string, tls: RegistryTls = {}): TimeSource | null {
  if (base === undefined || !URL.canParse(base)) return null;
  return { url: path === '' ? new URL(base) : new URL(path, base), tls };
}

/** Whatever the status: the time stands in every answer. */
async function head({ url, tls }: TimeSource): Promise<IncomingMessage> {
  const [ca, cert, key] = await Promise.all([tls.ca, tls.cert, tls.key].map(contentOf));
  const { request } = url.protocol === 'https:' ? await import('node:https') : await import('node:http');
  return new Promise((resolve, reject) => {
    const files = { ...(ca ? { ca } : {}), ...(cert ? { cert } : {}), ...(key ? { key } : {}) };
    const call = request(url, { agent: false, signal: AbortSignal.timeout(PATIENCE), ...files }, (response) => {
      response.resume();
      resolve(response);
      call.destroy();
    });
    call.on('error', reject);
    call.end();
  });
}

async function contentOf(path: string | undefined): Promise<Buffer | null> {
  return path === undefined ? null : readFile(path);
}

function seconds(ms: number): string {
  return ms < 60_000 ? `${(ms / 1_000).toFixed(0)} s` : `${(ms / 60_000).toFixed(0)} min`;
}
