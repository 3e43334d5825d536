import { copyFileSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Clock, systemClock } from '../../../src/base/clock.ts';
import type { CertificateFiles } from '../../../src/config/tls_options.ts';
import { CertificateStore } from '../../../src/control/certificates/store.ts';
import type { ToDataThread } from '../../../src/model/snapshot.ts';
import { Authority, type Issued, PAST, pemOf } from '../../support/certificates.ts';
import { eventually } from '../../support/eventually.ts';
import { manualClock } from '../../support/manual_clock.ts';
import { recordingLog } from '../../support/recording_log.ts';
import { present } from '../../support/requires.ts';
import { temporaryDirectory } from '../../support/sidecar.ts';

const testWith = present('openssl') ? test : test.skip;

/** A store that follows files of a directory of its own. */
async function follow(t: ExecutionContext<unknown>, first: Issued, clock: Clock = systemClock) {
  const directory = temporaryDirectory();
  const files = { cert: join(directory, 'tls.crt'), key: join(directory, 'tls.key') };
  const use = (issued: Issued): void => {
    copyFileSync(issued.cert, files.cert);
    copyFileSync(issued.key, files.key);
  };
  use(first);
  return { files, use, ...(await open(t, { id: 'inbound.tls', ca: null, ...files, minVersion: 'TLSv1.2' }, clock)) };
}

async function open(t: ExecutionContext<unknown>, files: CertificateFiles | null, clock: Clock = systemClock) {
  const messages: ToDataThread[] = [];
  const log = recordingLog();
  const broadcast = (message: ToDataThread): number => messages.push(message);
  const store = await CertificateStore.open(files === null ? [] : [files], { clock, log, broadcast });
  t.teardown(() => store.close());
  const certs = (): unknown[] => messages.map((message) => message.kind === 'tls_material' && message.material.cert);
  return { store, messages, log, certs };
}

testWith('a new certificate and key are told to the data threads once, and those that start get them', async (t) => {
  const authority = new Authority();
  const next = authority.issue();
  const { store, use, certs, messages } = await follow(t, authority.issue());
  use(next);
  await eventually(() => certs().length > 0);
  t.deepEqual(certs(), [pemOf(next).cert]);
  t.like(messages[0], { material: { id: 'inbound.tls', ...pemOf(next) } });
  t.is(store.start().materials[0]?.cert, pemOf(next).cert);
  t.like(store.metrics()[0], { name: 'inbound.tls', reloads: 1, failures: 0 });
});

testWith('files that turn bad keep what was read, are told once and counted, and heal', async (t) => {
  const authority = new Authority();
  const first = authority.issue();
  const next = authority.issue();
  const { store, files, use, certs, log } = await follow(t, first);
  for (const [bad, why] of [
    [() => writeFileSync(files.key, 'nonsense'), /tls\.key/],
    [() => copyFileSync(next.key, files.key), /it is not the key of the certificate/],
    [() => use(authority.issue({ valid: PAST })), /has expired/],
  ] as const) {
    const before = store.metrics()[0]?.failures ?? 0;
    bad();
    await eventually(() => store.metrics()[0]?.failures === before + 1);
    t.regex(String(log.lines.at(-1)?.fields.reason), why);
    t.is(log.lines.at(-1)?.level, 'error');
    t.is(store.start().materials[0]?.cert, pemOf(first).cert);
  }
  use(next);
  await eventually(() => certs().length > 0);
  t.deepEqual(certs(), [pemOf(next).cert]);
  t.like(store.metrics()[0], { reloads: 1, failures: 3 });
});

testWith('a certificate whose key comes a moment later is no error', async (t) => {
  const authority = new Authority();
  const next = authority.issue();
  const clock = manualClock(Date.now());
  const { store, files, certs, log } = await follow(t, authority.issue(), clock);
  const idle = clock.pending;
  copyFileSync(next.cert, files.cert);
  await eventually(() => clock.pending > idle);
  clock.advance(50);
  // It has been read without its key, and will be looked at once more.
  await eventually(() => clock.pending > idle);
  copyFileSync(next.key, files.key);
  await eventually(() => {
    clock.advance(1_000);
    return certs().length > 0;
  });
  t.is(store.metrics()[0]?.failures, 0);
  t.deepEqual(
    log.lines.map(({ level }) => level),
    ['info'],
  );
});

testWith('a Kubernetes Secret that is swapped by its ..data link is read anew', async (t) => {
  const authority = new Authority();
  const [first, next] = [authority.issue(), authority.issue()];
  const mount = temporaryDirectory();
  const put = (version: string, issued: Issued): void => {
    mkdirSync(join(mount, version));
    copyFileSync(issued.cert, join(mount, version, 'tls.crt'));
    copyFileSync(issued.key, join(mount, version, 'tls.key'));
    symlinkSync(version, join(mount, '..data_tmp'));
    renameSync(join(mount, '..data_tmp'), join(mount, '..data'));
  };
  put('..2026_1', first);
  for (const name of ['tls.crt', 'tls.key']) symlinkSync(join('..data', name), join(mount, name));
  const files = { cert: join(mount, 'tls.crt'), key: join(mount, 'tls.key') };
  const { certs } = await open(t, { id: 'inbound.tls', ca: null, ...files, minVersion: 'TLSv1.2' });
  put('..2026_2', next);
  await eventually(() => certs().length > 0);
  t.deepEqual(certs(), [pemOf(next).cert]);
});

testWith(
  'a file that cannot be used at the start is an error, an expired certificate only a line in the log',
  async (t) => {
    const authority = new Authority();
    const files = { id: 'inbound.tls', ca: '/no/such/ca.pem', cert: null, key: null, minVersion: 'TLSv1.2' } as const;
    const deps = { clock: systemClock, log: recordingLog(), broadcast: () => {} };
    await t.throwsAsync(CertificateStore.open([files], deps), {
      code: 'tls_unreadable',
      message: /inbound\.tls\.ca: \/no\/such\/ca\.pem/,
    });
    const { log } = await follow(t, authority.issue({ valid: PAST }));
    t.is(log.lines.length, 1);
    t.regex(String(log.lines[0]?.fields.reason), /has expired/);
  },
);

/** What a service's `tls: { ca }` needs, in a file of a directory of its own. */
function trusting(service: string, authority: Authority): CertificateFiles & { readonly ca: string } {
  const ca = join(temporaryDirectory(), 'ca.pem');
  copyFileSync(authority.ca, ca);
  return { id: `services.${service}.tls`, ca, cert: null, key: null, minVersion: 'TLSv1.2' };
}

testWith(
  'another config is taken over in steps: read, told to the data threads, and what is gone forgotten',
  async (t) => {
    const authority = new Authority();
    const [old, next] = [trusting('old', authority), trusting('next', authority)];
    const { store, messages } = await open(t, old);
    const prepared = await store.prepare([next]);
    t.deepEqual(messages, []);
    t.is(store.material(next.id), undefined);
    await store.use(prepared);
    t.like(messages, { 0: { kind: 'tls_material', material: { id: next.id } }, length: 1 });
    t.deepEqual(
      store.start().materials.map(({ id }) => id),
      [old.id, next.id],
      'a data thread that starts in between can serve both',
    );
    await store.keepOnly([next]);
    t.deepEqual(messages[1], { kind: 'tls_gone', id: old.id });
    t.is(store.material(old.id), undefined);
    t.deepEqual(
      store.metrics().map(({ name }) => name),
      [next.id],
    );
  },
);

testWith('a store that began with nothing follows what comes later, and rotates tickets as any other', async (t) => {
  const authority = new Authority();
  const clock = manualClock();
  const { store, messages } = await open(t, null, clock);
  const files = trusting('book', authority);
  await store.use(await store.prepare([files]));
  copyFileSync(new Authority('Another').ca, files.ca);
  await eventually(() => {
    clock.advance(5_000);
    return store.metrics()[0]?.reloads === 1;
  });
  clock.advance(12 * 60 * 60 * 1_000);
  t.deepEqual(
    messages.map(({ kind }) => kind),
    ['tls_material', 'tls_material', 'ticket_secret'],
  );
});

testWith('every set of files that cannot be used is named, and nothing has changed', async (t) => {
  const authority = new Authority();
  const good = trusting('good', authority);
  const { store, messages } = await open(t, good);
  const missing = { ...good, id: 'services.a.tls', ca: '/no/such/ca.pem' };
  const expired = { ...good, id: 'services.b.tls', ...authority.issue({ valid: PAST }) };
  const error = await t.throwsAsync<AggregateError>(store.prepare([missing, expired, trusting('fine', authority)]));
  const told = error?.errors.map(({ message }: Error) => message) ?? [];
  t.is(told.length, 2);
  t.regex(told[0] ?? '', /^services\.a\.tls\.ca: .* there is no such file/);
  t.regex(told[1] ?? '', /^services\.b\.tls\.cert: .* has expired/);
  t.deepEqual(messages, []);
  t.deepEqual(
    store.start().materials.map(({ id }) => id),
    [good.id],
  );
});

testWith('what is in use goes on when another config keeps it, though its files are gone by then', async (t) => {
  const authority = new Authority();
  const files = trusting('book', authority);
  const { store, messages } = await open(t, files);
  rmSync(files.ca);
  await store.use(await store.prepare([files]));
  await store.keepOnly([files]);
  t.deepEqual(messages, []);
  t.not(store.material(files.id), undefined);
});

testWith(
  'other paths with the same content tell the data threads nothing; another content or version does',
  async (t) => {
    const authority = new Authority();
    const { store, messages } = await open(t, trusting('book', authority));
    const take = async (files: CertificateFiles): Promise<void> => store.use(await store.prepare([files]));
    const moved = trusting('book', authority);
    await take(moved);
    t.deepEqual(messages, []);
    await take({ ...moved, minVersion: 'TLSv1.3' });
    await take(trusting('book', new Authority('Another')));
    t.like(messages, { 0: { kind: 'tls_material', material: { minVersion: 'TLSv1.3' } }, length: 2 });
  },
);

testWith('reloads leave nothing behind: files that no config names are followed no more', async (t) => {
  const authority = new Authority();
  const clock = manualClock();
  const { store } = await open(t, null, clock);
  const idle = clock.pending;
  for (let n = 0; n < 20; n++) {
    const config = [trusting('book', authority), trusting('shop', authority)];
    await store.use(await store.prepare(config));
    await store.keepOnly(config);
    t.is(clock.pending, idle + 2, 'a watch for each directory');
  }
  await store.keepOnly([]);
  t.is(clock.pending, idle);
  t.deepEqual(store.start().materials, []);
});
