import { readFileSync } from 'node:fs';
import test from 'ava';
import { type GrpcServer, startGrpcServer } from '../support/grpc_server.ts';
import { type Process, startProcess } from '../support/process.ts';
import { present, serialTestWith } from '../support/requires.ts';
import { type Sidecar, startSidecar } from '../support/sidecar.ts';

// The client of most other languages (C++, Python, Ruby, PHP, C#) is the same C core; it frames, compresses and cancels differently
// from grpc-js. With E2E_DIRECT=1 it talks to the server itself.
const SCRIPT = new URL('../support/python_client.py', import.meta.url).pathname;
const testWithPython = serialTestWith('python3-grpcio');

let server: GrpcServer | null = null;
let sidecar: Sidecar | null = null;
let python: Process | null = null;

test.before(async () => {
  if (!present('python3-grpcio')) return;
  server = await startGrpcServer({ name: 'one', version: 'v1' });
  if (process.env.E2E_DIRECT !== '1') {
    sidecar = await startSidecar({
      registries: { here: { type: 'static' } },
      services: { echo: { registry: 'here', instances: [{ address: server.address, version: 'v1' }] } },
    });
  }
  python = startProcess('/usr/bin/python3', [SCRIPT, sidecar?.address ?? server.address, 'echo'], { closeStdin: true });
});

test.after.always(async () => {
  await python?.kill();
  await sidecar?.kill();
  server?.stop();
});

for (const [, title] of readFileSync(SCRIPT, 'utf8').matchAll(/^@check\("(.*)"\)$/gm)) {
  testWithPython(`C core: ${title}`, async (t) => {
    const line = await python?.waitFor(new RegExp(`^.*"title": ${JSON.stringify(title)}.*$`, 'm'), 90_000);
    const { ok, why } = JSON.parse(line?.[0] ?? '{}') as { ok: boolean; why?: string };
    t.true(ok, why);
  });
}
