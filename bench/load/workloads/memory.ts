import { setTimeout as delay } from 'node:timers/promises';
import { residentMb } from '../accounting.ts';
import { startFarm } from '../backends/farm.ts';
import { startChild } from '../children.ts';
import type { Context } from '../context.ts';
import { sidecarConfig, startOutrigger } from '../peers/outrigger.ts';
import type { Figure, FigureWorkload } from './workload.ts';

const INSTANCES = 1_000;
const STREAMS = 10_000;
const CONNECTIONS = 10;
/** Until what was allocated for the last thing has settled, in milliseconds. */
const SETTLE = 2_000;
/** After the streams are gone: a sidecar that has been idle for 10 s gives memory back. */
const RELEASE = 15_000;
const LONGEST = 60_000;

/** Resident memory of the sidecar in three situations, and what remains of the last. */
export const W6: FigureWorkload = {
  kind: 'figures',
  id: 'W6',
  group: 'W6',
  title: 'memory of the sidecar',
  byDefault: true,
  needs: {},
  async measure(context): Promise<Figure[]> {
    const figures = await measureConnected(context);
    figures.push(...(await measureStreams(context)));
    return figures;
  },
};

async function measureConnected(context: Context): Promise<Figure[]> {
  const count = context.options.quick ? 50 : INSTANCES;
  const farm = await startFarm(count, 'reply');
  try {
    const figures: Figure[] = [];
    for (const [name, addresses, target] of [
      ['idle, 3 instances', farm.addresses.slice(0, 3), 'at most 90 MB'],
      [`${count} instances connected`, farm.addresses, 'at most 130 MB'],
    ] as const) {
      const sidecar = await startOutrigger(context, sidecarConfig(addresses, 1), context.proxyCpu);
      try {
        await farm.connected(addresses.length, LONGEST);
        await delay(SETTLE);
        figures.push({ name, value: residentMb(sidecar.child.pid), unit: 'MB', target });
      } finally {
        await sidecar.child.stop();
      }
    }
    return figures;
  } finally {
    await farm.stop();
  }
}

async function measureStreams(context: Context): Promise<Figure[]> {
  const count = context.options.quick ? 500 : STREAMS;
  const farm = await startFarm(3, 'hold');
  try {
    const sidecar = await startOutrigger(context, sidecarConfig(farm.addresses, 1), context.proxyCpu);
    const resident = (): number => residentMb(sidecar.child.pid);
    try {
      await farm.connected(3, LONGEST);
      const first = await holdStreams(sidecar.port, count, resident);
      const second = await holdStreams(sidecar.port, count, resident);
      const name = `${count} open streams`;
      const note = first.open === count ? {} : { note: `only ${first.open} streams could be opened` };
      return [
        { name, value: first.open === count ? first.during : null, unit: 'MB', target: 'at most 220 MB', ...note },
        { name: `${name}, after they ended`, value: first.after, unit: 'MB', target: 'back down' },
        { name: `${name}, once more`, value: second.during, unit: 'MB', target: 'no more than the first time' },
        { name: `${name}, after the second time`, value: second.after, unit: 'MB', target: 'back down' },
      ];
    } finally {
      await sidecar.child.stop();
    }
  } finally {
    await farm.stop();
  }
}

async function holdStreams(
  port: number,
  count: number,
  resident: () => number,
): Promise<{ open: number; during: number; after: number }> {
  const script = new URL('../clients/stream_holder_process.ts', import.meta.url).pathname;
  const client = startChild('stream holder', process.execPath, [
    script,
    String(port),
    String(count),
    String(CONNECTIONS),
  ]);
  try {
    const [, open] = await client.waitFor(/open (\d+)\n/, LONGEST);
    await delay(SETTLE);
    const during = resident();
    client.tell('close');
    await client.waitFor(/closed\n/);
    await delay(RELEASE);
    return { open: Number(open), during, after: resident() };
  } finally {
    await client.stop();
  }
}
