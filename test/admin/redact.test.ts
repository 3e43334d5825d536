import test from 'ava';
import { redact } from '../../src/admin/redact.ts';

test('what stands under a key named like a secret is masked, whatever it is', (t) => {
  t.deepEqual(
    redact({
      token: 'x',
      CONSUL_TOKEN: 'x',
      password: { from: 'x' },
      secretKey: ['x'],
      apiKey: 1,
      api_key: 'x',
      auth: { passwd: 'x' },
    }),
    {
      token: '***',
      CONSUL_TOKEN: '***',
      password: '***',
      secretKey: '***',
      apiKey: '***',
      api_key: '***',
      auth: { passwd: '***' },
    },
  );
});

test('a secret that is not set can be seen not to be set', (t) => {
  t.deepEqual(redact({ token: '', password: null }), { token: '', password: null });
});

test('user information of URLs and private keys are masked wherever they stand', (t) => {
  t.deepEqual(redact(['http://root:p@ss@etcd:2379/x', 'a http://u@h b', '-----BEGIN EC PRIVATE KEY-----\nMHc']), [
    'http://***@etcd:2379/x',
    'a http://***@h b',
    '***',
  ]);
});

test('all else stays as it is', (t) => {
  const config = {
    listen: ['127.0.0.1:15001'],
    workers: 1,
    tls: null,
    routes: [{ path: '/a@b/', host: 'http://x/@y' }],
    on: true,
  };
  t.deepEqual(redact(config), config);
});
