import { installedPeer } from './installed.ts';

/** nghttpx, the proxy of nghttp2: C++, and the fastest of the peers. */
export const nghttpx = installedPeer({
  name: 'nghttpx',
  about: 'nghttpx, one worker, HTTP/2 on both sides',
  share: 1,
  program: 'nghttpx',
  package: 'nghttp2-proxy',
  versionArgs: ['--version'],
  excluded: () => null,
  terminatesTls: true,
  args: (port, backends, _file, tls) => [
    '--conf=/dev/null',
    `--frontend=127.0.0.1,${port}${tls === null ? ';no-tls' : ''}`,
    ...backends.map((backend) => `--backend=${backend.replace(':', ',')};/;proto=h2`),
    '--workers=1',
    '--no-ocsp',
    '--frontend-http2-max-concurrent-streams=4096',
    // Long streams may be silent for long.
    '--stream-read-timeout=10m',
    '--stream-write-timeout=10m',
    '--backend-read-timeout=10m',
    '--frontend-http2-read-timeout=10m',
    '--log-level=ERROR',
    ...(tls === null ? [] : [tls.key, tls.cert]),
  ],
});
