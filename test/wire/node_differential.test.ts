import test from 'ava';
import fc from 'fast-check';
import type { Exchange } from '../support/wire_exchange.ts';
import { engineExchangeClient, engineExchangeServer } from '../support/wire_exchange_engine.ts';
import { nodeExchangeClient, nodeExchangeServer } from '../support/wire_exchange_node.ts';
import { holds } from '../support/wire_property.ts';

const text = (maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...'abcXYZ019-_.~/ +=;,"'), maxLength }).map((value) => value.trim());
const field: fc.Arbitrary<readonly [string, string]> = fc.tuple(
  fc.constantFrom('x-e-a', 'x-e-b', 'x-e-c', 'x-e-d-bin'),
  fc.oneof(
    { weight: 6, arbitrary: text(40) },
    { weight: 2, arbitrary: fc.uint8Array({ maxLength: 200 }).map((octets) => Buffer.from(octets).toString('base64')) },
    { weight: 1, arbitrary: fc.nat(9_000).map((length) => 'v'.repeat(length)) },
  ),
);
const chunk = fc.oneof(
  { weight: 4, arbitrary: fc.nat(200) },
  { weight: 2, arbitrary: fc.nat(20_000) },
  { weight: 1, arbitrary: fc.nat(100_000) },
);
const trailers: fc.Arbitrary<readonly (readonly [string, string])[]> = fc
  .uniqueArray(fc.tuple(fc.constantFrom('x-e-t', 'x-e-u', 'x-e-v-bin'), text(60)), {
    minLength: 1,
    maxLength: 3,
    selector: ([name]) => name,
  })
  .map((fields) => fields);

const exchange: fc.Arbitrary<Exchange> = fc
  .record({
    method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'HEAD'),
    fields: fc.array(field, { maxLength: 6 }),
    body: fc.array(chunk, { maxLength: 8 }).filter((sizes) => sizes.reduce((sum, size) => sum + size, 0) <= 300_000),
    contentLength: fc.boolean(),
    trailers: fc.option(trailers, { freq: 3 }),
    server: fc.oneof(
      { weight: 6, arbitrary: fc.constant('echo' as const) },
      {
        weight: 4,
        arbitrary: fc.constantFrom(
          'early' as const,
          'reset' as const,
          'interim' as const,
          'empty' as const,
          'half' as const,
        ),
      },
    ),
    cancels: fc.nat(7).map((one) => one === 0),
  })
  .map((each) => {
    const withBody = each.method === 'POST' || each.method === 'PUT';
    return {
      ...each,
      method: each.method as Exchange['method'],
      body: withBody ? each.body : null,
      trailers: withBody ? each.trailers : null,
      // The answer to HEAD is complete with its headers.
      server: each.method === 'HEAD' && each.server === 'half' ? ('echo' as const) : each.server,
    };
  });

test('whatever is exchanged, node:http2 and the engine see the same, as clients and as servers of each other', async (t) => {
  const node = await nodeExchangeServer();
  const engine = await engineExchangeServer();
  t.teardown(() => {
    node.close();
    engine.close();
  });
  const pairings = {
    'node to engine': nodeExchangeClient(engine.port),
    'engine to node': engineExchangeClient(node.port),
    'engine to engine': engineExchangeClient(engine.port),
  };
  const reference = nodeExchangeClient(node.port);
  await holds(
    t,
    fc.asyncProperty(fc.array(exchange, { minLength: 1, maxLength: 6 }), async (exchanges) => {
      const expected = await reference.play(exchanges);
      for (const [name, client] of Object.entries(pairings)) {
        const outcomes = await client.play(exchanges);
        for (const [i, outcome] of outcomes.entries()) {
          const [seen, wanted] = [JSON.stringify(outcome), JSON.stringify(expected[i])];
          if (seen !== wanted) throw new Error(`${name}, exchange ${i}:\n${seen}\ninstead of\n${wanted}`);
        }
      }
    }),
    { numRuns: 60, endOnFailure: true },
  );
});
