import { setTimeout } from 'node:timers/promises';
import type { EtcdServer } from '../../support/etcd.ts';
import { type Fault, pick } from '../fault.ts';
import { noneFails } from '../promises.ts';

/** The registry goes away, or says one thing and then another; the sidecar itself is restarted. */
export const CONTROL_FAULTS: readonly Fault[] = [
  {
    name: 'registry killed',
    about: 'kill -9 of the registry, back later',
    etcd: true,
    lasts: 4_000,
    async inject(stage) {
      const etcd = stage.etcd as EtcdServer;
      await etcd.kill();
      return { hit: [], heal: () => etcd.restart() };
    },
    broken: (observed) => noneFails(observed),
  },
  {
    name: 'registry flapping',
    about: 'the record of one instance is deleted and written, ten times a second',
    lasts: 0,
    async inject(stage, random) {
      const name = pick(stage.direct, random);
      const record = new Map([[name, stage.instance(name).address]]);
      for (let i = 0; i < 20; i++) {
        await stage.register(new Map(), [name]);
        await setTimeout(100);
        await stage.register(record);
        await setTimeout(100);
      }
      return { hit: [], heal: async () => {} };
    },
    broken: (observed) => noneFails(observed),
  },
  {
    name: 'sidecar restart',
    ends: true,
    about: 'another sidecar takes the port over (reuse_port), and the first one ends',
    ordinary: true,
    lasts: 500,
    async inject(stage) {
      const code = await stage.restartSidecar();
      if (code !== 0) throw new Error(`the sidecar ended with ${code}`);
      return { hit: [], heal: async () => {} };
    },
    broken: (observed) => noneFails(observed),
  },
];
