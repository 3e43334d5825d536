/** What it costs to count: single counters, a histogram, and all that is recorded for one request. */

import type { Exchange } from '../../src/dataplane/forwarding/exchange.ts';
import { recordAttempt, recordRequest } from '../../src/dataplane/forwarding/record.ts';
import { add, type Block, ENDPOINT, observe, SERVICE, VERSION } from '../../src/model/counters.ts';
import { keep, measure } from './measure.ts';

const view = new Float64Array(new SharedArrayBuffer(8 * 16_384));
const service: Block = { view, base: 0 };
const version: Block = { view, base: SERVICE.SLOTS };
const endpoint: Block = { view, base: SERVICE.SLOTS + VERSION.SLOTS };
/** Seconds, from a tenth of a millisecond to ten seconds, in no order. */
const DURATIONS = Float64Array.from({ length: 1024 }, (_, i) => 0.0001 * 10 ** (((i * 389) % 1024) / 205));

measure('add to a counter', (times) => {
  for (let i = 0; i < times; i++) add(service, SERVICE.IN_FLIGHT, 1);
  keep(view[0] as number);
});

measure('observe a duration of 0.3 ms', (times) => {
  for (let i = 0; i < times; i++) observe(view, SERVICE.DURATION, 0.0003);
  keep(view[SERVICE.DURATION] as number);
});

measure('observe durations of 0.1 ms to 10 s', (times) => {
  for (let i = 0; i < times; i++) observe(view, SERVICE.DURATION, DURATIONS[i & 1023] as number);
  keep(view[SERVICE.DURATION] as number);
});

/** An exchange that has ended, as far as counting looks at it. */
const exchange = {
  service: { block: service, unversionedBlock: version },
  endpoint: {
    block: endpoint,
    versionBlock: version,
    judge: () => {},
    requestEnded: () => add(endpoint, ENDPOINT.IN_FLIGHT, -1),
  },
  arrivedAt: 1_000,
  sentAt: 1_000.02,
  answeredAt: 1_000.31,
  finishedAt: 1_000.33,
  httpStatus: 200,
  grpcStatus: 0,
} as unknown as Exchange;

measure('record an attempt and a request', (times) => {
  for (let i = 0; i < times; i++) {
    recordAttempt(exchange, 'ok', 'well');
    recordRequest(exchange, null);
  }
  keep(view[SERVICE.DURATION] as number);
});
