import * as z from 'zod';
import { STATUS_NAMES } from '../model/resilience.ts';
import { duration, share, text, whole } from './fields.ts';
import { balance } from './schema_balance.ts';
import { versionExpression } from './schema_routing.ts';

/** Every status but `ok`, which is no failure. */
const code = z.enum(STATUS_NAMES.filter((name) => name !== 'ok'));

const MOST_ATTEMPTS = 5;

const retry = z.strictObject({
  attempts: whole(2, MOST_ATTEMPTS)
    .default(3)
    .describe('Attempts in all, the first included. go-kit: the first argument of Retry.'),
  timeout: duration(1, ', or null')
    .nullable()
    .prefault(null)
    .describe(
      'Longest time for all attempts together; null: only the `timeout` of the request. go-kit: the second argument of Retry.',
    ),
  per_try_timeout: duration(1, ', or null')
    .nullable()
    .prefault(null)
    .describe(
      'Longest wait for the response headers of one attempt, from when the request is here whole; one that takes longer is given up and sent to ' +
        'another instance, unless it is too large to be sent again (64 KiB). Null: the instance may take as long as the request.',
    ),
  on: z
    .array(code)
    .min(1)
    .default(['unavailable'])
    .describe(
      'Which failures are worth another attempt. HTTP answers count by their gRPC code: 429, 502, 503 and 504 are unavailable. A ' +
        'lost connection is unavailable, too.',
    ),
  backoff: z
    .strictObject({
      base: duration(1).prefault('25ms').describe('Before the second attempt; twice as long before each further one.'),
      max: duration(1).prefault('250ms').describe('The longest pause.'),
    })
    .prefault({})
    .describe(
      'Pauses between attempts, each times 0.8 to 1.2. `grpc-retry-pushback-ms` in an answer takes their place.',
    ),
  non_idempotent: z
    .boolean()
    .default(false)
    .describe(
      'Also HTTP requests that are not idempotent (POST, PATCH). gRPC requests are always covered: a policy says that the method bears it.',
    ),
});

const hedge = z.strictObject({
  attempts: whole(2, MOST_ATTEMPTS).default(2).describe('Attempts in all, the first included.'),
  delay: duration(1).describe('Without response headers for this long, the next attempt begins at another instance.'),
});

const timeout = duration(1, ', or null')
  .nullable()
  .prefault(null)
  .describe("Longest time from a request's arrival to the end of its answer; null: only the client's own deadline.");

const retryRule = retry
  .nullable()
  .prefault(null)
  .describe(
    'Further attempts after a failure; null: none. A request that certainly was not processed is sent elsewhere in any case.',
  );

/** What may be said for one method, in place of what is said for its service. */
export const methodSchema = z.strictObject({
  version: versionExpression
    .nullable()
    .prefault(null)
    .describe('The version for requests that name none; null: what the service says.'),
  balance: balance.optional().describe('In place of the `balance` of the service.'),
  timeout: duration(1, ', or null').nullable().optional().describe('In place of the `timeout` of the service.'),
  retry: retry.nullable().optional().describe('In place of the `retry` of the service; null: no further attempts.'),
  hedge: hedge
    .nullable()
    .prefault(null)
    .describe(
      'A second attempt while the first one takes long; the first good answer counts. Only for methods that may run twice. Null: none.',
    ),
});

const minimumHosts = (least: number) =>
  whole(least, 10_000)
    .default(5)
    .describe('With fewer instances that have seen enough requests nobody is judged by this.');

const requestVolume = (byDefault: number) =>
  whole(1, 1_000_000)
    .default(byDefault)
    .describe('An instance with fewer requests in an interval is not judged by this.');

const outlier = z.strictObject({
  consecutive_failures: whole(1, 1_000)
    .nullable()
    .default(5)
    .describe('Failures in a row after which an instance is left out; null: not looked at.'),
  on: z
    .array(code)
    .default(['unavailable', 'deadline_exceeded', 'internal', 'unknown', 'data_loss', 'resource_exhausted'])
    .describe('Answers that count as a failure, besides connections that break and requests without an answer.'),
  interval: duration(100)
    .prefault('10s')
    .describe('How often the rates below are judged, and old ejections forgotten.'),
  base_ejection: duration(100)
    .prefault('30s')
    .describe('How long an instance is left out the first time; the nth time n times as long.'),
  max_ejection: duration(100).prefault('300s').describe('The longest it is left out.'),
  max_ejected: share(0.01, 'write "outlier: off" to leave nobody out')
    .prefault('10%')
    .describe('Share of the instances that may be left out at once. One always may, but never the last.'),
  success_rate: z
    .strictObject({
      stdev: z
        .number({ error: 'a number above 0' })
        .gt(0, { error: 'a number above 0' })
        .default(1.9)
        .describe('How far below the mean: 1.9 leaves out what is clearly worse than the others.'),
      minimum_hosts: minimumHosts(2),
      request_volume: requestVolume(100),
    })
    .nullable()
    .prefault(null)
    .describe(
      'Leaves out instances whose success rate lies `stdev` standard deviations below the mean; null: not looked at.',
    ),
  failure_percentage: z
    .strictObject({
      threshold: share(0.01).prefault('85%').describe('Share of the requests.'),
      minimum_hosts: minimumHosts(1),
      request_volume: requestVolume(50),
    })
    .nullable()
    .prefault(null)
    .describe('Leaves out instances of whose requests at least `threshold` failed; null: not looked at.'),
});

const slowStart = z.strictObject({
  window: duration(100).describe('How long an instance that is new, or back, takes to get its full share.'),
  aggression: z
    .number({ error: 'a number above 0' })
    .gt(0, { error: 'a number above 0' })
    .default(1)
    .describe('Above 1: faster at first. Share = max(minimum, (age / window) ^ (1 / aggression)).'),
  minimum: share(0.01).prefault('10%').describe('The share it begins with.'),
});

/** Keys of a service that say how it survives instances that fail. */
export const resilience = {
  timeout,
  retry: retryRule,
  methods: z
    .record(text('a request path').regex(/^\/./, { error: 'a request path such as /book.Book/Get' }), methodSchema)
    .prefault({})
    .describe('Rules for single methods by request path: what they say holds in place of what the service says.'),
  outlier: z
    .union([z.literal('off'), outlier])
    .prefault({})
    .describe(
      'Instances that keep failing are left out for a while, judged by the answers to ordinary requests; then one real request ' +
        'probes whether they are well again. `off`: never.',
    ),
  panic_threshold: share(0)
    .prefault('50%')
    .describe(
      'With a smaller share of instances usable, those that are left out get requests as well. Counted per version; 0%: never.',
    ),
  slow_start: slowStart
    .nullable()
    .prefault(null)
    .describe('A gentle start for instances that are new, or back; null: none.'),
  max_connection_age: duration(1_000, ', or null')
    .nullable()
    .prefault(null)
    .describe(
      'Connections are replaced at this age, times 0.9 to 1.1, the new one before the old one goes; null: never.',
    ),
};

export type RetryInput = z.output<typeof retry>;
export type MethodInput = z.output<typeof methodSchema>;
export type OutlierInput = z.output<typeof outlier>;
