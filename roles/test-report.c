/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of credentials and results, and under which names they are kept. */
#include "roles/test-party.h"

#include <limits.h>

#include "rats/crypto/crypto.h"
#include "rats/test/test-table.h"
#include "roles/report.h"

static const struct credential_row {
    const char *name;
    uint8_t first[3];
    size_t size;
    const char *form, *serialization, *file; /* of the first two NULL: the event has none */
} credential_rows[] = {
    {"nothing", "", 0, NULL, NULL, "conn-1-sent-credential.cbor"},
    {"the byte before arrays", {0x7f}, 1, NULL, NULL, "conn-1-sent-credential.cbor"},
    {"the first of arrays", {0x80}, 1, "record", NULL, "conn-1-sent-credential.cbor"},
    {"a record", {0x82}, 1, "record", "cbor", "conn-1-sent-credential.cbor"},
    {"the last of arrays", {0x9f}, 1, "record", "cbor", "conn-1-sent-credential.cbor"},
    {"the first of maps", {0xa0}, 1, "collection", "cbor", "conn-1-sent-credential.cbor"},
    {"no head", {0xbc}, 1, "collection", NULL, "conn-1-sent-credential.cbor"},
    {"the last of maps", {0xbf}, 1, "collection", "cbor", "conn-1-sent-credential.cbor"},
    {"the byte behind maps", {0xc0}, 1, NULL, NULL, "conn-1-sent-credential.cbor"},
    {"a shorter tag", {0xd9}, 1, NULL, NULL, "conn-1-sent-credential.cbor"},
    {"a tag", {0xda}, 1, "tag", "cbor", "conn-1-sent-credential.cbor"},
    {"a record in JSON", "[", 1, "record", "json", "conn-1-sent-credential.json"},
    {"a collection in JSON", "{", 1, "collection", "json", "conn-1-sent-credential.json"},
    {"blanks before a record", " \n[", 3, "record", "json", "conn-1-sent-credential.json"},
    {"a blank before a record in CBOR", " \x82", 2, NULL, NULL, "conn-1-sent-credential.cbor"},
    {"text", "x", 1, NULL, NULL, "conn-1-sent-credential.cbor"},
};

static bool same_text(const json_t *object, const char *field, const char *expected)
{
    const char *came = json_string_value(json_object_get(object, field));

    return expected ? came && strcmp(came, expected) == 0 : !json_object_get(object, field);
}

static void test_credential(void **state)
{
    const struct credential_row *row = *state;
    struct atls_bytes cmw = ATLS_BYTES(row->first, row->size);
    struct test_party party;
    uint8_t digest[ATLS_HASH_MAX];

    test_party_open(&party);
    atls_report_credential(party.events, party.directory, 1, "sent", cmw);
    json_t *event = test_event(&party, "credential", 0);
    assert_true(same_text(event, "form", row->form));
    assert_true(same_text(event, "serialization", row->serialization));
    assert_true(same_text(event, "file", row->file));
    assert_true(same_text(event, "direction", "sent"));
    assert_int_equal(json_integer_value(json_object_get(event, "conn")), 1);
    assert_int_equal(json_integer_value(json_object_get(event, "bytes")), row->size);
    assert_int_equal(atls_crypto_hosted.hash(ATLS_SHA256, &cmw, 1, digest), 0);
    json_t *expected = atls_json_hex(ATLS_BYTES(digest, 32));
    assert_true(json_equal(json_object_get(event, "sha256"), expected));
    json_decref(expected);
    json_decref(event);
    test_artifact_is(&party, row->file, cmw);
    test_party_close(&party);
}

/* A copy for people is made whether or not somebody hears the events, and the other way round. */
static void test_either_alone(void **state)
{
    struct atls_bytes cmw = atls_bytes_of_text("[]");
    struct atls_events *unheard;
    struct test_party party;

    test_party_open(&party);
    assert_int_equal(atls_events_open(NULL, "client", &unheard), 0);
    atls_report_credential(unheard, party.directory, 2, "received", cmw);
    test_artifact_is(&party, "conn-2-received-credential.json", cmw);
    atls_report_credential(party.events, NULL, 3, "received", cmw);
    json_t *event = test_event(&party, "credential", 0);
    assert_true(same_text(event, "form", "record"));
    assert_true(same_text(event, "file", NULL));
    json_decref(event);
    assert_int_equal(test_event_count(&party, "credential"), 1);
    atls_events_close(unheard);
    test_party_close(&party);
}

static void check_artifact(const struct test_party *party, const char *directory, unsigned conn,
                           const char *what, const char *text, const char *expected)
{
    char name[ATLS_ARTIFACT_NAME] = "x";

    atls_report_artifact(directory, conn, what, atls_bytes_of_text(text), name);
    assert_string_equal(name, expected);
    if (expected[0])
        test_artifact_is(party, expected, atls_bytes_of_text(text));
}

static void test_names(void **state)
{
    struct test_party party;

    test_party_open(&party);
    check_artifact(&party, party.directory, 1, "x.jwt", "first", "conn-1-x.jwt");
    check_artifact(&party, party.directory, 1, "x.jwt", "second", "conn-1-2-x.jwt");
    check_artifact(&party, party.directory, 1, "x.jwt", "third", "conn-1-3-x.jwt");
    check_artifact(&party, party.directory, 2, "x.jwt", "another's", "conn-2-x.jwt");
    test_artifact_is(&party, "conn-1-x.jwt", atls_bytes_of_text("first"));
    check_artifact(&party, party.directory, 0, "x.jwt", "before any", "conn-0-x.jwt");
    check_artifact(&party, party.directory, 0, "x.jwt", "and the newest", "conn-0-x.jwt");
    check_artifact(&party, NULL, 1, "x.jwt", "nowhere", "");
    test_party_close(&party);
}

/* The last of a thousand rounds is replaced by what comes behind it. */
static void test_rounds(void **state)
{
    struct test_party party;
    char path[128];

    test_party_open(&party);
    snprintf(path, sizeof path, "%s/conn-1-x", party.directory);
    assert_int_equal(atls_write_file(path, atls_bytes_of_text("")), 0);
    for (unsigned round = 2; round < 1000; round++) {
        snprintf(path, sizeof path, "%s/conn-1-%u-x", party.directory, round);
        assert_int_equal(atls_write_file(path, atls_bytes_of_text("")), 0);
    }
    check_artifact(&party, party.directory, 1, "x", "the last round", "conn-1-1000-x");
    check_artifact(&party, party.directory, 1, "x", "one more", "conn-1-1000-x");
    test_party_close(&party);
}

/* Nothing is said of what was not to be kept, and of what cannot be kept, why. */
static void test_what_is_told(void **state)
{
    char text[512], name[ATLS_ARTIFACT_NAME], directory[PATH_MAX];
    int kept = dup(STDERR_FILENO);
    FILE *told = tmpfile();

    assert_non_null(told);
    memset(directory, '/', sizeof directory - 1);
    directory[sizeof directory - strlen("/conn-1-x")] = '\0'; /* a path of one byte too many */
    dup2(fileno(told), STDERR_FILENO);
    atls_report_artifact(NULL, 1, "x", atls_bytes_of_text(""), name);
    atls_report_artifact(directory, 1, "x", atls_bytes_of_text(""), name);
    atls_report_artifact("/nonexistent", 1, "x", atls_bytes_of_text(""), name);
    dup2(kept, STDERR_FILENO);
    close(kept);
    rewind(told);
    text[fread(text, 1, sizeof text - 1, told)] = '\0';
    fclose(told);
    const char *said = "cannot write /nonexistent/conn-1-x: ";
    assert_memory_equal(text, said, strlen(said));
    assert_string_equal(name, "");
}

/* Nothing is kept under a name or at a path that was cut off. */
static void test_long_names(void **state)
{
    char what[ATLS_ARTIFACT_NAME], expected[ATLS_ARTIFACT_NAME + 8], directory[PATH_MAX];
    const size_t room = ATLS_ARTIFACT_NAME - 1 - strlen("conn-1-");
    struct test_party party;

    test_party_open(&party);
    memset(what, 'x', sizeof what);
    what[room] = '\0';
    snprintf(expected, sizeof expected, "conn-1-%s", what);
    check_artifact(&party, party.directory, 1, what, "it fits", expected);
    check_artifact(&party, party.directory, 1, what, "the second round does not", "");
    what[room] = 'x';
    what[room + 1] = '\0';
    check_artifact(&party, party.directory, 2, what, "one too many", "");

    memset(directory, '/', sizeof directory - 1);
    memcpy(directory, party.directory, strlen(party.directory));
    directory[sizeof directory - 1] = '\0';
    check_artifact(&party, directory, 3, "x", "a path of too many bytes", "");
    test_party_close(&party);
}

static void test_result(void **state)
{
    struct test_party party;
    json_t *event;

    test_party_open(&party);
    atls_report_result(party.events, 1, "verifier", atls_bytes_of_text("e30.e30."), "", INT64_MIN);
    atls_report_result(party.events, 2, "cache", ATLS_BYTES("\xd2", 1), "x.cwt", -5);
    event = test_event(&party, "result", 0);
    assert_int_equal(json_integer_value(json_object_get(event, "conn")), 1);
    assert_true(same_text(event, "source", "verifier"));
    assert_true(same_text(event, "serialization", "jwt"));
    assert_true(same_text(event, "file", NULL));
    assert_null(json_object_get(event, "expires_in"));
    json_decref(event);
    event = test_event(&party, "result", 1);
    assert_true(same_text(event, "source", "cache"));
    assert_true(same_text(event, "serialization", "cwt"));
    assert_true(same_text(event, "file", "x.cwt"));
    assert_int_equal(json_integer_value(json_object_get(event, "expires_in")), -5);
    json_decref(event);
    test_party_close(&party);
}

int main(void)
{
    static struct test_list list;

    TEST_ADD_ROWS(&list, test_credential, credential_rows);
    TEST_ADD(&list, test_either_alone);
    TEST_ADD(&list, test_names);
    TEST_ADD(&list, test_rounds);
    TEST_ADD(&list, test_what_is_told);
    TEST_ADD(&list, test_long_names);
    TEST_ADD(&list, test_result);
    return test_run("report", &list);
}
