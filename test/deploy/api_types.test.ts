import test from 'ava';
import { apiProblems } from './api_types.ts';
import { manifestsOf } from './manifest.ts';

const POD = `
apiVersion: v1
kind: Pod
metadata: { name: p }
spec:
  containers: [{ name: app, image: app, ports: [{ containerPort: 80 }] }]
`;

test('a manifest that is as the API has it has no problems', async (t) => {
  t.deepEqual(await apiProblems(manifestsOf(POD)), []);
});

const WRONG: readonly (readonly [about: string, text: string, problem: RegExp])[] = [
  ['a field that does not exist', POD.replace('image: app', 'image: app, readinesProbe: {}'), /readinesProbe/],
  ['a field that is missing', POD.replace('name: app, ', ''), /name/],
  ['a value of another type', POD.replace('80', 'http'), /containerPort must be integer/],
  ['a kind that does not exist', POD.replace('kind: Pod', 'kind: Pot'), /no such kind in v1/],
  ['a version that does not exist', POD.replace('apiVersion: v1', 'apiVersion: v7'), /no such kind in v7/],
];

for (const [about, text, problem] of WRONG) {
  test(`${about} is a problem`, async (t) => {
    t.regex((await apiProblems(manifestsOf(text))).join('\n'), problem);
  });
}
