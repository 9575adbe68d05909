/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificate and CertificateRequest messages by hand, sound and broken, whole and cut: what the
 * shim finds in them, and what it leaves for the library to read.
 */
#include "rats/test/test-table.h"
#include "tls/shim/entry-shim.h"

#define ATTESTATION 0xFF16

static const struct message_row {
    const char *name, *bytes;
    int outcome;
    size_t entries, found;
    const char *left; /* NULL: as it came */
} message_rows[] = {
    {"empty list", "00 000000", 0, 0, 0, NULL},
    {"one entry", "00 000007 000002 a1a2 0000", 0, 1, 0, NULL},
    {"one extension", "00 00000d 000002 a1a2 0006 ff16 0002 b1b2", 0, 1, 1,
     "00 00000d 000002 a1a2 0000 000001 00 0000"},
    {"a context", "02 cccc 00000d 000002 a1a2 0006 ff16 0002 b1b2", 0, 1, 1,
     "02 cccc 00000d 000002 a1a2 0000 000001 00 0000"},
    {"of type 0", "00 00000d 000002 a1a2 0006 0000 0002 b1b2", 0, 1, 0, NULL},
    {"of another type", "00 00000d 000002 a1a2 0006 ff15 0002 b1b2", 0, 1, 0, NULL},
    {"between others", "00 000015 000001 a1 000f ff15 0001 c1 ff16 0001 b1 ff17 0001 c2", 0, 1, 1,
     NULL},
    {"between others, larger",
     "00 000017 000001 a1 0011 ff15 0001 c1 ff16 0003 b1b2b3 ff17 0001 c2", 0, 1, 1,
     "00 000017 000001 a1 000a ff15 0001 c1 ff17 0001 c2 000002 0000 0000"},
    {"twice, empty", "00 00000e 000001 a1 0008 ff16 0000 ff16 0000", 0, 1, 2,
     "00 00000e 000001 a1 0000 000003 000000 0000"},
    {"in the second entry", "00 000014 000001 a1 0000 000001 a2 0007 ff16 0003 b1b2b3 00",
     ATLS_E_MALFORMED, 0, 0, NULL},
    {"in the second entry, well formed", "00 000013 000001 a1 0000 000001 a2 0007 ff16 0003 b1b2b3",
     0, 2, 1, "00 000013 000001 a1 0000 000001 a2 0000 000002 0000 0000"},
    {"in both", "00 000018 000001 a1 0006 ff16 0002 b1b2 000001 a2 0006 ff16 0002 b1b2", 0, 2, 2,
     "00 000018 000001 a1 0000 000001 00 0000 000001 a2 0000 000001 00 0000"},
    {"nothing", "", ATLS_E_MALFORMED, 0, 0, NULL},
    {"context only", "00", ATLS_E_MALFORMED, 0, 0, NULL},
    {"a context beyond the message", "05 000000", ATLS_E_MALFORMED, 0, 0, NULL},
    {"list longer than the message", "00 000008 000002 a1a2 0000", ATLS_E_MALFORMED, 0, 0, NULL},
    {"list shorter than the message", "00 000006 000002 a1a2 0000", ATLS_E_MALFORMED, 0, 0, NULL},
    {"bytes behind the list", "00 000007 000002 a1a2 0000 00", ATLS_E_MALFORMED, 0, 0, NULL},
    {"cert_data beyond the list", "00 000007 000005 a1a2 0000", ATLS_E_MALFORMED, 0, 0, NULL},
    {"no room for extensions", "00 000005 000002 a1a2", ATLS_E_MALFORMED, 0, 0, NULL},
    {"extensions beyond the list", "00 000007 000002 a1a2 0001", ATLS_E_MALFORMED, 0, 0, NULL},
    {"an extension beyond its block", "00 00000d 000002 a1a2 0006 ff16 0003 b1b2", ATLS_E_MALFORMED,
     0, 0, NULL},
    {"a block that ends in a type", "00 000009 000002 a1a2 0002 ff16", ATLS_E_MALFORMED, 0, 0,
     NULL},
    {"seventeen entries",
     "00 000066 000001a10000 000001a10000 000001a10000 000001a10000 000001a10000 000001a10000"
     "000001a10000 000001a10000 000001a10000 000001a10000 000001a10000 000001a10000 000001a10000"
     "000001a10000 000001a10000 000001a10000 000001a10000",
     ATLS_E_LIMIT, 0, 0, NULL},
};

static void reads_a_certificate(void **state)
{
    static const uint16_t types[] = {ATTESTATION};
    const struct message_row *row = *state;
    struct atls_bytes in = test_bytes(row->bytes), left = test_bytes(row->left ? row->left : "");
    struct atls_entry_shim *shim;
    const struct atls_entry_received *list;
    const struct atls_bytes *chain;
    uint8_t *live = malloc(in.size > 0 ? in.size : 1);
    assert_non_null(live);
    for (size_t cut = 0; cut <= in.size; cut++) {
        gnutls_datum_t message = {live, (unsigned)cut};
        bool whole = cut == in.size;
        if (cut > 0)
            memcpy(live, in.data, cut);
        assert_int_equal(atls_entry_shim_new(&shim), 0);
        assert_int_equal(atls_entry_shim_expect(shim, types, 1), 0);
        int came = atls_entry_shim_hook(shim, GNUTLS_HANDSHAKE_CERTIFICATE_PKT, GNUTLS_HOOK_POST, 1,
                                        &message);
        test_outcome(came, whole ? row->outcome : ATLS_E_MALFORMED, NULL);
        assert_int_equal(atls_entry_shim_received(shim, &list), whole ? row->found : 0);
        assert_int_equal(atls_entry_shim_chain(shim, &chain), whole ? row->entries : 0);
        if (whole && came == 0)
            test_same_bytes(ATLS_BYTES(live, in.size), row->left ? left : in);
        atls_entry_shim_free(shim);
        if (row->outcome != 0 && !whole)
            cut = in.size - 1; /* what is malformed anyway need not be cut */
    }
    free(live);
    test_vector_free(in);
    test_vector_free(left);
}

static const struct asked_row {
    const char *name, *bytes;
    int outcome;
    size_t found;
} asked_rows[] = {
    {"request without extensions", "00 0000", 0, 0},
    {"request with it", "00 000c 000d 0002 0403 ff16 0002 0001", 0, 1},
    {"request with it twice", "00 0008 ff16 0000 ff16 0000", 0, 2},
    {"request with a context", "01 aa 0006 ff16 0002 0001", 0, 1},
    {"request with bytes behind its block", "00 0000 00", ATLS_E_MALFORMED, 0},
    {"request of nothing", "", ATLS_E_MALFORMED, 0},
    {"request without a block", "00", ATLS_E_MALFORMED, 0},
    {"request with a block too long", "00 0007 ff16 0002 0001", ATLS_E_MALFORMED, 0},
    {"request with a block too short", "00 0005 ff16 0002 0001", ATLS_E_MALFORMED, 0},
    {"request with extension_data too long", "00 0006 ff16 0003 0001", ATLS_E_MALFORMED, 0},
};

static void reads_a_request(void **state)
{
    static const uint16_t types[] = {ATTESTATION};
    const struct asked_row *row = *state;
    struct atls_bytes in = test_bytes(row->bytes);
    gnutls_datum_t message = {(unsigned char *)(uintptr_t)in.data, (unsigned)in.size};
    const struct atls_entry_received *list;
    struct atls_entry_shim *shim;
    assert_int_equal(atls_entry_shim_new(&shim), 0);
    assert_int_equal(atls_entry_shim_expect(shim, types, 1), 0);
    test_outcome(atls_entry_shim_hook(shim, GNUTLS_HANDSHAKE_CERTIFICATE_REQUEST, GNUTLS_HOOK_PRE,
                                      1, &message),
                 row->outcome, row->outcome != 0 ? "RFC 8446 section 4.3.2" : NULL);
    assert_int_equal(atls_entry_shim_requested(shim, &list), row->found);
    atls_entry_shim_free(shim);
    test_vector_free(in);
}

/* What the library appends behind a leaf: its empty block is replaced, and nothing else. */
static const struct append_row {
    const char *name, *bytes;
    bool elsewhere; /* and then in its place */
    bool replaced;
} append_rows[] = {
    {"an empty block", "0000", false, true},
    {"an empty block, first of another message", "0000", true, true},
    {"a block of 1", "0001", false, false},
    {"a block of 256", "0100", false, false},
    {"one byte", "00", false, false},
    {"three bytes", "000000", false, false},
};

static void what_is_appended(void **state)
{
    const struct append_row *row = *state;
    const struct atls_entry_extension one = {.type = ATTESTATION, .payload = ATLS_BYTES("\xb1", 1)};
    struct atls_bytes leaf = test_bytes("a1a2"), bytes = test_bytes(row->bytes),
                      block = test_bytes("0005 ff16 0001 b1"), more;
    gnutls_pcert_st *chain = calloc(1, sizeof *chain); /* no second one is looked at */
    struct atls_entry_shim *shim;
    char message, another;
    assert_non_null(chain);
    chain->cert = (gnutls_datum_t){(unsigned char *)(uintptr_t)leaf.data, (unsigned)leaf.size};
    assert_int_equal(atls_entry_shim_new(&shim), 0);
    test_outcome(atls_entry_shim_send(shim, chain, 1, &one, 1), 0, NULL);
    assert_int_equal(atls_entry_shim_appending(shim, &message, leaf, &more), ATLS_APPEND_AS_IT_IS);
    if (row->elsewhere)
        assert_int_equal(atls_entry_shim_appending(shim, &another, bytes, &more),
                         ATLS_APPEND_AS_IT_IS);
    assert_int_equal(atls_entry_shim_appending(shim, &message, bytes, &more),
                     row->replaced ? ATLS_APPEND_INSTEAD : ATLS_APPEND_AS_IT_IS);
    if (row->replaced)
        test_same_bytes(more, block);
    assert_int_equal(atls_entry_shim_appending(shim, &message, leaf, &more), ATLS_APPEND_AS_IT_IS);
    test_outcome(
        atls_entry_shim_hook(shim, GNUTLS_HANDSHAKE_CERTIFICATE_PKT, GNUTLS_HOOK_PRE, 0, NULL),
        row->replaced ? 0 : ATLS_E_UNSUPPORTED, NULL);
    atls_entry_shim_free(shim);
    free(chain);
    test_vector_free(leaf);
    test_vector_free(bytes);
    test_vector_free(block);
}

/* A plan is for one message: of the next one nothing was asked. */
static void a_plan_is_used_up(void **state)
{
    const struct atls_entry_extension one = {.type = ATTESTATION, .payload = ATLS_BYTES("\xb1", 1)};
    const unsigned types[] = {GNUTLS_HANDSHAKE_CERTIFICATE_PKT,
                              GNUTLS_HANDSHAKE_CERTIFICATE_REQUEST};
    static const gnutls_pcert_st chain;
    struct atls_entry_shim *shim;
    assert_int_equal(atls_entry_shim_new(&shim), 0);
    test_outcome(atls_entry_shim_send(shim, &chain, 1, &one, 1), 0, NULL);
    test_outcome(atls_entry_shim_request(shim, &one, 1), 0, NULL);
    for (size_t i = 0; i < COUNT(types); i++)
        for (unsigned again = 0; again < 2; again++)
            test_outcome(atls_entry_shim_hook(shim, types[i], GNUTLS_HOOK_PRE, 0, NULL),
                         again ? 0 : ATLS_E_UNSUPPORTED, NULL);
    /* And one that comes instead of another takes its place; the sanitizers see what is lost. */
    for (unsigned again = 0; again < 2; again++) {
        test_outcome(atls_entry_shim_send(shim, &chain, 1, &one, 1), 0, NULL);
        test_outcome(atls_entry_shim_request(shim, &one, 1), 0, NULL);
    }
    test_outcome(atls_entry_shim_send(shim, &chain, 1, NULL, 0), 0, NULL);
    test_outcome(atls_entry_shim_hook(shim, types[0], GNUTLS_HOOK_PRE, 0, NULL), 0, NULL);
    atls_entry_shim_free(shim);
    atls_entry_shim_free(NULL);
}

int main(void)
{
    struct test_list list = {.count = 0};
    TEST_ADD_ROWS(&list, reads_a_certificate, message_rows);
    TEST_ADD_ROWS(&list, reads_a_request, asked_rows);
    TEST_ADD_ROWS(&list, what_is_appended, append_rows);
    TEST_ADD(&list, a_plan_is_used_up);
    return test_run("entry-messages", &list);
}
