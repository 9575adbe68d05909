/* SPDX-License-Identifier: Apache-2.0 */
/* Writing what a device makes of it: nothing here allocates. See key-binding.h. */
#include <errno.h>

#include "rats/base/error.h"
#include "rats/tokens/kat.h"
#include "rats/tokens/key-binding.h"

void atls_key_binding_attributes_write(struct atls_cbor_writer *w)
{
    atls_cbor_write_map(w, 4);
    atls_cbor_write_text(w, "local");
    atls_cbor_write_bool(w, true);
    atls_cbor_write_text(w, "sensitive");
    atls_cbor_write_bool(w, true);
    atls_cbor_write_text(w, "extractable");
    atls_cbor_write_bool(w, false);
    atls_cbor_write_text(w, "never-extractable");
    atls_cbor_write_bool(w, true);
}

int atls_key_binding_kat_write(struct atls_cbor_writer *w, struct atls_bytes nonce,
                               const struct atls_public_key *key)
{
    if (nonce.size < ATLS_EAT_NONCE_MIN || nonce.size > ATLS_EAT_NONCE_MAX)
        return atls_fail(-EINVAL, ATLS_KEY_BINDING_CLAUSE,
                         "a KAT nonce has %d to %d bytes, not %zu", ATLS_EAT_NONCE_MIN,
                         ATLS_EAT_NONCE_MAX, nonce.size);
    atls_cbor_write_map(w, 3);
    atls_cbor_write_int(w, ATLS_CLAIM_CNF);
    atls_cnf_write(w, key);
    atls_cbor_write_int(w, ATLS_CLAIM_EAT_NONCE);
    atls_cbor_write_bytes(w, nonce);
    atls_cbor_write_int(w, ATLS_CLAIM_KEY_ATTRIBUTES);
    atls_key_binding_attributes_write(w);
    return 0;
}

void atls_key_binding_write(struct atls_cbor_writer *w, struct atls_bytes kat,
                            struct atls_bytes pat)
{
    atls_kat_bundle_write(w, ATLS_KEY_BINDING_TYPE, kat, pat);
}
