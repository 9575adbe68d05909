/* SPDX-License-Identifier: Apache-2.0 */
/* The relying party itself: what it trusts. What it does with one peer is in appraisal.c. */
#include "roles/relying-party.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "roles/relying-party-private.h"
#include "roles/verifier-document.h"

#define JWK_FILE_MAX 65536

static bool is_url(const char *source)
{
    return strncmp(source, "http://", 7) == 0 || strncmp(source, "https://", 8) == 0;
}

static int load_key(const char *path, json_t **jwkp)
{
    uint8_t *text;
    size_t size;
    json_t *jwk;
    int result = atls_read_file(path, JWK_FILE_MAX, &text, &size);

    if (result) {
        return result;
    }
    result = atls_json_object(ATLS_BYTES(text, size), path, &jwk);
    free(text);
    if (result) {
        return result;
    }
    result = atls_verification_key_check(jwk);
    if (result) {
        json_decref(jwk);
        return atls_fail(result, atls_error_clause(), "%s: %s", path, atls_error_text());
    }
    *jwkp = jwk;
    return 0;
}

int atls_relying_party_new(const struct atls_relying_party_options *options,
                           struct atls_verifier_client *client, struct atls_events *events,
                           struct atls_relying_party **rpp)
{
    struct atls_relying_party *rp = calloc(1, sizeof *rp);
    int result = 0;

    if (!rp || !(rp->trusted = calloc(options->trusted_count + 1, sizeof *rp->trusted))) {
        free(rp);
        return atls_fail(-ENOMEM, NULL, "no memory for a relying party");
    }
    rp->options = *options;
    rp->client = client;
    rp->events = events;
    if (options->accept_tier != ATLS_TIER_AFFIRMING && options->accept_tier != ATLS_TIER_WARNING) {
        result = atls_fail(-EINVAL, NULL, "a relying party accepts affirming, or also warning");
    }
    for (size_t i = 0; !result && i < options->trusted_count; i++) {
        struct atls_trust *trust = &rp->trusted[rp->trusted_count++];
        trust->id = options->trusted[i].id;
        trust->source = options->trusted[i].source;
        if (!is_url(trust->source)) {
            result = load_key(trust->source, &trust->jwk);
        }
    }
    if (!result && options->nonces_ahead > 0) {
        result = atls_nonces_new(client, options->verifier_url, options->nonce_size,
                                 options->nonces_ahead, &rp->nonces);
    }
    if (result) {
        atls_relying_party_free(rp);
        return result;
    }
    *rpp = rp;
    return 0;
}

void atls_relying_party_free(struct atls_relying_party *rp)
{
    if (!rp) {
        return;
    }
    for (size_t i = 0; i < rp->trusted_count; i++) {
        json_decref(rp->trusted[i].jwk);
    }
    atls_nonces_free(rp->nonces);
    free(rp->trusted);
    free(rp);
}

void atls_relying_party_refill(struct atls_relying_party *rp)
{
    atls_nonces_refill(rp->nonces);
}

int atls_relying_party_key(struct atls_relying_party *rp, const struct atls_trust *trust,
                           const json_t **jwkp, const char **reasonp)
{
    if (trust->jwk) {
        *jwkp = trust->jwk;
        return 0;
    }
    return atls_verifier_key(rp->client, trust->source, jwkp, reasonp);
}
