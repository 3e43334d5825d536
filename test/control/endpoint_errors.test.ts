import test from 'ava';
import { EndpointErrors } from '../../src/control/endpoint_errors.ts';

test('an error stands until the thread that told it takes it back, whatever the others say', (t) => {
  const errors = new EndpointErrors();
  t.is(errors.get('book', '10.0.0.1:1'), null);
  errors.set(0, 'book', '10.0.0.1:1', 'refused');
  errors.set(1, 'book', '10.0.0.1:1', 'expired');
  errors.set(0, 'user', '10.0.0.1:1', 'closed');
  t.is(errors.get('book', '10.0.0.1:1'), 'refused');
  errors.set(0, 'book', '10.0.0.1:1', null);
  t.is(errors.get('book', '10.0.0.1:1'), 'expired');
  t.is(errors.get('user', '10.0.0.1:1'), 'closed');
  t.is(errors.get('book', '10.0.0.2:1'), null);
});

test('what a thread told dies with it', (t) => {
  const errors = new EndpointErrors();
  errors.set(0, 'book', 'a:1', 'refused');
  errors.set(0, 'book', 'b:1', 'refused');
  errors.set(1, 'book', 'b:1', 'expired');
  errors.threadDied(0);
  t.is(errors.get('book', 'a:1'), null);
  t.is(errors.get('book', 'b:1'), 'expired');
});
