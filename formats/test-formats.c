/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every row of the table is whole: a member that is missing is named, with its format, and so is
 * what two formats claim. And every row meets what is not its evidence with a refusal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/format.h"
#include "rats/base/error.h"
#include "rats/base/media-types.h"

#define DEMAND(format, condition, ...)                                                             \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            print_error("formats/%s.c: ", (format)->name ? (format)->name : "?");                  \
            fail_msg(__VA_ARGS__);                                                                 \
        }                                                                                          \
    } while (0)

static void check_travel(const struct atls_evidence_format *f)
{
    DEMAND(f, (f->wrapping == ATLS_IS_CMW) == !!f->collection_type,
           ".collection_type: expected of what is a collection (ATLS_IS_CMW), and of nothing else");
    DEMAND(f, (f->wrapping == ATLS_IN_CMW) == !!f->record_type,
           ".record_type: expected of what is in a record (ATLS_IN_CMW), and of nothing else");
    DEMAND(f, f->wrapping == ATLS_IS_CMW || (f->media_types && f->media_types[0]),
           ".media_types: expected, since it is no CMW by itself: a verifier takes it under them");
    DEMAND(f, f->wrapping != ATLS_NO_CMW || (f->is && !atls_evidence_format_by_name(f->name)),
           ".is: expected, and no row in contract.yaml, since it is no CMW: a profile brings it");
    if (f->record_type && f->content_format >= 0) {
        const struct atls_media_type *type =
            atls_media_type_by_content_format((unsigned)f->content_format);
        DEMAND(f, type && strcmp(type->name, f->record_type) == 0,
               ".content_format: %d is not that of %s in rats/base/media-types.c",
               f->content_format, f->record_type);
    }
    for (size_t i = 0; f->media_types && f->media_types[i]; i++)
        DEMAND(f, atls_media_type_check(atls_bytes_of_text(f->media_types[i])) == 0,
               ".media_types: %s: %s", f->media_types[i], atls_error_text());
}

static void check_functions(const struct atls_evidence_format *f)
{
    DEMAND(f, f->make, ".make: expected, for the attester");
    DEMAND(f, f->read && f->check, ".read, .check: expected, for the relying party");
    DEMAND(f, f->appraise, ".appraise: expected, for the verifier");
    DEMAND(f, !f->key_in == !f->key_clause, ".key_in and .key_clause come together");
    DEMAND(f, f->submod_count >= 1 && f->submod_count <= ATLS_SUBMODS_MAX,
           ".submods: expected 1 to %d, came %zu", ATLS_SUBMODS_MAX, f->submod_count);
    for (size_t i = 0; i < f->submod_count; i++)
        DEMAND(f, f->submods[i].name && f->submods[i].claims,
               ".submods[%zu]: expected a name, and claims that must be earned to affirm it", i);
}

static void check_printing(const struct atls_evidence_format *f)
{
    const struct atls_evidence_print *print = f->print;
    const struct atls_evidence_token *token = f->token;

    DEMAND(f, print || token || f->collection_word,
           ".print, .token or .collection_word: expected, for atls-decode");
    DEMAND(f, !print || (print->word && print->what && print->fits && print->print),
           ".print: expected word, what, fits and print");
    DEMAND(f,
           !token || (token->word && token->what && token->fits &&
                      !token->check != !token->check_claims &&
                      (!token->check_claims || (token->name && token->name_inside))),
           ".token: expected word, what, fits, and check or (with the names) check_claims");
    DEMAND(f, !f->collection_word || (f->collection_what && f->collection_type),
           ".collection_word: expected with .collection_what, of a collection");
}

static void test_rows_are_whole(void **state)
{
    for (size_t i = 0; atls_evidence_formats[i]; i++) {
        const struct atls_evidence_format *f = atls_evidence_formats[i];

        DEMAND(f, f->name && f->what, ".name, .what: expected");
        check_travel(f);
        check_functions(f);
        check_printing(f);
    }
    assert_non_null(atls_evidence_formats[0]->key_in);
    assert_non_null(atls_evidence_format_without_key()->media_types);
}

/* Two formats are told apart by everything that either is asked for or found by. */
static void check_apart(const struct atls_evidence_format *a, const struct atls_evidence_format *b)
{
    DEMAND(a, strcmp(a->name, b->name) != 0, ".name: %s is another row's, too", a->name);
    DEMAND(a,
           !a->collection_type || !b->collection_type ||
               strcmp(a->collection_type, b->collection_type) != 0,
           ".collection_type: %s is that of formats/%s.c, too", a->collection_type, b->name);
    for (size_t i = 0; a->media_types && a->media_types[i]; i++)
        DEMAND(a,
               a->is || b->is ||
                   !atls_evidence_format_media_type(b, atls_bytes_of_text(a->media_types[i])),
               ".media_types: %s is taken by formats/%s.c, and neither has .is", a->media_types[i],
               b->name);
    for (size_t i = 0; i < a->submod_count; i++)
        for (size_t j = 0; j < b->submod_count; j++)
            DEMAND(a, strcmp(a->submods[i].name, b->submods[j].name) != 0,
                   ".submods: %s is that of formats/%s.c, too", a->submods[i].name, b->name);
}

static void test_rows_are_told_apart(void **state)
{
    for (size_t i = 0; atls_evidence_formats[i]; i++)
        for (size_t j = 0; j < i; j++)
            check_apart(atls_evidence_formats[i], atls_evidence_formats[j]);
}

/* contract.yaml and the file say the same. */
static void check_row(const struct atls_evidence_format *f, const char *name,
                      const char *const *media_types)
{
    static const char *const cmw[] = {ATLS_MT_CMW_CBOR, ATLS_MT_CMW_JSON, NULL};
    const char *const *own = f->media_types ? f->media_types : cmw;

    if (!name)
        return;
    DEMAND(f, strcmp(f->name, name) == 0, ".name: contract.yaml calls it %s", name);
    assert_ptr_equal(atls_evidence_format_by_name(name), f);
    for (size_t i = 0; media_types[i]; i++) {
        bool known = false;
        for (size_t j = 0; own[j]; j++)
            known = known || strcmp(own[j], media_types[i]) == 0;
        DEMAND(f, known, ".media_types: contract.yaml has %s, too", media_types[i]);
    }
}

static void test_rows_are_of_the_contract(void **state)
{
#define CHECK(id, name, what, list)                                                                \
    {                                                                                              \
        static const char *const types[8] = list;                                                  \
        check_row(&atls_format_##id, name, types);                                                 \
    }
    ATLS_CONTRACT_EVIDENCE_FORMATS(CHECK)
    assert_null(atls_evidence_format_by_name("CAB"));
    assert_null(atls_evidence_format_by_name("prototype"));
    assert_null(atls_evidence_format_by_name(""));
}

static void test_help_lists_them(void **state)
{
    char *help = atls_evidence_formats_help();

    for (size_t i = 0; atls_evidence_formats[i]; i++) {
        const struct atls_evidence_format *f = atls_evidence_formats[i];
        char row[80];

        snprintf(row, sizeof row, " %s: ", f->name);
        assert_true(!atls_evidence_format_by_name(f->name) == !strstr(help, row));
    }
    free(help);
}

/* A judge that lends nothing: whatever a format makes of these bytes, it is a refusal. */
static int condemn(struct atls_judge *judge, const char *reason, const char *clause,
                   const char *text)
{
    assert_true(reason && *reason && text && *text);
    return ATLS_E_REFUSED;
}

static int appraise_token(struct atls_judge *judge, const struct atls_judge_token *token)
{
    return condemn(judge, "malformed-cbor", "", "no token");
}

static int find_anchor(struct atls_judge *judge, const char *profile,
                       const uint8_t *implementation_id, const uint8_t *instance_id,
                       struct atls_public_key *keyp)
{
    return condemn(judge, "unknown-attestation-key", "", "nobody's");
}

static int match(struct atls_judge *judge, const uint8_t *implementation_id,
                 const struct atls_psa_component *components, size_t count)
{
    fail_msg("garbage was matched");
    return -EINVAL;
}

static void claim(struct atls_judge *judge, enum atls_trust_claim claimed, int value)
{
    fail_msg("garbage earned a claim");
}

static void say(struct atls_judge *judge, const char *reason, const char *clause, const char *text)
{
    fail_msg("garbage is not to be explained, but condemned");
}

static void submod(struct atls_judge *judge, size_t index)
{
}

static void attest(struct atls_judge *judge, const struct atls_public_key *key)
{
    fail_msg("garbage attested a key");
}

static int find_instance(struct atls_judge *judge, const char *profile,
                         struct atls_bytes instance_id, struct atls_public_key *keyp,
                         uint8_t *class_idp)
{
    return condemn(judge, "unknown-attestation-key", "", "nobody's");
}

static int match_pcrs(struct atls_judge *judge, const char *profile, const uint8_t *class_id,
                      const struct atls_tpm_attest *quote)
{
    fail_msg("garbage was matched");
    return -EINVAL;
}

static int match_platform(struct atls_judge *judge, const char *profile,
                          const uint8_t *implementation_id,
                          const struct atls_psa_component *components, size_t count,
                          struct atls_bytes config)
{
    fail_msg("garbage was matched");
    return -EINVAL;
}

static int match_realm(struct atls_judge *judge, const struct atls_judge_realm *realm)
{
    fail_msg("garbage was matched");
    return -EINVAL;
}

static void refuses(const struct atls_evidence_format *f,
                    const struct atls_evidence_message *message)
{
    static const struct atls_judge_ops ops = {
        condemn, appraise_token, find_anchor,   match,      claim,          say,
        submod,  attest,         find_instance, match_pcrs, match_platform, match_realm};
    struct atls_judge judge = {.ops = &ops, .crypto = &atls_crypto_hosted, .now = 1700000000};
    struct atls_evidence_read read = {.format = f, .value = message->value};
    const char *reason = NULL;
    struct atls_bytes parts[2] = {{0}};

    DEMAND(f, f->read(message, &read, &reason) > 0 && reason && strcmp(reason, "ok") != 0,
           ".read takes what is not its evidence, or gives no reason");
    DEMAND(f, f->appraise(&judge, message) == ATLS_E_REFUSED, ".appraise does not condemn it");
    DEMAND(f, !f->signed_parts || f->signed_parts(message, parts) > 0,
           ".signed_parts finds some in it");
    DEMAND(f, !parts[0].data && !parts[1].data, ".signed_parts writes, and fails");
}

static void test_garbage_is_refused(void **state)
{
    static const uint8_t record[] = {0x82, 0x63, 'a', '/', 'b', 0x41, 0x00};
    static const char *const texts[] = {"", "\xff", "\x01", "{}", "\x80", "\xa0", "\xd2\x80"};
    struct atls_cmw *cmw;

    assert_int_equal(atls_cmw_parse(ATLS_BYTES(record, sizeof record), &cmw), 0);
    for (size_t i = 0; atls_evidence_formats[i]; i++) {
        const struct atls_evidence_format *f = atls_evidence_formats[i];

        for (size_t j = 0; j < sizeof texts / sizeof *texts; j++) {
            struct atls_evidence_message message = {f->wrapping == ATLS_NO_CMW ? NULL : cmw,
                                                    atls_bytes_of_text(texts[j])};
            refuses(f, &message);
        }
    }
    atls_cmw_free(cmw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_whole),           cmocka_unit_test(test_rows_are_told_apart),
        cmocka_unit_test(test_rows_are_of_the_contract), cmocka_unit_test(test_help_lists_them),
        cmocka_unit_test(test_garbage_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
