/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence and endorsements that other projects published: of Veraison, and of TF-M. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/crypto/pem.h"
#include "rats/test/test-support.h"
#include "verifier-stub/appraisal/appraisal.h"
#include "verifier-stub/appraisal/test-evidence.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Veraison's own evidence against its own endorsements. All holds but the signer: its vectors have
 * another in the token than in the CoRIM, and Veraison does not compare it. */
static void test_vectors_of_veraison(void **state)
{
    static const char *const corims[] = {"corim/main/corim-psa-valid.cbor",
                                         "corim/v0.0.2608/corim-psa-valid.cbor"};
    static const uint8_t challenge[32] = {0x41, 0x4a, 0x7c, 0x17, 0x41, 0x41, 0xb3, 0xd0,
                                          0xe9, 0xa1, 0xd2, 0x8a, 0xf3, 0x15, 0x20, 0xf0,
                                          0xd4, 0x22, 0x99, 0xfe, 0xac, 0x40, 0x07, 0xde,
                                          0xd8, 0x9d, 0x68, 0xae, 0x6c, 0xd9, 0x2f, 0x19};
    static const int expected[ATLS_TRUST_CLAIM_COUNT] = {2, 0, 33, 0, 2, 2, 2, 0};

    test_vectors();
    for (size_t i = 0; i < COUNT(corims); i++) {
        struct atls_bytes corim = test_vector(corims[i]);
        struct atls_bytes token = test_vector("psa/services/psa.good.cose");
        struct atls_store_import import;
        struct atls_store *other;
        struct atls_evidence_verdict appraisal;

        assert_int_equal(atls_store_open("memory", &other), 0);
        assert_int_equal(atls_store_import_corim(other, corim, &import), 0);
        assert_int_equal(test_appraise(other, ATLS_MT_PSA_VERAISON, token,
                                       ATLS_BYTES(challenge, sizeof challenge), &appraisal),
                         0);
        assert_string_equal(appraisal.reason, "reference-value-mismatch");
        assert_non_null(strstr(appraisal.detail, "endorsed, but for another signer"));
        assert_memory_equal(appraisal.submods[0].trust_vector, expected, sizeof expected);
        assert_int_equal(json_array_size(appraisal.mismatches), 3);
        atls_evidence_verdict_clear(&appraisal);
        atls_store_close(other);
        test_vector_free(corim);
        test_vector_free(token);
    }
}

static struct atls_public_key tf_m_key;

static int tf_m_find_trust_anchor(struct atls_store *s, const struct atls_trust_anchor *sought,
                                  struct atls_trust_anchor *anchorp)
{
    *anchorp = (struct atls_trust_anchor){.key = tf_m_key};
    return 0;
}

static int no_reference_values(struct atls_store *s, enum atls_corim_profile profile,
                               const uint8_t implementation_id[32], struct atls_reference_set *setp)
{
    *setp = (struct atls_reference_set){0};
    return 0;
}

/* Tokens that TF-M made, of both profiles: signed by its key, about software nobody here endorsed.
 */
static void test_vectors_of_tf_m(void **state)
{
    static const struct atls_store_ops ops = {.find_trust_anchor = tf_m_find_trust_anchor,
                                              .find_reference_values = no_reference_values};
    static const char *const names[] = {"psa/tf-m/psa-iot-1_sign1.bin",
                                        "psa/tf-m/psa-2_0_0_sign1.bin"};
    struct atls_bytes pem = test_vector("psa/tf-m/public.pem");
    struct atls_store fake = {.ops = &ops};

    assert_int_equal(atls_pem_read_public_key(pem, &tf_m_key), 0);
    test_vector_free(pem);
    for (size_t i = 0; i < COUNT(names); i++) {
        struct atls_bytes token = test_vector(names[i]);
        struct atls_psa_component components[8];
        struct atls_psa_claims claims;
        struct atls_cose_sign1 message;
        struct atls_evidence_verdict appraisal;

        assert_int_equal(atls_cose_sign1_parse(token, ATLS_COSE_TAG_EITHER, NULL, &message), 0);
        assert_int_equal(atls_psa_claims_parse(message.payload, components, 8, &claims), 0);
        assert_int_equal(test_appraise(&fake, ATLS_MT_PSA_TOKEN, token, claims.nonce, &appraisal),
                         0);
        if (strcmp(appraisal.reason, "unknown-component") != 0)
            fail_msg("%s: %s: %s", names[i], appraisal.reason, appraisal.detail);
        assert_int_equal(appraisal.submods[0].trust_vector[ATLS_HARDWARE], 2);
        atls_evidence_verdict_clear(&appraisal);
        test_vector_free(token);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors_of_veraison),
        cmocka_unit_test(test_vectors_of_tf_m),
    };

    return test_done(cmocka_run_group_tests(tests, NULL, NULL));
}
