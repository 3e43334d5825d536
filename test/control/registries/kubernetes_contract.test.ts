import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { openRegistry } from '../../../src/control/registries/open.ts';
import { type Records, registryContract } from '../../contract/registry.ts';
import { Authority, pemOf } from '../../support/certificates.ts';
import { startKubernetesApi } from '../../support/kubernetes_api.ts';
import type { SliceSpec } from '../../support/kubernetes_slice.ts';
import { present } from '../../support/requires.ts';
import { temporaryDirectory } from '../../support/sidecar.ts';

/** One slice for each record: ports and versions are those of a slice. */
function sliceOf(id: string, record: Records[string]): SliceSpec {
  const name = `book-${id}`;
  if ('garbage' in record) return { name, endpoints: [{ address: record.garbage, pod: id }] };
  const { address, version } = record;
  const [host = '', port] = address.split(':');
  return {
    name,
    labels: version === undefined ? {} : { version },
    ports: [{ name: 'grpc', port: Number(port) }],
    endpoints: [{ address: host, pod: id }],
  };
}

if (present('openssl')) {
  const authority = new Authority();
  const server = pemOf(authority.issue());
  const tokenFile = join(temporaryDirectory(), 'token');
  writeFileSync(tokenFile, 'first\n');
  const abilities = { changes: true, goesAway: true, slow: true, formats: false };
  registryContract(test, 'kubernetes', abilities, async ({ records, clock, away = false, slow = 0 }) => {
    const api = await startKubernetesApi(server);
    let held: Records = {};
    const write = async (wanted: Records): Promise<void> => {
      for (const id of Object.keys(held)) if (!(id in wanted)) api.delete(`book-${id}`);
      for (const [id, record] of Object.entries(wanted)) {
        if (JSON.stringify(held[id]) !== JSON.stringify(record)) api.put(sliceOf(id, record));
      }
      held = wanted;
    };
    await write(records);
    api.delay = slow;
    if (away) api.away();
    return {
      registry: await openRegistry(
        'cluster',
        {
          type: 'kubernetes',
          address: api.address,
          tokenFile,
          tls: { ca: authority.ca },
          namespace: 'shop',
          versionLabel: 'version',
        },
        { clock },
      ),
      query: { service: 'book', path: 'book', format: 'auto' },
      write,
      away: async () => api.away(),
      back: async () => api.back(),
      dispose: api.stop,
    };
  });
} else {
  test.skip('openssl is not installed', () => {});
}
