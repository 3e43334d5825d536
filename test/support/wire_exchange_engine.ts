import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Connection } from '../../src/http2/connection.ts';
import type { ConnectionOwner } from '../../src/http2/connection_owner.ts';
import { Flusher } from '../../src/http2/flusher.ts';
import type { MessageHead } from '../../src/http2/header_rules.ts';
import { HeaderList } from '../../src/http2/hpack/header_list.ts';
import { DOWNSTREAM_LIMITS, UPSTREAM_LIMITS } from '../../src/http2/limits.ts';
import type { ProtocolErrorToken } from '../../src/http2/protocol_errors.ts';
import type { Stream } from '../../src/http2/streams/stream.ts';
import {
  CANCEL,
  type Exchange,
  type ExchangeClient,
  INTERNAL_ERROR,
  type Outcome,
  OutcomeRecorder,
  pieces,
  requestFields,
} from './wire_exchange.ts';

/** A server on the engine that does what an exchange asks for. */
export async function engineExchangeServer(): Promise<{ port: number; tokens: ProtocolErrorToken[]; close(): void }> {
  const flusher = new Flusher();
  const tokens: ProtocolErrorToken[] = [];
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    new Connection(socket, 'server', new EchoOwner(tokens), DOWNSTREAM_LIMITS, flusher);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    tokens,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

const IGNORED = 'ignored';

class EchoOwner implements ConnectionOwner {
  readonly #tokens: ProtocolErrorToken[];
  constructor(tokens: ProtocolErrorToken[]) {
    this.#tokens = tokens;
  }

  onRequest(stream: Stream, list: HeaderList, head: MessageHead, end: boolean): void {
    const { connection } = stream;
    const what = list.get('x-do') as Exchange['server'];
    const status = what === 'empty' ? '204' : '200';
    const fields = [':status', status];
    for (let i = head.regularFrom; i < list.fields.length; i += 2) {
      const name = list.fields[i] as string;
      if (name.startsWith('x-e-')) fields.push(name, list.fields[i + 1] as string);
    }
    const answer = new HeaderList(fields);
    if (what === 'reset') return connection.reset(stream, INTERNAL_ERROR);
    if (what === 'interim') connection.headers(stream, new HeaderList([':status', '103']), false);
    const bodyless = head.method === 'HEAD';
    if (what === 'half') {
      connection.headers(stream, answer, false);
      if (!bodyless) send(stream, Buffer.from('half'), false);
      return connection.reset(stream, INTERNAL_ERROR);
    }
    if (what === 'empty' || what === 'early') {
      stream.owner = IGNORED;
      connection.headers(stream, answer, what === 'empty' || bodyless);
      if (what === 'early' && !bodyless) send(stream, Buffer.from('early'), true);
      // An answer without content is no reason to stop the request; node:http2 reads it to its end as well.
      if (what === 'early' && !end) connection.stopReceiving(stream);
      return;
    }
    connection.headers(stream, answer, end || bodyless);
  }
  onData(stream: Stream, buf: Buffer, start: number, to: number, end: boolean): void {
    if (stream.owner === IGNORED) return stream.connection.credit(stream, to - start);
    stream.connection.data(stream, buf, start, to, end, stream);
  }
  onTrailers(stream: Stream, list: HeaderList): void {
    if (stream.owner !== IGNORED) stream.connection.trailers(stream, list);
  }
  onProtocolError(token: ProtocolErrorToken): void {
    this.#tokens.push(token);
  }
  onReady(): void {}
  onInformational(): void {}
  onResponse(): void {}
  onReset(): void {}
  onStreamClosed(): void {}
  onGoaway(): void {}
  onCapacityChanged(): void {}
  onPong(): void {}
  onClosed(): void {}
}

function send(stream: Stream, octets: Buffer, end: boolean): void {
  stream.connection.data(stream, octets, 0, octets.length, end, null);
}

/** A client on the engine, on a connection of its own. */
export function engineExchangeClient(port: number): ExchangeClient {
  return {
    play: async (exchanges) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      await once(socket, 'connect');
      const owner = new PlayOwner();
      const connection = new Connection(socket, 'client', owner, UPSTREAM_LIMITS, new Flusher());
      try {
        return await Promise.all(exchanges.map((exchange) => owner.play(connection, exchange)));
      } finally {
        socket.destroy();
      }
    },
  };
}

interface Play {
  readonly exchange: Exchange;
  readonly recorder: OutcomeRecorder;
  readonly resolve: (outcome: Outcome) => void;
  ended: boolean;
  reset: number | null;
}

class PlayOwner implements ConnectionOwner {
  play(connection: Connection, exchange: Exchange): Promise<Outcome> {
    return new Promise((resolve) => {
      const play: Play = { exchange, recorder: new OutcomeRecorder(exchange), resolve, ended: false, reset: null };
      const bodyless = exchange.body === null && exchange.trailers === null;
      const list = new HeaderList(requestFields(exchange).flat());
      const stream = connection.open(list, bodyless, exchange.method === 'HEAD', play);
      if (bodyless) return;
      const parts = pieces(exchange);
      for (const part of parts) send(stream, part, exchange.trailers === null && part === parts.at(-1));
      if (exchange.trailers !== null) connection.trailers(stream, new HeaderList(exchange.trailers.flat()));
      else if (parts.length === 0) send(stream, Buffer.alloc(0), true);
    });
  }

  onInformational(stream: Stream, list: HeaderList): void {
    (stream.owner as Play).recorder.interim(Number(list.get(':status')));
  }
  onResponse(stream: Stream, list: HeaderList, head: MessageHead, end: boolean): void {
    const play = stream.owner as Play;
    play.ended = end;
    play.recorder.response(head.status, pairs(list));
    if (!play.exchange.cancels) return;
    play.reset = CANCEL;
    stream.connection.reset(stream, CANCEL);
  }
  onData(stream: Stream, buf: Buffer, start: number, to: number, end: boolean): void {
    const play = stream.owner as Play;
    play.ended = end;
    play.recorder.data(buf.subarray(start, to));
    stream.connection.credit(stream, to - start);
  }
  onTrailers(stream: Stream, list: HeaderList): void {
    const play = stream.owner as Play;
    play.ended = true;
    play.recorder.trailers(pairs(list));
  }
  onReset(stream: Stream, code: number): void {
    const play = stream.owner as Play;
    // The rest of the request was not wanted: the answer is whole all the same.
    if (code !== 0 || !play.ended) play.reset = code;
  }
  onStreamClosed(stream: Stream): void {
    const play = stream.owner as Play;
    play.resolve(play.recorder.end(play.reset));
  }
  onProtocolError(token: ProtocolErrorToken): void {
    throw new Error(`the server broke a rule: ${token}`);
  }
  onRequest(): void {}
  onReady(): void {}
  onGoaway(): void {}
  onCapacityChanged(): void {}
  onPong(): void {}
  onClosed(): void {}
}

function pairs(list: HeaderList): [string, string][] {
  const result: [string, string][] = [];
  for (let i = 0; i < list.fields.length; i += 2) result.push([list.fields[i] as string, list.fields[i + 1] as string]);
  return result;
}
