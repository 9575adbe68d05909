/* SPDX-License-Identifier: Apache-2.0 */
#include "roles/url.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "roles/curl.h"

/* A login that libcurl cannot take apart is one for which it has no memory. */
static int outcome_of(CURLUcode code)
{
    if (code == CURLUE_OUT_OF_MEMORY || code == CURLUE_BAD_LOGIN)
        return atls_fail(-ENOMEM, NULL, "no memory for a URL");
    return code == CURLUE_OK ? 0 : ATLS_E_MALFORMED;
}

/* *TEXTP is libcurl's, which may be another allocator's. */
static CURLUcode copy_part(CURLU *parts, CURLUPart part, unsigned flags, char **textp)
{
    char *text = NULL;
    CURLUcode code = curl_url_get(parts, part, &text, flags);

    if (code == CURLUE_OK)
        *textp = strdup(text);
    if (code == CURLUE_OK && !*textp)
        code = CURLUE_OUT_OF_MEMORY;
    curl_free(text);
    return code;
}

int atls_url_read(const char *text, struct atls_url *urlp)
{
    struct atls_url url = {.scheme = NULL};
    char *password = NULL;
    CURLU *parts = curl_url();
    CURLUcode code = parts ? curl_url_set(parts, CURLUPART_URL, text, 0) : CURLUE_OUT_OF_MEMORY;

    code = code ? code : copy_part(parts, CURLUPART_SCHEME, 0, &url.scheme);
    code = code ? code : copy_part(parts, CURLUPART_HOST, 0, &url.host);
    code = code ? code : copy_part(parts, CURLUPART_PORT, CURLU_DEFAULT_PORT, &url.port);
    if (code == CURLUE_OK || code == CURLUE_NO_PORT)
        code = copy_part(parts, CURLUPART_PASSWORD, 0, &password);
    url.has_password = password != NULL;
    free(password);
    curl_url_cleanup(parts);
    int result = outcome_of(code == CURLUE_NO_PASSWORD ? CURLUE_OK : code);
    if (result)
        atls_url_clear(&url);
    else
        *urlp = url;
    return result;
}

void atls_url_clear(struct atls_url *url)
{
    free(url->scheme);
    free(url->host);
    free(url->port);
    *url = (struct atls_url){.scheme = NULL};
}

bool atls_url_is_web(const struct atls_url *url)
{
    return strcmp(url->scheme, "http") == 0 || strcmp(url->scheme, "https") == 0;
}

int atls_url_resolve(const char *base, const char *location, char **urlp)
{
    CURLU *parts = curl_url();
    CURLUcode code = parts ? curl_url_set(parts, CURLUPART_URL, base, 0) : CURLUE_OUT_OF_MEMORY;

    if (code == CURLUE_OK) {
        code = curl_url_set(parts, CURLUPART_URL, location, 0);
        /* Without memory for the base libcurl takes a relative reference for a whole URL. */
        code = code == CURLUE_BAD_SCHEME ? CURLUE_OUT_OF_MEMORY : code;
    }
    code = code ? code : curl_url_set(parts, CURLUPART_FRAGMENT, NULL, 0);
    code = code ? code : copy_part(parts, CURLUPART_URL, 0, urlp);
    curl_url_cleanup(parts);
    return outcome_of(code);
}
