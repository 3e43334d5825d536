import test from 'ava';
import { certificateNames, describeNames, hasName } from '../../src/base/certificate_names.ts';
import { PeerIdentity } from '../../src/dataplane/tls/client_cert.ts';

const NONE = { uris: [], dns: [], ips: [] };

test('the names of a certificate are told apart by kind, in their order', (t) => {
  t.deepEqual(
    certificateNames(
      'DNS:a.example, URI:spiffe://t/ns/x, IP Address:10.0.0.1, DNS:*.b, email:m@x, IP Address:0:0:0:0:0:0:0:1',
    ),
    { dns: ['a.example', '*.b'], uris: ['spiffe://t/ns/x'], ips: ['10.0.0.1', '0:0:0:0:0:0:0:1'] },
  );
  t.deepEqual(certificateNames(undefined), NONE);
  t.deepEqual(certificateNames(''), NONE);
});

test('a name with separators in it stays one name, and is none of those that it spells (CVE-2021-44532)', (t) => {
  const names = certificateNames(
    'DNS:"evil.example, DNS:good.example", URI:"spiffe://t/a, URI:spiffe://t/admin", DNS:real',
  );
  t.deepEqual(names.dns, ['evil.example, DNS:good.example', 'real']);
  t.deepEqual(names.uris, ['spiffe://t/a, URI:spiffe://t/admin']);
  t.false(hasName(names, ['good.example', 'spiffe://t/admin']));
  t.true(hasName(names, ['real']));
});

test('what follows something that cannot be read is not believed', (t) => {
  t.deepEqual(certificateNames('DNS:a, "DNS:b, DNS:c').dns, ['a']);
  t.deepEqual(certificateNames('nonsense'), NONE);
});

const NAMES = certificateNames(
  'URI:spiffe://t/ns/prod/app, DNS:*.example.com, DNS:Plain.example, IP Address:10.0.0.1, IP Address:FD00:0:0:0:0:0:0:1',
);

for (const [wanted, is] of [
  ['spiffe://t/ns/prod/app', true],
  ['spiffe://t/ns/prod/*', true],
  ['spiffe://t/*', true],
  ['spiffe://t/ns/pro/*', false],
  ['spiffe://t/ns/prod/app/*', false],
  ['spiffe://t/ns/prod', false],
  ['spiffe://T/ns/prod/app', false],
  ['a.example.com', true],
  ['A.Example.COM', true],
  ['a.b.example.com', false],
  ['example.com', false],
  ['plain.example', true],
  ['10.0.0.1', true],
  ['10.0.0.2', false],
  ['fd00::1', true],
  ['fd00::2', false],
] as const) {
  test(`${wanted} ${is ? 'is' : 'is not'} a name of the certificate`, (t) => {
    t.is(hasName(NAMES, [wanted]), is);
    t.is(hasName(NAMES, ['nobody', wanted]), is);
  });
}

test('a URI cannot climb out of what a pattern allows, and one name is enough', (t) => {
  const of = (uri: string) => hasName({ ...NONE, uris: [uri] }, ['spiffe://t/prod/*']);
  t.true(of('spiffe://t/prod/a/b'));
  for (const uri of [
    'spiffe://t/prod/../admin',
    'spiffe://t/prod/',
    'spiffe://t/prod//a',
    'spiffe://t/prod/.',
    'spiffe://t/prodx/a',
  ])
    t.false(of(uri), uri);
  t.false(hasName(NAMES, []));
});

test('a message names three of the names at most', (t) => {
  t.is(describeNames({ ...NONE, dns: ['a', 'b', 'c', 'd', 'e'] }), 'a, b, c and 2 more');
  t.is(describeNames(NONE), 'no subject alternative name');
});

const certificate = (subject: string, subjectAltName?: string) => ({
  subject,
  subjectAltName,
  fingerprint256: 'AB:CD:01',
});

test('x-forwarded-client-cert has By, Hash, Subject, URI and DNS, as Envoy writes them', (t) => {
  const own = { ...NONE, uris: ['spiffe://t/me'] };
  const peer = new PeerIdentity(
    certificate('C=DE\nO=Example\nCN=app', 'URI:spiffe://t/app, DNS:app.example, DNS:app'),
    own,
  );
  t.is(
    peer.forwarded,
    'By=spiffe://t/me;Hash=abcd01;Subject="CN=app,O=Example,C=DE";URI=spiffe://t/app;DNS=app.example;DNS=app',
  );
  t.is(peer.name, 'spiffe://t/app');
});

test('what has no name has none in the header, and is called by its subject', (t) => {
  const peer = new PeerIdentity(certificate('CN=app'), NONE);
  t.is(peer.forwarded, 'Hash=abcd01;Subject="CN=app"');
  t.is(peer.name, 'CN=app');
});

test('a subject or a name cannot add an element of its own to the header', (t) => {
  const peer = new PeerIdentity(certificate('CN=a\\";URI=spiffe://t/admin', 'URI:"x\\";DNS=admin, y", DNS:é'), NONE);
  t.is(peer.forwarded, 'Hash=abcd01;Subject="CN=a\\\\\\";URI=spiffe://t/admin";URI="x\\";DNS=admin, y";DNS=%C3%A9');
});
