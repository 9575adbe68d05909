/* SPDX-License-Identifier: Apache-2.0 */
/* The nonce of a new session: the one that is asked for, or a random one of the size asked for. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "verifier-stub/http/api-private.h"
#include "verifier-stub/http/manners.h"

#define DEFAULT_NONCE_SIZE 32

static int take_random_nonce(const struct atls_api *api, const char *text, uint8_t *nonce,
                             size_t *sizep)
{
    uint64_t size = DEFAULT_NONCE_SIZE;

    if (text && (!isdigit((unsigned char)text[0]) || strpbrk(text, "xX") ||
                 atls_parse_number(text, "nonceSize", ATLS_CHALLENGE_NONCE_MIN,
                                   ATLS_CHALLENGE_NONCE_MAX, &size) != 0))
        return atls_fail(ATLS_E_LIMIT, NULL, "nonceSize must be in range 8..64");
    *sizep = (size_t)size;
    return api->crypto->random(nonce, (size_t)size);
}

static int take_veraison_nonce(const struct atls_api *api, const char *text, uint8_t *nonce,
                               size_t *sizep)
{
    int result = atls_veraison_nonce(api->as, text, nonce, ATLS_CHALLENGE_NONCE_MAX, sizep);

    if (result != 0)
        return result;
    if (*sizep >= ATLS_CHALLENGE_NONCE_MIN && *sizep <= ATLS_CHALLENGE_NONCE_MAX)
        return 0;
    return atls_fail(ATLS_E_LIMIT, NULL, "nonce must be between 8 and 64 bytes long; got %zu",
                     *sizep);
}

/* The URL-safe alphabet, padded (every release of Veraison) or not (main). */
static int take_given_nonce(const char *text, uint8_t *nonce, size_t *sizep)
{
    struct atls_bytes encoded = atls_bytes_of_text(text);
    enum atls_base64 kind = strchr(text, '=') ? ATLS_BASE64URL_PADDED : ATLS_BASE64URL;
    uint8_t *data;
    size_t size;
    int result;

    result = atls_base64_decode(kind, encoded, &data, &size);
    if (result > 0)
        return atls_fail(ATLS_E_MALFORMED, NULL, "nonce must be valid base64");
    if (result < 0)
        return result;
    if (size < ATLS_CHALLENGE_NONCE_MIN || size > ATLS_CHALLENGE_NONCE_MAX) {
        free(data);
        return atls_fail(ATLS_E_LIMIT, NULL, "nonce must be between 8 and 64 bytes long; got %zu",
                         size);
    }
    memcpy(nonce, data, size);
    *sizep = size;
    free(data);
    return 0;
}

/* An empty parameter counts as absent, as at Veraison. */
int atls_take_nonce(const struct atls_api *api, const struct atls_request *request, uint8_t *nonce,
                    size_t *sizep)
{
    const char *given = request->nonce && *request->nonce ? request->nonce : NULL;
    const char *size = request->nonce_size && *request->nonce_size ? request->nonce_size : NULL;

    if (given && size)
        return atls_fail(ATLS_E_MALFORMED, NULL, "nonce and nonceSize are mutually exclusive");
    if (given && api->as)
        return take_veraison_nonce(api, given, nonce, sizep);
    if (given)
        return take_given_nonce(given, nonce, sizep);
    return take_random_nonce(api, size, nonce, sizep);
}
