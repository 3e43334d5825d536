import test from 'ava';
import { RequestView } from '../../../src/dataplane/routing/request_view.ts';
import type { UpstreamContext } from '../../../src/dataplane/upstream/context.ts';
import type { Endpoint } from '../../../src/dataplane/upstream/endpoint.ts';
import { Refusal, Selector } from '../../../src/dataplane/upstream/selector.ts';
import { SubsetTable } from '../../../src/dataplane/upstream/subset_table.ts';
import type { MessageHead } from '../../../src/http2/header_rules.ts';
import { HeaderList } from '../../../src/http2/hpack/header_list.ts';
import { seeded } from '../../support/seeded.ts';
import { serviceSettings } from '../../support/service_settings.ts';

const CALLS = 100_000;
const HEAD = {
  method: 'POST',
  path: '/a/b',
  authority: 'shop',
  protocol: '',
  regularFrom: 0,
} as unknown as MessageHead;

/** As much of an endpoint as selecting and picking look at. */
function endpointOf(version: string, index: number): Endpoint {
  return {
    id: `${version}-${index}`,
    weight: 1,
    state: 'ready',
    connected: true,
    usableSince: 0,
    inFlight: 0,
    record: { version, zone: null, metadata: {} },
    freeConnection: () => ({}),
    wantMore: () => {},
  } as unknown as Endpoint;
}

/** A service with as many instances of each version as said, all ready; gives which version a request goes to. */
function setUp(fleet: Readonly<Record<string, number>>, version: object, seed: number) {
  const settings = serviceSettings({ version });
  const random = seeded(seed);
  const clock = { now: () => 0 };
  const subsets = new SubsetTable(
    () => settings,
    { clock, random, zone: null } as unknown as UpstreamContext,
    () => {},
  );
  const endpoints = Object.entries(fleet).flatMap(([name, count]) =>
    Array.from({ length: count }, (_, index) => endpointOf(name, index)),
  );
  subsets.regroup(endpoints, true, true);
  const noInstance = () => new Refusal('no_instance', 'none');
  const selector = new Selector({ name: 'shop', settings, endpoints, subsets, noInstance, random });
  selector.changed();
  const rules = { balance: settings.balance, wants: null } as unknown as Parameters<Selector['select']>[1];
  return (headers: string[] = []): string => {
    const found = selector.select(new RequestView(new HeaderList(headers), HEAD), rules);
    return found instanceof Refusal ? found.reason : (found.pick([], 0)?.record.version ?? 'nobody');
  };
}

/** Six standard deviations of a binomial: one in a thousand million, were the numbers not seeded anyway. */
function bound(share: number): number {
  return 6 * Math.sqrt(CALLS * share * (1 - share));
}

for (const seed of [1, 2, 3]) {
  test(`a canary gets its tenth of ${CALLS} calls, however many instances it has (seed ${seed})`, (t) => {
    const ask = setUp({ v1: 3, v2: 7, v3: 5 }, { weights: { v1: 90, v2: 10, v9: 1000 } }, seed);
    const counts: Record<string, number> = {};
    for (let call = 0; call < CALLS; call++) {
      const version = ask();
      counts[version] = (counts[version] ?? 0) + 1;
    }
    t.deepEqual(Object.keys(counts).sort(), ['v1', 'v2']);
    t.true(Math.abs((counts.v2 ?? 0) - CALLS * 0.1) < bound(0.1), JSON.stringify(counts));
  });
}

test(`of ${CALLS} users who stay with their version a tenth gets the canary, and the same ones in every sidecar`, (t) => {
  const version = { weights: { v1: 90, v2: 10 }, sticky: { header: 'x-user' } };
  const [one, other] = [setUp({ v1: 3, v2: 1 }, version, 1), setUp({ v1: 3, v2: 1 }, version, 2)];
  let canary = 0;
  let differ = 0;
  for (let user = 0; user < CALLS; user++) {
    const headers = ['x-user', `user-${user}`];
    const found = one(headers);
    if (found === 'v2') canary++;
    if (other(headers) !== found) differ++;
  }
  t.true(Math.abs(canary - CALLS * 0.1) < bound(0.1), String(canary));
  t.is(differ, 0);
});

test('who asks for more versions than are remembered gets the right answers, too', (t) => {
  const ask = setUp({ v1: 1, v2: 1 }, { fallback: ['v2'] }, 1);
  for (let i = 0; i < 2_000; i++) t.is(ask(['x-version', `nobody-${i}`]), 'v2');
  t.is(ask(['x-version', 'nobody, v1']), 'v1');
});
