import { Worker } from 'node:worker_threads';
import test from 'ava';

test('threads that start at the same moment can all give their startup memory back', async (t) => {
  const module = new URL('../../src/base/release_memory.ts', import.meta.url).href;
  const code = `
    const { parentPort } = require('node:worker_threads');
    parentPort.once('message', async () => {
      const { releaseMemory } = await import(${JSON.stringify(module)});
      for (let i = 0; i < 40; i++) releaseMemory();
      process.exit(0);
    });`;
  const exits = Array.from({ length: 4 }, () => {
    const worker = new Worker(code, { eval: true });
    worker.postMessage('go');
    return new Promise<number | Error>((resolve) => worker.once('error', resolve).once('exit', resolve));
  });
  t.deepEqual(await Promise.all(exits), [0, 0, 0, 0]);
});
