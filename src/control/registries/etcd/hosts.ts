import type { IOptions } from 'etcd3';
import { describeError } from '../../../base/errors.ts';

/** What wraps each call of the client library, to one member or (`global`) to one after the other. */
export type FaultPolicy = NonNullable<NonNullable<IOptions['faultHandling']>['global']>;

/** For how long a member that failed is passed over while there is another, in milliseconds. */
const PASSED_OVER = 10_000;

/** A member that is away, frozen or without a leader; all else that a call may fail with, the others would say, too. */
function concernsMember(error: unknown): boolean {
  return /UNAVAILABLE|DEADLINE_EXCEEDED/.test(describeError(error));
}

/** At most `attempts` tries, one per endpoint since each try takes the next one, and no wait. */
export function eachEndpointOnce(attempts: number): FaultPolicy {
  return policy(async (run) => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await run();
      } catch (error) {
        if (attempt >= attempts || !concernsMember(error)) throw error;
      }
    }
  });
}

/**
 * A policy for each of `count` members that remembers which of them failed lately. The client library chooses a member by chance for
 * each call: without this a third of all calls would wait for a frozen one until their deadline, though two others answer.
 * @param now in milliseconds, from any origin
 */
export function avoidFailed(count: number, now: () => number): (host: string) => FaultPolicy {
  const failures = new Map<string, { readonly at: number; readonly error: unknown }>();
  const lately = (): string[] => [...failures].filter(([, { at }]) => now() - at < PASSED_OVER).map(([host]) => host);
  return (host) =>
    policy(async (run) => {
      const failed = lately();
      // Thrown without a call it makes the library try the next member.
      if (failed.includes(host) && failed.length < count) throw failures.get(host)?.error;
      try {
        return await run();
      } catch (error) {
        if (concernsMember(error)) failures.set(host, { at: now(), error });
        throw error;
      }
    });
}

/** The library takes the policies of another one, and uses no more of them than this. */
function policy(execute: <T>(run: () => PromiseLike<T> | T) => Promise<T>): FaultPolicy {
  return { execute } as unknown as FaultPolicy;
}
