/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence of every format, as its own row makes it: what a relying party reads and checks of it,
 * and what a verifier is asked while it appraises it, in which order. Then the same with one thing
 * wrong at a time: a reason, and the clause that was broken.
 */
#include "rats/test/test-table.h"

#include <errno.h>

#include "formats/test/evidence-rows.h"
#include "formats/test/test-judge.h"
#include "rats/base/error.h"
#include "rats/tokens/cca.h"

static struct atls_bytes challenge_of(unsigned asks)
{
    return ATLS_BYTES(asks & OTHER ? another : asked, asks & TOO_LONG ? 65
                                                      : asks & LONGER ? 64
                                                                      : 32);
}

/* What a relying party has of it that somebody uses. */
static void tell_read(const struct test_source *s, const struct atls_evidence_read *read,
                      char *told, size_t size)
{
    size_t used = (size_t)snprintf(told, size, "%s",
                                   read->format->key_in ? test_key_name(s, &read->key) : "no key");

    if (read->format == &atls_format_cca || read->format == &atls_format_parsec_cca) {
        const struct atls_parsec_cca *kept = read->parsed; /* borrows nothing that is gone */
        assert_null(kept->token.platform_claims.components);
        assert_int_equal(kept->token.platform_claims.component_count, 0);
    }
    if (read->platform_token.size > 0) {
        test_same_bytes(read->platform_token, s->made_pat.token);
        snprintf(told + used, size - used, ", PAT over %zu bytes", read->platform_nonce.size);
    }
}

static void take(const struct row *row, const struct test_source *s,
                 const struct test_evidence *evidence, char *told, size_t size)
{
    const struct atls_evidence_question question = {
        .crypto = &atls_crypto_hosted,
        .challenge = challenge_of(row->asks),
        .computed = row->asks & COMPUTED,
        .binder_clause = BINDER,
        .quote_of_nonce = row->asks & OF_NONCE,
        .challenge_hashed = row->asks & HASHED,
        .constant_nonce = row->asks & CONSTANT ? &atls_constant_nonce_of_2022 : NULL,
        .now = TEST_NOW};
    struct atls_evidence_read read = {.format = row->format, .value = evidence->message.value};
    const char *reason = NULL;
    int result = row->format->read(&evidence->message, &read, &reason);

    assert_int_equal(!result, !!read.parsed);
    if (!result) {
        tell_read(s, &read, told, size);
        result = row->format->check(&read, &question, &reason);
    }
    if (result) {
        assert_true(result > 0);
        assert_true(atls_error_text()[0] != '\0');
        snprintf(told, size, "%s (%s)", reason, atls_error_clause());
    } else {
        assert_null(reason);
    }
    free(read.parsed);
}

static void judge(const struct row *row, const struct test_source *s,
                  const struct test_evidence *evidence, struct test_judge *judge)
{
    test_judge_init(judge, s, challenge_of(row->asks));
    judge->unknown = row->asks & UNKNOWN;
    judge->match_ends = row->asks & NO_MATCH ? -EIO : 0;
    int result = row->format->appraise(&judge->lent, &evidence->message);

    if (result < 0)
        assert_int_equal(result, judge->match_ends);
    else
        assert_int_equal(result == ATLS_E_REFUSED, strstr(judge->noted, "condemned") != NULL);
}

static void check_row(void **state)
{
    const struct row *row = *state;
    struct test_evidence evidence;
    struct test_source source;
    struct test_judge noted;
    char told[256] = "";

    test_source_init(&source);
    source.lent.challenge_hashed = row->asks & MADE_SO;
    row->change(&source);
    test_evidence_make(row->format, &source, challenge_of(row->asks & LONGER), &evidence);
    take(row, &source, &evidence, told, sizeof told);
    judge(row, &source, &evidence, &noted);
    assert_string_equal(told, row->taken);
    assert_string_equal(noted.noted, row->judged);
    test_evidence_clear(&evidence);
}

/* What makes two posts the same evidence: what was signed of either token. */
static void finds_signed_parts(void **state)
{
    for (size_t i = 0; atls_evidence_formats[i]; i++) {
        const struct atls_evidence_format *format = atls_evidence_formats[i];
        struct atls_bytes parts[2] = {{NULL, 0}, {NULL, 0}}, first, second;
        struct atls_tpm_evidence tpm;
        struct atls_ra_tls ra_tls;
        struct test_evidence made;
        struct test_source source;

        test_source_init(&source);
        test_evidence_make(format, &source, ATLS_BYTES(asked, 32), &made);
        assert_int_equal(format->signed_parts(&made.message, parts), 0);
        first = source.made_kat.claims;
        second = source.made_pat.claims;
        if (format == &atls_format_psa || format == &atls_format_cca)
            first = source.made_pat.claims;
        if (format == &atls_format_psa)
            second = ATLS_BYTES(NULL, 0);
        if (format == &atls_format_cca || format == &atls_format_parsec_cca)
            second = source.made_realm.claims;
        if (format == &atls_format_parsec_tpm) {
            assert_int_equal(atls_tpm_evidence_split(made.message.value, &tpm), 0);
            first = tpm.kat.cert_info;
            second = tpm.pat.attest_info;
        }
        if (format == &atls_format_ra_tls) {
            assert_int_equal(atls_ra_tls_parse(made.message.value, &ra_tls), 0);
            first = ra_tls.claims_buffer;
            second = ra_tls.evidence;
        }
        test_same_bytes(parts[0], first);
        test_same_bytes(parts[1], second);
        test_evidence_clear(&made);
    }
}

/* What a device is asked by each format, and that what it says is passed on. */
static void asks_its_device(void **state)
{
    static const struct {
        const struct atls_evidence_format *format;
        const char *asked;
    } table[] = {
        {&atls_format_cab, "cab over 32 bytes"},
        {&atls_format_prototype, "bundle of 2022 over 32 bytes"},
        {&atls_format_psa, "PSA token over 32 bytes"},
        {&atls_format_ra_tls, "PSA token over 32 bytes"},
        {&atls_format_key_binding, "key-binding over 32 bytes"},
        {&atls_format_cca, "cca over 64 bytes"},
        {&atls_format_parsec_cca, "parsec-cca over 32 bytes"},
        {&atls_format_parsec_tpm, "parsec-tpm over 32 bytes"},
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        struct test_source source;
        uint8_t *out = NULL;
        size_t size;

        test_source_init(&source);
        source.fails = ATLS_E_REFUSED;
        assert_int_equal(table[i].format->make(&source.lent, ATLS_BYTES(asked, 32), &out, &size),
                         ATLS_E_REFUSED);
        assert_string_equal(source.asked, table[i].asked);
        assert_null(out);
    }
}

static int hashes_left;

static int counted_hash(enum atls_hash hash, const struct atls_bytes *parts, size_t count,
                        uint8_t *digestp)
{
    if (hashes_left-- == 0)
        return atls_fail(-EIO, NULL, "the hash number that a test has chosen");
    return atls_crypto_hosted.hash(hash, parts, count, digestp);
}

/* Where this machine cannot hash, nobody is to blame, and nothing is taken. */
static void passes_on_that_it_cannot_hash(void **state)
{
    struct atls_crypto crypto = atls_crypto_hosted;

    crypto.hash = counted_hash;
    for (size_t i = 0; atls_evidence_formats[i]; i++) {
        const struct atls_evidence_format *format = atls_evidence_formats[i];
        struct atls_evidence_question question = {.crypto = &crypto, .challenge = {asked, 32}};
        struct atls_evidence_read read = {.format = format};
        struct test_evidence made;
        struct test_source source;
        struct test_judge judge;
        const char *reason = NULL;
        int count;

        test_source_init(&source);
        test_evidence_make(format, &source, ATLS_BYTES(asked, 32), &made);
        read.value = made.message.value;
        assert_int_equal(format->read(&made.message, &read, &reason), 0);
        question.now = TEST_NOW;
        for (count = 0;; count++) {
            hashes_left = count;
            int result = format->check(&read, &question, &reason);
            if (hashes_left >= 0)
                break;
            assert_int_equal(result, -EIO);
            assert_string_equal(reason, "internal");
        }
        free(read.parsed);
        for (count = 0;; count++) {
            test_judge_init(&judge, &source, ATLS_BYTES(asked, 32));
            judge.lent.crypto = &crypto;
            hashes_left = count;
            int result = format->appraise(&judge.lent, &made.message);
            if (hashes_left >= 0)
                break;
            /* a TPM's quote has two readings, of which the other is looked for then */
            assert_int_equal(result, -EIO);
            assert_null(strstr(judge.noted, "condemned"));
        }
        assert_true(count > 0);
        test_evidence_clear(&made);
    }
}

/* What a person reads of a token that answers something else: what that is, where it is known. */
static void says_what_it_answers(void **state)
{
    static const struct {
        void (*change)(struct test_source *s);
        const char *said;
    } table[] = {
        {pat_over_challenge, "it is linked by H22 reading B: the PAT answers the challenge, and is "
                             "linked to no key"},
        {pat_old, "it is linked by no hash that is known"},
        {no_answer, "its nonce (8 bytes) is not the session's (32 bytes), but the one that the "
                    "prototype of 2022 sends in every connection"},
        {kat_old, "its nonce (32 bytes) is not the session's (32 bytes)"},
        {kat_hashed, "its nonce (48 bytes) is not the session's (32 bytes), but its SHA-384"},
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        struct test_evidence made;
        struct test_source source;
        struct test_judge judge;

        test_source_init(&source);
        table[i].change(&source);
        test_evidence_make(&atls_format_cab, &source, ATLS_BYTES(asked, 32), &made);
        test_judge_init(&judge, &source, ATLS_BYTES(asked, 32));
        assert_int_equal(atls_format_cab.appraise(&judge.lent, &made.message), ATLS_E_REFUSED);
        const char *found = strstr(judge.said, table[i].said);
        if (!found || (strncmp(table[i].said, "its nonce", 9) == 0 && found[strlen(table[i].said)]))
            fail_msg("expected \"%s\", came \"%s\"", table[i].said, judge.said);
        test_evidence_clear(&made);
    }
}

int main(void)
{
    static struct test_list list;

    TEST_ADD_ROWS(&list, check_row, rows);
    TEST_ADD(&list, finds_signed_parts);
    TEST_ADD(&list, asks_its_device);
    TEST_ADD(&list, passes_on_that_it_cannot_hash);
    TEST_ADD(&list, says_what_it_answers);
    return test_run("evidence", &list);
}
