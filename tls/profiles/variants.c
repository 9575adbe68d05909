/* SPDX-License-Identifier: Apache-2.0 */
/* The table of readings. */
#include "tls/profiles/variants.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"

#define READINGS_MAX 4
#define PROFILES_MAX 7

static const struct {
    const char *name, *ambiguity, *what;
    size_t at; /* of the member */
    const char *readings[READINGS_MAX + 1];
    const char *profiles[PROFILES_MAX + 1]; /* that leave it open */
} table[] = {
    {"hello-retry",
     "H5",
     "what ClientHello to ServerHello is after HelloRetryRequest",
     offsetof(struct atls_variants, hello_retry),
     {"message-hash", "all", "first-hello", "second-hello"},
     {"seat-04", "seat-06"}},
    {"payload-prefix",
     "H15",
     "length ahead of the CMW in a CertificateEntry's extension",
     offsetof(struct atls_variants, payload_prefix),
     {"drafted", "none", "u16", "u24"},
     {"ta-07", "seat-04", "seat-06", "expat-04"}},
    {"no-common",
     "H12",
     "answer to an offer with nothing in common",
     offsetof(struct atls_variants, no_common),
     {"alert", "omit"},
     {"ta-02", "ta-03", "ta-07", "seat-04", "seat-06"}},
    {"evidence-type-match",
     "H20",
     "the CMW that comes must be of the evidence type that was selected",
     offsetof(struct atls_variants, type_match),
     {"off", "on"},
     {"ta-02", "ta-03", "ta-07", "seat-04", "seat-06"}},
    {"result-nonce",
     "H11",
     "a result must answer the binder (drafted: in seat-04)",
     offsetof(struct atls_variants, result_nonce),
     {"drafted", "free", "required"},
     {"seat-04", "seat-06", "expat-04"}},
    {"entry-code-point",
     "H14",
     "attestation_evidence: of private use, or the draft's 60",
     offsetof(struct atls_variants, entry_extension),
     {"private", "draft-literal"},
     {"ta-07"}},
    {"binder-length",
     "H16",
     "length of the binder; an advertised one is 32 bytes here",
     offsetof(struct atls_variants, binder_length),
     {"nonce-size", "advertised-size"},
     {"ta-07"}},
    {"binder-secret",
     "H17",
     "what the handshake exporter starts from",
     offsetof(struct atls_variants, binder_secret),
     {"handshake-exporter-secret", "handshake-secret"},
     {"ta-07"}},
    {"public-key",
     "H6",
     "bytes of the public key in the binding",
     offsetof(struct atls_variants, public_key),
     {"spki", "raw-point", "cose-key"},
     {"expat-04"}},
    {"exporter-label",
     "H7",
     "label of the exporter in the binding",
     offsetof(struct atls_variants, exporter_label),
     {"EXPORTER-cmw-attestation", "Attestation", "Attestation Binding"},
     {"expat-04"}},
    {"cmw-code-point",
     "H8",
     "number of cmw_attestation: of the Go implementation, or of that in Rust",
     offsetof(struct atls_variants, cmw_code_point),
     {"0xFF00", "0xFFFF"},
     {"expat-04"}},
    {"cab-appraisal",
     "KAT-06 section 4",
     "who checks a KAT; the relying party then hands on the PAT alone",
     offsetof(struct atls_variants, cab_appraisal),
     {"verifier", "relying-party"},
     {"ta-02", "ta-03", "ta-07", "seat-04", "seat-06", "x509-cmw", "expat-04"}},
    {"result-key",
     "H10",
     "a result names the attested key, or its nonce is the binder",
     offsetof(struct atls_variants, result_key),
     {"named", "bound"},
     {"seat-04", "seat-06", "x509-cmw", "expat-04"}},
    {"result-binding",
     "RFC 9711 section 4.1",
     "what a verifier's result must have: its session's nonce or an attested key, or neither",
     offsetof(struct atls_variants, result_binding),
     {"nonce-or-key", "none"},
     {"ta-02", "ta-03", "ta-07", "seat-04", "seat-06", "x509-cmw", "expat-04"}},
    {"certificate-challenge",
     "H27",
     "what evidence beside a certificate answers: the channel binder, or the nonce as it came",
     offsetof(struct atls_variants, cert_challenge),
     {"channel-binder", "wire-nonce"},
     {"ta-07"}},
    {"post-handshake",
     "H28",
     "client authentication after the handshake (a server's --reattest): none, or with its binder",
     offsetof(struct atls_variants, post_handshake),
     {"none", "handshake-binder"},
     {"seat-06"}},
    {"nonce",
     "H4",
     "what a relying party sends: the verifier's nonce, or 00..07 as the prototype always does",
     offsetof(struct atls_variants, prototype_nonce),
     {"fresh", "constant"},
     {"poc-mbedtls"}},
};
#define COUNT (sizeof table / sizeof *table)

static unsigned *member(struct atls_variants *variants, size_t i)
{
    return (unsigned *)(void *)((char *)variants + table[i].at);
}

static int set(struct atls_variants *variants, size_t i, const char *reading)
{
    for (unsigned r = 0; table[i].readings[r] != NULL; r++)
        if (strcmp(table[i].readings[r], reading) == 0) {
            *member(variants, i) = r;
            return 0;
        }
    return atls_fail(ATLS_E_UNSUPPORTED, NULL, "%s (%s) has no reading %s", table[i].name,
                     table[i].ambiguity, reading);
}

int atls_variants_set(struct atls_variants *variants, const char *argument)
{
    size_t size = strcspn(argument, "=");
    for (size_t i = 0; i < COUNT && argument[size] == '='; i++)
        if (strlen(table[i].name) == size && memcmp(table[i].name, argument, size) == 0)
            return set(variants, i, argument + size + 1);
    return atls_fail(ATLS_E_UNSUPPORTED, NULL, "no such variant: %s", argument);
}

int atls_variants_check(const struct atls_variants *variants, const char *profile)
{
    struct atls_variants copy = *variants;
    for (size_t i = 0; i < COUNT; i++) {
        bool open = false;
        for (size_t p = 0; table[i].profiles[p] != NULL; p++)
            open = open || strcmp(table[i].profiles[p], profile) == 0;
        if (!open && *member(&copy, i) != 0)
            return atls_fail(ATLS_E_UNSUPPORTED, NULL, "%s (%s) is no question in profile %s",
                             table[i].name, table[i].ambiguity, profile);
    }
    return 0;
}

static void list(FILE *out, const char *const *words, const char *separator)
{
    for (size_t i = 0; words[i] != NULL; i++)
        fprintf(out, "%s%s", i > 0 ? separator : "", words[i]);
}

char *atls_variants_describe(void)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    fputs("Variants (--variant NAME=READING, the first reading is the default):\n", out);
    for (size_t i = 0; i < COUNT; i++) {
        fprintf(out, "  %s=", table[i].name);
        list(out, table[i].readings, "|");
        fprintf(out, "\n      %s: %s; ", table[i].ambiguity, table[i].what);
        list(out, table[i].profiles, ", ");
        fputc('\n', out);
    }
    return fclose(out) == 0 ? text : NULL;
}
