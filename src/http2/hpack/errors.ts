/** Every place that rejects a header block, by its own token; each one is a COMPRESSION_ERROR (RFC 7541 sections 3-6). */
export const HPACK_ERROR_TOKENS = [
  /** Section 6.1: an indexed field with index 0. */
  'hpack_index_zero',
  /** Section 2.3.3: an indexed field beyond both tables. */
  'hpack_bad_index',
  /** Section 2.3.3: a literal whose name index is beyond both tables. */
  'hpack_bad_name_index',
  /** Section 5.1: the block ended inside an integer. */
  'hpack_integer_truncated',
  /** Section 5.1: an integer above 2^31-1. */
  'hpack_integer_overflow',
  /** Section 5.1: more continuation octets than any accepted integer needs. */
  'hpack_integer_too_long',
  /** Section 5.2: the block ended where a string should begin. */
  'hpack_string_missing',
  /** Section 5.2: a string longer than what is left of the block. */
  'hpack_string_truncated',
  /** Section 5.2: the EOS symbol inside a Huffman-coded string. */
  'hpack_huffman_eos',
  /** Section 5.2: padding longer than 7 bits, or not the most significant bits of EOS. */
  'hpack_huffman_padding',
  /** Section 6.3: a table size above what we allow. */
  'hpack_table_size_too_large',
  /** Section 4.2: more updates at the start of a block than the two that say everything. */
  'hpack_table_size_update_flood',
  /** Section 4.2: a table size update after the first field of a block. */
  'hpack_table_size_update_late',
  /** Section 4.2: we lowered the maximum, and the block does not begin with the update that is due. */
  'hpack_table_size_update_missing',
  /** Section 4.2: the update that is due leaves out the smallest maximum of the interval. */
  'hpack_table_size_update_not_smallest',
] as const;

export type HpackErrorToken = (typeof HPACK_ERROR_TOKENS)[number];
