/* SPDX-License-Identifier: Apache-2.0 */
/* Public keys in PEM: the bytes that another library writes, and every way in which a file is
 * none (RFC 7468). */
#include "rats/test/test-table.h"

#include "rats/crypto/pem.h"

#define PEM "RFC 7468 section 13"
#define BEGIN "-----BEGIN PUBLIC KEY-----"
#define END "-----END PUBLIC KEY-----"

/* The keys of RFC 6979 appendices A.2.5 and A.2.6, as Python's cryptography writes them. */
static const struct key_row {
    const char *name;
    enum atls_curve curve;
    const char *x, *y, *pem;
} keys[] = {
    {"P-256", ATLS_P256, "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
     "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
     BEGIN "\n"
           "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYP7UuiVanTHJYet0xjVtaMBJuJI7\n"
           "Yfps5mliLmDyn7Z5A/4QCLi8maQa6elWKLxk8vGyDC1+n1F3o8KU1EYimQ==\n" END},
    {"P-384", ATLS_P384,
     "ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64"
     "def8f0ea9055866064a254515480bc13",
     "8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1"
     "288b231c3ae0d4fe7344fd2533264720",
     BEGIN "\n"
           "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE7DpOQVtOGaRWhhgCn0J/pdqai8SukuAu\n"
           "BqrlKGswDGTe+PDqkFWGYGSiVFFUgLwTgBXZty19VyROqO+awMYhiWcIpZNn+d+5\n"
           "9UyoSz8cnbEoiyMcOuDU/nNE/SUzJkcg\n" END},
};

static void is_written_and_read(void **state)
{
    const struct key_row *row = *state;
    struct atls_bytes x = test_hex(row->x), y = test_hex(row->y);
    struct atls_public_key key, again;
    char *pem;

    test_outcome(atls_public_key_of(row->curve, x.data, y.data, PEM, &key), 0, NULL);
    pem = atls_pem_write_public_key(&key);
    assert_string_equal(pem, row->pem);
    test_outcome(atls_pem_read_public_key(atls_bytes_of_text(row->pem), &again), 0, NULL);
    assert_true(atls_public_key_equal(&key, &again));
    free(pem);
    test_vector_free(x);
    test_vector_free(y);
}

#define LINES                                                                                      \
    "\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYP7UuiVanTHJYet0xjVtaMBJuJI7\n"                         \
    "Yfps5mliLmDyn7Z5A/4QCLi8maQa6elWKLxk8vGyDC1+n1F3o8KU1EYimQ==\n"
#define BLOCK BEGIN LINES END

/* OUTCOME, clause and words of what is read, always without a zero behind it. */
static const struct text_row {
    const char *name, *text;
    int outcome;
    const char *clause, *words;
} texts[] = {
    {"alone", BLOCK, 0, NULL, ""},
    {"text before (section 5.2)", "Subject: a device\n" BLOCK, 0, NULL, ""},
    {"text behind (section 5.2)", BLOCK "\ntrailer", 0, NULL, ""},
    {"line ends of any kind (section 2)", "\r\n\t " BLOCK "\r\n", 0, NULL, ""},
    {"one line",
     BEGIN "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYP7UuiVanTHJYet0xjVtaMBJuJI7"
           "Yfps5mliLmDyn7Z5A/4QCLi8maQa6elWKLxk8vGyDC1+n1F3o8KU1EYimQ==" END,
     0, NULL, ""},
    {"nothing", "", ATLS_E_MALFORMED, PEM, "came none"},
    {"no PEM", "MFkwEwYHKoZIzj0CAQ==", ATLS_E_MALFORMED, PEM, "came none"},
    {"half of a label", "-----BEGIN PUBLIC KEY----", ATLS_E_UNSUPPORTED, PEM, "another label"},
    {"a certificate", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----",
     ATLS_E_UNSUPPORTED, PEM, "another label"},
    {"a private key", "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----",
     ATLS_E_UNSUPPORTED, PEM, "another label"},
    {"no end", BEGIN LINES, ATLS_E_MALFORMED, PEM, "the end of the public key is missing"},
    {"the end of another label", BEGIN LINES "-----END CERTIFICATE-----", ATLS_E_MALFORMED, PEM,
     "the end of the public key is missing"},
    {"the end before it", END "\n" BEGIN LINES, ATLS_E_MALFORMED, PEM,
     "the end of the public key is missing"},
    {"a second block behind", BLOCK "\n" BEGIN "\n", ATLS_E_MALFORMED, PEM,
     "a second one at byte 178"},
    {"a block of another kind behind", BLOCK "\n-----BEGIN CERTIFICATE-----\n", ATLS_E_MALFORMED,
     PEM, "a second one at byte 178"},
    {"a block of another kind before", "-----BEGIN EC PARAMETERS-----\n" BLOCK, ATLS_E_MALFORMED,
     PEM, "a second one at byte 30"},
    {"a block within the block", BEGIN "\n" BEGIN LINES END, ATLS_E_MALFORMED, PEM,
     "a second one at byte 27"},
    {"no content", BEGIN "\n" END, ATLS_E_MALFORMED, "RFC 5480 section 2", ""},
    {"no base64", BEGIN "\nM-kw\n" END, ATLS_E_MALFORMED, "RFC 4648 section 3.3", "0x2d at offset"},
    {"no padding", BEGIN "\nMFk\n" END, ATLS_E_MALFORMED, "RFC 4648 section 3.2", "padding"},
    {"another algorithm", BEGIN "\nMAA=\n" END, ATLS_E_MALFORMED, "RFC 5480 section 2", ""},
};

static void is_read(void **state)
{
    const struct text_row *row = *state;
    size_t size = strlen(row->text);
    uint8_t *exact = malloc(size ? size : 1);
    struct atls_public_key key = {.curve = 77};

    assert_non_null(exact);
    memcpy(exact, row->text, size);
    test_outcome(atls_pem_read_public_key(ATLS_BYTES(exact, size), &key), row->outcome,
                 row->clause);
    assert_int_equal(key.curve, row->outcome ? 77 : ATLS_P256);
    if (row->outcome && !strstr(atls_error_text(), row->words))
        fail_msg("expected \"%s\", came \"%s\"", row->words, atls_error_text());
    free(exact);
}

/* More than any key here needs, in pieces: the white space between them is not counted. */
static void has_a_limit(void **state)
{
    static const struct {
        size_t characters;
        int outcome;
        const char *clause;
    } rows[] = {
        {1020, ATLS_E_MALFORMED, "RFC 5480 section 2"},
        {1024, ATLS_E_MALFORMED, "RFC 5480 section 2"},
        {1025, ATLS_E_LIMIT, PEM},
        {4096, ATLS_E_LIMIT, PEM},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct atls_public_key key;
        char text[8192] = BEGIN;
        size_t used = strlen(text);

        for (size_t n = 0; n < rows[i].characters; n++) {
            if (n % 64 == 0)
                text[used++] = '\n';
            text[used++] = 'A';
        }
        strcpy(text + used, END);
        test_outcome(atls_pem_read_public_key(atls_bytes_of_text(text), &key), rows[i].outcome,
                     rows[i].clause);
    }
    test_outcome(atls_pem_read_public_key(ATLS_BYTES(NULL, 0), &(struct atls_public_key){0}),
                 ATLS_E_MALFORMED, PEM);
}

int main(void)
{
    static struct test_list list;

    TEST_ADD_ROWS(&list, is_written_and_read, keys);
    TEST_ADD_ROWS(&list, is_read, texts);
    TEST_ADD(&list, has_a_limit);
    return test_run("pem", &list);
}
