import * as z from 'zod';
import { headerName, share, text, whole } from './fields.ts';

const EXPRESSION = 'a version, a list such as "v3, v2", a range such as ^1.2, or *';

/** What stands in the version header: alternatives in order, ranges, `*`. */
export const versionExpression = text(EXPRESSION).max(256, { error: `${EXPRESSION}, of at most 256 characters` });

const fallback = z.union([z.enum(['none', 'any']), z.array(text('a version')).min(1)]);

/** What of a request is hashed. */
export const hashSource = z.union(
  [
    z.enum(['path', 'source']),
    z.strictObject({ header: headerName.describe('The value of this header.') }),
    z.strictObject({ cookie: text('the name of a cookie').describe('The value of this cookie.') }),
  ],
  { error: 'path, source, "{ header: NAME }" or "{ cookie: NAME }"' },
);

const MOST_WEIGHT = 1_000_000;

export const versionSchema = z
  .strictObject({
    header: headerName
      .default('x-version')
      .describe(
        'Request header that names the wanted version: `v2`; `v3, v2` for the first that has a ready instance; `^1.2` for a range of ' +
          'semantic versions; `*` for any. It is forwarded, so that the next hop can choose, too.',
      ),
    default: versionExpression
      .nullable()
      .default(null)
      .describe('The version for requests without the header; null: all instances.'),
    fallback: fallback
      .default('none')
      .describe(
        'When no instance has the version: `none` answers with an error, `any` takes every instance, a list tries these versions in ' +
          'order. None by default: a request for v2 that v1 answers is worse than an error that says so.',
      ),
    unhealthy_fallback: fallback
      .default('none')
      .describe('The same for when instances have the version, but none of them is usable.'),
    weights: z
      .record(text('a version'), whole(0, MOST_WEIGHT))
      .nullable()
      .default(null)
      .describe(
        'Shares out requests without the header: `{ v1: 90, v2: 10 }` sends a tenth to v2. Versions without a usable instance are left ' +
          'out. In place of `default`; null: not shared out.',
      ),
    sticky: hashSource
      .nullable()
      .default(null)
      .describe(
        'Requests that agree in this always get the same version from `weights`: `{ header: x-user }`, `{ cookie: session }`, `path` or ' +
          '`source` (the address of the client). Null: each is drawn by itself.',
      ),
  })
  .prefault({});

const labelRule = z.strictObject({
  header: headerName.describe('Request header with the wanted value; without it the rule does not apply.'),
  label: text('a key of the metadata, or zone').describe('`zone`, or a key of the metadata of the instances.'),
  fallback: z
    .enum(['none', 'any'])
    .default('none')
    .describe('When no instance has the value: `none` answers with an error, `any` forgets about the rule.'),
});

/** Keys of a service that say which instances a request may go to, besides its version. */
export const routingKeys = {
  match: z
    .union([labelRule.transform((rule) => [rule]), z.array(labelRule)], {
      error: 'a rule such as "{ header: x-region, label: region }", or a list of them',
    })
    .prefault([])
    .describe(
      'Headers that work like the one of the version: only instances whose label has their value. One rule or a list.',
    ),
  match_order: z
    .array(z.array(text('a label of `match`')))
    .default([])
    .describe(
      'Which labels to insist on, until an instance is found: `[[stage, idc, zone], [stage, zone], [stage]]`. Empty: all of them, then ' +
        'without those whose fallback is `any`, the last one first.',
    ),
  mirror: z
    .strictObject({
      version: text('a version').describe('Instances of this version get the copies.'),
      share: share(0.0001).describe('Share of the requests that is copied.'),
    })
    .nullable()
    .prefault(null)
    .describe(
      'Copies requests to another version and throws the answers away. Only requests of up to 64 KiB, once they have arrived whole; the ' +
        'original is neither delayed nor failed by it. Null: nothing is copied.',
    ),
  hash_on: hashSource
    .nullable()
    .default(null)
    .describe(
      'What ring_hash and maglev go by: `{ header: x-user }`, `{ cookie: session }`, `path` or `source` (the address of the client). ' +
        'Requests without it are spread by chance.',
    ),
  zone: z
    .union(
      [
        z.literal('ignore'),
        z.literal('prefer').transform(() => ({ prefer: SPILL_BELOW })),
        z.strictObject({
          prefer: share(0.01).describe('The share of usable instances below which everybody gets requests.'),
        }),
      ],
      { error: 'ignore, prefer, or a share such as "{ prefer: 50% }"' },
    )
    .prefault('ignore')
    .describe(
      'prefer: instances of the zone of this sidecar (`app.zone`) get all requests, as long as at least 70% of them are usable ' +
        '(another share: `{ prefer: 50% }`); else everybody does. ignore: zones do not matter.',
    ),
  subset: whole(1, 10_000)
    .nullable()
    .default(null)
    .describe(
      'Each sidecar connects only to so many instances of each version, a part of its own that stays the same as far as possible. For fleets ' +
        'in which every app would else be connected to every instance. Null: all.',
    ),
};

/** Share of usable instances in the own zone below which the others get requests, too. */
const SPILL_BELOW = 0.7;

export type HashInput = z.output<typeof hashSource>;
export type VersionInput = z.output<typeof versionSchema>;
