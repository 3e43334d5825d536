import { BroadcastChannel, parentPort } from 'node:worker_threads';
import type { DataThreadStart, FromDataThread, ToDataThread } from '../../src/model/snapshot.ts';

/** Stands in for a data thread that takes long to listen: it does when it is told so on the channel `outrigger-test-listen`. */
if (parentPort === null) throw new Error('this module is the entry of a worker thread');
const port = parentPort;
const post = (event: FromDataThread): void => port.postMessage(event);

port.once('message', ({ listen }: DataThreadStart) => {
  const told = new BroadcastChannel('outrigger-test-listen');
  told.onmessage = () => {
    told.close();
    post({ kind: 'listening', addresses: listen });
  };
  port.on('message', (message: ToDataThread) => {
    if (message.kind === 'drain') post({ kind: 'drained' });
  });
});
