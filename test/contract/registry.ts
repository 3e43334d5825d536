import type { ExecutionContext, TestFn } from 'ava';
import type { Clock } from '../../src/base/clock.ts';
import { diff } from '../../src/control/cluster/diff.ts';
import type { Registry, RegistryQuery } from '../../src/control/registries/registry.ts';
import { eventually } from '../support/eventually.ts';
import { type CountingClock, countingClock, handlesSince, openHandles } from '../support/handles.ts';
import { type RecordingListener, recordingListener } from '../support/recording_listener.ts';

/** What a test registers: by id, an instance or something that is none. `weight` comes only where records have no version. */
export type Records = Readonly<
  Record<
    string,
    { readonly address: string; readonly version?: string; readonly weight?: number } | { readonly garbage: string }
  >
>;

/** A registry that a test fills. */
export interface RegistryHarness {
  readonly registry: Registry;
  readonly query: RegistryQuery;
  /** Makes these the records of `query`, and no others. Left out where a registry cannot change. */
  readonly write?: (records: Records) => Promise<void>;
  /** Takes the other side away and brings it back with what it held. Left out where it cannot go away. */
  readonly away?: () => Promise<void>;
  readonly back?: () => Promise<void>;
  /** Ends everything but the registry, which the suite closes before. */
  readonly dispose: () => Promise<void>;
}

export interface HarnessOptions {
  readonly records: Records;
  /** The clock to open the registry with: `openRegistry(name, options, { clock })`. It is looked at when all is closed. */
  readonly clock: Clock;
  /** Take the other side away before the registry opens. */
  readonly away?: boolean;
  /** Every answer of the other side takes this much longer, in milliseconds. Only with the ability `slow`. */
  readonly slow?: number;
}

type WorldOptions = Omit<HarnessOptions, 'clock'>;

const ONE = { a: { address: '127.0.0.1:50051', version: 'v1' } } as const;
const TWO = { ...ONE, b: { address: '127.0.0.1:50052', version: 'v2' } } as const;
const GARBAGE = { c: { garbage: '{"what": "is this"}' } } as const;

/** What a registry must do; each implementation runs the parts that it can. */
export interface Abilities {
  readonly changes: boolean;
  readonly goesAway: boolean;
  /** The harness can make the other side slow. */
  readonly slow?: boolean;
  /** False where records have no version. */
  readonly versions?: boolean;
  /** False where nothing is read in a record format. */
  readonly formats?: boolean;
}

/** Longer than anything a registry puts off, and shorter than anything it waits for. In milliseconds. */
const SLOW = 300;

/** The tests that every registry passes. `open` makes a fresh one with these records. */
export function registryContract(
  test: TestFn,
  type: string,
  abilities: Abilities,
  open: (options: HarnessOptions) => Promise<RegistryHarness>,
): void {
  const { versions = true, formats = type !== 'static' } = abilities;
  const contract = (
    title: string,
    options: WorldOptions,
    body: (t: ExecutionContext, harness: Required<RegistryHarness>, listener: RecordingListener) => Promise<void>,
  ): void => {
    test(`${type}: ${title}`, async (t) => {
      const clock = countingClock();
      const harness = await open({ ...options, clock });
      const listener = recordingListener();
      try {
        t.is(harness.registry.type, type);
        harness.registry.watch(harness.query, listener);
        t.is(listener.last, 'nothing', 'nothing is told before watch returns');
        await body(t, harness as Required<RegistryHarness>, listener);
      } finally {
        await harness.registry.close();
        await harness.dispose();
      }
      t.is(clock.pending, 0, 'closing leaves no timer');
    });
  };
  /** Serial tests run before all others, so that what is open is what this one opened. */
  const leavesNothing = (
    title: string,
    options: WorldOptions,
    body: (t: ExecutionContext, listener: RecordingListener, clock: CountingClock) => Promise<void>,
  ): void => {
    test.serial(`${type}: ${title}`, async (t) => {
      const before = openHandles();
      const clock = countingClock();
      const harness = await open({ ...options, clock });
      const listener = recordingListener();
      harness.registry.watch(harness.query, listener);
      try {
        await body(t, listener, clock);
      } finally {
        await harness.registry.close();
        t.is(clock.pending, 0, 'a timer is left');
        await harness.dispose();
      }
      const told = listener.answers.length + listener.errors.length;
      await eventually(() => {
        const left = handlesSince(before, openHandles());
        if (left.length > 0) throw new Error(`left open: ${left.join(', ')}`);
        return true;
      });
      t.is(listener.answers.length + listener.errors.length, told);
    });
  };
  const shows = (listener: RecordingListener, ...ports: number[]): Promise<unknown> =>
    eventually(() => {
      const expected = ports.map((port) => `127.0.0.1:${port}`).join();
      const found = listener.addresses()?.join();
      if (listener.last === 'set' && found === expected) return true;
      throw new Error(
        `expected ${expected}; last ${listener.last}, set ${found}, error ${listener.errors.at(-1)?.message}`,
      );
    });

  contract('the first answer is the complete set', { records: TWO }, async (t, { registry }, listener) => {
    await shows(listener, 50051, 50052);
    const found = listener.answers.at(-1)?.instances.map(({ version }) => version);
    t.deepEqual(found?.sort(), versions ? ['v1', 'v2'] : [null, null]);
    t.deepEqual(listener.errors, []);
    t.true(registry.stats.updates > 0);
    t.true(registry.stats.lastUpdateAt > 0);
  });

  leavesNothing('stopping leaves no timer, socket or file handle', { records: TWO }, async (t, listener, clock) => {
    await shows(listener, 50051, 50052);
    if (abilities.changes) t.true(clock.made > 0, 'the registry was opened without the clock of the options');
  });

  contract(
    'a check says that it answers, is not counted, and disturbs no watch',
    { records: ONE },
    async (t, { registry, query }, listener) => {
      await shows(listener, 50051);
      t.is(await registry.check(query.path), null);
      t.deepEqual(registry.stats.errors, {});
      t.is(listener.last, 'set');
    },
  );

  contract('a service that nobody registered is an empty set', { records: {} }, async (t, _harness, listener) => {
    await shows(listener);
    t.deepEqual(listener.errors, []);
  });

  contract(
    'a bad record is reported and costs no other',
    { records: { ...TWO, ...GARBAGE } },
    async (t, harness, listener) => {
      await shows(listener, 50051, 50052);
      const bad = listener.answers.at(-1)?.bad ?? [];
      t.is(bad.length, 1);
      t.true((bad[0]?.key ?? '') !== '' && (bad[0]?.problem ?? '') !== '');
      t.is(harness.registry.stats.errors.bad_record, 1);
    },
  );

  contract(
    'a second watch of the same query gets the same set',
    { records: TWO },
    async (_t, { registry, query }, listener) => {
      await shows(listener, 50051, 50052);
      const second = recordingListener();
      registry.watch(query, second);
      await shows(second, 50051, 50052);
    },
  );

  contract(
    'an unknown format is an error that names the known ones',
    { records: ONE },
    async (t, { registry, query }, first) => {
      if (!formats) {
        t.pass('no records are read here');
        return;
      }
      await shows(first, 50051);
      const listener = recordingListener();
      registry.watch({ ...query, format: 'morse' }, listener);
      const error = await eventually(() => listener.errors[0] ?? false);
      t.is(error.code, 'unknown_format');
      t.regex(error.hint ?? '', /auto, .*plain/);
    },
  );

  contract(
    'after close nothing is told, and closing again is harmless',
    { records: ONE },
    async (t, harness, listener) => {
      await shows(listener, 50051);
      const second = recordingListener();
      const watch = harness.registry.watch(harness.query, second);
      await watch.close();
      await watch.close();
      const told = listener.answers.length;
      await harness.registry.close();
      await harness.registry.close();
      await harness.write?.(TWO);
      const late = recordingListener();
      harness.registry.watch(harness.query, late);
      // If anything could still come it would come now: for the change, or for the end of the other side.
      await harness.dispose();
      t.is(listener.answers.length, told);
      t.is(second.last, 'nothing');
      t.is(late.last, 'nothing');
    },
  );

  if (abilities.changes) {
    contract('an instance that registers is in the set', { records: ONE }, async (_t, { write }, listener) => {
      await shows(listener, 50051);
      await write(TWO);
      await shows(listener, 50051, 50052);
    });

    contract('an instance that is taken out leaves the set', { records: TWO }, async (_t, { write }, listener) => {
      await shows(listener, 50051, 50052);
      await write(ONE);
      await shows(listener, 50051);
      await write({});
      await shows(listener);
    });

    contract(
      `a change of the ${versions ? 'version' : 'weight'} alone is told, and takes no address away`,
      { records: TWO },
      async (t, { write }, listener) => {
        await shows(listener, 50051, 50052);
        const before = listener.answers.length;
        await write({ ...TWO, a: versions ? { ...ONE.a, version: 'v3' } : { ...ONE.a, weight: 7 } });
        const changed = await eventually(() => {
          const instances = listener.answers.at(-1)?.instances ?? [];
          return instances.find(({ version, weight }) => (versions ? version === 'v3' : weight === 7)) ?? false;
        });
        t.is(changed.address, ONE.a.address);
        await shows(listener, 50051, 50052);
        let known = listener.answers[before - 1]?.instances ?? [];
        for (const { instances } of listener.answers.slice(before)) {
          const { added, removed } = diff(known, instances);
          t.deepEqual([added, removed], [[], []], 'a connection would be closed or opened');
          known = instances;
        }
      },
    );

    contract('a bad record that comes later costs no other', { records: TWO }, async (t, { write }, listener) => {
      await shows(listener, 50051, 50052);
      await write({ ...TWO, ...GARBAGE });
      await eventually(() => listener.answers.at(-1)?.bad.length === 1);
      await shows(listener, 50051, 50052);
      await write({ ...TWO, c: { address: '127.0.0.1:50053' } });
      await shows(listener, 50051, 50052, 50053);
      t.deepEqual(listener.answers.at(-1)?.bad, []);
    });

    contract('a storm of changes is told in few sets', { records: ONE }, async (t, { write }, listener) => {
      await shows(listener, 50051);
      const many: Record<string, { address: string }> = {};
      const ports: number[] = [];
      for (let port = 20_000; port < 21_000; port++) {
        many[`n${port}`] = { address: `127.0.0.1:${port}` };
        ports.push(port);
      }
      const startedAt = performance.now();
      await write(many);
      await shows(listener, ...ports);
      const took = performance.now() - startedAt;
      // Within a second at most 65, and more only if writing them takes this machine longer than that.
      const told = listener.answers.length;
      t.true(told <= Math.max(65, took / 15), `${told} sets for 1,000 changes in ${took.toFixed(0)} ms`);
    });
  }

  if (abilities.slow) {
    contract(
      'a slow answer is waited for: nothing is told before it, then the complete set',
      { records: TWO, slow: SLOW },
      async (t, { write }, listener) => {
        const startedAt = performance.now();
        await eventually(() => listener.last !== 'nothing');
        t.true(performance.now() - startedAt >= SLOW / 2, 'the other side was not slow');
        await shows(listener, 50051, 50052);
        t.is(listener.answers[0]?.instances.length, 2);
        await write(ONE);
        await shows(listener, 50051);
        t.deepEqual(listener.errors, []);
      },
    );

    leavesNothing(
      'stopping while an answer is awaited leaves nothing behind, and tells nothing any more',
      { records: TWO, slow: SLOW },
      async (t, listener) => {
        t.is(listener.last, 'nothing');
      },
    );
  }

  if (abilities.goesAway) {
    leavesNothing(
      'stopping while the other side is away leaves nothing behind',
      { records: TWO, away: true },
      async (_t, listener) => {
        await eventually(() => listener.last === 'error');
      },
    );

    contract(
      'a check says why it does not answer, with a hint, and is not counted',
      { records: ONE },
      async (t, { registry, query, away }, listener) => {
        await shows(listener, 50051);
        await away();
        await eventually(() => listener.last === 'error');
        const before = { ...registry.stats.errors };
        const error = await registry.check(query.path);
        t.true((error?.code ?? '') !== '' && (error?.hint ?? '') !== '');
        const counted = Object.keys(registry.stats.errors);
        t.deepEqual(counted, Object.keys(before));
      },
    );

    contract(
      'away at the start: an error, and the set as soon as it is there',
      { records: TWO, away: true },
      async (t, { back, registry }, listener) => {
        const error = await eventually(() => listener.errors[0] ?? false);
        t.true((error.hint ?? '') !== '');
        t.deepEqual(listener.answers, []);
        t.true((registry.stats.errors[error.code] ?? 0) > 0);
        await back();
        await shows(listener, 50051, 50052);
      },
    );

    contract(
      'away later: an error, no empty set, and the truth when it is back',
      { records: TWO },
      async (t, { away, back, write }, listener) => {
        await shows(listener, 50051, 50052);
        await away();
        await eventually(() => listener.last === 'error');
        t.deepEqual(listener.addresses(), ['127.0.0.1:50051', '127.0.0.1:50052']);
        await back();
        await shows(listener, 50051, 50052);
        t.true(listener.answers.every(({ instances }) => instances.length === 2));
        await write(ONE);
        await shows(listener, 50051);
      },
    );
  }
}
