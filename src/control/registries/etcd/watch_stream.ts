import type { IWatchResponse } from 'etcd3';
import type { Clock } from '../../../base/clock.ts';
import type { WatchCall } from './client.ts';
import { rangeOf } from './keys.ts';
import type { KeyChange } from './record_set.ts';

/** Why a watch is over: history was thrown away below its revision, or anything else. */
export type WatchEnd =
  | { readonly kind: 'compacted'; readonly revision: string }
  | { readonly kind: 'failed'; readonly cause: Error };

export interface WatchStreamOptions {
  readonly prefix: string;
  /** The first revision that is of interest: the one after the listing. */
  readonly from: bigint;
  /** Longest wait for etcd's word that the watch exists, in milliseconds. */
  readonly timeout: number;
}

export interface WatchStreamEvents {
  /** etcd confirmed the watch: from here on silence means that nothing changes. */
  opened(): void;
  /** All changes of one or more revisions, complete and in order. */
  changed(changes: readonly KeyChange[]): void;
  /** The last call, and the only one of its kind. Does not come after `close`. */
  ended(end: WatchEnd): void;
}

/** Events of one split message that are kept until its last part; far above what etcd can have written in one go. */
const MAX_FRAGMENTED_EVENTS = 1_000_000;

/**
 * Asks for one watch on a raw stream and follows it. The returned function ends it.
 *
 *     asked --created--> open --canceled, error, end--> over
 *       \--canceled (refused, compacted), timeout, error--^
 *
 * Nobody resumes from where a stream broke off, so there is no position to keep: whoever watches again lists first.
 */
export function followWatch(
  call: WatchCall,
  options: WatchStreamOptions,
  events: WatchStreamEvents,
  clock: Clock,
): () => void {
  const { key, end: rangeEnd } = rangeOf(options.prefix);
  let over = false;
  let parts: KeyChange[] = [];

  const finish = (): boolean => {
    if (over) return false;
    over = true;
    parts = [];
    stopWaiting();
    // Ended before it is canceled: the client library would else take the cancellation for a failure of the host, and close
    // the connection under all other watches.
    call.end();
    call.cancel();
    return true;
  };
  const end = (reason: WatchEnd): void => {
    if (finish()) events.ended(reason);
  };
  const fail = (cause: Error): void => end({ kind: 'failed', cause });
  const stopWaiting = clock.after(options.timeout, () =>
    fail(new Error(`no answer within ${options.timeout} ms to the request for a watch`)),
  );

  const receive = (response: IWatchResponse): void => {
    if (over) return;
    if (response.canceled) {
      const { compact_revision: revision, cancel_reason: reason } = response;
      if (revision !== '0') end({ kind: 'compacted', revision });
      else fail(new Error(reason === '' ? 'etcd canceled the watch and gave no reason' : reason));
      return;
    }
    if (response.created) {
      stopWaiting();
      events.opened();
      return;
    }
    for (const { type, kv } of response.events) {
      const value = type === 'Delete' ? null : kv.value.toString();
      parts.push({ key: kv.key.toString(), value, revision: BigInt(kv.mod_revision) });
    }
    if (response.fragment) {
      if (parts.length > MAX_FRAGMENTED_EVENTS)
        fail(new Error(`a watch message of over ${MAX_FRAGMENTED_EVENTS} events`));
      return;
    }
    // No events: etcd's word that it is still there (progress_notify).
    if (parts.length === 0) return;
    const changes = parts;
    parts = [];
    events.changed(changes);
  };

  call.on('data', receive);
  call.on('error', fail);
  call.on('end', () => fail(new Error('the watch stream ended')));
  call.write({
    create_request: {
      key,
      range_end: rangeEnd,
      start_revision: String(options.from),
      progress_notify: true,
      fragment: true,
    },
  });
  return finish;
}
