import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { TlsFailure } from '../../base/tls_failure.ts';
import { ERROR, FRAME_HEADER_SIZE, PREFACE } from '../../http2/frame/codes.ts';
import { writeGoaway, writeSettings } from '../../http2/frame/write.ts';

/** How long a client that is turned away has to read why, in milliseconds. */
const LINGER = 1_000;

const PLAINTEXT = 'this port speaks TLS: connect with https, or to a listener without "tls"';
const HTTP1_REPLY = `HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: ${PLAINTEXT.length + 1}\r\n\r\n${PLAINTEXT}\n`;

/** Says in the words of HTTP/2 what is wrong with the client's certificate, and closes. Nothing that it sends is looked at. */
export function turnAway(socket: TLSSocket, { text }: TlsFailure): void {
  leave(socket, goaway(`client certificate: ${text}`));
}

/** Answers a client without TLS in the protocol that it seems to speak, and closes. */
export function turnAwayPlaintext(socket: Socket, first: Buffer): void {
  const isHttp2 = first.length >= 3 && first.compare(PREFACE, 0, 3, 0, 3) === 0;
  if (isHttp2) leave(socket, goaway(PLAINTEXT));
  else if (/^[A-Z]{3,20} /.test(first.toString('latin1', 0, 24))) leave(socket, Buffer.from(HTTP1_REPLY));
  else socket.destroy();
}

/** A server's SETTINGS, and a GOAWAY that says that nothing was processed (RFC 9113 sections 3.4 and 6.8). */
function goaway(debug: string): Buffer {
  const octets = Buffer.alloc(2 * FRAME_HEADER_SIZE + 8 + Buffer.byteLength(debug));
  writeGoaway(octets, writeSettings(octets, 0, []), 0, ERROR.INADEQUATE_SECURITY, debug);
  return octets;
}

/** Reads on without looking: a socket that is closed with unread octets in it resets the connection, and our words would be lost. */
function leave(socket: Socket, last: Buffer): void {
  const linger = setTimeout(() => socket.destroy(), LINGER);
  linger.unref();
  socket.on('error', () => {});
  socket.once('close', () => clearTimeout(linger));
  socket.resume();
  socket.end(last);
}
