import type { ListenOptions } from 'node:net';
import { describeError, OutriggerError } from '../base/errors.ts';

/** Takes apart `host:port`, `[v6]:port` (port 0 picks a free one) or `unix:/path`; null for anything else. */
export function parseListen(listen: string): ListenOptions | null {
  if (listen.startsWith('unix:')) return listen.length > 5 ? { path: listen.slice(5) } : null;
  const match = /^(?:\[([0-9a-fA-F:.%a-z]+)\]|([^\s:/@[\]?#]+)):(\d{1,5})$/.exec(listen);
  const port = Number(match?.[3]);
  if (!match || port > 65_535) return null;
  return { host: (match[1] ?? match[2]) as string, port };
}

/** Why a server could not listen, and what to do about it. `key` is the config key that holds the address. */
export function listenFailed(key: string, listen: string, error: unknown): OutriggerError {
  const code = (error as NodeJS.ErrnoException | null)?.code ?? '';
  const message = `${key}: cannot listen on ${listen}: ${WORDS[code] ?? describeError(error)}`;
  const change = `set the config key "${key}" to another address`;
  return new OutriggerError('listen_failed', message, { hint: hint(code, listen, change), cause: error });
}

const WORDS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the address is in use (EADDRINUSE)',
  EACCES: 'permission denied (EACCES)',
  EADDRNOTAVAIL: 'this machine has no such address (EADDRNOTAVAIL)',
  ENOTFOUND: 'the host name is not known (ENOTFOUND)',
};

function hint(code: string, listen: string, change: string): string {
  const port = /:(\d+)$/.exec(listen)?.[1];
  switch (code) {
    case 'EADDRINUSE':
      return port === undefined
        ? `Remove the socket file if nothing serves it any more ("ss -lxp" shows who does), or ${change}.`
        : `"ss -ltnp 'sport = :${port}'" shows which process holds the port. End it, or ${change}.`;
    case 'EACCES':
      return port === undefined
        ? `Make the directory writable for this user, or ${change}.`
        : `Ports below 1024 need a privilege: ${change}, with a higher port.`;
    default:
      return `Check the address, or ${change}: 127.0.0.1:PORT, 0.0.0.0:PORT, [::1]:PORT or unix:/PATH.`;
  }
}
