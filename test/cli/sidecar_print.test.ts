import test from 'ava';
import type { InstanceJson, ServiceJson } from '../../src/admin/services_json.ts';
import { servicesText } from '../../src/cli/services/sidecar_print.ts';

function instance(address: string, reason: string | null): InstanceJson {
  const counts = { in_flight: 0, requests: 0, failures: 0 };
  return { id: address, address, version: 'v1', weight: 1, zone: null, state: 'backoff', reason, ...counts };
}

function table(...instances: InstanceJson[]): string[] {
  const where = { registry: 'main', path: '/services/book/', format: 'auto', balance: 'round_robin' };
  const service: ServiceJson = { name: 'book', ...where, updated_ms_ago: 5, stale: false, instances };
  return servicesText([service]).trimEnd().split('\n');
}

test('the last column says why an instance takes no request, and is a dash where there is nothing to say', (t) => {
  const [header, away, fine] = table(instance('h:1', 'ECONNREFUSED'), instance('h:2', null));
  t.true(header?.endsWith('  STALE  REASON'));
  t.true(away?.endsWith('  no     ECONNREFUSED'), away);
  t.true(fine?.endsWith('  no     -'), fine);
});

test('a long reason is cut, so that the table can be read', (t) => {
  const [, row = ''] = table(instance('h:1', 'certificate '.repeat(50)));
  t.regex(row, / {2}no {5}certificate certificate .*…$/);
  t.true(row.length < 200, row);
});

test('a reason cannot begin another line', (t) => {
  t.is(table(instance('h:1', 'no\nnever')).length, 2);
});
