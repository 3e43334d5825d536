import { parentPort, workerData } from 'node:worker_threads';
import { releaseStartupMemory } from '../base/startup_memory.ts';
import type { DataThreadStart, FromDataThread, ToDataThread } from '../model/snapshot.ts';
import { DataPlane } from './data_plane.ts';

/** The entry of a data thread: started by the control plane with `DataThreadStart` as its data. */
const port = parentPort;
if (port === null) throw new Error('this module is the entry of a worker thread');
const start = workerData as DataThreadStart;
const plane = new DataPlane(start, (message: FromDataThread, transfer: readonly ArrayBuffer[] = []) =>
  port.postMessage(message, transfer),
);
port.on('message', (message: ToDataThread) => plane.receive(message));
// Before the first request, not beside it.
releaseStartupMemory();
void plane.listen(start.listen, start.reusePort, start.secure);
