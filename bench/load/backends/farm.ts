import { type Child, startChild } from '../children.ts';

/** Many instances in one process. */
export interface Farm {
  readonly addresses: readonly string[];
  /** Resolves when that many of the instances have been connected to, with the moment in epoch milliseconds. */
  connected(count: number, ms: number): Promise<number>;
  stop(): Promise<void>;
}

const SCRIPT = new URL('farm_process.ts', import.meta.url).pathname;

/**
 * Starts `count` instances on as many loopback addresses. `reply` answers every request at once with 200; `hold` sends response
 * headers and leaves the stream open.
 */
export async function startFarm(count: number, mode: 'reply' | 'hold'): Promise<Farm> {
  const child: Child = startChild('instances', process.execPath, [SCRIPT, String(count), mode]);
  try {
    const [, port] = await child.waitFor(/listening on (\d+)\n/);
    return {
      addresses: Array.from({ length: count }, (_, index) => `${farmHost(index)}:${port}`),
      async connected(wanted, ms) {
        child.tell(`connected ${wanted}`);
        const [, at] = await child.waitFor(new RegExp(`connected ${wanted} at ([\\d.]+)\\n`), ms);
        return Number(at);
      },
      stop: () => child.stop(),
    };
  } catch (error) {
    await child.stop();
    throw error;
  }
}

/** The address of an instance: all of 127.0.0.0/8 is this machine, and one port will do. */
export function farmHost(index: number): string {
  return `127.77.${Math.floor(index / 250)}.${(index % 250) + 1}`;
}
