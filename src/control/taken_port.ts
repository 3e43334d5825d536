import { once } from 'node:events';
import { createServer } from 'node:net';
import { describeError } from '../base/errors.ts';
import { listenFailed } from './threads.ts';

/**
 * Rejects with an OutriggerError (`listen_failed`) when another process listens on one of these addresses. Data threads that share a port
 * would not be told: to the system, another process that shares its port as they do is one of them.
 */
export async function assertNotTaken(addresses: readonly string[]): Promise<void> {
  for (const address of addresses) {
    const match = /^\[?(.*?)\]?:(\d+)$/.exec(address);
    const port = Number(match?.[2]);
    if (match === null || address.startsWith('unix:') || port === 0) continue;
    const server = createServer();
    try {
      server.listen({ host: match[1] as string, port });
      await once(server, 'listening');
    } catch (error) {
      throw listenFailed(address, (error as NodeJS.ErrnoException).code ?? 'EUNKNOWN', describeError(error));
    }
    server.close();
    await once(server, 'close');
  }
}
