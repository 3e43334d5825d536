import test from 'ava';
import { TlsMaterials } from '../../../src/dataplane/tls/materials.ts';
import type { TlsMaterial } from '../../../src/model/tls.ts';

const MATERIAL: TlsMaterial = { id: 'services.book.tls', ca: null, cert: null, key: null, minVersion: 'TLSv1.2' };
const { id } = MATERIAL;

function materials(...first: TlsMaterial[]): TlsMaterials {
  return new TlsMaterials({ materials: first, ticketSecret: new Uint8Array(32) });
}

test('a data thread that began with no certificates can be told of some', (t) => {
  const told = materials();
  t.throws(() => told.context(id), { message: `the control plane has told of no certificates for ${id}` });
  told.update(MATERIAL);
  t.is(told.context(id), told.context(id), 'made once');
});

test('others get another context, and what is dropped has none', (t) => {
  const told = materials(MATERIAL);
  const before = told.context(id);
  told.update({ ...MATERIAL, minVersion: 'TLSv1.3' });
  t.not(told.context(id), before);
  told.drop(id);
  t.throws(() => told.context(id));
});

test('no generation comes twice, so that no session outlives the certificates it was verified by', (t) => {
  const told = materials(MATERIAL);
  const seen = [told.generation(id)];
  for (let n = 0; n < 3; n++) {
    told.drop(id);
    told.update(MATERIAL);
    seen.push(told.generation(id));
  }
  t.is(new Set(seen).size, seen.length);
});
