import test from 'ava';
import { NO_ALPN, TLS_FAILURES, tlsFailure } from '../../src/base/tls_failure.ts';
import { THREAD } from '../../src/model/counters.ts';

for (const [code, reason] of [
  ['CERT_HAS_EXPIRED', 'expired'],
  ['CERT_NOT_YET_VALID', 'not_yet_valid'],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'unknown_ca'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'unknown_ca'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'unknown_ca'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'unknown_ca'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'wrong_name'],
  ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'no_certificate'],
  ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'refused'],
  ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED', 'refused'],
  ['ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL', 'no_alpn'],
  [NO_ALPN, 'no_alpn'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'plaintext'],
  ['ERR_SSL_HTTP_REQUEST', 'plaintext'],
  ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'version'],
  ['ECONNRESET', 'closed'],
  ['ERR_TLS_HANDSHAKE_TIMEOUT', 'timeout'],
  ['ERR_SOMETHING_NEW', 'other'],
] as const) {
  test(`${code} is "${reason}", with a text and a hint for either end`, (t) => {
    for (const peer of ['instance', 'client'] as const) {
      const failure = tlsFailure({ code }, peer);
      t.is(failure.reason, reason);
      t.true(failure.text.length > 10 && failure.hint.length > 10);
      if (code.startsWith('ERR_SSL')) t.true(failure.text.includes(code), 'the code is there for whoever looks it up');
    }
  });
}

test('the reason of a write that failed with the handshake is found in its message', (t) => {
  const message =
    'write EPROTO 404D45D1377F0000:error:0A000460:SSL routines:ssl3_read_bytes:tlsv1 alert no application protocol:../deps/openssl:918:';
  t.is(tlsFailure({ code: 'EPROTO', message }, 'instance').reason, 'no_alpn');
  t.is(tlsFailure({ code: 'EPROTO' }, 'instance').reason, 'other');
});

test('every reason has a place among the counters', (t) => {
  t.true(TLS_FAILURES.length <= THREAD.TLS_FAILURE_REASONS);
});
