import { describeError, OutriggerError } from '../../../base/errors.ts';
import { KEPT } from '../kept.ts';

/** https://zookeeper.apache.org/doc/r3.8.4/apidocs/zookeeper-server/org/apache/zookeeper/KeeperException.Code.html */
export const NO_NODE = -101;
export const NO_AUTH = -102;

/** What ZooKeeper answered to a request when it was no success. */
export class ZookeeperRefusal extends Error {
  /** A code of `KeeperException`, below 0. */
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.name = 'ZookeeperRefusal';
    this.code = code;
  }
}

const KINDS = [
  {
    code: 'zookeeper_permission',
    pattern: /NO_AUTH|AUTH_FAILED/,
    hint:
      'The ACL of this path lets somebody else read it: set `username` and `password` of this registry to a digest user that it ' +
      'names (getAcl <path> in zkCli.sh). ZooKeeper does not say whether the password is right.',
  },
  {
    code: 'zookeeper_timeout',
    pattern: /no answer within|no session within/,
    hint: 'ZooKeeper took the connection but did not answer in time: look at its load, its disk and whether it has a quorum.',
  },
  {
    code: 'zookeeper_unavailable',
    pattern: /ECONNREFUSED|ECONNRESET|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_AGAIN|connection (was|is)/,
    hint: `Check that ZooKeeper runs and that \`servers\` names it. ${KEPT}`,
  },
  {
    code: 'zookeeper_path',
    pattern: /Node path/,
    hint: 'A path such as /services/book: no empty parts and no "." or ".." in it.',
  },
] as const;

/** Turns whatever the client threw into an error with a stable code; `doing` says what was tried, `servers` where. */
export function zookeeperError(
  cause: unknown,
  registry: string,
  servers: readonly string[],
  doing: string,
): OutriggerError {
  if (cause instanceof OutriggerError) return cause;
  const text = describeError(cause);
  const kind = KINDS.find(({ pattern }) => pattern.test(text));
  const where = `registry "${registry}" (zookeeper at ${servers.join(', ')})`;
  return new OutriggerError(kind?.code ?? 'zookeeper_failed', `${where}: ${doing}: ${text}`, {
    hint: kind?.hint ?? KEPT,
    cause,
  });
}

/** Codes that concern every path alike. */
export function concernsAll(error: OutriggerError): boolean {
  return error.code !== 'zookeeper_permission' && error.code !== 'zookeeper_path';
}
