import { resolve as resolvePath } from 'node:path';
import type { EurekaOptions } from './eureka_options.ts';
import type { RegistryInput } from './schema_registries.ts';

/** A `type: eureka` registry; files are relative to `directory`, and a user in the URLs becomes the user. */
export function resolveEureka(
  input: Extract<RegistryInput, { type: 'eureka' }>,
  directory: string,
  emptyProtection: number | undefined,
): EurekaOptions {
  const { type, interval, timeout, address, port, tls } = input;
  const user = input.urls.map((text) => new URL(text)).find(({ username }) => username !== '');
  const inside = (path: string | undefined) => (path === undefined ? undefined : resolvePath(directory, path));
  return {
    type,
    urls: input.urls.map(baseUrl),
    username: user ? decodeURIComponent(user.username) : input.username || undefined,
    password: user ? decodeURIComponent(user.password) : input.password || undefined,
    interval,
    timeout,
    address,
    port,
    tls: tls === undefined ? undefined : { ca: inside(tls.ca), cert: inside(tls.cert), key: inside(tls.key) },
    emptyProtection,
  };
}

/** Without the user and without slashes at its end. */
function baseUrl(text: string): string {
  const url = new URL(text);
  url.username = '';
  url.password = '';
  return url.href.replace(/\/+$/, '');
}
