import { spawnSync } from 'node:child_process';
import test from 'ava';
import { METRICS } from '../../src/observe/metric_table.ts';
import { serialTestWith } from '../support/requires.ts';
import { deployed, type Manifest, manifestsOf } from './manifest.ts';

const DIRECTORY = new URL('../../deploy/prometheus/', import.meta.url).pathname;
const [rules] = manifestsOf(deployed('prometheus/rules.yaml'));
const alerts: Manifest[] = rules.groups.flatMap((group: Manifest) => group.rules);

const promtool = (...args: string[]) =>
  spawnSync('promtool', args, { cwd: DIRECTORY, encoding: 'utf8', timeout: 60_000 });

serialTestWith('promtool')('promtool finds nothing wrong with the alerts', (t) => {
  const { status, stdout, stderr } = promtool('check', 'rules', 'rules.yaml');
  t.is(status, 0, stdout + stderr);
});

serialTestWith('promtool')('each alert fires when it should, and is silent when it should be', (t) => {
  const { status, stdout, stderr } = promtool('test', 'rules', 'rules.test.yaml');
  t.is(status, 0, stdout + stderr);
});

test('each alert has a case', (t) => {
  const cases = deployed('prometheus/rules.test.yaml');
  for (const { alert } of alerts) t.true(cases.includes(alert), alert);
});

test('every metric that an alert reads or names exists', (t) => {
  for (const rule of alerts) {
    const names = [...JSON.stringify(rule).matchAll(/outrigger_[a-z_]+/g)].map(([name]) =>
      name.replace(/_bucket$/, ''),
    );
    t.true(names.length > 0, rule.alert);
    for (const name of names) t.true(Object.hasOwn(METRICS, name), name);
  }
});

test('every alert says how bad it is, what happened, and where to look', (t) => {
  for (const { alert, labels, annotations } of alerts) {
    t.true(['warning', 'critical'].includes(labels.severity), alert);
    t.truthy(annotations.summary, alert);
    t.truthy(annotations.description, alert);
  }
});

test("the operator's PrometheusRule and the chart's rules are the same alerts", (t) => {
  const rule = manifestsOf(deployed('kubernetes/monitoring.yaml')).find(({ kind }) => kind === 'PrometheusRule');
  t.deepEqual(rule.spec, rules);
  t.deepEqual(manifestsOf(deployed('helm/outrigger/files/rules.yaml')), [rules]);
});
