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

static struct atls_bytes challenge_of(unsigned asks)
{
    return ATLS_BYTES(asks & OTHER ? another : asked, asks & LONGER ? 64 : 32);
}

/* What a relying party has of it that somebody uses. */
static void tell_read(const struct test_source *s, const struct atls_evidence_read *read,
                      char *told, size_t size)
{
    size_t used = (size_t)snprintf(told, size, "%s",
                                   read->format->key_in ? test_key_name(s, &read->key) : "no key");

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
        .challenge = challenge_of(row->asks & (OTHER | LONGER)),
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
    test_judge_init(judge, s, challenge_of(row->asks & (OTHER | LONGER)));
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

int main(void)
{
    static struct test_list list;

    TEST_ADD_ROWS(&list, check_row, rows);
    return test_run("evidence", &list);
}
