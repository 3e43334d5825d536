import { RecordSet } from '../etcd/record_set.ts';
import type { RecordFormat, RecordProtocol } from '../records/record.ts';
import type { RegistryAnswer } from '../registry.ts';
import { openEnvelope } from './curator.ts';
import { childPath } from './paths.ts';
import type { NodeData } from './session.ts';

/** What is known of one child: what it holds, or why it may not be read. */
export type Node = NodeData | { readonly refused: string };

/** Later than any transaction there can be: what is gone is gone, whoever wrote it. */
const LATEST = 2n ** 63n;

/** The records in the children of one node, read with one format. */
export class NodeSet {
  readonly #parent: string;
  readonly #records: RecordSet;
  #refused = new Map<string, string>();

  constructor(parent: string, format: RecordFormat, protocol: RecordProtocol) {
    this.#parent = parent;
    this.#records = new RecordSet(childPath(parent, ''), format, protocol);
  }

  /** Puts a complete reading, by the names of the children, in the place of everything known. */
  replace(nodes: ReadonlyMap<string, Node>): void {
    this.#refused = new Map();
    const records = [];
    for (const [name, node] of nodes) {
      const key = childPath(this.#parent, name);
      if ('refused' in node) this.#refused.set(key, node.refused);
      else {
        const value = recordIn(name, node);
        if (value !== null) records.push({ key, value, revision: node.revision });
      }
    }
    this.#records.replace(records);
  }

  /** Takes in what one child holds now; null when it is gone. False when nothing changed. */
  apply(name: string, node: Node | null): boolean {
    const key = childPath(this.#parent, name);
    const wasRefused = this.#refused.delete(key);
    if (node !== null && 'refused' in node) {
      this.#refused.set(key, node.refused);
      return true;
    }
    const value = node === null ? null : recordIn(name, node);
    const revision = node === null || value === null ? LATEST : node.revision;
    return this.#records.apply([{ key, value, revision }]) || wasRefused;
  }

  answer(): RegistryAnswer {
    const { instances, bad, records } = this.#records.answer();
    const refused = Array.from(this.#refused, ([key, problem]) => ({ key, problem }));
    return {
      instances,
      bad: [...bad, ...refused],
      records: () => [...(records?.() ?? []), ...refused.map((node) => ({ ...node, format: null, instances: [] }))],
    };
  }
}

/**
 * Where the name of a node is a URL (dubbo's interface form) it is all that counts: Curator writes the writer's own IP address into
 * a node that is made without a value. Null when a record says that nobody is there.
 */
function recordIn(name: string, { value }: NodeData): string | null {
  return /^[A-Za-z][A-Za-z0-9+.-]*%3A%2F%2F/i.test(name) ? '' : openEnvelope(value);
}
