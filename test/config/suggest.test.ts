import test from 'ava';
import { nearest } from '../../src/config/suggest.ts';

const KEYS = ['listen', 'admin', 'telemetry', 'workers', 'log', 'registries'];

test('a typing error is told from another word', (t) => {
  t.is(nearest('lisetn', KEYS), 'listen');
  t.is(nearest('Workers', KEYS), 'workers');
  t.is(nearest('registrys', KEYS), 'registries');
  t.is(nearest('lg', KEYS), 'log');
  t.is(nearest('metrics', KEYS), null);
  t.is(nearest('x', KEYS), null);
  t.is(nearest('', KEYS), null);
  t.is(nearest('x'.repeat(10_000), ['y'.repeat(10_000)]), null);
});
