import type { ExecutionContext, TestFn } from 'ava';
import type { Registry, RegistryQuery } from '../../src/control/registries/registry.ts';
import { eventually } from '../support/eventually.ts';
import { type RecordingListener, recordingListener } from '../support/recording_listener.ts';

/** What a test registers: by id, an instance or something that is none. */
export type Records = Readonly<
  Record<string, { readonly address: string; readonly version?: string } | { readonly garbage: string }>
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
  /** Take the other side away before the registry opens. */
  readonly away?: boolean;
}

const ONE = { a: { address: '127.0.0.1:50051', version: 'v1' } } as const;
const TWO = { ...ONE, b: { address: '127.0.0.1:50052', version: 'v2' } } as const;
const GARBAGE = { c: { garbage: '{"what": "is this"}' } } as const;

/** What a registry must do; each implementation runs the parts that it can. */
export interface Abilities {
  readonly changes: boolean;
  readonly goesAway: boolean;
}

/** The tests that every registry passes. `open` makes a fresh one with these records. */
export function registryContract(
  test: TestFn,
  type: string,
  abilities: Abilities,
  open: (options: HarnessOptions) => Promise<RegistryHarness>,
): void {
  const contract = (
    title: string,
    options: HarnessOptions,
    body: (t: ExecutionContext, harness: Required<RegistryHarness>, listener: RecordingListener) => Promise<void>,
  ): void => {
    test(`${type}: ${title}`, async (t) => {
      const harness = await open(options);
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
    const versions = listener.answers.at(-1)?.instances.map(({ version }) => version);
    t.deepEqual(versions?.sort(), ['v1', 'v2']);
    t.deepEqual(listener.errors, []);
    t.true(registry.stats.updates > 0);
    t.true(registry.stats.lastUpdateAt > 0);
  });

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
      if (type === 'static') {
        t.pass('static reads no records');
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

    contract('a change of the version alone is told', { records: ONE }, async (_t, { write }, listener) => {
      await shows(listener, 50051);
      await write({ a: { ...ONE.a, version: 'v2' } });
      await eventually(() => listener.answers.at(-1)?.instances[0]?.version === 'v2');
      await shows(listener, 50051);
    });

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
      await write(many);
      await shows(listener, ...ports);
      // How many depends on how long writing them takes on this machine.
      t.true(listener.answers.length <= 300, `${listener.answers.length} sets for 1,000 changes`);
    });
  }

  if (abilities.goesAway) {
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
