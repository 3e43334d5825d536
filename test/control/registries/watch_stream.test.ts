import { EventEmitter } from 'node:events';
import test from 'ava';
import type { WatchCall } from '../../../src/control/registries/etcd/client.ts';
import type { KeyChange } from '../../../src/control/registries/etcd/record_set.ts';
import { followWatch, type WatchEnd } from '../../../src/control/registries/etcd/watch_stream.ts';
import { manualClock } from '../../support/manual_clock.ts';

/** A raw stream whose other side is the test. */
class ScriptedCall extends EventEmitter {
  readonly written: unknown[] = [];
  readonly ends: string[] = [];
  write(request: unknown): void {
    this.written.push(request);
  }
  end(): void {
    this.ends.push('end');
  }
  cancel(): void {
    this.ends.push('cancel');
    this.emit('error', new Error('1 CANCELLED: Cancelled on client'));
  }
  says(response: object): void {
    const rest = {
      created: false,
      canceled: false,
      compact_revision: '0',
      cancel_reason: '',
      fragment: false,
      events: [],
    };
    this.emit('data', { ...rest, ...response });
  }
}

function event(key: string, revision: number, value: string | null = '127.0.0.1:1') {
  const kv = { key: Buffer.from(key), value: Buffer.from(value ?? ''), mod_revision: String(revision) };
  return { type: value === null ? 'Delete' : 'Put', kv };
}

function start() {
  const call = new ScriptedCall();
  const clock = manualClock();
  const told: (KeyChange[] | WatchEnd | 'opened')[] = [];
  const close = followWatch(
    call as unknown as WatchCall,
    { prefix: '/a/', from: 12_345_678_901_234_567_890n, timeout: 1_000 },
    {
      opened: () => told.push('opened'),
      changed: (changes) => told.push([...changes]),
      ended: (end) => told.push(end),
    },
    clock,
  );
  return { call, clock, told, close };
}

test('a watch asks for the prefix from the revision on, with progress and fragments', (t) => {
  const { call } = start();
  t.deepEqual(call.written, [
    {
      create_request: {
        key: Buffer.from('/a/'),
        range_end: Buffer.from('/a0'),
        start_revision: '12345678901234567890',
        progress_notify: true,
        fragment: true,
      },
    },
  ]);
});

test('changes are told in order, and a progress reply is no change', (t) => {
  const { call, told, clock } = start();
  call.says({ created: true });
  call.says({});
  call.says({ events: [event('/a/1', 7), event('/a/2', 8, null)] });
  clock.advance(10_000);
  t.deepEqual(told, [
    'opened',
    [
      { key: '/a/1', value: '127.0.0.1:1', revision: 7n },
      { key: '/a/2', value: null, revision: 8n },
    ],
  ]);
});

test('the fragments of a message are told together', (t) => {
  const { call, told } = start();
  call.says({ created: true });
  call.says({ fragment: true, events: [event('/a/1', 7)] });
  call.says({ fragment: true, events: [event('/a/2', 7)] });
  t.deepEqual(told, ['opened']);
  call.says({ events: [event('/a/3', 7)] });
  t.deepEqual(
    (told[1] as KeyChange[]).map(({ key }) => key),
    ['/a/1', '/a/2', '/a/3'],
  );
});

test('a compacted watch says so, also when it is compacted at its creation', (t) => {
  const { call, told } = start();
  call.says({ created: true, canceled: true, compact_revision: '9' });
  call.says({ events: [event('/a/1', 7)] });
  t.deepEqual(told, [{ kind: 'compacted', revision: '9' }]);
  t.deepEqual(call.ends, ['end', 'cancel'], 'ended first: a canceled open stream counts as a failure of the host');
});

test('a refused watch ends with the reason', (t) => {
  const { call, told } = start();
  call.says({ created: true, canceled: true, cancel_reason: 'etcdserver: permission denied' });
  t.is(((told[0] as WatchEnd & { kind: 'failed' }).cause as Error).message, 'etcdserver: permission denied');
  t.is(told.length, 1);
});

test('an error, an end and silence each end the watch once', (t) => {
  for (const cause of ['error', 'end', 'silence']) {
    const { call, told, clock } = start();
    if (cause === 'error') call.emit('error', new Error('14 UNAVAILABLE: gone'));
    if (cause === 'end') call.emit('end');
    clock.advance(1_000);
    call.emit('end');
    call.emit('error', new Error('later'));
    t.is(told.length, 1, cause);
    t.is((told[0] as WatchEnd).kind, 'failed');
    t.is(clock.pending, 0);
  }
});

test('after close nothing is told', (t) => {
  const { call, told, clock, close } = start();
  close();
  call.says({ created: true });
  call.says({ events: [event('/a/1', 7)] });
  clock.advance(5_000);
  t.deepEqual(told, []);
  t.is(clock.pending, 0);
});
