import { parseListenAddress } from '../../config/listen_address.ts';
import type { Problem } from '../../config/problem.ts';
import { type ConfigRequest, hasConfig, readConfig } from '../../config/read.ts';
import type { Target } from '../../model/instance.ts';

const DEFAULT_ADMIN = '127.0.0.1:15000';

/** Where the admin server of the running sidecar is; else why that cannot be known. */
export type AdminAddress =
  | { readonly kind: 'address'; readonly text: string; readonly target: Target }
  | { readonly kind: 'wrong'; readonly message: string; readonly hint: string }
  | { readonly kind: 'problems'; readonly problems: readonly Problem[] };

/** `--admin`; else OUTRIGGER_ADMIN, which wins over a config also where that is wrong; else the config's, when there is one; else the default. */
export async function adminAddress(given: string | null, request: ConfigRequest): Promise<AdminAddress> {
  if (given !== null) return addressOf(given, 'write it as host:port or unix:/path');
  const { OUTRIGGER_ADMIN: told } = request.env;
  if (told || !(await hasConfig(request))) {
    return addressOf(told || DEFAULT_ADMIN, 'set OUTRIGGER_ADMIN to host:port');
  }
  const result = await readConfig(request);
  if (result.kind === 'problems') return result;
  return addressOf(result.config.admin, 'say it: --admin host:port, as the sidecar printed it when it started');
}

/** Takes what a sidecar prints, too: `http://127.0.0.1:15000/services`. */
function addressOf(text: string, hint: string): AdminAddress {
  const bare = text.replace(/^http:\/\/([^/]*).*$/, '$1');
  const target = parseListenAddress(bare);
  if (target === null || ('port' in target && target.port === 0)) {
    return { kind: 'wrong', message: `"${text}" is no address of an admin server`, hint };
  }
  return { kind: 'address', text: bare, target: connectable(target) };
}

/** The address for all interfaces is none to connect to everywhere. */
function connectable(target: Target): Target {
  if ('path' in target) return target;
  if (target.host === '0.0.0.0') return { ...target, host: '127.0.0.1' };
  return target.host === '::' ? { ...target, host: '::1' } : target;
}
