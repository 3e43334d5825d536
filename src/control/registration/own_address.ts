import { describeError, OutriggerError } from '../../base/errors.ts';
import { isLoopbackHost } from '../../config/loopback.ts';
import type { RegisterOptions } from '../../config/register_options.ts';
import type { RegistryOptions } from '../../config/registry_options.ts';
import { parseAddress } from '../../model/instance.ts';

/** Longest wait for the name of the registry to be resolved, in milliseconds. */
const LOOKUP_LIMIT = 5_000;

/**
 * The address to register: the given one, or the app's port on the address from which this machine reaches the registry. Rejects with
 * an OutriggerError: `register_no_route` when there is no way to the registry (it may come), `register_loopback` when the address would
 * be one that nobody else can reach (it stays so).
 */
export async function ownAddress(options: RegisterOptions, registry: RegistryOptions): Promise<string> {
  const { address, allowLoopback } = options;
  const where = registryTarget(registry);
  const own =
    address.kind === 'given' ? address.address : withPort(await localAddress(where, options.registry), address.port);
  const target = parseAddress(own);
  const host = target !== null && 'host' in target ? target.host : '';
  if (!isLoopbackHost(host) || allowLoopback || isLoopbackHost(where.host)) return own;
  throw new OutriggerError(
    'register_loopback',
    `service "${options.service}": ${own} is a loopback address, and the registry "${options.registry}" is at ${where.host}: nobody else could reach it`,
    { hint: 'Give the address of this machine as `address`, or set `allow_loopback: true` to test on one machine.' },
  );
}

interface Place {
  readonly host: string;
  readonly port: number;
}

/** Where the registry is; the first of its servers. */
function registryTarget(registry: RegistryOptions): Place {
  const url =
    registry.type === 'etcd' ? registry.endpoints[0] : registry.type === 'consul' ? registry.address : undefined;
  if (url === undefined || !URL.canParse(url))
    throw new OutriggerError(
      'register_no_route',
      `a registry of type ${registry.type} has no address to find a way to`,
      {
        hint: 'Give `address`.',
      },
    );
  const { hostname, port, protocol } = new URL(url);
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port) || (protocol === 'https:' ? 443 : 80) };
}

/** The address that the system would send from. A datagram socket that is connected has one, and no packet leaves for that. */
function localAddress({ host, port }: Place, registry: string): Promise<string> {
  const { createSocket } = process.getBuiltinModule('node:dgram');
  const { lookup } = process.getBuiltinModule('node:dns/promises');
  const find = async (): Promise<string> => {
    const { address, family } = await lookup(host);
    const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
    try {
      return await new Promise((resolve, reject) => {
        socket.on('error', reject);
        socket.connect(port, address, () => resolve(socket.address().address));
      });
    } finally {
      socket.close();
    }
  };
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${host} was not resolved within ${LOOKUP_LIMIT} ms`)), LOOKUP_LIMIT);
    timer.unref();
  });
  return Promise.race([find(), late])
    .catch((cause: unknown) => {
      throw new OutriggerError(
        'register_no_route',
        `registry "${registry}": no way to ${host}: ${describeError(cause)}`,
        {
          hint: 'The address to register is found by the way to the registry. Check its host name, or give `address`.',
          cause,
        },
      );
    })
    .finally(() => clearTimeout(timer));
}

function withPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
