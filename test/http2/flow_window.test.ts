import test from 'ava';
import fc from 'fast-check';
import { ReceiveWindow, SendWindow } from '../../src/http2/flow_window.ts';
import { MAX_WINDOW } from '../../src/http2/frame/codes.ts';

test('a send window may be lowered below zero, and grows back (RFC 9113 section 6.9.2)', (t) => {
  const window = new SendWindow(100);
  window.available -= 100;
  t.true(window.grow(-80));
  t.is(window.available, -80);
  t.true(window.grow(81));
  t.is(window.available, 1);
});

test('a send window of 2^31-1 is the largest there is (RFC 9113 section 6.9.1)', (t) => {
  const window = new SendWindow(65_535);
  t.true(window.grow(MAX_WINDOW - 65_535));
  t.false(window.grow(1));
});

test('a receive window accepts exactly what it announced', (t) => {
  const window = new ReceiveWindow(10);
  t.true(window.receive(10));
  t.true(window.receive(0));
  t.false(window.receive(1));
});

test('credit is given in one step when half of the window has been consumed', (t) => {
  const window = new ReceiveWindow(100);
  window.receive(80);
  t.is(window.consume(49), 0);
  t.is(window.consume(1), 50);
  t.is(window.available, 70);
  t.is(window.consume(30), 0);
});

type Step = { receive: number } | { consume: number } | { resize: number };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ receive: fc.nat(2_000) }) },
  { weight: 4, arbitrary: fc.record({ consume: fc.nat(2_000) }) },
  { weight: 1, arbitrary: fc.record({ resize: fc.integer({ min: 1, max: 5_000 }) }) },
);

test('no octet of a window is lost or made up: a peer that obeys it is never refused, and what is not announced is less than half of it', (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5_000 }), fc.array(step, { maxLength: 200 }), (initial, steps) => {
        const window = new ReceiveWindow(initial);
        let size = initial;
        // The peer's view of the same window, and what we hold.
        let allowed = initial;
        let held = 0;
        for (const each of steps) {
          if ('receive' in each) {
            const octets = Math.max(0, Math.min(each.receive, allowed));
            allowed -= octets;
            held += octets;
            if (!window.receive(octets) && allowed >= 0) throw new Error('refused what was announced');
          } else if ('consume' in each) {
            const octets = Math.min(each.consume, held);
            held -= octets;
            allowed += window.consume(octets);
          } else {
            window.resize(each.resize);
            allowed += each.resize - size;
            size = each.resize;
          }
          if (window.available !== allowed) throw new Error(`${window.available} is not ${allowed}`);
        }
        allowed += window.consume(held);
        // A window that was made smaller may owe more than half until the next octet is consumed.
        allowed += window.consume(0);
        if (allowed > size || (size - allowed) * 2 >= size)
          throw new Error(`${allowed} of ${size} after all was consumed`);
      }),
      { numRuns: 1000 },
    ),
  );
});
