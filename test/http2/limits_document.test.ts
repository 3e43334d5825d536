import { readFileSync } from 'node:fs';
import test from 'ava';
import { limitsMarkdown } from '../../.ci/limits.ts';
import { configSchema } from '../../src/config/schema.ts';
import { DOWNSTREAM_LIMITS, MAX_CONNECTIONS } from '../../src/http2/limits.ts';

test('docs/limits.md is what the source says: `node .ci/docs.ts` writes it', (t) => {
  t.is(readFileSync(new URL('../../docs/limits.md', import.meta.url), 'utf8'), limitsMarkdown());
});

test('without a config apps get the limits of the engine', (t) => {
  const { frameTimeout, idleTimeout, stallTimeout } = DOWNSTREAM_LIMITS;
  t.deepEqual(configSchema.parse({}).clients, {
    connections: MAX_CONNECTIONS,
    header_timeout: frameTimeout,
    idle_timeout: idleTimeout,
    stall_timeout: stallTimeout,
  });
});
