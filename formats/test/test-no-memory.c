/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What formats do without memory (rats/test/test-memory.h): each allocation of each operation of
 * each format is refused once, of good evidence and of evidence that breaks at each of its layers.
 * Without memory nothing is taken, affirmed or printed as checked, and nothing bad is good.
 */
#include "rats/test/test-memory.h"

#include <errno.h>

#include "formats/test/evidence-changes.h"
#include "formats/test/test-judge.h"
#include "formats/test/test-printer.h"
#include "rats/base/error.h"
#include "rats/test/test-table.h"

struct evidence { /* of one row */
    const struct atls_evidence_format *format;
    struct test_source source;
    struct test_evidence made;
};

static void tell_text(struct test_told *told, const char *text)
{
    test_tell(told, ATLS_BYTES(text, strlen(text)));
}

static int make(const void *context, struct test_told *told)
{
    const struct evidence *e = context;
    struct test_source source = e->source;
    uint8_t *out;
    size_t size;

    TEST_FILL(out);
    int result = TEST_SCARCE(e->format->make(&source.lent, ATLS_BYTES(asked, 32), &out, &size));
    if (result) {
        TEST_UNTOUCHED(out);
        return result;
    }
    TEST_TELL(told, size); /* its signatures are others each time */
    free(out);
    return 0;
}

/* What a relying party has is a reason as well, which is its own machine's where that failed. */
static int refused(int result, const char *reason, struct test_told *told)
{
    if (result < 0)
        assert_string_equal(reason, "internal");
    else
        assert_string_not_equal(reason, "internal");
    return result;
}

static int take(const void *context, struct test_told *told)
{
    const struct evidence *e = context;
    const struct atls_evidence_question question = {.crypto = &atls_crypto_hosted,
                                                    .challenge = {asked, 32},
                                                    .computed = true,
                                                    .binder_clause = "RFC 9334 section 10",
                                                    .now = TEST_NOW};
    struct atls_evidence_read read = {.format = e->format, .value = e->made.message.value};
    const char *reason = NULL;
    int result = TEST_SCARCE(e->format->read(&e->made.message, &read, &reason));

    if (result) {
        assert_null(read.parsed);
        return refused(result, reason, told);
    }
    result = TEST_SCARCE(e->format->check(&read, &question, &reason));
    if (result)
        result = refused(result, reason, told);
    else if (e->format->key_in)
        TEST_TELL(told, read.key);
    free(read.parsed);
    return result;
}

/* What is condemned stays so, and what a verifier was asked before is the same. */
static int appraise(const void *context, struct test_told *told)
{
    const struct evidence *e = context;
    struct test_judge judge;

    test_judge_init(&judge, &e->source, ATLS_BYTES(asked, 32));
    int result = TEST_SCARCE(e->format->appraise(&judge.lent, &e->made.message));
    if (result == 0)
        tell_text(told, judge.noted);
    assert_int_equal(result == ATLS_E_REFUSED, strstr(judge.noted, "condemned") != NULL);
    return result;
}

static int find_parts(const void *context, struct test_told *told)
{
    const struct evidence *e = context;
    struct atls_bytes parts[2];

    TEST_FILL(parts);
    int result = TEST_SCARCE(e->format->signed_parts(&e->made.message, parts));
    if (result)
        TEST_UNTOUCHED(parts);
    else
        test_tell(told, parts[0]);
    return result;
}

/* A decoder says what it could not look at; all else is printed as ever. */
static int told_by(const struct test_printer *printer, struct test_told *told)
{
    if (!printer->worst)
        tell_text(told, printer->noted);
    return printer->worst;
}

static int print(const void *context, struct test_told *told)
{
    const struct evidence *e = context;
    struct test_printer printer;

    test_printer_init(&printer, &e->source);
    test_memory_begin();
    e->format->print->print(&printer.lent, e->made.message.value);
    test_memory_end(0);
    return told_by(&printer, told);
}

static int print_collection(const void *context, struct test_told *told)
{
    const struct evidence *e = context;
    struct test_printer printer;

    test_printer_init(&printer, &e->source);
    test_memory_begin();
    e->format->check_collection(&printer.lent, e->made.cmw);
    test_memory_end(0);
    return told_by(&printer, told);
}

static int print_token(const void *context, struct test_told *told)
{
    const struct evidence *e = context;
    const struct test_token *const tokens[] = {&e->source.made_kat, &e->source.made_pat,
                                               &e->source.made_realm, NULL};
    struct test_printer printer;
    struct atls_cose_sign1 message;

    test_printer_init(&printer, &e->source);
    for (const struct test_token *const *token = tokens; *token; token++) {
        if (!e->format->token->fits((*token)->claims) ||
            atls_cose_sign1_parse((*token)->token, ATLS_COSE_TAG_EITHER, NULL, &message) != 0)
            continue;
        test_memory_begin();
        if (e->format->token->check)
            e->format->token->check(&printer.lent, &message);
        else
            e->format->token->check_claims(&printer.lent, message.payload);
        test_memory_end(0);
    }
    return told_by(&printer, told);
}

/* A diagnosis is whole, or there is none. */
static int diagnose(const void *context, struct test_told *told)
{
    const struct evidence *e = context;
    const struct atls_evidence_question question = {.crypto = &atls_crypto_hosted,
                                                    .challenge = {asked, 32}};
    struct atls_evidence_read read = {.format = e->format, .value = e->made.message.value};
    struct atls_diagnosis diagnosis = {.of = ATLS_WRONG_LINKAGE};
    const char *reason = NULL;
    int result = e->format->read(&e->made.message, &read, &reason);

    if (result)
        return result;
    e->format->recognize(&read, &question, &diagnosis);
    free(read.parsed);
    test_memory_begin();
    json_t *json = atls_diagnosis_json(&diagnosis);
    test_memory_end(0);
    if (!json)
        return atls_fail(-ENOMEM, NULL, "no memory for a diagnosis");
    char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
    tell_text(told, text);
    free(text);
    test_memory_begin();
    json_decref(json);
    test_memory_end(0);
    return 0;
}

static const struct row {
    const char *name;
    const struct atls_evidence_format *format;
    void (*change)(struct test_source *s);
    size_t least; /* allocations, over all operations */
} rows[] = {
    {"cab: good", &atls_format_cab, nothing, 20},
    {"cab: KAT is no COSE_Sign1", &atls_format_cab, kat_no_cose, 1},
    {"cab: KAT without claims", &atls_format_cab, kat_claims_empty, 1},
    {"cab: PAT without claims", &atls_format_cab, pat_claims_empty, 1},
    {"cab: PAT is no COSE_Sign1", &atls_format_cab, pat_no_cose, 1},
    {"cab: an old KAT", &atls_format_cab, kat_old, 1},
    {"cab: PAT over another hash", &atls_format_cab, pat_old, 1},
    {"cab: PAT over the challenge", &atls_format_cab, pat_over_challenge, 1},
    {"cab: a third member", &atls_format_cab, another_member, 1},
    {"prototype: good", &atls_format_prototype, nothing, 20},
    {"prototype: KAT is no COSE_Sign1", &atls_format_prototype, kat_no_cose, 1},
    {"prototype: KAT without claims", &atls_format_prototype, kat_claims_empty, 1},
    {"prototype: PAT is no COSE_Sign1", &atls_format_prototype, pat_no_cose, 1},
    {"prototype: PAT over another hash", &atls_format_prototype, pat_old, 1},
    {"prototype: no PAT", &atls_format_prototype, bundle_cut, 0},
    {"key-binding: good", &atls_format_key_binding, nothing, 20},
    {"key-binding: KAT is no COSE_Sign1", &atls_format_key_binding, kat_no_cose, 1},
    {"key-binding: PAT without claims", &atls_format_key_binding, pat_claims_empty, 1},
    {"key-binding: an old PAT", &atls_format_key_binding, pat_old, 1},
    {"psa: good", &atls_format_psa, nothing, 10},
    {"psa: no COSE_Sign1", &atls_format_psa, pat_no_cose, 1},
    {"psa: without claims", &atls_format_psa, pat_claims_empty, 1},
    {"psa: an old token", &atls_format_psa, pat_old, 1},
    {"cca: good", &atls_format_cca, nothing, 20},
    {"cca: older", &atls_format_cca, older, 20},
    {"cca: platform is no COSE_Sign1", &atls_format_cca, pat_no_cose, 1},
    {"cca: realm without claims", &atls_format_cca, realm_claims_empty, 1},
    {"cca: an old realm", &atls_format_cca, realm_old, 1},
    {"cca: platform over another hash", &atls_format_cca, pat_old, 1},
    {"cca: no collection", &atls_format_cca, no_collection, 1},
    {"parsec-cca: good", &atls_format_parsec_cca, nothing, 20},
    {"parsec-cca: realm without claims", &atls_format_parsec_cca, realm_claims_empty, 1},
    {"parsec-cca: an old KAT", &atls_format_parsec_cca, kat_old, 1},
    {"parsec-cca: no PAT", &atls_format_parsec_cca, parsec_without_pat, 1},
    {"parsec-tpm: good", &atls_format_parsec_tpm, nothing, 5},
    {"parsec-tpm: an old quote", &atls_format_parsec_tpm, tpm_quote_old, 1},
    {"parsec-tpm: no structures", &atls_format_parsec_tpm, tpm_no_structures, 1},
    {"parsec-tpm: no maps", &atls_format_parsec_tpm, no_collection, 1},
    {"ra-tls: good", &atls_format_ra_tls, nothing, 10},
    {"ra-tls: report data of other claims", &atls_format_ra_tls, quote_of_others, 1},
    {"ra-tls: a report of SGX", &atls_format_ra_tls, ra_tls_sgx_report, 1},
    {"ra-tls: no such collection", &atls_format_ra_tls, no_collection, 0},
};

/* A text of what differs can be done without: the verdict is the same. */
static size_t sweep(const struct row *row, const char *what, enum test_without how,
                    test_operation operation, const struct evidence *evidence)
{
    char label[128];

    snprintf(label, sizeof label, "%s: %s", row->name, what);
    return test_without_memory(label, how, operation, evidence);
}

static void goes_without(void **state)
{
    const struct row *row = *state;
    const struct atls_evidence_format *format = row->format;
    static struct evidence evidence;
    size_t count = 0;

    evidence.format = format;
    test_source_init(&evidence.source);
    row->change(&evidence.source);
    test_evidence_make(format, &evidence.source, ATLS_BYTES(asked, 32), &evidence.made);
    count += sweep(row, "make", TEST_FAILS, make, &evidence);
    count += sweep(row, "read and check", TEST_FAILS, take, &evidence);
    count += sweep(row, "appraise", TEST_MAY_DO, appraise, &evidence);
    count += sweep(row, "signed parts", TEST_FAILS, find_parts, &evidence);
    if (format->print)
        count += sweep(row, "print", TEST_MAY_DO, print, &evidence);
    if (format->check_collection)
        count += sweep(row, "print the collection", TEST_MAY_DO, print_collection, &evidence);
    if (format->token)
        count += sweep(row, "print a token", TEST_MAY_DO, print_token, &evidence);
    if (format->recognize)
        count += sweep(row, "diagnose", TEST_FAILS, diagnose, &evidence);
    test_evidence_clear(&evidence.made);
    print_message("%s: %zu allocations\n", row->name, count);
    if (count < row->least)
        fail_msg("%s: expected at least %zu allocations, came %zu", row->name, row->least, count);
}

/* The sentence for --help. */
static int help(const void *context, struct test_told *told)
{
    test_memory_begin();
    char *text = atls_evidence_formats_help();
    test_memory_end(0);
    if (!text)
        return atls_fail(-ENOMEM, NULL, "no memory for the help");
    tell_text(told, text);
    free(text);
    return 0;
}

static void helps_without(void **state)
{
    assert_true(test_without_memory("help", TEST_FAILS, help, NULL) > 0);
}

int main(void)
{
    static struct test_list list;

    TEST_ADD_ROWS(&list, goes_without, rows);
    TEST_ADD(&list, helps_without);
    return test_run("formats without memory", &list);
}
