/* SPDX-License-Identifier: Apache-2.0 */
/* What a memory of good chains takes for known: the same bytes, in their time, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tls/engine/test-pki.h"
#include "tls/gnutls/known.h"

#define HOUR 3600
#define CHAIN 3 /* leaf, intermediate CA, and another CA that is not needed */

struct certificate {
    struct test_issuer issuer;
    gnutls_datum_t der;
};

struct fixture {
    int64_t now;
    struct certificate anchor, ca, leaf, other;
    gnutls_x509_trust_list_t trusted, elsewhere; /* with the anchor; with another one */
    struct atls_bytes chain[CHAIN];
    struct atls_known *known;
};

/* From FROM to UNTIL, seconds from now. */
static struct certificate issue(const struct fixture *f, const char *name,
                                const struct certificate *issuer, int64_t from, int64_t until)
{
    struct certificate made = {
        .issuer = test_pki_certify(name, issuer ? &issuer->issuer : NULL, strcmp(name, "leaf") != 0,
                                   (time_t)(f->now + from), (time_t)(f->now + until))};

    assert_int_equal(
        gnutls_x509_crt_export2(made.issuer.certificate, GNUTLS_X509_FMT_DER, &made.der), 0);
    return made;
}

static void forget(struct certificate *certificate)
{
    test_pki_forget(&certificate->issuer);
    gnutls_free(certificate->der.data);
}

static gnutls_x509_trust_list_t trust(const struct certificate *anchor)
{
    gnutls_x509_trust_list_t list;

    assert_int_equal(gnutls_x509_trust_list_init(&list, 0), 0);
    assert_int_equal(
        gnutls_x509_trust_list_add_trust_mem(list, &anchor->der, NULL, GNUTLS_X509_FMT_DER, 0, 0),
        1);
    return list;
}

static struct atls_bytes bytes_of(const struct certificate *certificate)
{
    return ATLS_BYTES(certificate->der.data, certificate->der.size);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    f->now = (int64_t)time(NULL);
    f->anchor = issue(f, "anchor", NULL, -9 * HOUR, 5 * HOUR);
    f->ca = issue(f, "ca", &f->anchor, -3 * HOUR, 9 * HOUR);
    f->leaf = issue(f, "leaf", &f->ca, -4 * HOUR, 6 * HOUR);
    f->other = issue(f, "other", NULL, -9 * HOUR, 9 * HOUR);
    f->trusted = trust(&f->anchor);
    f->elsewhere = trust(&f->other);
    f->chain[0] = bytes_of(&f->leaf);
    f->chain[1] = bytes_of(&f->ca);
    f->chain[2] = bytes_of(&f->other);
    assert_int_equal(atls_known_new(&f->known), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    atls_known_free(f->known);
    gnutls_x509_trust_list_deinit(f->trusted, 1);
    gnutls_x509_trust_list_deinit(f->elsewhere, 1);
    forget(&f->anchor);
    forget(&f->ca);
    forget(&f->leaf);
    forget(&f->other);
    free(f);
    return 0;
}

static void note_twice(struct fixture *f, size_t count, unsigned flags)
{
    assert_false(atls_known_good(f->known, f->chain, count, flags, f->now));
    atls_known_note(f->known, f->trusted, f->chain, count, flags);
    assert_false(atls_known_good(f->known, f->chain, count, flags, f->now)); /* recognised only */
    atls_known_note(f->known, f->trusted, f->chain, count, flags);
    assert_true(atls_known_good(f->known, f->chain, count, flags, f->now));
}

/* Each byte of it counts. */
static void test_bytes(void **state)
{
    struct fixture *f = *state;

    note_twice(f, 2, 0);
    for (size_t i = 0; i < 2; i++) {
        const struct atls_bytes kept = f->chain[i];
        uint8_t *changed = malloc(kept.size + 1);
        memcpy(changed, kept.data, kept.size);
        changed[kept.size] = 0;
        for (size_t at = 0; at < kept.size; at++) {
            changed[at] ^= 1;
            f->chain[i] = ATLS_BYTES(changed, kept.size);
            assert_false(atls_known_good(f->known, f->chain, 2, 0, f->now));
            changed[at] ^= 1;
        }
        f->chain[i] = ATLS_BYTES(changed, kept.size - 1);
        assert_false(atls_known_good(f->known, f->chain, 2, 0, f->now));
        f->chain[i] = ATLS_BYTES(changed, kept.size + 1);
        assert_false(atls_known_good(f->known, f->chain, 2, 0, f->now));
        f->chain[i] = kept;
        free(changed);
    }
    assert_true(atls_known_good(f->known, f->chain, 2, 0, f->now));
}

/* The same bytes as other certificates, fewer, more, in another order, or under other rules. */
static void test_others(void **state)
{
    struct fixture *f = *state;
    struct atls_bytes turned[2] = {f->chain[1], f->chain[0]};
    size_t size = f->chain[0].size + f->chain[1].size;
    uint8_t *joined = malloc(size);

    note_twice(f, 2, 0);
    memcpy(joined, f->chain[0].data, f->chain[0].size);
    memcpy(joined + f->chain[0].size, f->chain[1].data, f->chain[1].size);
    struct atls_bytes one = ATLS_BYTES(joined, size);
    struct atls_bytes split[2] = {ATLS_BYTES(joined, f->chain[0].size + 1),
                                  ATLS_BYTES(joined + f->chain[0].size + 1, f->chain[1].size - 1)};
    assert_false(atls_known_good(f->known, f->chain, 0, 0, f->now));
    assert_false(atls_known_good(f->known, f->chain, 1, 0, f->now));
    assert_false(atls_known_good(f->known, f->chain, 3, 0, f->now));
    assert_false(atls_known_good(f->known, turned, 2, 0, f->now));
    assert_false(atls_known_good(f->known, &one, 1, 0, f->now));
    assert_false(atls_known_good(f->known, split, 2, 0, f->now));
    assert_false(atls_known_good(f->known, f->chain, 2,
                                 GNUTLS_VERIFY_IGNORE_UNKNOWN_CRIT_EXTENSIONS, f->now));
    free(joined);
}

static const struct {
    const char *what;
    int64_t after; /* seconds from now */
    bool good;
} time_rows[] = {
    {"now", 0, true},
    {"when the CA begins", -3 * HOUR, true},
    {"before the CA is valid", -3 * HOUR - 1, false},
    {"before the leaf is", -4 * HOUR - 1, false},
    {"until the anchor ends", 5 * HOUR, true},
    {"when the anchor has expired", 5 * HOUR + 1, false},
    {"when the leaf has", 6 * HOUR + 1, false},
    {"long ago", -1000 * HOUR, false},
};

/* RFC 5280 section 4.1.2.5: in the time of each, the anchor's included. */
static void test_time(void **state)
{
    struct fixture *f = *state;

    note_twice(f, 2, 0);
    for (size_t i = 0; i < sizeof time_rows / sizeof *time_rows; i++) {
        int64_t at = f->now + time_rows[i].after;
        if (atls_known_good(f->known, f->chain, 2, 0, at) != time_rows[i].good)
            fail_msg("%s: expected %s", time_rows[i].what, time_rows[i].good ? "good" : "unknown");
    }
}

/* Where no anchor issued any of it, its time is not known, and it is judged each time. Another
 * party's memory is another one. */
static void test_anchors(void **state)
{
    struct fixture *f = *state;
    struct atls_known *another;

    for (unsigned i = 0; i < 3; i++)
        atls_known_note(f->known, f->elsewhere, f->chain, 2, 0);
    assert_false(atls_known_good(f->known, f->chain, 2, 0, f->now));
    atls_known_note(f->known, f->trusted, f->chain, 2, 0);
    assert_true(atls_known_good(f->known, f->chain, 2, 0, f->now));
    assert_int_equal(atls_known_new(&another), 0);
    assert_false(atls_known_good(another, f->chain, 2, 0, f->now));
    atls_known_free(another);
}

/* The last ones are kept, and no more. */
static void test_bounds(void **state)
{
    struct fixture *f = *state;
    uint8_t *large = calloc(1, ATLS_KNOWN_CHAIN_MAX + 1);
    struct atls_bytes huge[2] = {ATLS_BYTES(large, ATLS_KNOWN_CHAIN_MAX), ATLS_BYTES(large, 1)};

    note_twice(f, 2, 0);
    for (unsigned i = 1; i < ATLS_KNOWN_CHAINS; i++)
        atls_known_note(f->known, f->trusted, f->chain, 2, i);
    assert_true(atls_known_good(f->known, f->chain, 2, 0, f->now));
    atls_known_note(f->known, f->trusted, f->chain, 2, ATLS_KNOWN_CHAINS);
    assert_false(atls_known_good(f->known, f->chain, 2, 0, f->now)); /* it made room */
    for (unsigned i = 0; i < 3; i++)
        atls_known_note(f->known, f->trusted, huge, 2, 0);
    assert_false(atls_known_good(f->known, huge, 2, 0, f->now));
    atls_known_note(f->known, f->trusted, f->chain, 0, 0);
    assert_false(atls_known_good(f->known, f->chain, 0, 0, f->now));
    atls_known_free(NULL);
    free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_anchors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bounds, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
