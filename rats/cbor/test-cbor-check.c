/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the check at opening: RFC 8949's own examples, and everything that must not pass. */
#include "rats/cbor/cbor-read.h"
#include "rats/test/test-hex.h"

enum { BAD = ATLS_E_MALFORMED };

struct verdicts {
    const char *hex;
    int strict, lenient;
    const char *clause; /* that the first refusal names, in "RFC 8949 section ..." */
};

/* RFC 8949 Appendix A, in its order */
static const struct verdicts examples[] = {
    {"00", 0, 0, ""},
    {"01", 0, 0, ""},
    {"0a", 0, 0, ""},
    {"17", 0, 0, ""},
    {"1818", 0, 0, ""},
    {"1819", 0, 0, ""},
    {"1864", 0, 0, ""},
    {"1903e8", 0, 0, ""},
    {"1a000f4240", 0, 0, ""},
    {"1b000000e8d4a51000", 0, 0, ""},
    {"1bffffffffffffffff", 0, 0, ""},
    {"c249010000000000000000", 0, 0, ""},
    {"3bffffffffffffffff", 0, 0, ""},
    {"c349010000000000000000", 0, 0, ""},
    {"20", 0, 0, ""},
    {"29", 0, 0, ""},
    {"3863", 0, 0, ""},
    {"3903e7", 0, 0, ""},
    {"f90000", 0, 0, ""},
    {"f98000", 0, 0, ""},
    {"f93c00", 0, 0, ""},
    {"fb3ff199999999999a", 0, 0, ""},
    {"f93e00", 0, 0, ""},
    {"f97bff", 0, 0, ""},
    {"fa47c35000", 0, 0, ""},
    {"fa7f7fffff", 0, 0, ""},
    {"fb7e37e43c8800759c", 0, 0, ""},
    {"f90001", 0, 0, ""},
    {"f90400", 0, 0, ""},
    {"f9c400", 0, 0, ""},
    {"fbc010666666666666", 0, 0, ""},
    {"f97c00", 0, 0, ""},
    {"f97e00", 0, 0, ""},
    {"f9fc00", 0, 0, ""},
    {"fa7f800000", BAD, 0, "4.1"},
    {"fa7fc00000", BAD, 0, "4.1"},
    {"faff800000", BAD, 0, "4.1"},
    {"fb7ff0000000000000", BAD, 0, "4.1"},
    {"fb7ff8000000000000", BAD, 0, "4.1"},
    {"fbfff0000000000000", BAD, 0, "4.1"},
    {"f4", 0, 0, ""},
    {"f5", 0, 0, ""},
    {"f6", 0, 0, ""},
    {"f7", 0, 0, ""},
    {"f0", 0, 0, ""},
    {"f8ff", 0, 0, ""},
    {"c074323031332d30332d32315432303a30343a30305a", 0, 0, ""},
    {"c11a514b67b0", 0, 0, ""},
    {"c1fb41d452d9ec200000", 0, 0, ""},
    {"d74401020304", 0, 0, ""},
    {"d818456449455446", 0, 0, ""},
    {"d82076687474703a2f2f7777772e6578616d706c652e636f6d", 0, 0, ""},
    {"40", 0, 0, ""},
    {"4401020304", 0, 0, ""},
    {"60", 0, 0, ""},
    {"6161", 0, 0, ""},
    {"6449455446", 0, 0, ""},
    {"62225c", 0, 0, ""},
    {"62c3bc", 0, 0, ""},
    {"63e6b0b4", 0, 0, ""},
    {"64f0908591", 0, 0, ""},
    {"80", 0, 0, ""},
    {"83010203", 0, 0, ""},
    {"8301820203820405", 0, 0, ""},
    {"98190102030405060708090a0b0c0d0e0f101112131415161718181819", 0, 0, ""},
    {"a0", 0, 0, ""},
    {"a201020304", 0, 0, ""},
    {"a26161016162820203", 0, 0, ""},
    {"826161a161626163", 0, 0, ""},
    {"a56161614161626142616361436164614461656145", 0, 0, ""},
    {"5f42010243030405ff", BAD, 0, "4.2.1"},
    {"7f657374726561646d696e67ff", BAD, 0, "4.2.1"},
    {"9fff", BAD, 0, "4.2.1"},
    {"9f018202039f0405ffff", BAD, 0, "4.2.1"},
    {"9f01820203820405ff", BAD, 0, "4.2.1"},
    {"83018202039f0405ff", BAD, 0, "4.2.1"},
    {"83019f0203ff820405", BAD, 0, "4.2.1"},
    {"9f0102030405060708090a0b0c0d0e0f101112131415161718181819ff", BAD, 0, "4.2.1"},
    {"bf61610161629f0203ffff", BAD, 0, "4.2.1"},
    {"826161bf61626163ff", BAD, 0, "4.2.1"},
    {"bf6346756ef563416d7421ff", BAD, 0, "4.2.1"},
};

/* RFC 8949 Appendix F, in its order: not well-formed, whatever the rules */
static const char *const not_well_formed[] = {
    /* end of input in a head */
    "18",
    "19",
    "1a",
    "1b",
    "1901",
    "1a0102",
    "1b01020304050607",
    "38",
    "58",
    "78",
    "98",
    "9a01ff00",
    "b8",
    "d8",
    "f8",
    "f900",
    "fa0000",
    "fb000000",
    /* strings with short data */
    "41",
    "61",
    "5affffffff00",
    "5bffffffffffffffff010203",
    "7affffffff00",
    "7b7fffffffffffffff010203",
    /* containers and tags not complete */
    "81",
    "818181818181818181",
    "8200",
    "a1",
    "a20102",
    "a100",
    "a2000000",
    "c0",
    "5f4100",
    "7f6100",
    "9f",
    "9f0102",
    "bf",
    "bf01020102",
    "819f",
    "9f8000",
    "9f9f9f9f9fffffffff",
    "9f819f819f9fffffff",
    /* reserved additional information */
    "1c",
    "1d",
    "1e",
    "3c",
    "3d",
    "3e",
    "5c",
    "5d",
    "5e",
    "7c",
    "7d",
    "7e",
    "9c",
    "9d",
    "9e",
    "bc",
    "bd",
    "be",
    "dc",
    "dd",
    "de",
    "fc",
    "fd",
    "fe",
    /* reserved two-byte simple values */
    "f800",
    "f801",
    "f818",
    "f81f",
    /* chunks of the wrong type, or not of definite length */
    "5f00ff",
    "5f21ff",
    "5f6100ff",
    "5f80ff",
    "5fa0ff",
    "5fc000ff",
    "5fe0ff",
    "7f4100ff",
    "5f5f4100ffff",
    "a2626162017f61617f6162ffff02",
    "7f7f6100ffff",
    /* break on its own, in a definite container, after a map key */
    "ff",
    "81ff",
    "8200ff",
    "a1ff",
    "a1ff00",
    "a100ff",
    "a20000ff",
    "9f81ff",
    "9f829f819f9fffffffff",
    "bf00ff",
    "bf000000ff",
    /* additional information 31 where there is no indefinite length */
    "1f",
    "3f",
    "df",
    /* more of the same kind */
    "",
    "c0ff",
    "9fc0ff",
    "5f",
    "7f",
    "5fff00",
    "9fff00",
    "ffff",
    "5f40",
    "bf5fff",
    "d9",
    "1f00",
    "9bffffffffffffffff",
    "bbffffffffffffffff",
    "bb8000000000000000",
    "9b000000010000000000",
    "5b8000000000000000",
    "7bffffffffffffffff",
    "9a7fffffff00",
    "ba7fffffff0000",
    "f8",
    "81f8",
};

/* What well-formed input may be refused for */
static const struct verdicts more[] = {
    /* longer heads than needed, every major type */
    {"1800", BAD, 0, "4.1"},
    {"1817", BAD, 0, "4.1"},
    {"190000", BAD, 0, "4.1"},
    {"1900ff", BAD, 0, "4.1"},
    {"190100", 0, 0, ""},
    {"1a00000000", BAD, 0, "4.1"},
    {"1a0000ffff", BAD, 0, "4.1"},
    {"1a00010000", 0, 0, ""},
    {"1b0000000000000000", BAD, 0, "4.1"},
    {"1b00000000ffffffff", BAD, 0, "4.1"},
    {"1b0000000100000000", 0, 0, ""},
    {"3800", BAD, 0, "4.1"},
    {"390001", BAD, 0, "4.1"},
    {"3a00000100", BAD, 0, "4.1"},
    {"3b00000000ffffffff", BAD, 0, "4.1"},
    {"580161", BAD, 0, "4.1"},
    {"5900024142", BAD, 0, "4.1"},
    {"5a0000000141", BAD, 0, "4.1"},
    {"5b000000000000000141", BAD, 0, "4.1"},
    {"780161", BAD, 0, "4.1"},
    {"79000161", BAD, 0, "4.1"},
    {"980100", BAD, 0, "4.1"},
    {"99000100", BAD, 0, "4.1"},
    {"9a0000000100", BAD, 0, "4.1"},
    {"9b000000000000000100", BAD, 0, "4.1"},
    {"b8010000", BAD, 0, "4.1"},
    {"b900010000", BAD, 0, "4.1"},
    {"d81700", BAD, 0, "4.1"},
    {"d9001800", BAD, 0, "4.1"},
    {"d81800", 0, 0, ""},
    {"8182811800", BAD, BAD, ""},
    {"81828118000a", BAD, 0, "4.1"},
    {"a1180001", BAD, 0, "4.1"},
    {"a1011800", BAD, 0, "4.1"},
    /* floats that a narrower one holds (3.9, 4.2.2), and their neighbours that none does */
    {"fa3f800000", BAD, 0, "4.1"},
    {"fb3ff0000000000000", BAD, 0, "4.1"},
    {"fa00000000", BAD, 0, "4.1"},
    {"fa80000000", BAD, 0, "4.1"},
    {"fb0000000000000000", BAD, 0, "4.1"},
    {"fb8000000000000000", BAD, 0, "4.1"},
    {"fa477fe000", BAD, 0, "4.1"},         /* 65504, the largest of 16 bits */
    {"fa477ff000", 0, 0, ""},              /* 65520 */
    {"fa47800000", 0, 0, ""},              /* 65536 */
    {"fa38800000", BAD, 0, "4.1"},         /* 2^-14, the smallest normal of 16 bits */
    {"fa38000000", BAD, 0, "4.1"},         /* 2^-15, subnormal there */
    {"fa33800000", BAD, 0, "4.1"},         /* 2^-24, the smallest of 16 bits */
    {"fa33c00000", 0, 0, ""},              /* 1.5 * 2^-24 */
    {"fa33000000", 0, 0, ""},              /* 2^-25 */
    {"fa387fc000", BAD, 0, "4.1"},         /* the largest subnormal of 16 bits */
    {"fa387fe000", 0, 0, ""},              /* half a step more */
    {"fb3810000000000000", BAD, 0, "4.1"}, /* 2^-126, the smallest normal of 32 bits */
    {"fb36a0000000000000", BAD, 0, "4.1"}, /* 2^-149, the smallest of 32 bits */
    {"fb36a8000000000000", 0, 0, ""},      /* 1.5 * 2^-149 */
    {"fb3690000000000000", 0, 0, ""},      /* 2^-150 */
    {"fa00000001", 0, 0, ""},              /* 2^-149 in 32 bits */
    {"fb47efffffe0000000", BAD, 0, "4.1"}, /* the largest of 32 bits */
    {"fb47effffff0000000", 0, 0, ""},      /* half a step more */
    {"fb47f0000000000000", 0, 0, ""},      /* 2^128 */
    {"fb0000000000000001", 0, 0, ""},      /* the smallest of 64 bits */
    {"fb000fffffffffffff", 0, 0, ""},      /* the largest subnormal of 64 bits */
    {"fa7fc00001", 0, 0, ""},              /* a NaN whose payload needs 32 bits */
    {"fa7fc02000", BAD, 0, "4.1"},         /* one whose payload fits 16 */
    {"fb7ff8000020000000", BAD, 0, "4.1"}, /* one whose payload fits 32 */
    {"fb7ff8000010000000", 0, 0, ""},      /* one whose payload needs 64 */
    {"fb7ff0000000000001", 0, 0, ""},      /* a signalling one */
    /* bignums that an integer holds, or with leading zeroes (3.4.3) */
    {"c24101", BAD, 0, "3.4.3"},
    {"c240", BAD, 0, "3.4.3"},
    {"c248ffffffffffffffff", BAD, 0, "3.4.3"},
    {"c24a00010000000000000000", BAD, 0, "3.4.3"},
    {"c34100", BAD, 0, "3.4.3"},
    {"c26161", 0, 0, ""},
    {"c201", 0, 0, ""}, /* invalid, but what a tag wants is the caller's affair */
    {"c44101", 0, 0, ""},
    {"c2824101f6", 0, 0, ""},
    /* text that is not UTF-8 (RFC 3629) */
    {"6180", BAD, BAD, "3.1"},
    {"61ff", BAD, BAD, "3.1"},
    {"61c3", BAD, BAD, "3.1"},
    {"62c328", BAD, BAD, "3.1"},
    {"62c080", BAD, BAD, "3.1"},
    {"62c1bf", BAD, BAD, "3.1"},
    {"62c280", 0, 0, ""},
    {"63e08080", BAD, BAD, "3.1"},
    {"63e09fbf", BAD, BAD, "3.1"},
    {"63e0a080", 0, 0, ""},
    {"63ed9fbf", 0, 0, ""},
    {"63eda080", BAD, BAD, "3.1"},
    {"63edbfbf", BAD, BAD, "3.1"},
    {"63ee8080", 0, 0, ""},
    {"63efbfbf", 0, 0, ""},
    {"62e6b0", BAD, BAD, "3.1"},
    {"64f0808080", BAD, BAD, "3.1"},
    {"64f08fbfbf", BAD, BAD, "3.1"},
    {"64f0908080", 0, 0, ""},
    {"64f48fbfbf", 0, 0, ""},
    {"64f4908080", BAD, BAD, "3.1"},
    {"64f5808080", BAD, BAD, "3.1"},
    {"64f8888080", BAD, BAD, "3.1"},
    {"63f09085", BAD, BAD, "3.1"},
    {"6100", 0, 0, ""},
    {"a16180f6", BAD, BAD, "3.1"},
    {"7f61c361bcff", BAD, BAD, "4.2.1"}, /* each chunk by itself, 3.2.3 */
    {"7f62c3bcff", BAD, 0, "4.2.1"},
    /* bytes behind the item (5.3.1) */
    {"0000", BAD, BAD, "5.3.1"},
    {"8000", BAD, BAD, "5.3.1"},
    {"a0f6", BAD, BAD, "5.3.1"},
    {"4000", BAD, BAD, "5.3.1"},
    {"c00000", BAD, BAD, "5.3.1"},
    {"00ff", BAD, BAD, "5.3.1"},
    {"001c", BAD, BAD, "5.3.1"},
    /* the same key twice (5.6), also deep, and also as values of other maps */
    {"a201010102", BAD, BAD, "5.6"},
    {"a3010102020103", BAD, BAD, "5.6"},
    {"a201010101", BAD, BAD, "5.6"},
    {"a3020001000200", BAD, BAD, "5.6"}, /* in no order */
    {"a3010002000100", BAD, BAD, "5.6"},
    {"a40400030002000300", BAD, BAD, "5.6"},
    {"a3030002000100", 0, 0, ""},
    {"a3010003000200", 0, 0, ""},
    {"a220012002", BAD, BAD, "5.6"},
    {"a2616101616102", BAD, BAD, "5.6"},
    {"a2416101416102", BAD, BAD, "5.6"},
    {"a2416101616102", 0, 0, ""},
    {"a240016002", 0, 0, ""},
    {"a201012002", 0, 0, ""},
    {"a2f501f502", BAD, BAD, "5.6"},
    {"a2f501f402", 0, 0, ""},
    {"a2f601f602", BAD, BAD, "5.6"},
    {"a2f701f702", BAD, BAD, "5.6"},
    {"a2f601f702", 0, 0, ""},
    {"a2e001e002", BAD, BAD, "5.6"},
    {"a2f82001f82002", BAD, BAD, "5.6"},
    {"a2f82001f82102", 0, 0, ""},
    {"a2f93c0001f93c0002", BAD, BAD, "5.6"},
    {"a20101f93c0002", 0, 0, ""}, /* 1 and 1.0 are two keys (section 2) */
    {"a2f9000001f9800002", 0, 0, ""},
    {"8201a201010102", BAD, BAD, "5.6"},
    {"a101a201010102", BAD, BAD, "5.6"},
    {"a1a20101010203", BAD, BAD, "5.6"},
    {"c1a201010102", BAD, BAD, "5.6"},
    {"82a10101a10101", 0, 0, ""},
    {"a201a1010102a10101", 0, 0, ""},
    {"a201a1020103a10201", 0, 0, ""},
    {"a2a1010102010a", 0, 0, ""},
    {"a20101a1010102", 0, 0, ""},
    {"a28001810102", 0, 0, ""},
    {"a280018002", BAD, BAD, "5.6"},
    {"a2810101810102", BAD, BAD, "5.6"},
    {"a281010182010102", 0, 0, ""},
    {"a2a001a002", BAD, BAD, "5.6"},
    {"a2a0018002", 0, 0, ""},
    {"a2a1010201a1010202", BAD, BAD, "5.6"},
    {"a2a1010201a1010302", 0, 0, ""},
    {"a2a20102030401a20304010202", BAD, BAD, "5.6"}, /* maps have no order (section 2) */
    {"a2a20102030401a20104030202", 0, 0, ""},
    {"a281a2010203040181a20304010202", BAD, BAD, "5.6"},
    {"a2a1a2010203040501a1a2030401020502", BAD, BAD, "5.6"},
    {"a2c10101c10102", BAD, BAD, "5.6"},
    {"a2c10101c20102", 0, 0, ""},
    {"a2c101010102", 0, 0, ""},
    {"a2d864410101d864410102", BAD, BAD, "5.6"},
};

/* The same key twice, written differently: the lenient rules get as far as to compare them. */
static const struct {
    const char *hex;
    int lenient;
} rewritten[] = {
    {"a20101180102", BAD},
    {"a2010119000102", BAD},
    {"a201011b000000000000000102", BAD},
    {"a22001380002", BAD},
    {"a241610158016102", BAD},
    {"a26161015f4161ff02", 0},
    {"a26161017f6161ff02", BAD},
    {"a2626162017f61616162ff02", BAD},
    {"a260017fff02", BAD},
    {"a2f93c0001fa3f80000002", BAD},
    {"a2f93c0001fb3ff000000000000002", BAD},
    {"a2f9000101fa3380000002", BAD},             /* 2^-24 */
    {"a2fa0000000101fb36a000000000000002", BAD}, /* 2^-149 */
    {"a2f97e0001fb7ff800000000000002", BAD},
    {"a2f97c0001fa7f80000002", BAD},
    {"a2f97c0001faff80000002", 0},
    {"a281010198010102", BAD},
    {"a28101019f01ff02", BAD},
    {"a280019fff02", BAD},
    {"a2a0019fff02", 0},
    {"a2a1010201bf0102ff02", BAD},
    {"a2a20102030401bf031804180102ff02", BAD},
    {"a2c10101d8010102", BAD},
    {"bf0101180102ff", BAD},
};

static int check(const char *hex, const struct atls_cbor_rules *rules)
{
    struct atls_bytes in = test_hex(hex);
    struct atls_cbor_reader r;
    int result = atls_cbor_open(&r, in, rules, "the format's clause");

    if (result == 0) { /* and it can be stepped over */
        assert_int_equal(atls_cbor_skip(&r), 0);
        assert_int_equal(atls_cbor_close(&r), 0);
    }
    test_vector_free(in);
    return result;
}

static void check_table(const struct verdicts *table, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int strict = check(table[i].hex, NULL);
        char clause[64];

        test_verdict(table[i].hex, strict, table[i].strict);
        snprintf(clause, sizeof clause, "RFC 8949 section %s", table[i].clause);
        if (strict && *table[i].clause && strcmp(clause, atls_error_clause()) != 0)
            fail_msg("%s: expected %s, came %s (%s)", table[i].hex, clause, atls_error_clause(),
                     atls_error_text());
        test_verdict(table[i].hex, check(table[i].hex, &atls_cbor_lenient), table[i].lenient);
    }
}

static void test_examples(void **state)
{
    check_table(examples, COUNT(examples));
}

static void test_more(void **state)
{
    check_table(more, COUNT(more));
}

/* Each allowance is about what it names. */
static const struct {
    const char *hex;
    int indefinite, unpreferred; /* with that allowance alone */
} allowances[] = {
    {"01", 0, 0},
    {"5f4100ff", 0, BAD},
    {"580100", BAD, 0},
    {"5f580100ff", BAD, BAD},
    {"5f4100590001ffff", BAD, BAD},
    {"7f780161ff", BAD, BAD},
    {"9f1801ff", BAD, BAD},
    {"9f01ff", 0, BAD},
    {"980101", BAD, 0},
    {"c24101", BAD, 0},
    {"c25f4101ff", 0, BAD},
};

static void test_one_allowance(void **state)
{
    struct atls_cbor_rules indefinite = atls_cbor_strict, unpreferred = atls_cbor_strict;

    indefinite.allow_indefinite = true;
    unpreferred.allow_unpreferred = true;
    for (size_t i = 0; i < COUNT(allowances); i++) {
        test_verdict(allowances[i].hex, check(allowances[i].hex, &indefinite),
                     allowances[i].indefinite);
        test_verdict(allowances[i].hex, check(allowances[i].hex, &unpreferred),
                     allowances[i].unpreferred);
    }
}

static void test_rewritten_keys(void **state)
{
    for (size_t i = 0; i < COUNT(rewritten); i++) {
        test_verdict(rewritten[i].hex, check(rewritten[i].hex, &atls_cbor_strict), BAD);
        test_verdict(rewritten[i].hex, check(rewritten[i].hex, &atls_cbor_lenient),
                     rewritten[i].lenient);
        if (rewritten[i].lenient)
            assert_string_equal(atls_error_clause(), "RFC 8949 section 5.6");
    }
}

static void test_not_well_formed(void **state)
{
    for (size_t i = 0; i < COUNT(not_well_formed); i++) {
        test_verdict(not_well_formed[i], check(not_well_formed[i], &atls_cbor_strict), BAD);
        test_verdict(not_well_formed[i], check(not_well_formed[i], &atls_cbor_lenient), BAD);
    }
}

/* Every type, nested; cut at every byte, in an allocation that ends there. */
static void test_truncated(void **state)
{
    static const char *const samples[] = {
        "a6011901022163616263616344010203048203048201f66166d81841006167fb3ff199999999999a",
        "bf015f420102ff9f7f6161ffffd9d9f7f90000f6f7ff",
    };

    for (size_t i = 0; i < COUNT(samples); i++) {
        struct atls_bytes whole = test_hex(samples[i]);

        for (size_t size = 0; size < whole.size; size++) {
            uint8_t *cut = malloc(size ? size : 1);
            struct atls_cbor_reader r;

            assert_non_null(cut);
            memcpy(cut, whole.data, size);
            test_verdict("cut, strict", atls_cbor_open(&r, ATLS_BYTES(cut, size), NULL, NULL), BAD);
            test_verdict("cut, lenient",
                         atls_cbor_open(&r, ATLS_BYTES(cut, size), &atls_cbor_lenient, NULL), BAD);
            free(cut);
        }
        test_verdict(samples[i], check(samples[i], &atls_cbor_lenient), 0);
        test_vector_free(whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),       cmocka_unit_test(test_not_well_formed),
        cmocka_unit_test(test_more),           cmocka_unit_test(test_one_allowance),
        cmocka_unit_test(test_rewritten_keys), cmocka_unit_test(test_truncated),
    };

    return cmocka_run_group_tests_name("cbor-check", tests, NULL, NULL);
}
