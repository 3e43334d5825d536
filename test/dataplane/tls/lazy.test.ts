import { once } from 'node:events';
import { connect } from 'node:http2';
import { Worker } from 'node:worker_threads';
import test from 'ava';

test('a data thread without TLS never loads node:tls', async (t) => {
  const worker = new Worker(new URL('../../support/no_tls_thread.ts', import.meta.url));
  t.teardown(() => worker.terminate());
  const [said] = (await once(worker, 'message')) as [{ readonly addresses: readonly string[] }];
  const session = connect(`http://${said.addresses[0]}`);
  t.teardown(() => session.destroy());
  const stream = session.request({ ':path': '/' });
  const [head] = (await once(stream, 'response')) as [{ readonly ':status': number }];
  t.is(head[':status'], 404, 'it serves');
  worker.postMessage('loaded?');
  const [{ modules }] = (await once(worker, 'message')) as [{ readonly modules: readonly string[] }];
  t.true(modules.includes('NativeModule net'), 'the list is what it is taken for');
  t.deepEqual(
    modules.filter((name) => /NativeModule (tls|https|http2|internal\/tls)/.test(name)),
    [],
  );
});
