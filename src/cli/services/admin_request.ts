import { request } from 'node:http';
import type { Target } from '../../model/instance.ts';

/** Longest wait for the whole answer, in milliseconds. */
const PATIENCE = 5_000;

/** 10,000 instances take 3 MB. In octets. */
const MOST_OCTETS = 64 * 1024 * 1024;

/** Asks an admin server once; resolves with what it answered, and rejects when nothing (or too much) comes in time. */
export function adminGet(target: Target, path: string): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    // The admin server answers for names that nobody else can own: a socket has none.
    const at = 'path' in target ? { socketPath: target.path, headers: { host: 'localhost' } } : target;
    const call = request({ ...at, path, agent: false, signal: AbortSignal.timeout(PATIENCE) }, (response) => {
      const chunks: Buffer[] = [];
      let octets = 0;
      response.on('data', (chunk: Buffer) => {
        octets += chunk.length;
        chunks.push(chunk);
        if (octets > MOST_OCTETS) call.destroy(new Error(`the answer is longer than ${MOST_OCTETS} octets`));
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
    });
    call.on('error', (error) => {
      reject(error.name === 'TimeoutError' ? new Error(`no answer within ${PATIENCE / 1000} s`) : error);
    });
    call.end();
  });
}
