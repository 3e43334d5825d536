/**
 * What a data thread spends on a change of one instance of a service with 10,000: taking the snapshot over, and the next pick, which
 * makes the picker anew. Nothing is dialed: 10,000 connections would measure the kernel.
 */

import type { ServiceConfig } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { LoadTable } from '../../src/dataplane/balancing/load_table.ts';
import { ModulePolicies } from '../../src/dataplane/balancing/module_policies.ts';
import type { RequestView } from '../../src/dataplane/routing/request_view.ts';
import { TurnClock } from '../../src/dataplane/turn_clock.ts';
import type { UpstreamContext } from '../../src/dataplane/upstream/context.ts';
import { DialQueue } from '../../src/dataplane/upstream/dial_queue.ts';
import { Endpoint } from '../../src/dataplane/upstream/endpoint.ts';
import { ServiceUpstream } from '../../src/dataplane/upstream/service_upstream.ts';
import { Subset } from '../../src/dataplane/upstream/subset.ts';
import type { UpstreamConnection } from '../../src/dataplane/upstream/upstream_connection.ts';
import { Flusher } from '../../src/http2/flusher.ts';
import type { EndpointRecord, ServiceSnapshot } from '../../src/model/snapshot.ts';
import { keep, measure } from './measure.ts';

const INSTANCES = 10_000;
const SLOTS = 4_096;

Endpoint.prototype.start = function start(this: Endpoint): void {
  this.state = 'ready';
};
Endpoint.prototype.freeConnection = () => FREE;
const FREE = {} as UpstreamConnection;

const view = new Float64Array(SLOTS);
const context: UpstreamContext = {
  flusher: new Flusher(),
  leaving: new Set(),
  dials: new DialQueue(),
  loads: new LoadTable(),
  clock: new TurnClock(() => {}),
  block: () => ({ view, base: 0 }),
  tls: null,
  zone: null,
  policies: new ModulePolicies({ onLoaded() {}, onFault() {}, onNotLoaded() {} }),
  onTlsFailure() {},
  onEndpointError() {},
  onProtocolError() {},
  onGoaway() {},
  onEndpointState() {},
  onEndpointGone() {},
  random: Math.random,
};

function record(index: number, weight: number): EndpointRecord {
  const address = `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}:8080`;
  const version = index % 10 === 0 ? 'v2' : 'v1';
  return { id: address, address, version, weight, zone: null, metadata: {}, counters: { segment: 0, offset: 0 } };
}

/** What a config that says nothing more gives a service. */
const LOADED = loadConfig({
  file: {
    name: 'bench',
    text: '{ registries: { main: { type: file, path: x } }, services: { large: {} } }',
    directory: '/',
  },
  flags: {},
  env: {},
  cwd: '/',
});
if (LOADED.kind !== 'config') throw new Error(JSON.stringify(LOADED.problems));
const SETTINGS = (LOADED.config.services.get('large') as ServiceConfig).settings;

function snapshot(change: Partial<ServiceSnapshot>): ServiceSnapshot {
  const range = { segment: 0, offset: 0 };
  return {
    name: 'large',
    settings: SETTINGS,
    counters: range,
    versions: { '': range, v1: range, v2: range },
    full: false,
    upsert: [],
    remove: [],
    known: true,
    trouble: null,
    updatedAt: 1,
    ...change,
  };
}

/** The picks of the first requests after a change: one without a version, and one for v1. */
function pickBoth(service: ServiceUpstream): void {
  for (const version of [null, 'v1']) {
    const subset = service.select({ version: () => version } as unknown as RequestView, service.settings);
    if (!(subset instanceof Subset)) throw new Error(subset.message);
    if (subset.pick([], 0) === null) throw new Error('no instance was picked');
  }
}

const all = Array.from({ length: INSTANCES }, (_, index) => record(index, 1));
const service = new ServiceUpstream(snapshot({ full: true, upsert: all }), context);
pickBoth(service);

let turn = 0;
measure(`one of ${INSTANCES} instances changes its weight, and the next picks`, (times) => {
  for (let i = 0; i < times; i++) {
    service.apply(snapshot({ upsert: [record(turn++ % INSTANCES, 1 + (turn & 1))] }));
    pickBoth(service);
  }
  keep(service.endpoints.length);
});

const newcomer = record(INSTANCES, 1);
const joinAndLeave = (times: number): void => {
  for (let i = 0; i < times; i++) {
    service.apply(snapshot({ upsert: [newcomer] }));
    pickBoth(service);
    service.apply(snapshot({ remove: [newcomer.address] }));
    pickBoth(service);
  }
  keep(service.endpoints.length);
};
measure(`one instance joins ${INSTANCES}, and leaves, each with the next picks; per change`, joinAndLeave, 2);

/** The same of the policies whose pickers are more than a list: a picker is made anew for each change. */
for (const balance of ['weighted_round_robin', 'least_request', 'ring_hash', 'maglev', 'orca'] as const) {
  const service = new ServiceUpstream(
    snapshot({ full: true, upsert: all, settings: { ...SETTINGS, balance } }),
    context,
  );
  pickBoth(service);
  measure(`${balance}: one of ${INSTANCES} instances leaves or joins, and the next picks`, (times) => {
    for (let i = 0; i < times; i++) {
      const gone = all[(turn >> 1) % INSTANCES] as EndpointRecord;
      const change = turn++ & 1 ? { upsert: [gone] } : { remove: [gone.address] };
      service.apply(snapshot({ ...change, settings: { ...SETTINGS, balance } }));
      pickBoth(service);
    }
    keep(service.endpoints.length);
  });
}
