import * as z from 'zod';
import { TLS_VERSIONS } from '../model/tls.ts';
import { instanceAddress, listenAddress, text } from './fields.ts';

const FOLLOWED = 'Read again when it changes. Relative to the config.';

const minVersion = z
  .enum(TLS_VERSIONS)
  .default('TLSv1.2')
  .describe('The oldest version of TLS that is spoken. TLSv1.2, since not all libraries have 1.3 yet.');

const names = (expected: string) => z.array(text(expected)).min(1);
const NAME = 'a name in a certificate: spiffe://..., a DNS name or an IP address';
const MATCHING = 'URIs (one that ends with `/*` takes all that begin so), DNS names or IP addresses.';

/** `tls` of a service: how its instances are connected to. */
export const upstreamTls = z
  .strictObject({
    ca: text()
      .optional()
      .describe(
        `PEM file with the authorities to trust. ${FOLLOWED} Without it those that come with Node: enough for public certificates.`,
      ),
    cert: text().optional().describe(`PEM file with the certificate to show to instances; needs \`key\`. ${FOLLOWED}`),
    key: text().optional().describe(`PEM file with the private key, not encrypted; needs \`cert\`. ${FOLLOWED}`),
    server_name: text('a host name, or null')
      .nullable()
      .default(null)
      .describe(
        'Sent to instances (SNI), and the name that their certificates must be for; null: the host of the address, which is seldom ' +
          'in a certificate when registries tell IP addresses.',
      ),
    alpn: names('the name of a protocol')
      .nullable()
      .default(null)
      .describe(
        'Names offered by ALPN; an instance that speaks HTTP/2 must choose one. Null: the name of the `protocol` of the service. What is ' +
          'spoken is that protocol, whatever it is called here.',
      ),
    min_version: minVersion,
    verify: names(NAME)
      .optional()
      .describe(
        `In the place of the name: certificates of instances must have one of these subject alternative names. ${MATCHING}`,
      ),
  })
  .nullable()
  .default(null);

const listenerFiles = {
  ca: text()
    .optional()
    .describe(
      `PEM file with authorities: clients must show a certificate that one of them has signed. ${FOLLOWED} Without it none is asked for.`,
    ),
  cert: text().describe(
    `PEM file with the certificate to show to clients, and those that lead to its authority. ${FOLLOWED}`,
  ),
  key: text().describe(`PEM file with the private key of \`cert\`, not encrypted. ${FOLLOWED}`),
  min_version: minVersion,
};

/** An entry of `listen` that speaks TLS. A form of the entry, not a key beside `listen`: each port is one or the other. */
export const secureListen = z.strictObject({
  address: listenAddress.describe('host:port or unix:/path.'),
  tls: z
    .strictObject({
      ...listenerFiles,
      alpn: names('the name of a protocol')
        .default(['h2', 'http/1.1'])
        .describe('Protocols accepted by ALPN, the best first; a client that offers others only is turned away.'),
      verify: names(NAME)
        .optional()
        .describe(
          `Certificates of clients must have one of these subject alternative names; needs \`ca\`. ${MATCHING}`,
        ),
    })
    .describe('Apps connect with TLS here.'),
});

/** `inbound`: what stands before the local app. */
export const inboundSchema = z.strictObject({
  listen: listenAddress
    .default('0.0.0.0:15006')
    .describe('Where others connect. All addresses, since they come from outside.'),
  tls: z.strictObject(listenerFiles).describe('What connections are secured with. HTTP/2 only (ALPN h2).'),
  forward: instanceAddress.describe(
    'Where the app listens, in plain HTTP/2: host:port or unix:/path. Best on loopback.',
  ),
  allow: names(NAME)
    .nullable()
    .default(null)
    .describe(
      `Who may call: subject alternative names of their certificates; needs \`tls.ca\`. ${MATCHING} Others are answered with ` +
        '`not_allowed`. Null: everyone whose certificate an authority of `tls.ca` has signed, or everyone without `tls.ca`.',
    ),
});

export type UpstreamTlsInput = z.output<typeof upstreamTls>;
export type SecureListenInput = z.output<typeof secureListen>;
export type InboundInput = z.output<typeof inboundSchema>;
