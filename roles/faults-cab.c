/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Malformations of a CAB. The bundle is taken apart into encoded items and put together again with
 * one flaw in one layer: the wrapper (CMW), the KAT's COSE_Sign1, or the KAT's claims. All other
 * bytes are the device's, so that only the intended check can notice.
 */
#include "roles/faults.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/cbor/cbor-read.h"
#include "rats/tokens/kat.h"
#include "roles/faults-output.h"

#define TOO_DEEP 24 /* more than atls_cbor_strict and ATLS_CMW_MAX_DEPTH allow */
#define CLAIM_CNF 8
#define KEY_OF_NOBODY 0xffffffff /* a map key that no format has, last in order */

enum layer { WRAPPER, COSE, CLAIMS };

struct flaw {
    const char *name;
    enum layer layer;
};

struct message {            /* a COSE_Sign1 in encoded items */
    struct atls_bytes tags; /* heads in front of the array, as they came */
    struct atls_bytes protected_header, unprotected_header, payload, signature;
    struct atls_bytes claims; /* what the payload's byte string holds */
};

static bool is(const struct flaw *flaw, enum layer layer, const char *name)
{
    return flaw->layer == layer && strcmp(flaw->name, name) == 0;
}

static int take_apart(struct atls_bytes in, struct message *messagep)
{
    struct atls_cbor_reader r, payload;
    uint64_t tag;
    size_t count;
    int result = atls_cbor_open(&r, in, &atls_cbor_lenient, "RFC 9052 section 4.2");

    while (!result && atls_cbor_peek(&r) == ATLS_CBOR_TAG) {
        result = atls_cbor_read_tag(&r, "tag", &tag);
    }
    messagep->tags = ATLS_BYTES(in.data, r.at);
    result = result ? result : atls_cbor_read_array(&r, "COSE_Sign1", &count);
    if (!result && count != 4) {
        result =
            atls_fail(ATLS_E_MALFORMED, "RFC 9052 section 4.2", "COSE_Sign1 has four elements");
    }
    result = result ? result : atls_cbor_read_encoded(&r, &messagep->protected_header);
    result = result ? result : atls_cbor_read_encoded(&r, &messagep->unprotected_header);
    result = result ? result : atls_cbor_read_encoded(&r, &messagep->payload);
    result = result ? result : atls_cbor_read_encoded(&r, &messagep->signature);
    result = result ? result
                    : atls_cbor_open(&payload, messagep->payload, &atls_cbor_lenient,
                                     "RFC 9052 section 4.2");
    return result ? result : atls_cbor_read_bytes(&payload, "payload", &messagep->claims);
}

/* The claims map again, with the flaw. ENTRIES are its encoded pairs, COUNT of them. */
static int write_claims(struct atls_sink *s, const struct flaw *flaw, struct atls_bytes claims)
{
    struct atls_cbor_reader r;
    struct atls_bytes key, value;
    size_t count, pairs;
    int result = atls_cbor_open(&r, claims, &atls_cbor_strict, "RFC 8392");

    result = result ? result : atls_cbor_read_map(&r, "claims", &count);
    if (result) {
        return result;
    }
    if (is(flaw, CLAIMS, "claims-cbor")) {
        atls_sink_bytes(s, ATLS_BYTES(claims.data, claims.size - 1));
        return 0;
    }
    struct atls_bytes entries = {claims.data + r.at, claims.size - r.at};
    if (is(flaw, CLAIMS, "cbor-indefinite")) {
        atls_sink_u8(s, 0xbf);
        atls_sink_bytes(s, entries);
        atls_sink_u8(s, 0xff);
        return 0;
    }
    if (is(flaw, CLAIMS, "cbor-unpreferred") && count < 24) {
        atls_sink_u8(s, 0xb8);
        atls_sink_u8(s, (uint8_t)count);
        atls_sink_bytes(s, entries);
        return 0;
    }
    pairs = count;
    pairs += is(flaw, CLAIMS, "cbor-duplicate-key") || is(flaw, CLAIMS, "cbor-deep");
    pairs -= is(flaw, CLAIMS, "claims-no-cnf");
    atls_raw_head(s, ATLS_RAW_MAP, pairs);
    for (size_t i = 0; !result && i < count; i++) {
        result = atls_cbor_read_encoded(&r, &key);
        result = result ? result : atls_cbor_read_encoded(&r, &value);
        if (result ||
            (is(flaw, CLAIMS, "claims-no-cnf") && key.size == 1 && *key.data == CLAIM_CNF)) {
            continue;
        }
        unsigned times = i == 0 && is(flaw, CLAIMS, "cbor-duplicate-key") ? 2 : 1;
        while (times--) {
            atls_sink_bytes(s, key);
            atls_sink_bytes(s, value);
        }
    }
    if (is(flaw, CLAIMS, "cbor-deep")) {
        atls_raw_head(s, ATLS_RAW_UINT, KEY_OF_NOBODY);
        atls_raw_nested(s, TOO_DEEP);
    }
    return result;
}

static void write_unprotected(struct atls_sink *s, const struct flaw *flaw,
                              struct atls_bytes original)
{
    if (is(flaw, COSE, "cbor-duplicate-key")) { /* kid (4), twice */
        atls_raw_head(s, ATLS_RAW_MAP, 2);
        atls_raw_head(s, ATLS_RAW_UINT, 4);
        atls_raw_string(s, ATLS_RAW_BYTES, atls_bytes_of_text("a"));
        atls_raw_head(s, ATLS_RAW_UINT, 4);
        atls_raw_string(s, ATLS_RAW_BYTES, atls_bytes_of_text("b"));
    } else if (is(flaw, COSE, "cbor-deep")) {
        atls_raw_head(s, ATLS_RAW_MAP, 1);
        atls_raw_head(s, ATLS_RAW_UINT, KEY_OF_NOBODY);
        atls_raw_nested(s, TOO_DEEP);
    } else {
        atls_sink_bytes(s, original);
    }
}

/* The KAT again, with the flaw in its COSE_Sign1 or in its claims. */
static int write_message(struct atls_sink *s, const struct flaw *flaw, const struct message *m)
{
    /* {1: -65000}: an algorithm that nobody registered. */
    static const uint8_t unknown_alg[] = {0x45, 0xa1, 0x01, 0x39, 0xfd, 0xe7};
    bool indefinite = is(flaw, COSE, "cbor-indefinite");
    int result = 0;

    atls_sink_bytes(s, m->tags);
    if (indefinite) {
        atls_sink_u8(s, 0x9f);
    } else if (is(flaw, COSE, "cbor-unpreferred")) {
        atls_sink_u8(s, 0x98);
        atls_sink_u8(s, 4);
    } else {
        atls_raw_head(s, ATLS_RAW_ARRAY, is(flaw, COSE, "cose-three-elements") ? 3 : 4);
    }
    atls_sink_bytes(s, is(flaw, COSE, "cose-unknown-alg")
                           ? ATLS_BYTES(unknown_alg, sizeof unknown_alg)
                           : m->protected_header);
    write_unprotected(s, flaw, m->unprotected_header);
    if (is(flaw, COSE, "cose-detached")) {
        atls_sink_u8(s, 0xf6);
    } else if (flaw->layer == CLAIMS) {
        struct atls_sink claims;
        struct atls_bytes bytes = {NULL, 0};
        result = atls_fault_output(m->claims.size, &claims);
        if (result) {
            return result;
        }
        result = write_claims(&claims, flaw, m->claims);
        result = result ? result : atls_sink_done(&claims, &bytes);
        if (!result) {
            atls_raw_string(s, ATLS_RAW_BYTES, bytes);
        }
        free(claims.data);
    } else {
        atls_sink_bytes(s, m->payload);
    }
    if (!is(flaw, COSE, "cose-three-elements")) {
        atls_sink_bytes(s, m->signature);
    }
    if (indefinite) {
        atls_sink_u8(s, 0xff);
    }
    return result;
}

static void write_record(struct atls_sink *s, const struct flaw *flaw, struct atls_bytes value)
{
    bool zero = is(flaw, WRAPPER, "cmw-indicator-zero");

    atls_raw_head(s, ATLS_RAW_ARRAY, zero ? 3 : 2);
    atls_raw_text(s, ATLS_MT_EAT_CWT);
    if (is(flaw, WRAPPER, "cmw-value-not-bytes")) {
        atls_raw_text(s, "a text, not bytes");
    } else {
        atls_raw_string(s, ATLS_RAW_BYTES, value);
    }
    if (zero) {
        atls_raw_head(s, ATLS_RAW_UINT, 0);
    }
}

static const struct flaw no_flaw = {"", WRAPPER};

/* The collection again; a flaw of a record is the KAT's. */
static void write_wrapper(struct atls_sink *s, const struct flaw *flaw, struct atls_bytes kat,
                          struct atls_bytes pat)
{
    bool empty = is(flaw, WRAPPER, "cmw-empty-collection");
    bool with_kat = !empty && !is(flaw, WRAPPER, "cmw-missing-kat");
    bool twice = is(flaw, WRAPPER, "cbor-duplicate-key"), deep = is(flaw, WRAPPER, "cbor-deep");
    bool indefinite = is(flaw, WRAPPER, "cbor-indefinite");

    if (indefinite) {
        atls_sink_u8(s, 0xbf);
    } else if (is(flaw, WRAPPER, "cbor-unpreferred")) {
        atls_sink_u8(s, 0xb8);
        atls_sink_u8(s, 3);
    } else {
        atls_raw_head(s, ATLS_RAW_MAP, 1u + with_kat + twice + deep + !empty);
    }
    for (unsigned times = twice ? 2 : with_kat; times; times--) {
        atls_raw_text(s, "kat");
        write_record(s, flaw, kat);
    }
    if (!empty) {
        atls_raw_text(s, "pat");
        write_record(s, &no_flaw, pat);
    }
    if (deep) {
        for (unsigned i = 0; i < TOO_DEEP; i++) {
            atls_raw_text(s, "deep");
            if (i + 1 < TOO_DEEP) {
                atls_raw_head(s, ATLS_RAW_MAP, 1);
            }
        }
        write_record(s, &no_flaw, pat);
    }
    atls_raw_text(s, ATLS_CMW_COLLECTION_TYPE);
    atls_raw_text(s, is(flaw, WRAPPER, "cmw-relative-type") ? "rats/kat" : ATLS_CAB_TYPE);
    if (indefinite) {
        atls_sink_u8(s, 0xff);
    }
}

/* The two tokens of a CAB; they borrow from *CMWP, which the caller frees. */
static int open_cab(struct atls_bytes cab, struct atls_cmw **cmwp, struct atls_bytes *katp,
                    struct atls_bytes *patp)
{
    int result = atls_cmw_parse_as(ATLS_CBOR, cab, cmwp);

    if (result) {
        return result;
    }
    const struct atls_cmw *kat = NULL, *pat = NULL;
    if ((*cmwp)->form == ATLS_CMW_COLLECTION) {
        kat = atls_cmw_find(*cmwp, "kat");
        pat = atls_cmw_find(*cmwp, "pat");
    }
    if (!kat || !pat || kat->form == ATLS_CMW_COLLECTION || pat->form == ATLS_CMW_COLLECTION) {
        atls_cmw_free(*cmwp);
        return atls_fail(ATLS_E_MISSING, "KAT-06 section 5", "a CAB holds kat and pat");
    }
    *katp = kat->value;
    *patp = pat->value;
    return 0;
}

static const char *const cab_faults[] = {"kat-signature",
                                         "pat-signature",
                                         "cmw",
                                         "cmw-truncated",
                                         "cmw-trailing-byte",
                                         "cmw-empty-collection",
                                         "cmw-relative-type",
                                         "cmw-missing-kat",
                                         "cmw-value-not-bytes",
                                         "cmw-indicator-zero",
                                         "cbor-indefinite",
                                         "cbor-duplicate-key",
                                         "cbor-unpreferred",
                                         "cbor-deep",
                                         "cose-three-elements",
                                         "cose-unknown-alg",
                                         "cose-detached",
                                         "claims-no-cnf",
                                         "claims-cbor",
                                         NULL};

static struct flaw flaw_of(const char *name, const char *value)
{
    struct flaw flaw = {name, WRAPPER};

    if (strncmp(name, "cose-", 5) == 0) {
        flaw.layer = COSE;
    } else if (strncmp(name, "claims-", 7) == 0) {
        flaw.layer = CLAIMS;
    } else if (strncmp(name, "cbor-", 5) == 0) {
        flaw.layer = !value || strcmp(value, "cose") == 0 ? COSE
                     : strcmp(value, "claims") == 0       ? CLAIMS
                                                          : WRAPPER;
    }
    return flaw;
}

/* The last byte of a token is the last of its signature: one bit of s. */
static int flip(struct atls_bytes token, struct atls_sink *s)
{
    if (token.size == 0) {
        return atls_fail(ATLS_E_MALFORMED, NULL, "an empty token has no signature");
    }
    atls_sink_bytes(s, ATLS_BYTES(token.data, token.size - 1));
    atls_sink_u8(s, token.data[token.size - 1] ^ 1);
    return 0;
}

static int mutate(const struct flaw *flaw, struct atls_bytes kat, struct atls_bytes pat,
                  struct atls_sink *out)
{
    struct message message = {.claims = {NULL, 0}};
    struct atls_sink token;
    struct atls_bytes bytes = {NULL, 0};
    bool of_pat = strcmp(flaw->name, "pat-signature") == 0;
    bool flips = of_pat || strcmp(flaw->name, "kat-signature") == 0;

    if (flaw->layer == WRAPPER && !flips) {
        write_wrapper(out, flaw, kat, pat);
        return 0;
    }
    int result = atls_fault_output(kat.size + pat.size, &token);
    if (result) {
        return result;
    }
    if (flips) {
        result = flip(of_pat ? pat : kat, &token);
    } else {
        result = take_apart(kat, &message);
        result = result ? result : write_message(&token, flaw, &message);
    }
    result = result ? result : atls_sink_done(&token, &bytes);
    if (!result) {
        write_wrapper(out, &no_flaw, of_pat ? kat : bytes, of_pat ? bytes : pat);
    }
    free(token.data);
    return result;
}

int atls_faults_mutate_cab(const struct atls_faults *faults, struct atls_bytes cab, uint8_t **outp,
                           size_t *sizep, const char **namep)
{
    const char *value = NULL, *name = atls_faults_first(faults, cab_faults, &value);
    struct atls_cmw *cmw;
    struct atls_bytes kat = {NULL, 0}, pat = {NULL, 0};
    struct atls_sink out;

    *outp = NULL;
    *namep = NULL;
    if (!name) {
        return 0;
    }
    int result = open_cab(cab, &cmw, &kat, &pat);
    if (result) {
        return result;
    }
    result = atls_fault_output(2 * cab.size, &out); /* a flaw may write a token twice */
    if (!result) {
        struct flaw flaw = flaw_of(name, value);
        if (!atls_fault_of_bytes(name, value, cab, &out, &result)) {
            result = mutate(&flaw, kat, pat, &out);
        }
        if (result) {
            free(out.data);
        } else {
            result = atls_fault_done(&out, outp, sizep);
        }
    }
    atls_cmw_free(cmw);
    *namep = result ? NULL : name;
    return result;
}

int atls_faults_splice(struct atls_bytes cab, struct atls_bytes pat, uint8_t **outp, size_t *sizep)
{
    struct atls_cmw *cmw;
    struct atls_bytes kat = {NULL, 0}, old = {NULL, 0};
    struct atls_sink out;
    int result = open_cab(cab, &cmw, &kat, &old);

    if (result) {
        return result;
    }
    result = atls_fault_output(cab.size + pat.size, &out);
    if (!result) {
        write_wrapper(&out, &no_flaw, kat, pat);
        result = atls_fault_done(&out, outp, sizep);
    }
    atls_cmw_free(cmw);
    return result;
}
