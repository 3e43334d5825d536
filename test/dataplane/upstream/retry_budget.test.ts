import test from 'ava';
import { RetryBudget } from '../../../src/dataplane/upstream/retry_budget.ts';

/** Requests at this rate that all fail, and ask for two more attempts each; `more` is told how many attempts there were after each. */
function storm(perSecond: number, requests: number, told: (requests: number, attempts: number) => void): void {
  const budget = new RetryBudget();
  let attempts = 0;
  for (let request = 1; request <= requests; request++) {
    const now = 1 + (request * 1_000) / perSecond;
    budget.deposit(1);
    attempts++;
    for (let retry = 0; retry < 2 && budget.take(1, now); retry++) {
      attempts++;
      budget.release();
    }
    told(request, attempts);
  }
}

for (const perSecond of [25, 200, 5_000]) {
  test(`when everything fails, attempts stay below 1.2 times the requests: ${perSecond} a second`, (t) => {
    storm(perSecond, 5_000, (requests, attempts) => {
      if (requests >= 170) t.true(attempts <= 1.2 * requests, `${attempts} attempts for ${requests} requests`);
    });
  });
}

test('a service with a request now and then has its retries all the same', (t) => {
  let last = 0;
  storm(0.2, 100, (_, attempts) => {
    last = attempts;
  });
  t.is(last, 300);
});

test('no more than three are under way at once, or a fifth of the requests in flight', (t) => {
  const budget = new RetryBudget();
  t.deepEqual(
    Array.from({ length: 5 }, () => budget.take(1, 1)),
    [true, true, true, false, false],
  );
  budget.release();
  t.true(budget.take(1, 1));
  const busy = new RetryBudget();
  for (let i = 0; i < 1_000; i++) busy.deposit(100);
  t.is(Array.from({ length: 50 }, () => busy.take(100, 1)).filter(Boolean).length, 20);
});
