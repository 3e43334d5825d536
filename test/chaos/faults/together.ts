import type { EtcdServer } from '../../support/etcd.ts';
import type { Fault, Injected } from '../fault.ts';
import { failures } from '../observed.ts';
import { noRetriedFailsLater, noRetryStorm } from '../promises.ts';
import type { Stage } from '../stage.ts';

type Part = (stage: Stage, name: string, random: () => number) => Promise<Injected>;

/** Faults of one instance that can be had beside each other. */
const PARTS: readonly Part[] = [
  async (stage, name) => {
    stage.instance(name).signal('SIGKILL');
    return {
      hit: [name],
      heal: () =>
        stage
          .instance(name)
          .kill()
          .then(() => stage.instance(name).start()),
    };
  },
  async (stage, name) => {
    stage.instance(name).signal('SIGSTOP');
    return { hit: [name], heal: async () => stage.instance(name).signal('SIGCONT') };
  },
  async (stage, name, random) => {
    stage.instance(name).order({ kind: 'fail', share: 0.3, status: 14, seed: random() * 2 ** 31 });
    return { hit: [], heal: async () => stage.instance(name).order({ kind: 'fail', share: 0, status: 14, seed: 0 }) };
  },
  async (stage, name) => {
    stage.instance(name).order({ kind: 'goaway' });
    return { hit: [], heal: async () => {} };
  },
  async (stage) => {
    stage.box.delay = 100;
    return {
      hit: [],
      async heal() {
        stage.box.delay = 0;
      },
    };
  },
  async (stage) => {
    stage.box.reset();
    return { hit: [], heal: async () => {} };
  },
];

/** Three faults at once, and the registry away as well. */
export const TOGETHER: Fault = {
  name: 'together',
  about: 'three faults at once, by chance, of three instances, while the registry is away',
  etcd: true,
  lasts: 8_000,
  async inject(stage, random) {
    const etcd = stage.etcd as EtcdServer;
    await etcd.kill();
    const parts = shuffled(PARTS, random).slice(0, 3);
    const names = shuffled(stage.direct, random);
    const injected: Injected[] = [];
    for (const [index, part] of parts.entries()) injected.push(await part(stage, names[index] as string, random));
    return {
      hit: injected.flatMap(({ hit }) => hit),
      async heal() {
        await Promise.all([etcd.restart(), ...injected.map(({ heal }) => heal())]);
      },
    };
  },
  broken(observed) {
    const wrong = failures(observed).filter(({ code }) => code !== 4 && code !== 14);
    const [sample] = wrong;
    const told = sample === undefined ? [] : [`failed with status ${sample.code}: ${sample.details}`];
    return [...told, ...noRetriedFailsLater(observed), ...noRetryStorm(observed)];
  },
};

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
