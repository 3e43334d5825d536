import { readdir, readFile } from 'node:fs/promises';
import type { Collectors } from './metric_sink.ts';

/**
 * What Prometheus expects of every process, and no more: prom-client's own defaults wake the process a hundred times a second for
 * the event loop's lag, and name gauges `_total`, which promtool reports.
 */
export const processCollectors = {
  process_cpu_seconds_total(_view, sink) {
    const { user, system } = process.cpuUsage();
    sink.count({}, (user + system) / 1e6);
  },

  process_resident_memory_bytes(_view, sink) {
    sink.value({}, process.memoryUsage.rss());
  },

  process_start_time_seconds(_view, sink) {
    sink.value({}, STARTED_AT);
  },

  async process_open_fds(_view, sink) {
    const open = await readdir('/proc/self/fd').catch(() => null);
    // One of them is the descriptor that lists the directory.
    if (open) sink.value({}, open.length - 1);
  },

  async process_max_fds(_view, sink) {
    const limits = await readFile('/proc/self/limits', 'latin1').catch(() => '');
    const soft = /^Max open files +(\d+)/m.exec(limits)?.[1];
    if (soft !== undefined) sink.value({}, Number(soft));
  },
} satisfies Partial<Collectors>;

const STARTED_AT = Math.round(Date.now() / 1000 - process.uptime());
