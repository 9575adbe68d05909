/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index of reference values: what is the same value, what is found by what, until when that
 * holds, and that what was taken back leaves nothing behind.
 */
#include "rats/test/test-table.h"

#include "verifier-stub/store/references.h"

static char bl[] = "BL", fw[] = "FW", nameless[] = "", one[] = "1", two[] = "2";

static struct atls_reference_value value_of(char *name, char *version, uint8_t digest)
{
    return (struct atls_reference_value){
        .name = name, .version = version, .digest_size = 32, .digest = {digest}};
}

/* Each member tells two values apart, and puts them into one order. */
static void members_count(void **state)
{
    struct atls_reference_value base = value_of(bl, one, 1), others[12];
    size_t count = 0;

    base.signer_id_size = 32;
    for (size_t i = 0; i < COUNT(others); i++)
        others[i] = base;
    others[count++].implementation_id[31] = 1;
    others[count++].profile = ATLS_CORIM_PARSEC_TPM;
    others[count++].set[sizeof base.set - 1] = 1;
    others[count++].pcr = 1;
    others[count++].digest[31] = 1;
    others[count++].digest_size = 33;
    others[count++].name = fw;
    others[count++].version = two;
    others[count++].digest_hash = ATLS_SHA384;
    others[count++].signer_id[31] = 1;
    others[count++].validity.not_before = 1;
    others[count++].validity.not_after = 1;
    assert_int_equal(count, COUNT(others));
    assert_int_equal(atls_reference_value_compare(&base, &base), 0);
    for (size_t i = 0; i < COUNT(others); i++) {
        if (atls_reference_value_compare(&others[i], &base) <= 0 ||
            atls_reference_value_compare(&base, &others[i]) >= 0)
            fail_msg("member %zu does not count", i);
    }
    others[0] = base;
    others[0].name = NULL; /* without comes before with */
    assert_true(atls_reference_value_compare(&others[0], &base) < 0);
    others[0].name = nameless;
    others[1] = others[0];
    others[1].name = NULL;
    assert_true(atls_reference_value_compare(&others[1], &others[0]) < 0);
}

static void add(struct atls_reference_index *index, const struct atls_reference_value *value,
                bool expected)
{
    struct atls_reference_entry *entry;
    bool added = !expected;

    assert_int_equal(atls_reference_entry_new(value, &entry), 0);
    assert_int_equal(atls_reference_index_add(index, entry, &added), 0);
    assert_int_equal(added, expected);
    if (!added)
        atls_reference_entry_free(entry);
}

/* The first byte of the digests of what is found by KEY, from the newest on. */
static void check_found(struct atls_reference_index *index, enum atls_reference_by by,
                        const struct atls_reference_key *key, const char *expected)
{
    const struct atls_reference_entry *entry;
    struct atls_reference_set set;
    char came[32];
    size_t count = 0;

    atls_reference_set_lend(index, &set);
    for (entry = atls_reference_find(&set, by, key); entry && count < sizeof came - 1;
         entry = atls_reference_next(&set, by, entry))
        came[count++] = (char)('0' + entry->value.digest[0]);
    came[count] = 0;
    assert_string_equal(came, expected);
}

static struct atls_reference_key key_of(const char *name, const char *version)
{
    return (struct atls_reference_key){.named = name != NULL,
                                       .versioned = version != NULL,
                                       .name = atls_bytes_of_text(name ? name : ""),
                                       .version = atls_bytes_of_text(version ? version : "")};
}

/* An empty name is a name, and an empty version a version: none is another thing. */
static void empty_is_not_none(void **state)
{
    struct atls_reference_index *index;
    const struct atls_reference_value values[] = {
        value_of(NULL, NULL, 1), value_of(nameless, NULL, 2), value_of(NULL, nameless, 3),
        value_of(nameless, nameless, 4), value_of(bl, NULL, 5)};
    struct atls_reference_key key;

    assert_int_equal(atls_reference_index_open(&index), 0);
    for (size_t i = 0; i < COUNT(values); i++)
        add(index, &values[i], true);
    key = key_of(NULL, NULL);
    check_found(index, ATLS_REFERENCE_BY_NAME, &key, "31");
    check_found(index, ATLS_REFERENCE_BY_VERSION, &key, "1");
    key = key_of("", NULL);
    check_found(index, ATLS_REFERENCE_BY_NAME, &key, "42");
    check_found(index, ATLS_REFERENCE_BY_VERSION, &key, "2");
    key = key_of("", "");
    check_found(index, ATLS_REFERENCE_BY_VERSION, &key, "4");
    key = key_of(NULL, "");
    check_found(index, ATLS_REFERENCE_BY_VERSION, &key, "3");
    key = key_of("BL1", NULL);
    key.name.size = 2; /* what stands behind a name is not of it */
    check_found(index, ATLS_REFERENCE_BY_NAME, &key, "5");
    atls_reference_index_close(index);
    atls_reference_index_close(NULL);
}

struct outlook {
    size_t count, required, outside;
    int64_t until;
};

static void check_outlook(struct atls_reference_index *index, struct outlook expected)
{
    struct atls_reference_set set;
    size_t outside;
    int64_t until;

    atls_reference_set_lend(index, &set);
    atls_reference_times(&set, 1000, &outside, &until);
    assert_int_equal(set.count, expected.count);
    assert_int_equal(set.required_count, expected.required);
    assert_int_equal(outside, expected.outside);
    assert_int_equal(until, expected.until);
}

/* The index looks at fingerprints first: here they are all equal, of the names (FNV-1a) and of the
 * digests (their first eight bytes; a shorter one has none), and each value is found still. */
static void made_to_collide(void **state)
{
    static char first[] = "8yn0iYCKYHlIj4-BwPqk", second[] = "GReLUrM4wMqfg9yzV3KQ";
    static const char *const names[] = {first, second};
    struct atls_reference_index *index;
    struct atls_reference_value values[] = {value_of(first, one, 1),  value_of(first, two, 1),
                                            value_of(second, one, 1), value_of(second, two, 1),
                                            value_of(first, one, 1),  value_of(second, one, 2)};

    for (size_t i = 0; i < 4; i++)
        values[i].digest[31] = (uint8_t)i;
    values[4].digest_size = values[5].digest_size = 7;
    assert_int_equal(atls_reference_index_open(&index), 0);
    for (size_t i = 0; i < COUNT(values); i++)
        add(index, &values[i], true);
    for (size_t i = 0; i < COUNT(values); i++) {
        struct atls_reference_key key = key_of(values[i].name, values[i].version);
        const char *expected = values[i].digest[0] == 1 ? "1" : "2";

        key.digest = ATLS_BYTES(values[i].digest, values[i].digest_size);
        check_found(index, ATLS_REFERENCE_BY_DIGEST, &key, expected);
        check_found(index, ATLS_REFERENCE_BY_ALL, &key, expected);
        key.name = atls_bytes_of_text(names[values[i].name == first]);
        check_found(index, ATLS_REFERENCE_BY_ALL, &key, "");
        key.digest = ATLS_BYTES(values[i].digest, 6);
        check_found(index, ATLS_REFERENCE_BY_DIGEST, &key, "");
    }
    for (size_t i = 0; i < COUNT(names); i++) {
        struct atls_reference_key key = key_of(names[i], "2");

        check_found(index, ATLS_REFERENCE_BY_NAME, &key, i == 0 ? "111" : "211");
        check_found(index, ATLS_REFERENCE_BY_VERSION, &key, "1");
    }
    for (size_t left = COUNT(values); left > 0; left--)
        atls_reference_index_take_back(index);
    check_outlook(index, (struct outlook){0, 0, 0, INT64_MAX});
    atls_reference_index_close(index);
}

/* What a refused CoRIM has added is taken back, last first: nothing is found of it, nothing is
 * required for it, and it can be added as if it had never been there. */
static void taken_back(void **state)
{
    struct atls_reference_index *index;
    struct atls_reference_value values[] = {value_of(bl, one, 1), value_of(bl, one, 2),
                                            value_of(fw, two, 3), value_of(NULL, NULL, 4),
                                            value_of(bl, two, 1)};
    static const struct outlook outlooks[] = {
        {1, 1, 0, INT64_MAX}, {2, 1, 0, 2001}, {3, 2, 1, 2001}, {4, 3, 1, 1500}, {5, 3, 2, 1500}};
    static const char *const named[] = {"1", "21", "21", "21", "121"};
    const struct atls_reference_key of_bl = key_of("BL", NULL), of_bl_1 = key_of("BL", "1"),
                                    of_fw = key_of("FW", NULL), of_none = key_of(NULL, NULL);
    struct atls_reference_key first = {.digest = ATLS_BYTES(values[0].digest, 32)};

    values[1].validity.not_after = 2000;
    values[2].validity.not_after = 999;
    values[3].validity.not_before = 0;
    values[3].validity.not_after = 1499;
    values[4].validity.not_after = 999;
    assert_int_equal(atls_reference_index_open(&index), 0);
    for (int twice = 0; twice < 2; twice++) {
        for (size_t i = 0; i < COUNT(values); i++) {
            add(index, &values[i], true);
            check_outlook(index, outlooks[i]);
            check_found(index, ATLS_REFERENCE_BY_NAME, &of_bl, named[i]);
        }
        for (size_t i = 0; i < COUNT(values); i++)
            add(index, &values[i], false); /* they are there */
        for (size_t left = COUNT(values) - 1; left > 0; left--) {
            atls_reference_index_take_back(index);
            check_outlook(index, outlooks[left - 1]);
            check_found(index, ATLS_REFERENCE_BY_NAME, &of_bl, named[left - 1]);
            check_found(index, ATLS_REFERENCE_BY_VERSION, &of_bl_1, left > 1 ? "21" : "1");
            check_found(index, ATLS_REFERENCE_BY_NAME, &of_fw, left > 2 ? "3" : "");
            check_found(index, ATLS_REFERENCE_BY_NAME, &of_none, left > 3 ? "4" : "");
            check_found(index, ATLS_REFERENCE_BY_DIGEST, &first, "1");
        }
        atls_reference_index_take_back(index);
        check_outlook(index, (struct outlook){0, 0, 0, INT64_MAX});
        check_found(index, ATLS_REFERENCE_BY_NAME, &of_bl, "");
    }
    atls_reference_index_close(index);
}

/* A place among what must be measured has each name, and each value without one; not what is
 * no component. A place among the values has each. */
static void required_places(void **state)
{
    struct atls_reference_value values[] = {value_of(bl, one, 1), value_of(bl, two, 2),
                                            value_of(NULL, NULL, 3), value_of(NULL, NULL, 4),
                                            value_of(fw, NULL, 5)};
    static const size_t places[] = {0, 0, 1, 2, SIZE_MAX};
    const struct atls_reference_key of_bl = key_of("BL", NULL), of_fw = key_of("FW", NULL),
                                    of_none = key_of(NULL, NULL);
    struct atls_reference_set set;

    values[4].pcr = 7;
    assert_int_equal(atls_reference_set_of(values, COUNT(values), &set), 0);
    assert_ptr_equal(set.owned, set.index);
    assert_int_equal(set.required_count, 3);
    for (size_t i = 0; i < COUNT(values); i++) {
        assert_int_equal(set.values[i]->required, places[i]);
        assert_int_equal(set.values[i]->place, i);
    }
    assert_int_equal(atls_reference_required(&set, &of_bl), 0);
    assert_int_equal(atls_reference_required(&set, &of_fw), SIZE_MAX);
    assert_int_equal(atls_reference_required(&set, &of_none), 2);
    atls_reference_set_clear(&set);
}

/* Times that were computed hold from then until one of them changes; before and after they are
 * computed anew. */
static void times_are_computed_anew(void **state)
{
    static const struct {
        int64_t now, until;
        size_t outside;
    } looks[] = {{1000, 2000, 1},      {1999, 2000, 1},      {2000, 3001, 0}, {3000, 3001, 0},
                 {3001, INT64_MAX, 1}, {5000, INT64_MAX, 1}, {2500, 3001, 0}, {999, 2000, 1}};
    struct atls_reference_value values[] = {value_of(bl, one, 1), value_of(fw, one, 2)};
    struct atls_reference_set set;

    values[0].validity = (struct atls_validity){2000, 3000};
    assert_int_equal(atls_reference_set_of(values, COUNT(values), &set), 0);
    for (size_t i = 0; i < COUNT(looks); i++) {
        size_t outside;
        int64_t until;

        atls_reference_times(&set, looks[i].now, &outside, &until);
        assert_int_equal(outside, looks[i].outside);
        assert_int_equal(until, looks[i].until);
    }
    atls_reference_set_clear(&set);
}

int main(void)
{
    struct test_list list = {.count = 0};

    TEST_ADD(&list, members_count);
    TEST_ADD(&list, empty_is_not_none);
    TEST_ADD(&list, made_to_collide);
    TEST_ADD(&list, taken_back);
    TEST_ADD(&list, required_places);
    TEST_ADD(&list, times_are_computed_anew);
    return test_run("references", &list);
}
