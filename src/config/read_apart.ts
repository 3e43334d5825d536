import { once } from 'node:events';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { LoadResult } from './load.ts';
import type { ConfigRequest } from './read.ts';

/**
 * `readConfig` in a thread of its own, which ends with it: the schema and the YAML parser take more memory (9 MB) than all that
 * the control plane knows, and are needed for a moment only.
 */
export async function readConfigApart(request: ConfigRequest): Promise<LoadResult> {
  const entry = new URL(`./read_thread${extname(import.meta.url)}`, import.meta.url);
  // A copy: the process's own environment is no plain object and cannot be sent.
  const worker = new Worker(entry, { workerData: { ...request, env: { ...request.env } } });
  const [result] = (await once(worker, 'message')) as [LoadResult];
  await worker.terminate();
  return result;
}
