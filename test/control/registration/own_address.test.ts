import test from 'ava';
import { isLoopbackHost } from '../../../src/config/loopback.ts';
import type { RegisterOptions } from '../../../src/config/register_options.ts';
import type { RegistryOptions } from '../../../src/config/registry_options.ts';
import { ownAddress } from '../../../src/control/registration/own_address.ts';

function options(more: Partial<RegisterOptions>): RegisterOptions {
  return {
    service: 'app',
    registry: 'main',
    address: { kind: 'detected', port: 8089 },
    version: null,
    weight: 1,
    zone: null,
    metadata: {},
    id: null,
    path: '/services/app/',
    format: 'outrigger',
    ttlMs: 15_000,
    health: null,
    allowLoopback: false,
    ...more,
  };
}

const etcd = (...endpoints: string[]): RegistryOptions => ({ type: 'etcd', endpoints });

test('the address is the one from which the registry is reached', async (t) => {
  t.is(await ownAddress(options({}), etcd('http://127.0.0.1:2379')), '127.0.0.1:8089');
  t.is(await ownAddress(options({}), etcd('http://127.7.7.7:2379')), '127.0.0.1:8089');
  t.regex(await ownAddress(options({}), etcd('http://localhost:2379')), /^(127\.0\.0\.1|\[::1\]):8089$/);
});

test('a given address is taken as it is', async (t) => {
  const address = { kind: 'given', address: '10.0.0.5:8089' } as const;
  t.is(await ownAddress(options({ address }), etcd('http://10.0.0.1:2379')), '10.0.0.5:8089');
});

test('a loopback address is refused when the registry is elsewhere, unless that is allowed', async (t) => {
  const address = { kind: 'given', address: '127.0.0.1:8089' } as const;
  const error = await t.throwsAsync(ownAddress(options({ address }), etcd('http://10.0.0.1:2379')));
  t.is((error as { code?: string }).code, 'register_loopback');
  t.regex(error?.message ?? '', /127\.0\.0\.1:8089 is a loopback address.*10\.0\.0\.1/);
  t.is(await ownAddress(options({ address, allowLoopback: true }), etcd('http://10.0.0.1:2379')), '127.0.0.1:8089');
  t.is(await ownAddress(options({ address }), etcd('http://localhost:2379')), '127.0.0.1:8089');
});

test('no way to the registry is an error of its own, since one may come', async (t) => {
  const error = await t.throwsAsync(ownAddress(options({}), etcd('http://no-such-host.invalid:2379')));
  t.is((error as { code?: string }).code, 'register_no_route');
});

test('what loopback is', (t) => {
  for (const host of [
    '127.0.0.1',
    '127.1.2.3',
    '::1',
    '[::1]',
    '::ffff:127.0.0.1',
    'localhost',
    'LOCALHOST.',
    'a.localhost',
  ])
    t.true(isLoopbackHost(host), host);
  for (const host of ['10.0.0.1', '128.0.0.1', '::2', 'localhost.example', '127.example', ''])
    t.false(isLoopbackHost(host), host);
});
