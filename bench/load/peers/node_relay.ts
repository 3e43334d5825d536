import { startChild } from '../children.ts';
import type { Peer } from './peer.ts';

const SCRIPT = new URL('node_http2_process.ts', import.meta.url).pathname;

/** The shortest relay that can be written with `node:http2`: what Outrigger would be without an engine of its own. */
export const nodeHttp2: Peer = {
  name: 'node-http2',
  about: 'a plain relay on node:http2, of the bench itself',
  share: 0.12,
  needs: null,
  find: () => ({ kind: 'found', version: process.version }),
  excluded: () => null,
  async start(_context, backends, { cpus }) {
    const child = startChild('node-http2', process.execPath, [SCRIPT, ...backends], { cpus });
    try {
      const [, port] = await child.waitFor(/listening on (\d+)/);
      return { port: Number(port), pid: child.pid, stop: () => child.stop() };
    } catch (error) {
      await child.stop();
      throw error;
    }
  },
};
