import { parentPort } from 'node:worker_threads';
import { DataPlane } from '../../src/dataplane/data_plane.ts';
import type { FromDataThread } from '../../src/model/snapshot.ts';

/** A data plane without TLS, in a thread of its own, that serves until it is told to say which modules of Node it has loaded. */
const plane = new DataPlane(
  {
    index: 0,
    listen: [],
    reusePort: false,
    segments: [new SharedArrayBuffer(8 * 16_384)],
    routing: { routes: [], discover: false, defaultService: null },
    discoverSettings: null,
    services: [],
  },
  (message: FromDataThread) => parentPort?.postMessage(message),
);
parentPort?.once('message', () => {
  const { moduleLoadList } = process as unknown as { moduleLoadList: readonly string[] };
  parentPort?.postMessage({ kind: 'loaded', modules: moduleLoadList });
});
void plane.listen(['127.0.0.1:0'], false);
