/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: the JWS reader beside libjose. The first byte chooses a key, the rest is a compact
 * JWS; what is found to be signed by that key here, libjose finds too. Nothing holds the other way:
 * libjose reads more algorithms and forms.
 */
#include <stdlib.h>
#include <string.h>

#include <jose/jws.h>

#include "rats/json/jws.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* RFC 7515 appendix A.3, whose signer also made the seeds; the other one signed nothing. */
static const char *const keys[] = {
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"usWxHK2PmfnHKwXPS54m0kTcGJ90UiglWiGahtagnv8\","
    "\"y\":\"IBOL-C3BttVivg-lSreASjpkttcsz-1rb7btKLv8EX4\"}",
};

static bool jose_verifies(struct atls_bytes jwt, const json_t *key)
{
    char *text = strndup((const char *)jwt.data, jwt.size);
    char *first = text ? strchr(text, '.') : NULL;
    char *second = first ? strchr(first + 1, '.') : NULL;
    json_t *jws = NULL;
    bool good = false;

    if (second) {
        *first++ = *second++ = '\0';
        second[strcspn(second, " \t\r\n")] = '\0';
        jws = json_pack("{s:s, s:s, s:s}", "protected", text + strspn(text, " \t\r\n"), "payload",
                        first, "signature", second);
    }
    if (jws)
        good = jose_jws_ver(NULL, jws, NULL, key, true);
    json_decref(jws);
    free(text);
    return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct atls_jws jws;
    struct atls_bytes jwt;
    json_t *key;

    if (size < 1)
        return 0;
    jwt = ATLS_BYTES(data + 1, size - 1);
    key = json_loads(keys[data[0] % 2], 0, NULL);
    if (!key)
        abort();
    if (!atls_jws_parse(jwt, &jws)) {
        if (!atls_jws_verify(&jws, key) && !jose_verifies(jwt, key))
            abort();
        atls_jws_clear(&jws);
    }
    json_decref(key);
    return 0;
}
