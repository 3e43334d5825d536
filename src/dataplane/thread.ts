import { parentPort } from 'node:worker_threads';
import type { DataThreadStart, FromDataThread, ToDataThread } from '../model/snapshot.ts';
import { DataPlane } from './data_plane.ts';

/** The entry of a data thread. The control plane's first message is a `DataThreadStart`, which may be long in coming: all others follow it. */
const port = parentPort;
if (port === null) throw new Error('this module is the entry of a worker thread');
const post = (message: FromDataThread, transfer: readonly ArrayBuffer[] = []): void =>
  port.postMessage(message, transfer);
let plane: DataPlane | null = null;
port.on('message', (message: DataThreadStart | ToDataThread) => {
  if (plane !== null) return plane.receive(message as ToDataThread);
  const start = message as DataThreadStart;
  plane = new DataPlane(start, post);
  void plane.listen(start.listen, start.reusePort, start.secure);
});
