/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Cocos has in cmw_attestation in place of a CMW (github.com/ultravioletrs/cocos,
 * pkg/atls/eaattestation/types.go at 747aaaa5): a JSON object that repeats the binding.
 *
 *   version              1
 *   media_type           of the evidence; Cocos says application/eat+cwt
 *   evidence             base64 (RFC 4648 section 4), or
 *   attestation_results  the same
 *   binder               exporter_label, aik_pub_hash (hash of the leaf's SubjectPublicKeyInfo) and
 *                        binding, the latter two in base64
 *
 * Here a CMW is made of it (a record whose indicator says evidence or results), and it of a
 * CMW: a record's or tag's type is the media type, and its value the evidence; a collection is
 * evidence as it is, of type application/cmw+cbor or +json.
 */
#ifndef ATLS_TLS_ENGINE_COCOS_PAYLOAD_H
#define ATLS_TLS_ENGINE_COCOS_PAYLOAD_H

#include "rats/base/bytes.h"

struct atls_cocos_binder {
    const char *label;                   /* NULL where it is not said */
    struct atls_bytes key_hash, binding; /* borrowed */
};

/* *TEXTP is allocated, zero-terminated. What is no CMW goes as evidence as it is. -ENOMEM. */
int atls_cocos_payload_write(struct atls_bytes cmw, const struct atls_cocos_binder *binder,
                             char **textp);
/* The CMW in a payload; *CMWP is allocated. ATLS_E_MISMATCH: its binder is not EXPECTED.
 * ATLS_E_MALFORMED, ATLS_E_LIMIT, -ENOMEM. */
int atls_cocos_payload_read(struct atls_bytes text, const struct atls_cocos_binder *expected,
                            uint8_t **cmwp, size_t *sizep);

#endif
