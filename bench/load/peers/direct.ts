import type { Peer } from './peer.ts';

/** Workloads about latency, which is the wrong word without a floor to compare with. */
const LATENCY = /^W2/;

/** No proxy at all: the load goes to one backend. What is measured then is the load generator and the backend. */
export const direct: Peer = {
  name: 'direct',
  about: 'no proxy: the floor of the latency workloads',
  share: 1,
  needs: null,
  find: () => ({ kind: 'found', version: '' }),
  excluded: (workload) => (LATENCY.test(workload) ? null : 'only shown where latency is the question'),
  async start(_context, backends) {
    const port = Number((backends[0] as string).split(':')[1]);
    return { port, pid: null, stop: async () => {} };
  },
};
