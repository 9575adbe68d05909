/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every format prints of its evidence, line by line, of good evidence and of bad; and which
 * bytes a format takes for its own before it has read them.
 */
#include "rats/test/test-table.h"

#include "formats/test/printed-rows.h"
#include "formats/test/test-printer.h"
#include "rats/base/error.h"

/* The token that a decoder shows to the format, checked as the format has it. */
static void print_token(const struct atls_evidence_format *format, const struct test_token *token,
                        struct test_printer *printer)
{
    struct atls_cose_sign1 message;

    assert_int_equal(atls_cose_sign1_parse(token->token, ATLS_COSE_TAG_EITHER, NULL, &message), 0);
    if (format->token->check)
        format->token->check(&printer->lent, &message);
    else
        format->token->check_claims(&printer->lent, message.payload);
}

static void prints_row(void **state)
{
    const struct row *row = *state;
    struct test_evidence evidence;
    struct test_source source;
    struct test_printer printer;

    test_source_init(&source);
    row->change(&source);
    test_evidence_make(row->format, &source, ATLS_BYTES(asked, 32), &evidence);
    test_printer_init(&printer, &source);
    printer.lent.inside = row->inside;
    atls_fail(0, "a clause of before", "%s", "");
    switch (row->what) {
    case WHOLE:
        row->format->print->print(&printer.lent, evidence.message.value);
        break;
    case COLLECTION:
        row->format->check_collection(&printer.lent, evidence.cmw);
        break;
    case TOKEN_OF_KAT:
        print_token(row->format, &source.made_kat, &printer);
        break;
    case TOKEN_OF_PAT:
        print_token(row->format, &source.made_pat, &printer);
        break;
    case TOKEN_OF_REALM:
        print_token(row->format, &source.made_realm, &printer);
        break;
    }
    assert_string_equal(printer.noted, row->lines);
    assert_int_equal(printer.depth, 0);
    assert_true(printer.lent.inside == row->inside && !printer.lent.kat);
    test_evidence_clear(&evidence);
}

static void takes_beginning(void **state)
{
    const struct beginning *row = *state;
    struct atls_bytes in = test_bytes(row->hex);
    char takes[128] = "";
    size_t used = 0;

    for (size_t i = 0; atls_evidence_formats[i]; i++) {
        const struct atls_evidence_format *format = atls_evidence_formats[i];

        if (format->print && format->print->fits(in))
            used += (size_t)snprintf(takes + used, sizeof takes - used, "%s ", format->name);
        if (format->token && format->token->fits(in))
            used += (size_t)snprintf(takes + used, sizeof takes - used, "%s:%s ", format->name,
                                     format->token->claims_word);
    }
    assert_string_equal(takes, row->takes);
    test_vector_free(in);
}

/* What was meant to be a CAB, whatever type it says. */
static void resembles_a_cab(void **state)
{
    static const struct {
        const char *text;
        bool is;
    } table[] = {
        {"{\"kat\":[\"a/b\",\"AA\"],\"pat\":[\"a/b\",\"AA\"]}", true},
        {"{\"kat\":[\"a/b\",\"AA\"]}", false},
        {"{\"pat\":[\"a/b\",\"AA\"]}", false},
        {"{\"kat\":[\"a/b\",\"AA\"],\"sat\":[\"a/b\",\"AA\"]}", false},
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        struct atls_cmw *cmw;

        assert_int_equal(atls_cmw_parse(atls_bytes_of_text(table[i].text), &cmw), 0);
        assert_int_equal(atls_format_cab.resembles(cmw), table[i].is);
        atls_cmw_free(cmw);
    }
}

int main(void)
{
    static struct test_list list;

    TEST_ADD_ROWS(&list, prints_row, rows);
    TEST_ADD_ROWS(&list, takes_beginning, beginnings);
    TEST_ADD(&list, resembles_a_cab);
    return test_run("printing", &list);
}
