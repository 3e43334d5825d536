import test from 'ava';
import fc from 'fast-check';
import { KEEPALIVE_SWEEP, Keepalive } from '../../../src/dataplane/upstream/keepalive.ts';
import { holds } from '../../support/wire_property.ts';

/** Sweeps in so many seconds. */
const sweeps = (seconds: number): number => (seconds * 1_000) / KEEPALIVE_SWEEP;

type Verdict = ReturnType<Keepalive['sweep']>;

/** A connection whose streams stay open and on which nothing happens, unless a test says so. */
class Quiet {
  readonly keepalive = new Keepalive();
  streams = 1;
  opened = 1;
  factor = 1;
  /** What the sweeps said, without those that were fine: when, in seconds, and what. */
  readonly verdicts: [seconds: number, verdict: Verdict][] = [];
  #now = 0;

  constructor() {
    // The stream was opened, and its headers sent, just before.
    this.keepalive.heard = false;
  }

  /** So many seconds go by, in which every PING is answered, or none. */
  wait(seconds: number, answers: boolean): this {
    for (let sweep = 0; sweep < sweeps(seconds); sweep++) {
      this.#now += KEEPALIVE_SWEEP / 1_000;
      const verdict = this.keepalive.sweep(this.streams, this.opened, this.factor);
      if (verdict === 'fine') continue;
      this.verdicts.push([this.#now, verdict]);
      if (answers) this.pong();
    }
    return this;
  }

  pong(): this {
    this.keepalive.heard = true;
    this.keepalive.pong();
    return this;
  }
}

test('a connection with open streams that is silent for 10 s is pinged, not sooner (gRFC A8)', (t) => {
  t.deepEqual(new Quiet().wait(10, false).verdicts, [[10, 'ping']]);
  t.deepEqual(new Quiet().wait(7.5, false).verdicts, []);
});

test('without an answer it is given up 20 s after the PING', (t) => {
  const quiet = new Quiet().wait(30, false);
  t.deepEqual(quiet.verdicts, [
    [10, 'ping'],
    [30, 'dead'],
  ]);
});

test('an answer, or anything else that comes, saves it: also at the last moment', (t) => {
  for (const save of [
    (quiet: Quiet) => quiet.pong(),
    (quiet: Quiet) => Object.assign(quiet.keepalive, { heard: true }),
  ]) {
    const quiet = new Quiet().wait(27.5, false);
    save(quiet);
    quiet.wait(10, true);
    t.deepEqual(quiet.verdicts, [[10, 'ping']]);
  }
});

test('a connection without open streams is never pinged, and what was silent before does not count', (t) => {
  const quiet = new Quiet();
  quiet.streams = 0;
  t.deepEqual(quiet.wait(3_600, false).verdicts, []);
  quiet.streams = 1;
  quiet.opened++;
  t.deepEqual(quiet.wait(7.5, false).verdicts, []);
  quiet.wait(2.5, false);
  t.deepEqual(quiet.verdicts, [[3_610, 'ping']]);
});

test('a PING that is not answered is forgotten when the last stream ends', (t) => {
  const quiet = new Quiet().wait(20, false);
  quiet.streams = 0;
  quiet.wait(60, false);
  t.deepEqual(quiet.verdicts, [[10, 'ping']]);
});

test('while something is read every 7.5 s nothing is asked', (t) => {
  const quiet = new Quiet();
  for (let i = 0; i < 100; i++) {
    quiet.wait(7.5, false);
    quiet.keepalive.heard = true;
  }
  t.deepEqual(quiet.verdicts, []);
});

test('long streams that stay quiet are pinged once after 10 s, then every 5 min: a server counts PINGs without traffic', (t) => {
  const quiet = new Quiet().wait(1_000, true);
  const times = quiet.verdicts.map(([seconds]) => seconds);
  t.deepEqual(
    times.map((seconds, i) => Math.round(seconds - (times[i - 1] ?? 0))),
    [10, 303, 303, 303],
  );
});

test('after news, an answer or a new stream, a quiet connection is asked after 10 s again', (t) => {
  for (const news of [
    (quiet: Quiet) => Object.assign(quiet.keepalive, { heard: true }),
    (quiet: Quiet) => quiet.opened++,
  ]) {
    const quiet = new Quiet().wait(60, true);
    t.is(quiet.verdicts.length, 1);
    news(quiet);
    quiet.wait(15, true);
    t.is(quiet.verdicts.length, 2);
  }
});

test('the factor stretches every time: a server that complained is asked that much more rarely', (t) => {
  for (const factor of [2, 8, 64]) {
    const silent = new Quiet();
    silent.factor = factor;
    t.deepEqual(silent.wait(30 * factor, false).verdicts, [
      [10 * factor, 'ping'],
      [30 * factor, 'dead'],
    ]);
    const answering = new Quiet();
    answering.factor = factor;
    const verdicts = answering.wait(10 * factor + 299 * factor, true).verdicts;
    t.deepEqual(verdicts, [[10 * factor, 'ping']]);
  }
});

const step = fc.oneof(
  { weight: 6, arbitrary: fc.constant('sweep' as const) },
  { weight: 1, arbitrary: fc.constantFrom('read' as const, 'pong' as const, 'open' as const, 'close all' as const) },
);

test('whatever happens: no PING within 10 s of anything read, none without streams, no end without 20 s of silence after one', async (t) => {
  await holds(
    t,
    fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 1, max: 3 }), (steps, factor) => {
      const keepalive = new Keepalive();
      let [streams, opened, silentFor, askedFor] = [0, 0, 0, -1];
      for (const each of steps) {
        if (each === 'open') [streams, opened] = [streams + 1, opened + 1];
        else if (each === 'close all') streams = 0;
        else if (each !== 'sweep') {
          keepalive.heard = true;
          if (each === 'pong') keepalive.pong();
          [silentFor, askedFor] = [-1, -1];
        } else {
          const verdict = keepalive.sweep(streams, opened, factor);
          silentFor = streams === 0 ? 0 : silentFor + 1;
          if (streams === 0) askedFor = -1;
          if (askedFor >= 0) askedFor++;
          if (verdict === 'ping') {
            if (silentFor < sweeps(10) * factor) throw new Error(`a PING after ${silentFor} silent sweeps`);
            if (askedFor >= 0) throw new Error('a PING while one is on its way');
            askedFor = 0;
          }
          if ((verdict === 'dead') !== (askedFor === sweeps(20) * factor))
            throw new Error(`${verdict} after ${askedFor}`);
          if (verdict === 'dead') return;
        }
      }
    }),
    { numRuns: 1_000 },
  );
});
