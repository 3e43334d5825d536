import { parentPort, workerData } from 'node:worker_threads';
import { type ConfigRequest, readConfig } from './read.ts';

/** The entry of the thread that `readConfigApart` starts. */
parentPort?.postMessage(await readConfig(workerData as ConfigRequest));
