import { BroadcastChannel } from 'node:worker_threads';
import '../../src/dataplane/thread.ts';

/** A real data thread that dies of an uncaught error when a test says so on the channel `outrigger-test-crash`. */
const channel = new BroadcastChannel('outrigger-test-crash');
channel.onmessage = () => {
  throw new Error('crash asked for by a test');
};
channel.unref();
