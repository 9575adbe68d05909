/* SPDX-License-Identifier: Apache-2.0 */
#include "program/bearer.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "program/program.h"
#include "rats/base/error.h"

#define TOKEN_MAX 16384 /* bytes of the file: a token may be a JWT */

/* RFC 6750 section 2.1: b68token. */
static bool is_token(const char *text)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "-._~+/";
    size_t size = strspn(text, letters);

    return size > 0 && text[size + strspn(text + size, "=")] == 0;
}

int atls_bearer_read(const char *flag, const char *path, size_t least, char **tokenp)
{
    uint8_t *data;
    size_t size;
    int result = atls_read_file(path, TOKEN_MAX, &data, &size);

    if (result)
        return result;
    char *token = strndup((const char *)data, size);
    explicit_bzero(data, size);
    free(data);
    if (!token)
        return atls_fail(-ENOMEM, NULL, "no memory for a token");
    token[strcspn(token, "\r\n")] = 0;
    if (!is_token(token) || strlen(token) < least) {
        atls_bearer_free(token);
        return atls_fail(ATLS_E_MALFORMED, "RFC 6750 section 2.1",
                         "%s %s: expected a line of %zu characters or more, of letters, digits and "
                         "-._~+/, with = at its end alone",
                         flag, path, least);
    }
    *tokenp = token;
    return 0;
}

void atls_bearer_free(char *token)
{
    if (token)
        explicit_bzero(token, strlen(token));
    free(token);
}
