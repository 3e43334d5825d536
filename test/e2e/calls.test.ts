import test from 'ava';
import { connectEcho, type EchoClient } from '../support/echo_client.ts';
import { eventually } from '../support/eventually.ts';
import { type GrpcServer, startGrpcServer } from '../support/grpc_server.ts';
import { type Sidecar, startSidecar } from '../support/sidecar.ts';

// With E2E_DIRECT=1 the client talks to the server itself: what fails then is wrong with the test, not with the sidecar.
const direct = process.env.E2E_DIRECT === '1';

let server: GrpcServer;
let sidecar: Sidecar | null = null;
let client: EchoClient;

test.before(async () => {
  server = await startGrpcServer({ name: 'one', version: 'v1' });
  sidecar = direct
    ? null
    : await startSidecar({
        registries: { here: { type: 'static' } },
        services: { echo: { registry: 'here', instances: [{ address: server.address, version: 'v1' }] } },
      });
  client = connectEcho(sidecar?.address ?? server.address);
});

test.after.always(async () => {
  client?.close();
  await sidecar?.kill();
  server?.stop();
});

const MB = 1024 * 1024;

test('a unary call is answered by the instance', async (t) => {
  const outcome = await client.unary('hello');
  t.is(outcome.code, 0, outcome.details);
  t.is(outcome.replies[0]?.payload.toString(), 'hello');
  t.is(outcome.replies[0]?.name, 'one');
});

test('an empty message is a message', async (t) => {
  const outcome = await client.unary('');
  t.is(outcome.code, 0, outcome.details);
  t.is(outcome.replies.length, 1);
});

test('a client stream arrives whole and in order', async (t) => {
  const payloads = Array.from({ length: 500 }, (_, i) => `message ${i}`);
  const outcome = await client.clientStream(payloads);
  t.is(outcome.code, 0, outcome.details);
  t.is(outcome.replies[0]?.received, payloads.join('').length);
});

test('a client stream without messages is answered', async (t) => {
  const outcome = await client.clientStream([]);
  t.is(outcome.code, 0, outcome.details);
  t.is(outcome.replies[0]?.received, 0);
});

test('a server stream arrives whole', async (t) => {
  const outcome = await client.serverStream('tick', { metadata: [['echo-replies', '500']] });
  t.is(outcome.code, 0, outcome.details);
  t.is(outcome.replies.length, 500);
});

test('a server stream without messages ends with status 0', async (t) => {
  const outcome = await client.serverStream('tick', { metadata: [['echo-replies', '0']] });
  t.is(outcome.code, 0, outcome.details);
  t.is(outcome.replies.length, 0);
});

test('both sides of a bidirectional stream flow at the same time', async (t) => {
  const payloads = Array.from({ length: 300 }, (_, i) => String(i));
  const outcome = await client.bidi(payloads);
  t.is(outcome.code, 0, outcome.details);
  t.deepEqual(
    outcome.replies.map((reply) => reply.payload.toString()),
    payloads,
  );
});

test('a bidirectional stream is not collected: each answer comes before the next question', async (t) => {
  const { default: grpc } = await import('@grpc/grpc-js');
  const call = client.raw.Bidi(new grpc.Metadata(), { deadline: Date.now() + 10_000 });
  for (let i = 0; i < 5; i++) {
    const answer = new Promise<string>((resolve, reject) => {
      call.once('data', (reply: { payload: Buffer }) => resolve(reply.payload.toString()));
      call.once('error', reject);
    });
    call.write({ payload: Buffer.from(`turn ${i}`) });
    t.is(await answer, `turn ${i}`);
    call.removeAllListeners('error');
    call.on('error', () => {});
  }
  call.end();
  t.pass();
});

test('messages of 10 MB pass in both directions', async (t) => {
  const payload = Buffer.alloc(10 * MB, 'outrigger!');
  const outcome = await client.unary(payload);
  t.is(outcome.code, 0, outcome.details);
  t.true(outcome.replies[0]?.payload.equals(payload) ?? false);
});

test('messages of 10 MB pass in both directions of a stream at once', async (t) => {
  const payloads = [1, 2, 3].map((fill) => Buffer.alloc(10 * MB, fill));
  const outcome = await client.bidi(payloads);
  t.is(outcome.code, 0, outcome.details);
  t.true(payloads.every((payload, i) => outcome.replies[i]?.payload.equals(payload)));
});

test('metadata keeps its order, its duplicates and its binary values, in headers and trailers', async (t) => {
  const octets = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  const outcome = await client.unary('x', {
    metadata: [
      ['back-list', 'one'],
      ['back-list', 'two'],
      ['back-list', 'three'],
      ['back-octets-bin', octets],
      ['back-octets-bin', Buffer.from([0])],
      ['trail-octets-bin', octets],
      ['trail-word', 'last'],
    ],
  });
  t.is(outcome.code, 0, outcome.details);
  t.is(outcome.headers?.get('back-list').join(', '), 'one, two, three');
  const echoed = outcome.headers?.get('back-octets-bin') ?? [];
  t.true(octets.equals(echoed[0] as Buffer));
  t.deepEqual([...(echoed[1] as Buffer)], [0]);
  t.true(octets.equals(outcome.trailers.get('trail-octets-bin')[0] as Buffer));
  t.deepEqual(outcome.trailers.get('trail-word'), ['last']);
});

test('metadata larger than a frame passes (CONTINUATION)', async (t) => {
  const large = Buffer.from(Array.from({ length: 14_000 }, (_, i) => (i * 7919) % 251)).toString('base64');
  const outcome = await client.unary('x', {
    metadata: [
      ['back-large', large],
      ['trail-large', large],
    ],
  });
  t.is(outcome.code, 0, outcome.details);
  t.deepEqual(outcome.headers?.get('back-large'), [large]);
  t.deepEqual(outcome.trailers.get('trail-large'), [large]);
});

test('a status and its message pass as they are, UTF-8 and percent signs included', async (t) => {
  const details = '100% of ação, 猫 and \n new lines: "quoted"';
  const outcome = await client.unary('x', {
    metadata: [
      ['echo-status', '9'],
      ['echo-message', encodeURIComponent(details)],
    ],
  });
  t.is(outcome.code, 9);
  t.is(outcome.details, details);
});

for (const code of [1, 2, 3, 5, 8, 10, 13, 14, 16]) {
  test(`an instance's own status ${code} reaches the client, as trailers-only and after headers`, async (t) => {
    for (const headersFirst of [false, true]) {
      const outcome = await client.unary('x', {
        metadata: [
          ['echo-status', String(code)],
          ['echo-message', `because ${code}`],
          ['trail-why', 'the instance said so'],
          ...(headersFirst ? ([['echo-headers-first', '1']] as const) : []),
        ],
      });
      t.is(outcome.code, code);
      t.is(outcome.details, `because ${code}`);
      t.deepEqual(outcome.trailers.get('trail-why'), ['the instance said so']);
      t.is(
        outcome.trailers.get('x-outrigger-reason').length,
        0,
        'the sidecar does not claim an error that is not its own',
      );
    }
  });
}

test('a stream that fails after some messages delivers the messages and then the status', async (t) => {
  const outcome = await client.serverStream('x', {
    metadata: [
      ['echo-replies', '7'],
      ['echo-status', '11'],
      ['echo-message', 'enough'],
      ['echo-headers-first', '1'],
    ],
  });
  t.is(outcome.code, 11);
  t.is(outcome.details, 'enough');
  t.is(outcome.replies.length, 7);
});

test.serial("the client's deadline ends a call with status 4 and the instance sees it end", async (t) => {
  const outcome = await client.unary('x', {
    deadlineMs: 500,
    metadata: [
      ['echo-sleep-ms', '20000'],
      ['echo-id', 'deadline'],
    ],
  });
  t.is(outcome.code, 4);
  await eventually(() => server.seen('deadline').cancelled === 1);
  t.is(server.seen('deadline').finished, 0);
});

test('a call with a deadline that is met succeeds', async (t) => {
  const outcome = await client.unary('x', { deadlineMs: 10_000, metadata: [['echo-sleep-ms', '20']] });
  t.is(outcome.code, 0, outcome.details);
});

for (const kind of ['unary', 'serverStream', 'clientStream', 'bidi'] as const) {
  test(`cancelling a call reaches the instance (${kind})`, async (t) => {
    const id = `cancel ${kind}`;
    const metadata = [
      ['echo-sleep-ms', '20000'],
      ['echo-replies', '1000'],
      ['echo-id', id],
    ] as const;
    const onCall = (call: { cancel(): void }) => {
      void eventually(() => server.seen(id).started === 1).then(() => call.cancel());
    };
    const options = { metadata, onCall };
    const outcome = await (kind === 'unary' || kind === 'serverStream'
      ? client[kind]('x', options)
      : client[kind](['x'], options));
    t.is(outcome.code, 1);
    await eventually(() => server.seen(id).cancelled === 1);
    t.is(server.seen(id).finished, 0);
  });
}

test('an unknown method is answered by the instance, not by the sidecar', async (t) => {
  const outcome = await new Promise<{ code: number; details: string }>((resolve) => {
    client.raw.makeUnaryRequest(
      '/outrigger.test.Echo/NoSuchMethod',
      (value: Buffer) => value,
      (value: Buffer) => value,
      Buffer.alloc(0),
      (error) => resolve({ code: error?.code ?? 0, details: error?.details ?? '' }),
    );
  });
  t.is(outcome.code, 12);
  t.regex(outcome.details, /method/i);
});
