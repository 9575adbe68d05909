/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attester with a bare PSA token as evidence. A token names no key of TLS: what it proves of a
 * connection lies in its nonce alone, which some profiles make of the key.
 */
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "roles/attester-private.h"

#define NONCE_CLAUSE "RFC 9783 section 4.1.1"

static bool is_listed(const char *name, const char *const *names, size_t count)
{
    bool listed = false;

    for (size_t i = 0; i < count; i++) {
        listed = listed || strcmp(name, names[i]) == 0;
    }
    return listed;
}

static int check_inner(const struct atls_faults *inner)
{
    static const char *const of_cab[] = {
        "kat-signature",       "linkage",       "non-secure-pat",
        "attested-other-key",  "claims-no-cnf", "claims-cbor",
        "cose-three-elements", "cose-detached", "cose-unknown-alg"};

    for (size_t i = 0; i < inner->count; i++) {
        const char *name = inner->fault[i].name;
        if (strncmp(name, "cbor-", 5) == 0 ||
            is_listed(name, of_cab, sizeof of_cab / sizeof *of_cab)) {
            return atls_fail(ATLS_E_UNSUPPORTED, NULL,
                             "fault %s is of a KAT: a bare PSA token has none", name);
        }
    }
    return 0;
}

int atls_attester_check_token_faults(const struct atls_attester *attester)
{
    static const char *const of_collection[] = {"cmw-missing-kat", "cbor-duplicate-key",
                                                "cbor-deep"};
    static const char *const of_any[] = {"cmw", "cmw-truncated", "cmw-trailing-byte",
                                         "cmw-empty-collection"};
    bool tag = attester->options.cmw_form == ATLS_CMW_TAG;

    for (size_t i = 0; i < attester->wrapper.count; i++) {
        const char *name = attester->wrapper.fault[i].name;
        if (is_listed(name, of_collection, sizeof of_collection / sizeof *of_collection) ||
            (tag && !is_listed(name, of_any, sizeof of_any / sizeof *of_any))) {
            return atls_fail(ATLS_E_UNSUPPORTED, NULL, "fault %s has no meaning in a %s", name,
                             tag ? "tag" : "record");
        }
    }
    return check_inner(&attester->inner);
}

int atls_attester_make_token(struct atls_attester *attester, unsigned conn,
                             struct atls_bytes challenge, uint8_t **tokenp, size_t *sizep)
{
    uint8_t *token;
    size_t size;

    if (challenge.size != 32 && challenge.size != 48 && challenge.size != 64) {
        atls_fail(ATLS_E_LIMIT, NONCE_CLAUSE,
                  "the nonce of a PSA token has 32, 48 or 64 bytes, %zu came", challenge.size);
        return atls_attester_fails(attester, ATLS_E_LIMIT, "nonce-length");
    }
    int result = atls_attester_ask_device(attester, conn, challenge, &token, &size);
    if (result) {
        return atls_attester_device_fails(attester, result);
    }
    if (attester->second) {
        atls_attester_tell_fault(attester, conn, "foreign-pat", "the token is the second device's");
    }
    if (atls_faults_has(&attester->inner, "pat-signature", NULL) && size) {
        token[size - 1] ^= 1; /* the signature is COSE_Sign1's last element */
        atls_attester_tell_fault(attester, conn, "pat-signature",
                                 "evidence was changed after it was made");
    }
    *tokenp = token;
    *sizep = size;
    return 0;
}

int atls_attester_wrap(struct atls_attester *attester, uint16_t content_format,
                       struct atls_bytes value, unsigned indicator, uint8_t **cmwp, size_t *sizep)
{
    const struct atls_media_type *type = atls_media_type_by_content_format(content_format);
    struct atls_cmw message = {.form = attester->options.cmw_form,
                               .serialization = attester->options.serialization,
                               .value = value};

    if (message.form == ATLS_CMW_TAG) { /* it has no room for an indicator */
        message.type =
            (struct atls_cmw_type){.is_content_format = true, .content_format = content_format};
    } else {
        message.type.media_type = atls_bytes_of_text(type->name);
        message.indicator = indicator;
    }
    int result = atls_cmw_serialize(&message, attester->options.serialization, cmwp, sizep);
    return result ? atls_attester_fails(attester, result, "internal") : 0;
}
