import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeError, OutriggerError } from '../../../base/errors.ts';
import type { KubernetesOptions } from '../../../config/kubernetes_options.ts';

/** What a pod finds around itself. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The directory with the files `token`, `ca.crt` and `namespace` of the pod's service account. */
  readonly serviceAccount: string;
}

/** https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/#directly-accessing-the-rest-api */
export const POD: Surroundings = {
  env: process.env,
  serviceAccount: '/var/run/secrets/kubernetes.io/serviceaccount',
};

/** Where the API server is, and as whom to ask it. */
export interface Access {
  readonly url: URL;
  /** Null: no token is sent. */
  readonly token: string | null;
  readonly ca: Buffer | undefined;
  readonly cert: Buffer | undefined;
  readonly key: Buffer | undefined;
}

/**
 * Reads every file again, since tokens (hourly) and certificates are replaced while this runs. Rejects with an OutriggerError that
 * names the file.
 */
export async function findAccess(options: KubernetesOptions, around: Surroundings): Promise<Access> {
  const { address, tls = {} } = options;
  const inCluster = address === undefined;
  const own = (file: string): string | undefined => (inCluster ? join(around.serviceAccount, file) : undefined);
  const [token, ca, cert, key] = await Promise.all([
    read('token', options.tokenFile ?? own('token')),
    read('certificate authority', tls.ca ?? own('ca.crt')),
    read('certificate', tls.cert),
    read('key', tls.key),
  ]);
  const url = inCluster ? ofCluster(around.env) : new URL(address);
  return { url, token: token === undefined ? null : token.toString('utf8').trim(), ca, cert, key };
}

/** The address of the API server, for messages. */
export function shownAddress(options: KubernetesOptions, { env }: Surroundings): string {
  const { KUBERNETES_SERVICE_HOST: host = 'an unknown address', KUBERNETES_SERVICE_PORT: port } = env;
  return options.address ?? (port === undefined ? host : `${host}:${port}`);
}

/** The namespace of paths that name none: the configured one, else the pod's, else `default`. Never rejects. */
export async function findNamespace(options: KubernetesOptions, around: Surroundings): Promise<string> {
  if (options.namespace !== undefined) return options.namespace;
  try {
    const text = (await readFile(join(around.serviceAccount, 'namespace'), 'utf8')).trim();
    return text === '' ? 'default' : text;
  } catch {
    return 'default';
  }
}

function ofCluster(env: Surroundings['env']): URL {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = env;
  const url = `https://${host?.includes(':') ? `[${host}]` : host}:${port}`;
  if (host !== undefined && host !== '' && URL.canParse(url)) return new URL(url);
  throw new OutriggerError('kubernetes_config', 'this is no pod of a cluster: KUBERNETES_SERVICE_HOST is not set', {
    hint: 'Give the registry an `address`, such as http://127.0.0.1:8001 beside `kubectl proxy`, or run in a pod.',
  });
}

async function read(what: string, path: string | undefined): Promise<Buffer | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readFile(path);
  } catch (cause) {
    throw new OutriggerError('kubernetes_config', `cannot read the ${what} ${path}: ${describeError(cause)}`, {
      hint: 'In a pod, check that automountServiceAccountToken is not false; elsewhere give `address`, and `token_file` or `tls`.',
      cause,
    });
  }
}
