import { setTimeout as sleep } from 'node:timers/promises';
import { describeError, OutriggerError } from '../../base/errors.ts';
import type { SidecarProcess } from './sidecar_process.ts';

interface ListedInstance {
  readonly address: string;
  readonly state: string;
}

/** Longest wait for a change in the registry to show. It takes milliseconds; this says when to give up. */
export const CHANGE_TIMEOUT_MS = 10_000;

/** Waits until the sidecar's own list of instances is as `wanted` says; rejects with what it was last. */
export async function untilListed(
  sidecar: SidecarProcess,
  what: string,
  wanted: (listed: readonly ListedInstance[]) => boolean,
): Promise<void> {
  const deadline = performance.now() + CHANGE_TIMEOUT_MS;
  let last = 'no answer';
  while (performance.now() < deadline) {
    try {
      const response = await fetch(`${sidecar.admin}/services`, { signal: AbortSignal.timeout(CHANGE_TIMEOUT_MS) });
      const services = (await response.json()) as { name: string; instances: ListedInstance[] }[];
      const listed = services.find(({ name }) => name === 'book')?.instances ?? [];
      if (wanted(listed)) return;
      last = listed.map(({ address, state }) => `${address} ${state}`).join(', ') || 'no instance of "book"';
    } catch (error) {
      last = describeError(error);
    }
    await sleep(10);
  }
  throw new OutriggerError('demo_timeout', `waited ${CHANGE_TIMEOUT_MS / 1000} s until ${what}; last seen: ${last}`, {
    hint: `the sidecar printed:\n${sidecar.output()}`,
  });
}
