/* SPDX-License-Identifier: Apache-2.0 */
/* What formats share in being appraised. */
#include <stdarg.h>
#include <stdio.h>

#include "formats/format.h"
#include "rats/base/error.h"
#include "rats/cbor/cbor-read.h"

#define TEXT_MAX 512

int atls_judge_condemn(struct atls_judge *judge, const char *reason, const char *clause,
                       const char *format, ...)
{
    char text[TEXT_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return judge->ops->condemn(judge, reason, clause, text);
}

int atls_judge_fail(struct atls_judge *judge, int code, const char *reason)
{
    struct atls_error error; /* condemning may fail in its turn */

    code = atls_evidence_failure(code, reason);
    if (code < 0)
        return code;
    atls_error_keep(&error);
    return judge->ops->condemn(judge, reason, error.clause, error.text);
}

int atls_judge_nonce(struct atls_judge *judge, struct atls_bytes came, const char *clause)
{
    if (atls_bytes_equal_secret(came, judge->nonce))
        return 0;

    const char *hash = atls_evidence_hash_of(judge->crypto, judge->nonce, came);
    bool constant = atls_bytes_equal(came, atls_constant_nonce_of_2022.nonce);
    return atls_judge_condemn(
        judge, "nonce-mismatch", clause,
        "the evidence answers another challenge: its nonce (%zu bytes) is not the session's (%zu "
        "bytes)%s%s%s",
        came.size, judge->nonce.size, hash ? ", but its " : "", hash ? hash : "",
        constant ? ", but the one that the prototype of 2022 sends in every connection" : "");
}

/* exp and nbf, which a token need not have: RFC 8392 section 3.1.4, "MUST NOT be accepted". */
int atls_judge_times(struct atls_judge *judge, const struct atls_cwt_times *times, const char *what)
{
    int result = atls_cwt_check_times(times, what, judge->now);

    return result ? atls_judge_fail(judge, result, "evidence-expired") : 0;
}

const char *atls_judge_malformed_map(struct atls_bytes in, const struct atls_cbor_rules *rules)
{
    struct atls_cbor_reader reader;
    struct atls_error kept;

    atls_error_keep(&kept);
    int result = atls_cbor_open(&reader, in, rules, "RFC 8949");
    atls_error_restore(&kept);
    return result < 0 ? ATLS_NO_WORD : result ? "malformed-cbor" : "malformed-claims";
}

/* Debugging of non-secure code leaves the root of trust alone (RFC 9783 section 4.3.1). */
void atls_judge_lifecycle(struct atls_judge *judge, uint16_t lifecycle, const char *clause)
{
    static const enum atls_trust_claim moved[] = {ATLS_INSTANCE_IDENTITY, ATLS_RUNTIME_OPAQUE,
                                                  ATLS_STORAGE_OPAQUE};
    uint16_t state = lifecycle & 0xff00;
    bool secured = state == ATLS_PSA_SECURED || state == ATLS_PSA_NON_ROT_DEBUG;
    char text[128];

    for (size_t i = 0; i < sizeof moved / sizeof *moved; i++)
        judge->ops->claim(judge, moved[i], secured ? ATLS_TRUSTWORTHY : ATLS_CONTRAINDICATED);
    if (secured)
        return;
    snprintf(text, sizeof text,
             "security lifecycle: expected secured or non-rot-debug, came %s (0x%04x)",
             atls_psa_lifecycle_name(lifecycle), lifecycle);
    judge->ops->say(judge, "lifecycle-not-secured", clause, text);
}

const char *atls_judge_malformed(struct atls_bytes message, enum atls_cose_tagging tagging,
                                 const struct atls_cbor_rules *rules)
{
    const char *word = "malformed-cbor";
    struct atls_cose_sign1 token;
    struct atls_cbor_reader reader;
    int result = atls_cbor_open(&reader, message, rules, "RFC 8949");

    if (!result) {
        result = atls_cose_sign1_parse(message, tagging, NULL, &token);
        if (result)
            word = "malformed-cose";
        else
            result = atls_cbor_open(&reader, token.payload, rules, "RFC 8949");
    }
    return result < 0 ? ATLS_NO_WORD : result ? word : NULL;
}
