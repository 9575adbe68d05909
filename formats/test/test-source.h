/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device for tests of formats: it makes what each format asks of an attester's device, with the
 * writers of rats/ and keys in memory, and with the one thing wrong that a test has set. Nothing
 * boots here.
 */
#ifndef ATLS_FORMATS_TEST_TEST_SOURCE_H
#define ATLS_FORMATS_TEST_TEST_SOURCE_H

#include "formats/format.h"
#include "rats/test/test-support.h"
#include "rats/test/test-tpm.h"

#define TEST_NOW 1700000000
#define TEST_TOKEN_MAX 2048

struct test_token { /* as it was made last */
    uint8_t claims_bytes[TEST_TOKEN_MAX], token_bytes[TEST_TOKEN_MAX];
    struct atls_bytes claims, token;
};

/* What is empty is as it should be. */
struct test_token_wish {
    const struct atls_private_key *by; /* who signs it */
    struct atls_bytes nonce;           /* that it answers */
    struct atls_bytes pair;            /* one claim more, encoded */
    struct atls_bytes claims, token;   /* in place of its own */
    bool flip;                         /* one bit of the signature */
    bool tagged, untagged;             /* with tag 18, or without, whatever its format does */
};

struct test_source {
    struct atls_evidence_source lent;
    struct atls_private_key pak, kak, ik, rak, other;
    uint8_t implementation_id[32], instance_id[33];
    int32_t client;                         /* who asked for a PSA token */
    uint16_t lifecycle;                     /* of the platform */
    struct test_token_wish kat, pat, realm; /* the platform's token of CCA is PAT */
    struct atls_bytes member;               /* one more, encoded, in a collection */
    bool older;                             /* CCA as in earlier drafts */
    void (*change_tpm)(struct test_tpm *tpm);
    struct atls_bytes whole; /* in place of what was made */
    void (*edit)(uint8_t *made, size_t size);
    int fails; /* what the device answers; 0: evidence */
    /* What was asked of it, and what it made. */
    char asked[96];
    struct test_token made_kat, made_pat, made_realm;
    struct test_tpm tpm;
};

void test_source_init(struct test_source *source);

struct test_evidence {
    uint8_t *data; /* of exactly its size */
    size_t size;
    struct atls_cmw *cmw;
    struct atls_evidence_message message;
};
/* FORMAT's MAKE with this source, as a relying party or verifier comes by it. */
void test_evidence_make(const struct atls_evidence_format *format, struct test_source *source,
                        struct atls_bytes challenge, struct test_evidence *evidencep);
/* The same of bytes that are there already. */
void test_evidence_of(const struct atls_evidence_format *format, struct atls_bytes in,
                      struct test_evidence *evidencep);
void test_evidence_clear(struct test_evidence *evidence);

/* "ik", "kak", "pak", "rak", or "another key" */
const char *test_key_name(const struct test_source *source, const struct atls_public_key *key);

#endif
