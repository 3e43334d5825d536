import { parentPort } from 'node:worker_threads';
import type { DataThreadStart, FromDataThread, ToDataThread } from '../../src/model/snapshot.ts';

/**
 * Stands in for a data thread and does what `routing.defaultService` says, which is asked for again at each start:
 * `listen`, `listen_when_told` (on `service_gone`), `port_taken`, `throw` or `end`. It dies when it is told of a routing, and reports
 * every message it gets as a log event.
 */
if (parentPort === null) throw new Error('this module is the entry of a worker thread');
const port = parentPort;
const post = (event: FromDataThread): void => port.postMessage(event);

port.once('message', ({ listen, routing }: DataThreadStart) => {
  port.on('message', (message: ToDataThread) => {
    post({ kind: 'log', level: 'info', message: message.kind, fields: {} });
    if (message.kind === 'drain') post({ kind: 'drained' });
    if (message.kind === 'service_gone') post({ kind: 'listening', addresses: listen });
    if (message.kind === 'routing') throw new Error('crash asked for by a test');
  });
  switch (routing.defaultService) {
    case 'listen':
      return post({ kind: 'listening', addresses: listen });
    case 'port_taken':
      return post({
        kind: 'listen_failed',
        address: String(listen[0]),
        code: 'EADDRINUSE',
        message: 'address already in use',
      });
    case 'throw':
      throw new Error('thrown while it started');
    case 'end':
      return process.exit(0);
    default: // listen_when_told
  }
});
