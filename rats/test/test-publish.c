/* SPDX-License-Identifier: Apache-2.0 */
#include "rats/test/test-publish.h"

#include <stdio.h>
#include <stdlib.h>

#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/corim/corim.h"
#include "rats/cose/cose.h"
#include "rats/ear/ear.h"
#include "rats/tokens/kat.h"
#include "rats/tokens/psa.h"

const char *test_row_name;

static void write_line(const char *path, const json_t *vector)
{
    FILE *file = fopen(path, "a");
    char *text = json_dumps(vector, JSON_COMPACT);

    if (!file || !text || fprintf(file, "%s\n", text) < 0 || fclose(file) != 0) {
        fprintf(stderr, "%s: a vector cannot be written\n", path);
        exit(2);
    }
    free(text);
}

void test_publish(const char *format, struct atls_bytes input, json_t *options, int result)
{
    const char *path = getenv("ATLS_PUBLISH");
    char *hex = path && input.size <= TEST_PUBLISH_MAX ? atls_hex_encode(input) : NULL;
    json_t *vector = NULL;

    if (hex && result >= 0) /* negative: of this machine, not of the message */
        vector = json_pack("{s:s, s:s, s:s?, s:o?, s:s}", "format", format, "input", hex, "row",
                           test_row_name, "options", options, "outcome",
                           result ? atls_error_name(result) : "valid");
    else
        json_decref(options);
    if (vector && result) {
        json_object_set_new(vector, "clause", json_string(atls_error_clause()));
        json_object_set_new(vector, "comment", json_string(atls_error_text()));
    }
    if (vector)
        write_line(path, vector);
    json_decref(vector);
    free(hex);
}

/* The parsers, under the names that --wrap gives them: each asks the real one and publishes what it
 * said. */
#define REAL(name) real_##name
#define WRAP(name) wrap_##name
#define PARSER(name, ...)                                                                          \
    int REAL(name)(__VA_ARGS__) __asm__("__real_" #name);                                          \
    int WRAP(name)(__VA_ARGS__) __asm__("__wrap_" #name)

PARSER(atls_cmw_parse, struct atls_bytes in, struct atls_cmw **cmwp);
PARSER(atls_kat_claims_parse, struct atls_bytes in, struct atls_kat_claims *claimsp);
PARSER(atls_cab_parse, const struct atls_cmw *cmw, struct atls_cab *cabp);
PARSER(atls_psa_claims_parse, struct atls_bytes in, struct atls_psa_component *components,
       size_t count, struct atls_psa_claims *claimsp);
PARSER(atls_psa_token_parse, struct atls_bytes in, enum atls_cose_tagging tagging,
       struct atls_psa_component *components, size_t count, struct atls_cose_sign1 *tokenp,
       struct atls_psa_claims *claimsp);
PARSER(atls_ear_parse_cbor, struct atls_bytes claims, struct atls_ear *earp);
PARSER(atls_ear_parse_claims, const json_t *claims, struct atls_ear *earp);
PARSER(atls_corim_parse, struct atls_bytes in, struct atls_corim *corimp);
PARSER(atls_cose_sign1_parse, struct atls_bytes in, enum atls_cose_tagging tagging,
       const char *clause, struct atls_cose_sign1 *messagep);

static json_t *tagging_option(enum atls_cose_tagging tagging)
{
    const char *name = tagging == ATLS_COSE_TAG_REQUIRED    ? "tag 18 required"
                       : tagging == ATLS_COSE_TAG_FORBIDDEN ? "no tag"
                       : tagging == ATLS_COSE_TAG_ALONE     ? "tag 18, and no tag 61"
                                                            : "tag 18 or none";

    return json_pack("{s:s}", "tagging", name);
}

/* The bytes of the CMW that was read last: a CAB is read out of one. */
static uint8_t last_cmw[TEST_PUBLISH_MAX];
static size_t last_cmw_size;

int WRAP(atls_cmw_parse)(struct atls_bytes in, struct atls_cmw **cmwp)
{
    int result = REAL(atls_cmw_parse)(in, cmwp);

    test_publish("cmw", in, NULL, result);
    last_cmw_size = in.size <= sizeof last_cmw ? in.size : 0;
    for (size_t i = 0; i < last_cmw_size; i++)
        last_cmw[i] = in.data[i];
    return result;
}

int WRAP(atls_cab_parse)(const struct atls_cmw *cmw, struct atls_cab *cabp)
{
    int result = REAL(atls_cab_parse)(cmw, cabp);

    if (last_cmw_size > 0)
        test_publish("cab", ATLS_BYTES(last_cmw, last_cmw_size), NULL, result);
    return result;
}

int WRAP(atls_kat_claims_parse)(struct atls_bytes in, struct atls_kat_claims *claimsp)
{
    int result = REAL(atls_kat_claims_parse)(in, claimsp);

    test_publish("kat-claims", in, NULL, result);
    return result;
}

int WRAP(atls_psa_claims_parse)(struct atls_bytes in, struct atls_psa_component *components,
                                size_t count, struct atls_psa_claims *claimsp)
{
    int result = REAL(atls_psa_claims_parse)(in, components, count, claimsp);

    test_publish("psa-claims", in, NULL, result);
    return result;
}

int WRAP(atls_psa_token_parse)(struct atls_bytes in, enum atls_cose_tagging tagging,
                               struct atls_psa_component *components, size_t count,
                               struct atls_cose_sign1 *tokenp, struct atls_psa_claims *claimsp)
{
    int result = REAL(atls_psa_token_parse)(in, tagging, components, count, tokenp, claimsp);

    test_publish("psa-token", in, tagging_option(tagging), result);
    return result;
}

int WRAP(atls_ear_parse_claims)(const json_t *claims, struct atls_ear *earp)
{
    int result = REAL(atls_ear_parse_claims)(claims, earp);
    char *text = json_dumps(claims, JSON_COMPACT | JSON_ENCODE_ANY);

    if (text)
        test_publish("ear-claims", atls_bytes_of_text(text), NULL, result);
    free(text);
    return result;
}

int WRAP(atls_ear_parse_cbor)(struct atls_bytes claims, struct atls_ear *earp)
{
    int result = REAL(atls_ear_parse_cbor)(claims, earp);

    test_publish("ear-cwt-claims", claims, NULL, result);
    return result;
}

int WRAP(atls_corim_parse)(struct atls_bytes in, struct atls_corim *corimp)
{
    int result = REAL(atls_corim_parse)(in, corimp);

    test_publish("corim", in, NULL, result);
    return result;
}

int WRAP(atls_cose_sign1_parse)(struct atls_bytes in, enum atls_cose_tagging tagging,
                                const char *clause, struct atls_cose_sign1 *messagep)
{
    int result = REAL(atls_cose_sign1_parse)(in, tagging, clause, messagep);

    test_publish("cose-sign1", in, tagging_option(tagging), result);
    return result;
}
