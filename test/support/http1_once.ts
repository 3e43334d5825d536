import { connect } from 'node:net';

export interface Http1Reply {
  readonly status: number;
  readonly text: string;
}

/** One connection that is opened now and asks, in HTTP/1.1, when it is told to. */
export function requestOnce(
  address: string,
  authority: string,
  path: string,
): { readonly connected: Promise<void>; readonly reply: Promise<Http1Reply>; send(): void } {
  const [host, port] = address.split(':');
  const socket = connect({ host: host as string, port: Number(port) });
  let text = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk;
  });
  const reply = new Promise<Http1Reply>((resolve, reject) => {
    socket.once('error', reject);
    socket.once('close', () => resolve({ status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0), text }));
  });
  return {
    connected: new Promise((resolve) => socket.once('connect', () => resolve())),
    reply,
    send: () => void socket.write(`GET ${path} HTTP/1.1\r\nhost: ${authority}\r\nconnection: close\r\n\r\n`),
  };
}
