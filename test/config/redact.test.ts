import test from 'ava';
import { redact } from '../../src/config/redact.ts';
import { configOf, loadText } from './load_text.ts';

const text = `
registries:
  e:
    type: etcd
    endpoints: ["https://h:2379"]
    username: me
    password: hunter2
    tls: { cert: a.pem, key: b.pem }
services:
  book: { timeout: 1500ms }
`;

test('a password is never shown, however it was given', (t) => {
  t.notRegex(JSON.stringify(redact(configOf(loadText(text)))), /hunter2/);
  const url = text.replace('h:2379', 'me:hunter2@h:2379').replace(/ {4}(username|password).*\n/g, '');
  const shown = JSON.stringify(redact(configOf(loadText(url))));
  t.notRegex(shown, /hunter2/);
  t.regex(shown, /"username":"me","password":"\*\*\*"/);
});

test('all the rest is shown as the file says it, defaults included', (t) => {
  t.like(redact(configOf(loadText(text))), {
    listen: ['127.0.0.1:15001'],
    drain_grace: '10s',
    registries: {
      e: {
        endpoints: ['https://h:2379'],
        tls: { ca: undefined, cert: '/etc/outrigger/a.pem', key: '/etc/outrigger/b.pem' },
        empty_protection: 'off',
      },
    },
    services: {
      book: { registry: 'e', path: '/services/book/', timeout: '1500ms', limits: { connections_per_instance: 8 } },
    },
    discover: null,
  });
});
