/* SPDX-License-Identifier: Apache-2.0 */
/* TLS and the token of an exchange; see http-access.h. */
#include "roles/http-access.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program/bearer.h"
#include "program/program.h"
#include "rats/base/error.h"
#include "roles/url.h"

#define CA_FILE_MAX ((size_t)4 << 20)

struct atls_http_access {
    char *ca_file, *token, *origin;
};

bool atls_http_is_local(const char *host)
{
    struct in_addr address;

    return strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
           (inet_pton(AF_INET, host, &address) == 1 && ntohl(address.s_addr) >> 24 == 127);
}

/* "https://host:port", with the port said; *CLEARP (may be NULL): by http, and not to this machine.
 * *ORIGINP stays as it is where TEXT is no URL. -ENOMEM. */
static int origin_of(const char *text, char **originp, bool *clearp)
{
    char *origin = NULL;
    struct atls_url url;
    int result = atls_url_read(text, &url);

    if (result)
        return result < 0 ? result : 0;
    if (url.port && asprintf(&origin, "%s://%s:%s", url.scheme, url.host, url.port) < 0)
        result = atls_fail(-ENOMEM, NULL, "no memory for a URL");
    if (!result && clearp)
        *clearp = strcmp(url.scheme, "https") != 0 && !atls_http_is_local(url.host);
    atls_url_clear(&url);
    if (result)
        return result;
    *originp = origin;
    return 0;
}

/* libcurl would say so at the first exchange, and less. */
static int check_ca_file(const char *path)
{
    gnutls_x509_crt_t *certificates = NULL;
    unsigned count = 0;
    uint8_t *data;
    size_t size;
    int result = atls_read_file(path, CA_FILE_MAX, &data, &size);

    if (result)
        return result;
    gnutls_datum_t pem = {data, (unsigned)size};
    int code = gnutls_x509_crt_list_import2(&certificates, &count, &pem, GNUTLS_X509_FMT_PEM, 0);
    free(data);
    for (unsigned i = 0; i < count; i++)
        gnutls_x509_crt_deinit(certificates[i]);
    if (code >= 0)
        gnutls_free(certificates);
    if (count == 0)
        return atls_fail(ATLS_E_MALFORMED, "RFC 7468 section 5",
                         "--verifier-ca %s: expected certificates in PEM: %s", path,
                         gnutls_strerror(code));
    return 0;
}

static int take_token(struct atls_http_access *access,
                      const struct atls_http_access_options *options)
{
    bool clear = false;

    if (!options->token_for)
        return atls_fail(-EINVAL, NULL,
                         "--verifier-auth needs the --verifier that the token is for");
    int result = origin_of(options->token_for, &access->origin, &clear);
    if (result)
        return result;
    if (!access->origin)
        return atls_fail(-EINVAL, "RFC 9110 section 4.2",
                         "--verifier-auth: expected an https verifier, came %.200s",
                         options->token_for);
    if (clear)
        return atls_fail(-EINVAL, "RFC 6750 section 5.3",
                         "--verifier-auth: expected an https verifier, for a token goes over TLS "
                         "only; came %.200s",
                         options->token_for);
    return atls_bearer_read("--verifier-auth", options->token_file, 1, &access->token);
}

int atls_http_access_new(const struct atls_http_access_options *options,
                         struct atls_http_access **accessp)
{
    struct atls_http_access *access = calloc(1, sizeof *access);
    int result = 0;

    if (!access)
        return atls_fail(-ENOMEM, NULL, "no memory for the HTTP client");
    if (options->ca_file) {
        result = check_ca_file(options->ca_file);
        access->ca_file = strdup(options->ca_file);
        if (!result && !access->ca_file)
            result = atls_fail(-ENOMEM, NULL, "no memory for the HTTP client");
    }
    if (!result && options->token_file)
        result = take_token(access, options);
    if (result) {
        atls_http_access_free(access);
        return result;
    }
    *accessp = access;
    return 0;
}

void atls_http_access_free(struct atls_http_access *access)
{
    if (!access)
        return;
    atls_bearer_free(access->token);
    free(access->origin);
    free(access->ca_file);
    free(access);
}

bool atls_http_access_apply(const struct atls_http_access *access, CURL *easy, const char *url)
{
    bool ok = curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK;

    if (access && access->ca_file) /* it alone */
        ok = ok && curl_easy_setopt(easy, CURLOPT_CAINFO, access->ca_file) == CURLE_OK &&
             curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) == CURLE_OK;
    if (access && access->token) {
        char *origin = NULL;

        ok = ok && origin_of(url, &origin, NULL) == 0;
        if (ok && origin && strcasecmp(origin, access->origin) == 0)
            ok = curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER) == CURLE_OK &&
                 curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, access->token) == CURLE_OK;
        free(origin);
    }
    return ok;
}

/* What GnuTLS found, in the order in which it matters to whom it is told. */
static const char *verdict_of(unsigned long status)
{
    static const struct {
        unsigned long bit;
        const char *text;
    } table[] = {
        {GNUTLS_CERT_SIGNER_NOT_FOUND,
         "its certificate was issued by a CA that is not known here (name that CA's certificate "
         "with --verifier-ca)"},
        {GNUTLS_CERT_EXPIRED, "its certificate has expired"},
        {GNUTLS_CERT_NOT_ACTIVATED, "its certificate is not valid yet"},
        {GNUTLS_CERT_REVOKED, "its certificate was revoked"},
        {GNUTLS_CERT_SIGNER_NOT_CA, "its certificate was issued by one that is no CA"},
        {GNUTLS_CERT_INSECURE_ALGORITHM, "its certificate is signed with an insecure algorithm"},
        {GNUTLS_CERT_PURPOSE_MISMATCH, "its certificate is not for a TLS server"},
        {GNUTLS_CERT_SIGNATURE_FAILURE, "the signature of its certificate is wrong"},
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (status & table[i].bit)
            return table[i].text;
    return NULL;
}

const char *atls_http_access_failure(CURL *easy, CURLcode code, const char *curl_text, char *text,
                                     size_t size)
{
    const char *verdict = NULL, *backend = curl_version_info(CURLVERSION_NOW)->ssl_version;
    long status = 0;

    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
        /* OpenSSL's text names the reason, and its codes are others. */
        if (backend && strncmp(backend, "GnuTLS", 6) == 0 &&
            curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &status) == CURLE_OK)
            verdict = verdict_of((unsigned long)status);
        snprintf(text, size, "the server cannot be trusted: %s", verdict ? verdict : curl_text);
        return "RFC 9110 section 4.3.4";
    case CURLE_SSL_CONNECT_ERROR:
        snprintf(text, size, "expected TLS (is it https there, or http?): %s", curl_text);
        return "RFC 9110 section 4.2.2";
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
        snprintf(text, size, "TLS: %s", curl_text);
        return "RFC 9110 section 4.2.2";
    default:
        return NULL;
    }
}
