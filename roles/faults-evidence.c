/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What faults do to evidence: a row for each format that can be broken in some way of its own.
 * Others are broken as a whole, by their nonce, by the key that is presented, or in the CMW around
 * them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/tokens/prototype.h"
#include "roles/attester-private.h"
#include "roles/faults-output.h"

#define WRAPPING 128 /* bytes that a CAB has around its tokens, and to spare */

static bool is_listed(const char *name, const char *const *names)
{
    bool listed = false;

    for (size_t i = 0; names[i]; i++) {
        listed = listed || strcmp(name, names[i]) == 0;
    }
    return listed;
}

/* Malformations of a KAT, and what else only a KAT can have. */
static bool is_of_kat(const char *name)
{
    static const char *const of_kat[] = {
        "kat-signature",      "realm-signature",  "linkage",     "non-secure-pat",
        "attested-other-key", "claims-no-cnf",    "claims-cbor", "cose-three-elements",
        "cose-detached",      "cose-unknown-alg", NULL};

    return strncmp(name, "cbor-", 5) == 0 || is_listed(name, of_kat);
}

/* KAT and PAT: both formats that have them are broken as a CAB in CBOR. */
struct bundling {
    const struct atls_kat_dialect *dialect;
    /* The evidence as a CAB, and again as it is; NULL: it is one. */
    int (*open)(struct atls_bytes evidence, uint8_t **cabp, size_t *sizep);
    int (*close)(struct atls_bytes cab, uint8_t **evidencep, size_t *sizep);
};

/* Takes *BYTESP over, whatever comes of it. */
static int convert(int (*conversion)(struct atls_bytes in, uint8_t **outp, size_t *sizep),
                   uint8_t **bytesp, size_t *sizep)
{
    uint8_t *in = *bytesp;

    if (!conversion) {
        return 0;
    }
    *bytesp = NULL;
    int result = conversion(ATLS_BYTES(in, *sizep), bytesp, sizep);
    free(in);
    return result;
}

/* The PAT that this device makes for whoever asks: over another hash than the KAT wants, or over
 * the right one (and then only the client id says that it is not the key attestation service's). */
static int ask_for_pat(struct atls_attester *attester, const struct bundling *bundling,
                       struct atls_bytes cab, bool linked, uint8_t **patp, size_t *sizep)
{
    uint8_t hash[ATLS_LINKAGE_SIZE];
    struct atls_cose_sign1 message;
    struct atls_kat_claims claims;
    struct atls_cmw *cmw = NULL;
    int result;

    if (!linked) {
        result = atls_crypto_hosted.random(hash, sizeof hash);
    } else {
        result = atls_cmw_parse_as(ATLS_CBOR, cab, &cmw);
        const struct atls_cmw *kat = result ? NULL : atls_cmw_find(cmw, "kat");
        if (!result && !kat) {
            result = atls_fail(ATLS_E_MISSING, bundling->dialect->linkage_clause, "no KAT");
        }
        result = result ? result
                        : atls_cose_sign1_parse(kat->value, ATLS_COSE_TAG_EITHER, NULL, &message);
        result = result ? result : bundling->dialect->parse_claims(message.payload, &claims);
        result =
            result ? result : atls_kat_linkage_encoded(&atls_crypto_hosted, claims.linked, hash);
        atls_cmw_free(cmw);
    }
    return result ? result
                  : atls_device_attest_platform(attester->device, ATLS_BYTES(hash, sizeof hash),
                                                patp, sizep);
}

/* Puts another PAT into the CAB: of another device, over another hash, or made for another caller.
 * All are as their device signed them. */
static int splice(struct atls_attester *attester, unsigned conn, const struct bundling *bundling,
                  struct atls_bytes challenge, uint8_t **cabp, size_t *sizep)
{
    bool foreign = atls_faults_has(&attester->inner, "foreign-pat", NULL);
    bool linked = !atls_faults_has(&attester->inner, "linkage", NULL);
    uint8_t *other = NULL, *spliced;
    size_t size, spliced_size;
    struct atls_cmw *cmw = NULL;
    struct atls_bytes pat = {NULL, 0};
    int result;

    if (foreign) {
        result = atls_attester_ask(attester, attester->format, attester->second,
                                   &attester->second_identity, challenge, &other, &size);
        result = result ? result : convert(bundling->open, &other, &size);
        result = result ? result : atls_cmw_parse_as(ATLS_CBOR, ATLS_BYTES(other, size), &cmw);
        if (!result) {
            const struct atls_cmw *record = atls_cmw_find(cmw, "pat");
            pat = record ? record->value : pat;
        }
    } else {
        result = ask_for_pat(attester, bundling, ATLS_BYTES(*cabp, *sizep), linked, &other, &size);
        if (!result) {
            pat = ATLS_BYTES(other, size);
        }
    }
    result = result ? result
                    : atls_faults_splice(ATLS_BYTES(*cabp, *sizep), pat, &spliced, &spliced_size);
    atls_cmw_free(cmw);
    free(other);
    if (result) {
        return result;
    }
    free(*cabp);
    *cabp = spliced;
    *sizep = spliced_size;
    atls_attester_tell_fault(attester, conn,
                             foreign  ? "foreign-pat"
                             : linked ? "non-secure-pat"
                                      : "linkage",
                             foreign  ? "the PAT is the second device's"
                             : linked ? "the PAT is over the right hash, but made for the "
                                        "non-secure side"
                                      : "the PAT is over another hash");
    return 0;
}

static int break_tokens(struct atls_attester *attester, unsigned conn,
                        const struct bundling *bundling, struct atls_bytes challenge,
                        uint8_t **evidencep, size_t *sizep)
{
    uint8_t *mutated;
    size_t size;
    const char *name;
    int result = convert(bundling->open, evidencep, sizep);

    if (!result && (atls_faults_has(&attester->inner, "foreign-pat", NULL) ||
                    atls_faults_has(&attester->inner, "linkage", NULL) ||
                    atls_faults_has(&attester->inner, "non-secure-pat", NULL))) {
        result = splice(attester, conn, bundling, challenge, evidencep, sizep);
    }
    if (result) {
        return atls_attester_device_fails(attester, result);
    }
    result = atls_faults_mutate_cab(&attester->inner, ATLS_BYTES(*evidencep, *sizep), &mutated,
                                    &size, &name);
    if (!result && name) {
        atls_attester_tell_fault(attester, conn, name, "evidence was changed after it was made");
        free(*evidencep);
        *evidencep = mutated;
        *sizep = size;
    }
    result = result ? result : convert(bundling->close, evidencep, sizep);
    return result ? atls_attester_fails(attester, result, "internal") : 0;
}

static int check_nothing(const struct atls_attester *attester)
{
    return 0;
}

static int break_cab(struct atls_attester *attester, unsigned conn, struct atls_bytes challenge,
                     uint8_t **cabp, size_t *sizep)
{
    static const struct bundling is_cab = {.dialect = &atls_kat_of_draft};

    return break_tokens(attester, conn, &is_cab, challenge, cabp, sizep);
}

static int open_bundle(struct atls_bytes bundle, uint8_t **cabp, size_t *sizep)
{
    struct atls_bytes kat, pat, written;
    struct atls_cbor_writer w;
    int result = atls_prototype_bundle_split(bundle, &kat, &pat);

    if (result) {
        return result;
    }
    uint8_t *cab = malloc(bundle.size + WRAPPING);
    if (!cab) {
        return atls_fail(-ENOMEM, NULL, "no memory for evidence");
    }
    atls_cbor_write_init(&w, cab, bundle.size + WRAPPING);
    atls_cab_write(&w, kat, pat);
    result = atls_cbor_write_done(&w, &written);
    if (result) {
        free(cab);
        return result;
    }
    *cabp = cab;
    *sizep = written.size;
    return 0;
}

static int write_bundle(struct atls_bytes kat, struct atls_bytes pat, uint8_t **bundlep,
                        size_t *sizep)
{
    struct atls_sink sink;
    int result = atls_fault_output(kat.size + pat.size, &sink);

    if (result) {
        return result;
    }
    result = atls_prototype_bundle_write(&sink, kat, pat);
    if (result) {
        free(sink.data);
        return result;
    }
    return atls_fault_done(&sink, bundlep, sizep);
}

static int close_bundle(struct atls_bytes cab, uint8_t **bundlep, size_t *sizep)
{
    const struct atls_cmw *kat, *pat;
    struct atls_cmw *cmw;
    int result = atls_cmw_parse_as(ATLS_CBOR, cab, &cmw);

    if (result) {
        return result;
    }
    kat = atls_cmw_find(cmw, "kat");
    pat = atls_cmw_find(cmw, "pat");
    result = kat && pat
                 ? write_bundle(kat->value, pat->value, bundlep, sizep)
                 : atls_fail(ATLS_E_MISSING, ATLS_PROTOTYPE_CLAUSE, "a bundle holds KAT and PAT");
    atls_cmw_free(cmw);
    return result;
}

static int break_bundle(struct atls_attester *attester, unsigned conn, struct atls_bytes challenge,
                        uint8_t **bundlep, size_t *sizep)
{
    static const struct bundling is_bundle = {&atls_kat_of_2022, open_bundle, close_bundle};

    return break_tokens(attester, conn, &is_bundle, challenge, bundlep, sizep);
}

static int check_token(const struct atls_attester *attester)
{
    for (size_t i = 0; i < attester->inner.count; i++) {
        if (is_of_kat(attester->inner.fault[i].name)) {
            return atls_fail(ATLS_E_UNSUPPORTED, NULL, "fault %s is of a KAT: %s has none",
                             attester->inner.fault[i].name, attester->format->what);
        }
    }
    return 0;
}

static int break_token(struct atls_attester *attester, unsigned conn, struct atls_bytes challenge,
                       uint8_t **tokenp, size_t *sizep)
{
    if (attester->second) {
        atls_attester_tell_fault(attester, conn, "foreign-pat", "the token is the second device's");
    }
    if (atls_faults_has(&attester->inner, "pat-signature", NULL) && *sizep) {
        (*tokenp)[*sizep - 1] ^= 1; /* the signature is COSE_Sign1's last element */
        atls_attester_tell_fault(attester, conn, "pat-signature",
                                 "evidence was changed after it was made");
    }
    return 0;
}

static int check_other(const struct atls_attester *attester)
{
    static const char *const of_pat[] = {"pat-signature", "foreign-pat", NULL};

    for (size_t i = 0; i < attester->inner.count; i++) {
        const char *name = attester->inner.fault[i].name;
        bool named = attester->format->key_in && strcmp(name, "attested-other-key") == 0;
        if (!named && (is_of_kat(name) || is_listed(name, of_pat))) {
            return atls_fail(ATLS_E_UNSUPPORTED, NULL, "fault %s is not known of %s", name,
                             attester->format->what);
        }
    }
    return 0;
}

static const struct atls_evidence_faults rows[] = {
    {&atls_format_cab, check_nothing, break_cab, atls_faults_mutate_cab},
    {&atls_format_psa, check_token, break_token, NULL},
    {&atls_format_prototype, check_nothing, break_bundle, NULL},
    {&atls_format_parsec_tpm, atls_attester_check_tpm, atls_attester_break_tpm, NULL},
    {&atls_format_ra_tls, atls_faults_check_quote, atls_faults_break_quote, NULL},
    {&atls_format_parsec_cca, atls_faults_check_cca, atls_faults_break_cca, NULL},
    {&atls_format_cca, atls_faults_check_cca, atls_faults_break_cca, NULL},
    {NULL, check_other, NULL, NULL},
};

const struct atls_evidence_faults *
atls_evidence_faults_of(const struct atls_evidence_format *format)
{
    const struct atls_evidence_faults *row = rows;

    while (row->format && row->format != format) {
        row++;
    }
    return row;
}

static const char *const of_bytes[] = {"cmw", "cmw-truncated", "cmw-trailing-byte", NULL};

/* What is no CMW, and a record or tag, cannot have every fault of a CMW. */
static int check_wrapper(const struct atls_attester *attester, const char *name)
{
    static const char *const of_collection[] = {"cmw-missing-kat", "cbor-duplicate-key",
                                                "cbor-deep", NULL};
    enum atls_evidence_wrapping wrapping = attester->format->wrapping;
    bool tag = attester->options.cmw_form == ATLS_CMW_TAG;

    if (attester->options.serialization == ATLS_JSON && strncmp(name, "cbor-", 5) == 0) {
        return atls_fail(ATLS_E_UNSUPPORTED, NULL, "fault %s=cmw has no meaning in JSON", name);
    }
    if (wrapping == ATLS_NO_CMW && !is_listed(name, of_bytes)) {
        return atls_fail(ATLS_E_UNSUPPORTED, NULL, "fault %s is of a CMW: %s is none", name,
                         attester->format->what);
    }
    if (wrapping == ATLS_IN_CMW &&
        (is_listed(name, of_collection) ||
         (tag && !is_listed(name, of_bytes) && strcmp(name, "cmw-empty-collection") != 0))) {
        return atls_fail(ATLS_E_UNSUPPORTED, NULL, "fault %s has no meaning in a %s", name,
                         tag ? "tag" : "record");
    }
    if (wrapping == ATLS_IS_CMW && !attester->breaks->break_collection &&
        !is_listed(name, of_bytes)) {
        return atls_fail(ATLS_E_UNSUPPORTED, NULL, "fault %s is not known of %s", name,
                         attester->format->what);
    }
    return 0;
}

/* Those whose name begins with the kind of evidence are of that alone. */
static int check_kind(const struct atls_attester *attester)
{
    static const struct {
        const char *prefix, *what;
        const struct atls_evidence_format *format, *or_of; /* the same where there is but one */
    } kinds[] = {{"tpm-", "a TPM", &atls_format_parsec_tpm, &atls_format_parsec_tpm},
                 {"quote-", "a quote", &atls_format_ra_tls, &atls_format_ra_tls},
                 {"realm-", "a realm", &atls_format_cca, &atls_format_parsec_cca}};

    for (size_t i = 0; i < attester->inner.count; i++) {
        const char *name = attester->inner.fault[i].name;
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
            if (strncmp(name, kinds[k].prefix, strlen(kinds[k].prefix)) == 0 &&
                attester->format != kinds[k].format && attester->format != kinds[k].or_of) {
                return atls_fail(ATLS_E_UNSUPPORTED, NULL, "fault %s is of %s: %s has none", name,
                                 kinds[k].what, attester->format->what);
            }
        }
    }
    return 0;
}

int atls_attester_check_faults(const struct atls_attester *attester)
{
    for (size_t i = 0; i < attester->wrapper.count; i++) {
        int result = check_wrapper(attester, attester->wrapper.fault[i].name);
        if (result) {
            return result;
        }
    }
    int result = check_kind(attester);
    return result ? result : attester->breaks->check(attester);
}

/* The faults of any bytes. */
static int break_bytes(const struct atls_faults *wrapper, struct atls_bytes in, uint8_t **outp,
                       size_t *sizep, const char **namep)
{
    struct atls_sink out;
    int result = 0;

    *outp = NULL;
    *namep = NULL;
    if (wrapper->count == 0) {
        return 0;
    }
    result = atls_fault_output(in.size, &out);
    if (result) {
        return result;
    }
    const char *name = wrapper->fault[0].name;
    if (!atls_fault_of_bytes(name, wrapper->fault[0].value, in, &out, &result) || result) {
        free(out.data);
        return result ? result : atls_fail(ATLS_E_UNSUPPORTED, NULL, "fault %s is of a CMW", name);
    }
    result = atls_fault_done(&out, outp, sizep);
    *namep = result ? NULL : name;
    return result;
}

int atls_attester_break_wrapper(const struct atls_attester *attester, enum atls_model model,
                                struct atls_bytes cmw, uint8_t **outp, size_t *sizep,
                                const char **namep)
{
    const struct atls_faults *wrapper = &attester->wrapper;

    if (attester->format->wrapping == ATLS_NO_CMW) {
        return break_bytes(wrapper, cmw, outp, sizep, namep);
    }
    if (attester->options.serialization == ATLS_JSON) {
        return atls_faults_mutate_json(wrapper, cmw, outp, sizep, namep);
    }
    if (model == ATLS_MODEL_PASSPORT || attester->format->wrapping == ATLS_IN_CMW) {
        return atls_faults_mutate_record(wrapper, cmw, outp, sizep, namep);
    }
    return (attester->breaks->break_collection ? attester->breaks->break_collection
                                               : break_bytes)(wrapper, cmw, outp, sizep, namep);
}
