import test from 'ava';
import { openRegistry } from '../../../src/control/registries/open.ts';
import { type Records, registryContract } from '../../contract/registry.ts';
import { type DnsRecord, type DnsServer, startDnsServer } from '../../support/dns_server.ts';

function recordOf(record: Records[string]): DnsRecord {
  if ('garbage' in record) return { type: 'SRV', target: 'host.internal', port: 0 };
  const port = Number(record.address.split(':')[1]);
  return { type: 'SRV', target: 'host.internal', port, weight: record.weight ?? 1 };
}

const zoneOf = (records: Records): DnsServer['zone'] => ({
  '_grpc._tcp.book.internal': Object.values(records).map(recordOf),
  'host.internal': [{ type: 'A', address: '127.0.0.1' }],
});

const abilities = { changes: true, goesAway: true, slow: true, versions: false, formats: false };
registryContract(test, 'dns', abilities, async ({ records, clock, away = false, slow = 0 }) => {
  const server = await startDnsServer(zoneOf(records));
  server.delay = slow;
  if (away) server.trouble.set('*', 'silence');
  const timeout = slow > 0 ? 5_000 : 100;
  return {
    registry: await openRegistry(
      'names',
      { type: 'dns', servers: [server.address], family: 'auto', minTtl: 20, maxTtl: 1_000, timeout },
      { clock },
    ),
    query: { service: 'book', path: '_grpc._tcp.book.internal', format: 'auto' },
    async write(wanted) {
      server.zone = zoneOf(wanted);
    },
    away: async () => void server.trouble.set('*', 'silence'),
    back: async () => void server.trouble.delete('*'),
    dispose: server.stop,
  };
});
