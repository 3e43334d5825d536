import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';

/** A record without its name. `ttl` in seconds, 0 if left out. */
export type DnsRecord =
  | { readonly type: 'A' | 'AAAA'; readonly address: string; readonly ttl?: number }
  | {
      readonly type: 'SRV';
      readonly target: string;
      readonly port: number;
      readonly priority?: number;
      readonly weight?: number;
      readonly ttl?: number;
    };

/** A name server that says what a test wants, over UDP and TCP. RFC 1035. */
export interface DnsServer {
  /** `127.0.0.1:port` */
  readonly address: string;
  readonly port: number;
  /** All records by name, in lower case; other names do not exist. */
  zone: Readonly<Record<string, readonly DnsRecord[]>>;
  /** Names, or `*` for all, that are answered with this code instead: 2 SERVFAIL, 5 REFUSED; `silence`: not at all. */
  readonly trouble: Map<string, number | 'silence'>;
  /** Answers come this much later, in milliseconds. */
  delay: number;
  /** `name TYPE` of each question so far. */
  readonly questions: readonly string[];
  /** How many of them came over TCP. */
  readonly overTcp: number;
  stop(): Promise<void>;
}

const TYPES = { 1: 'A', 28: 'AAAA', 33: 'SRV' } as const;
const NUMBERS = { A: 1, AAAA: 28, SRV: 33 } as const;
const NXDOMAIN = 3;
/** The longest answer in a datagram; longer ones are cut off, and asked for again over TCP. */
const LONGEST = 1_200;

export async function startDnsServer(zone: DnsServer['zone'] = {}): Promise<DnsServer> {
  const questions: string[] = [];
  const sockets = new Set<Socket>();
  const timers = new Set<NodeJS.Timeout>();
  let overTcp = 0;

  function reply(query: Buffer, tcp: boolean, send: (answer: Buffer) => void): void {
    const { name, type, end } = readQuestion(query);
    questions.push(`${name} ${type}`);
    if (tcp) overTcp++;
    const trouble = server.trouble.get(name) ?? server.trouble.get('*') ?? 0;
    if (trouble === 'silence') return;
    const known = server.zone[name];
    const code = trouble !== 0 ? trouble : known === undefined ? NXDOMAIN : 0;
    const records = code === 0 ? (known ?? []).filter((record) => record.type === type) : [];
    const whole = answerOf(query, end, code, records);
    const answer = tcp || whole.length <= LONGEST ? whole : answerOf(query, end, code, [], true);
    if (server.delay === 0) return send(answer);
    const timer = setTimeout(() => {
      timers.delete(timer);
      send(answer);
    }, server.delay);
    timers.add(timer);
  }

  const tcp = createServer((socket) => {
    let held = Buffer.alloc(0);
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    socket.on('data', (octets) => {
      held = Buffer.concat([held, octets]);
      while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
        const length = held.readUInt16BE(0);
        const query = held.subarray(2, 2 + length);
        held = held.subarray(2 + length);
        reply(query, true, (answer) => socket.write(Buffer.concat([uint16(answer.length), answer])));
      }
    });
  });
  const udp = createSocket('udp4');
  let open = true;
  udp.on('message', (query, { port, address }) =>
    reply(query, false, (answer) => {
      if (open) udp.send(answer, port, address);
    }),
  );
  const port = await bindBoth(udp, tcp);

  const server: DnsServer = {
    address: `127.0.0.1:${port}`,
    port,
    zone,
    trouble: new Map(),
    delay: 0,
    questions,
    get overTcp() {
      return overTcp;
    },
    async stop() {
      if (!open) return;
      open = false;
      for (const timer of timers) clearTimeout(timer);
      for (const socket of sockets) socket.destroy();
      tcp.close();
      udp.close();
      await Promise.all([once(tcp, 'close'), once(udp, 'close')]);
    },
  };
  return server;
}

/** The same port for both; the one that UDP gets may be taken for TCP. */
async function bindBoth(udp: ReturnType<typeof createSocket>, tcp: ReturnType<typeof createServer>): Promise<number> {
  for (;;) {
    tcp.listen(0, '127.0.0.1');
    await once(tcp, 'listening');
    const { port } = tcp.address() as { port: number };
    const bound = await new Promise<boolean>((resolve) => {
      udp.once('error', () => resolve(false));
      udp.bind(port, '127.0.0.1', () => resolve(true));
    });
    if (bound) return port;
    tcp.close();
    await once(tcp, 'close');
  }
}

function readQuestion(query: Buffer): { name: string; type: string; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const number = query.readUInt16BE(at + 1);
  const type = TYPES[number as keyof typeof TYPES] ?? `TYPE${number}`;
  return { name: labels.join('.').toLowerCase(), type, end: at + 5 };
}

function answerOf(query: Buffer, end: number, code: number, records: readonly DnsRecord[], cut = false): Buffer {
  const header = Buffer.alloc(12);
  query.copy(header, 0, 0, 2);
  // QR, AA, RD as asked, RA, and TC for what is cut off.
  header.writeUInt8(0x84 | (query.readUInt8(2) & 1) | (cut ? 2 : 0), 2);
  header.writeUInt8(0x80 | code, 3);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(records.length, 6);
  return Buffer.concat([header, query.subarray(12, end), ...records.map(encode)]);
}

/** A resource record for the name of the question, which stands at offset 12. */
function encode(record: DnsRecord): Buffer {
  const data =
    record.type === 'SRV'
      ? Buffer.concat([...[record.priority ?? 0, record.weight ?? 0, record.port].map(uint16), nameOf(record.target)])
      : addressOf(record.address);
  const ttl = Buffer.alloc(4);
  ttl.writeUInt32BE(record.ttl ?? 0);
  return Buffer.concat([uint16(0xc00c), uint16(NUMBERS[record.type]), uint16(1), ttl, uint16(data.length), data]);
}

function addressOf(address: string): Buffer {
  if (!address.includes(':')) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail = ''] = address.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const zeros = address.includes('::') ? 8 - groups(head).length - groups(tail).length : 0;
  const all = [...groups(head), ...Array.from({ length: zeros }, () => '0'), ...groups(tail)];
  return Buffer.concat(all.map((group) => uint16(Number.parseInt(group, 16))));
}

function nameOf(name: string): Buffer {
  const labels = name.split('.').filter((label) => label !== '');
  return Buffer.concat([...labels.flatMap((label) => [Buffer.of(label.length), Buffer.from(label)]), Buffer.of(0)]);
}

function uint16(value: number): Buffer {
  const octets = Buffer.alloc(2);
  octets.writeUInt16BE(value);
  return octets;
}
