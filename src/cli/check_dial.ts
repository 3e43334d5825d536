import type { Config } from '../config/config.ts';
import { loadCertificates } from '../control/certificates/load.ts';
import { openRegistry } from '../control/registries/open.ts';
import { type ProbeResult, probe } from '../dataplane/upstream/probe.ts';
import { parseAddress } from '../model/instance.ts';
import { INBOUND, type TlsMaterial } from '../model/tls.ts';
import type { Checklist } from './check/checklist.ts';
import { checkClock } from './check/clock.ts';
import { askRegistry } from './check/registry.ts';

/** Connections tried at the same time. */
const AT_ONCE = 16;

/**
 * `check --dial`: asks the registries once, compares clocks with them, and connects to every instance as the sidecar would, with TLS where the
 * config says so, and to the app of `inbound`.
 */
export async function dialAll(config: Config, list: Checklist): Promise<void> {
  const found = new Map<string, Set<string>>();
  const note = (service: string, address: string): void => {
    found.set(service, (found.get(service) ?? new Set()).add(address));
  };
  for (const [name, options] of config.registries) {
    list.busy(`asking registry ${name}`);
    const registry = await openRegistry(name, options);
    const { checks, instances } = await askRegistry(config, registry);
    await registry.close();
    for (const check of checks) list.add(check);
    for (const [service, address] of instances) note(service, address);
    list.add(await checkClock(name, options, Date.now));
  }
  if (config.inbound !== null) note(INBOUND, config.inbound.forward);
  await dialInstances(config, found, list);
}

async function dialInstances(
  config: Config,
  found: ReadonlyMap<string, ReadonlySet<string>>,
  list: Checklist,
): Promise<void> {
  const materials = await readMaterials(config);
  const jobs = [...found].flatMap(([service, addresses]) => Array.from(addresses, (address) => ({ service, address })));
  for (let from = 0; from < jobs.length; from += AT_ONCE) {
    list.busy(`connecting to instances: ${from} of ${jobs.length}`);
    const some = jobs.slice(from, from + AT_ONCE);
    const results = await Promise.all(some.map((job) => dialOne(config, materials, job.service, job.address)));
    for (const [at, { service, address }] of some.entries()) {
      const { ok, text, ...rest } = results[at] as ProbeResult;
      list.add({ what: 'instance', of: `${service} ${address}`, ok, text, ...rest });
    }
  }
  if (jobs.length === 0) {
    const text = 'there is none to connect to';
    const hint = 'is "path" where the services register? "outrigger services --registry" lists what is there';
    list.add({ what: 'instance', of: '', ok: null, text, hint });
  }
}

async function dialOne(config: Config, materials: Materials, service: string, address: string): Promise<ProbeResult> {
  const target = parseAddress(address);
  if (target === null) return { ok: false, text: 'it is no address', hint: null };
  const settings = config.services.get(service)?.settings ?? (service === INBOUND ? null : config.discover?.settings);
  const tls = settings?.tls ?? null;
  const secure = tls && { tls, material: materials.get(tls.material) as TlsMaterial };
  return probe(target, secure, settings?.protocol);
}

/** By the key of the config that they stand under. */
type Materials = ReadonlyMap<string, TlsMaterial>;

/** What cannot be read is a problem of the config, and has been told before. */
async function readMaterials(config: Config): Promise<Materials> {
  const loaded = await Promise.all(config.certificates.map((files) => loadCertificates(files)));
  return new Map(loaded.map(({ material }) => [material.id, material]));
}
