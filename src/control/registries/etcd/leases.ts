import type { Etcd3 } from 'etcd3';
import { describeError } from '../../../base/errors.ts';

/** A key as its writer sees it: which lease it hangs on, and the revision of the whole store at that moment. */
export interface OwnKey {
  /** The id of its lease, `0` for none; null when the key is not there. */
  readonly lease: string | null;
  readonly revision: bigint;
}

/** The calls of etcd that keep a record. All reject within the request timeout; ids of leases are decimal text. */
export interface EtcdLeases {
  /** A new lease. etcd may give it a longer life than asked for. */
  grant(ttlSeconds: number): Promise<string>;
  put(key: string, value: string, lease: string): Promise<bigint>;
  /** Renews a lease: false when etcd does not know it any more. */
  keepAlive(lease: string): Promise<boolean>;
  /** Ends a lease, and with it the keys that hang on it. No error when it has ended. */
  revoke(lease: string): Promise<void>;
  look(key: string): Promise<OwnKey>;
}

type Authenticated = <T>(call: () => Promise<T>) => Promise<T>;

/**
 * The raw calls instead of the client library's lease: that one tells of a loss after two TTLs at the earliest, and never puts its
 * keys again.
 */
export function leaseCalls(client: Etcd3, authenticated: Authenticated, timeout: number): EtcdLeases {
  return {
    grant: (ttlSeconds) =>
      authenticated(async () => (await client.leaseClient.leaseGrant({ TTL: String(ttlSeconds) })).ID),
    async put(key, value, lease) {
      const request = { key: Buffer.from(key), value: Buffer.from(value), lease };
      const { header } = await authenticated(() => client.kv.put(request));
      return BigInt(header.revision);
    },
    keepAlive: (lease) => authenticated(() => renew(client, lease, timeout)),
    async revoke(lease) {
      try {
        await authenticated(() => client.leaseClient.leaseRevoke({ ID: lease }));
      } catch (error) {
        if (!describeError(error).includes('requested lease not found')) throw error;
      }
    },
    async look(key) {
      const { header, kvs } = await authenticated(() => client.kv.range({ key: Buffer.from(key) }));
      return { lease: kvs[0]?.lease ?? null, revision: BigInt(header.revision) };
    },
  };
}

/** One question and one answer on a stream of its own: etcd has no unary call for it. */
async function renew(client: Etcd3, lease: string, timeout: number): Promise<boolean> {
  const call = await client.leaseClient.leaseKeepAlive();
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise((resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${timeout} ms to a keepalive`)), timeout);
      timer.unref();
      call.on('data', ({ TTL }) => resolve(Number(TTL) > 0));
      call.on('error', reject);
      call.on('end', () => reject(new Error('the keepalive stream ended')));
      call.write({ ID: lease });
    });
  } finally {
    clearTimeout(timer);
    // Ended before it is canceled: the client library would else take the cancellation for a failure of the host.
    call.end();
    call.cancel();
  }
}
