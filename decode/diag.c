/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recognises a message and prints it: one table of formats, in order of how surely they are told.
 * Recognition looks at the first heads and keys only, so that a message which is malformed further
 * on is still called by its name and printed as far as it goes.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decode/diag-tree.h"
#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/cmw/cmw.h"
#include "rats/corim/corim.h"
#include "rats/crypto/pem.h"
#include "rats/ear/ear.h"
#include "rats/json/json.h"
#include "rats/json/jws.h"
#include "rats/tokens/kat.h"
#include "rats/tokens/psa.h"

#define TAG_UNSIGNED_CORIM 501
#define TAG_SIGNED_CORIM 502

static struct atls_cbor_reader reader_of(struct atls_bytes in)
{
    return (struct atls_cbor_reader){.in = in, .rules = &atls_cbor_lenient};
}

static bool starts_with_tag(struct atls_bytes in, uint64_t expected)
{
    struct atls_cbor_reader r = reader_of(in);
    uint64_t tag;

    return atls_cbor_peek(&r) == ATLS_CBOR_TAG && !atls_cbor_read_tag(&r, "tag", &tag) &&
           tag == expected;
}

/* The payload of what looks like a COSE_Sign1: [bytes, map, bytes or null, bytes], maybe tagged. */
static bool cose_payload(struct atls_bytes in, struct atls_bytes *payloadp)
{
    struct atls_cbor_reader r = reader_of(in);
    struct atls_bytes header;
    bool tagged = false;
    uint64_t tag;
    size_t count;

    *payloadp = (struct atls_bytes){0};
    for (int i = 0; i < 2 && atls_cbor_peek(&r) == ATLS_CBOR_TAG; i++) {
        if (atls_cbor_read_tag(&r, "tag", &tag) ||
            (tag != ATLS_TAG_COSE_SIGN1 && tag != ATLS_TAG_CWT && tag != TAG_SIGNED_CORIM))
            return false;
        tagged = true;
    }
    if (atls_cbor_peek(&r) != ATLS_CBOR_ARRAY || atls_cbor_read_array(&r, "COSE", &count) ||
        (count != 4 && !tagged))
        return tagged;
    if (atls_cbor_peek(&r) != ATLS_CBOR_BYTES || atls_cbor_read_bytes(&r, "header", &header) ||
        atls_cbor_peek(&r) != ATLS_CBOR_MAP || atls_cbor_skip(&r))
        return tagged;
    if (atls_cbor_peek(&r) != ATLS_CBOR_BYTES || atls_cbor_read_bytes(&r, "payload", payloadp))
        if (atls_cbor_peek(&r) != ATLS_CBOR_NULL || atls_cbor_read_null(&r, "payload"))
            return tagged;
    return tagged || atls_cbor_peek(&r) == ATLS_CBOR_BYTES; /* no signature: another of COSE's */
}

static bool is_cose(struct atls_bytes in)
{
    struct atls_bytes payload;
    return cose_payload(in, &payload);
}

/* A tag of COSE, with or without that of a CWT around it. */
static bool starts_with_cose_tag(struct atls_bytes in, uint64_t expected)
{
    struct atls_cbor_reader r = reader_of(in);
    uint64_t tag;

    if (atls_cbor_peek(&r) != ATLS_CBOR_TAG || atls_cbor_read_tag(&r, "tag", &tag))
        return false;
    if (tag == ATLS_TAG_CWT &&
        (atls_cbor_peek(&r) != ATLS_CBOR_TAG || atls_cbor_read_tag(&r, "tag", &tag)))
        return false;
    return tag == expected;
}

static bool is_mac0(struct atls_bytes in)
{
    return starts_with_cose_tag(in, ATLS_TAG_COSE_MAC0);
}

static bool is_cose_sign(struct atls_bytes in)
{
    return starts_with_cose_tag(in, ATLS_TAG_COSE_SIGN);
}

static bool is_corim(struct atls_bytes in)
{
    return starts_with_tag(in, TAG_UNSIGNED_CORIM);
}

/* CBOR claims of an EAR: a profile, and 266 submods holding a map. */
bool atls_diag_is_cbor_ear(struct atls_bytes in)
{
    struct atls_cbor_reader r = reader_of(in);
    bool has_submods = false, has_verifier = false;
    size_t pairs;
    int64_t key;

    if (atls_cbor_peek(&r) != ATLS_CBOR_MAP || atls_cbor_read_map(&r, "claims", &pairs))
        return false;
    while (pairs-- &&
           (atls_cbor_peek(&r) == ATLS_CBOR_UINT || atls_cbor_peek(&r) == ATLS_CBOR_NINT)) {
        if (atls_cbor_read_int(&r, "key", &key))
            break;
        has_submods |= key == 266;
        has_verifier |= key == 1004;
        if (atls_cbor_skip(&r))
            break;
    }
    return has_submods && has_verifier;
}

/* An array of maps, the first of which has a measurement value and a signer. */
static bool is_boot_record(struct atls_bytes in)
{
    struct atls_cbor_reader r = reader_of(in);
    size_t count, pairs;
    unsigned found = 0;
    int64_t key;

    if (atls_cbor_peek(&r) != ATLS_CBOR_ARRAY || atls_cbor_read_array(&r, "record", &count) ||
        atls_cbor_peek(&r) != ATLS_CBOR_MAP || atls_cbor_read_map(&r, "component", &pairs))
        return false;
    while (pairs-- && atls_cbor_peek(&r) == ATLS_CBOR_UINT &&
           !atls_cbor_read_int(&r, "key", &key)) {
        found |= key == 2 && atls_cbor_peek(&r) == ATLS_CBOR_BYTES ? 1 : 0;
        found |= key == 5 && atls_cbor_peek(&r) == ATLS_CBOR_BYTES ? 2 : 0;
        if (atls_cbor_skip(&r))
            break;
    }
    return found == 3;
}

static bool is_text(struct atls_bytes in)
{
    for (size_t i = 0; i < in.size; i++)
        if (in.data[i] < 0x20 && !isspace(in.data[i]))
            return false;
    return in.size > 0;
}

static bool is_json(struct atls_bytes in)
{
    struct atls_bytes text = atls_json_skip_space(in);
    return is_text(in) && text.size && (text.data[0] == '{' || text.data[0] == '[');
}

static json_t *load_object(struct atls_bytes in)
{
    json_t *json =
        is_json(in) ? json_loadb((const char *)in.data, in.size, JSON_ALLOW_NUL, NULL) : NULL;

    if (json_is_object(json))
        return json;
    json_decref(json);
    return NULL;
}

static bool object_has(struct atls_bytes in, const char *first, const char *second)
{
    json_t *object = load_object(in);
    bool has = json_object_get(object, first) && json_object_get(object, second);

    json_decref(object);
    return has;
}

/* RFC 7517 section 4.1: kty is a string, which no member of a CMW collection is. */
static bool is_jwk(struct atls_bytes in)
{
    json_t *object = load_object(in);
    bool is = json_is_string(json_object_get(object, "kty"));

    json_decref(object);
    return is;
}

static bool is_json_ear(struct atls_bytes in)
{
    return object_has(in, "eat_profile", "submods");
}

static bool is_session(struct atls_bytes in)
{
    return object_has(in, "nonce", "status");
}

static bool is_jwt(struct atls_bytes in)
{
    struct atls_bytes text = atls_json_skip_space(in);
    return is_text(in) && text.size > 3 && !memcmp(text.data, "eyJ", 3) &&
           memchr(text.data, '.', text.size);
}

static bool is_jwt_ear(struct atls_bytes in)
{
    struct atls_jws jws;
    bool is_ear;

    if (!is_jwt(in) || atls_jws_parse(in, &jws))
        return false;
    is_ear = json_object_get(jws.payload, "submods") != NULL;
    atls_jws_clear(&jws);
    return is_ear;
}

static bool is_cwt_ear(struct atls_bytes in)
{
    struct atls_bytes payload;
    return cose_payload(in, &payload) && atls_diag_is_cbor_ear(payload);
}

static bool is_pem(struct atls_bytes in)
{
    return is_text(in) && !is_json(in) && atls_diag_is_armoured(in);
}

static bool is_pem_key(struct atls_bytes in)
{
    return is_pem(in) && atls_diag_pem_blocks(in) == 1 &&
           memmem(in.data, in.size, "-----BEGIN PUBLIC KEY-----", 26);
}

static bool is_cbor(struct atls_bytes in)
{
    struct atls_cbor_reader r;
    return in.size && !atls_cbor_open(&r, in, &atls_cbor_lenient, NULL);
}

static void print_corim(struct atls_diag *d, struct atls_bytes in)
{
    struct atls_corim corim;
    char reason[ATLS_DIAG_REASON];
    int result = atls_diag_cbor(d, in, NULL, NULL);

    if (result)
        return;
    result = atls_corim_parse(in, &corim);
    if (result == ATLS_E_UNSUPPORTED) {
        atls_diag_finding(d, "not checked", "CoRIM: %s", atls_diag_reason(reason));
        return;
    }
    if (result) {
        atls_diag_check(d, result, "CoRIM");
        return;
    }
    atls_diag_check(d, 0, "CoRIM with the profile %s (%s): %zu reference values, %zu trust anchors",
                    atls_corim_profile_uri(corim.profile),
                    corim.dialect == ATLS_CORIM_MAIN ? "as a URI" : "as plain text",
                    corim.reference_value_count, corim.trust_anchor_count);
    atls_corim_clear(&corim);
}

static void print_boot_record(struct atls_diag *d, struct atls_bytes in)
{
    struct atls_psa_component *components = malloc(ATLS_PSA_COMPONENTS_MAX * sizeof *components);
    size_t count;
    int result = atls_diag_cbor(d, in, NULL, &atls_diag_components);

    if (!result && components) {
        result = atls_psa_components_parse(in, components, ATLS_PSA_COMPONENTS_MAX, &count);
        atls_diag_check(d, result, "components as RFC 9783 wants them");
    }
    free(components);
}

static void print_claims(struct atls_diag *d, struct atls_bytes in)
{
    const struct atls_evidence_token *token = atls_diag_token_of(in);

    if (!atls_diag_cbor(d, in, NULL, &atls_diag_claims) && token && token->check_claims)
        token->check_claims(&d->printer, in);
}

static void print_ear_claims(struct atls_diag *d, struct atls_bytes in)
{
    if (!atls_diag_cbor(d, in, NULL, &atls_diag_claims))
        atls_diag_cbor_ear_claims(d, in);
}

static void print_cbor(struct atls_diag *d, struct atls_bytes in)
{
    atls_diag_cbor(d, in, NULL, NULL);
}

/* Strictly first; with a complaint, but in full, where only strictness stood in the way. */
static json_t *load_with_complaint(struct atls_diag *d, struct atls_bytes in)
{
    json_error_t error;
    json_t *json;
    int result = atls_json_load(in, "JSON", "RFC 8259 section 4", &json);

    if (!result)
        return json;
    json = json_loadb((const char *)in.data, in.size, JSON_ALLOW_NUL, &error);
    /* RFC 8259 section 6: a number may be of any size; here it is rounded where it has to be. */
    if (!json && json_error_code(&error) == json_error_numeric_overflow)
        json = json_loadb((const char *)in.data, in.size,
                          JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, NULL);
    if (json && json_error_code(&error) == json_error_numeric_overflow)
        atls_diag_note(d, "an integer has more than 64 bits: all are shown as rounded to 53 bits");
    else
        atls_diag_problem(d, result);
    return json;
}

static void print_json(struct atls_diag *d, struct atls_bytes in)
{
    json_t *json = load_with_complaint(d, in);

    if (json)
        atls_diag_json(d, NULL, json);
    json_decref(json);
}

static void print_json_ear(struct atls_diag *d, struct atls_bytes in)
{
    json_t *json = load_with_complaint(d, in);

    atls_diag_json(d, "claims", json);
    atls_diag_ear_claims(d, json);
    json_decref(json);
}

static void print_jwk(struct atls_diag *d, struct atls_bytes in)
{
    json_t *json = load_with_complaint(d, in);

    atls_diag_jwk(d, json);
    json_decref(json);
}

/* How evidence formats are told: by the type of a collection or by bytes of their own, by the
 * claims behind a signature, by claims alone. A row with one of these stands for all of them. */
enum told_by { ITSELF, MESSAGE, TOKEN, CLAIMS };

struct format {
    const char *word, *what;
    bool (*fits)(struct atls_bytes in);
    void (*print)(struct atls_diag *d, struct atls_bytes in);
    enum told_by told_by;
    const struct atls_evidence_print *evidence; /* prints it instead */
};

#define EVIDENCE(told_by)                                                                          \
    {                                                                                              \
        NULL, NULL, NULL, NULL, told_by, NULL                                                      \
    }
#define OTHER(word, what, fits, print)                                                             \
    {                                                                                              \
        word, what, fits, print, ITSELF, NULL                                                      \
    }
static const struct format formats[] = {
    OTHER("pem", "public key in PEM", is_pem_key, atls_diag_pem_key),
    OTHER("pem", "PEM", is_pem, atls_diag_pem),
    OTHER("cmw-jws", "signed CMW (JWS)", atls_diag_is_cmw_jws, atls_diag_cmw_jws),
    OTHER("ear", "EAT attestation result (EAR) in a JWT", is_jwt_ear, atls_diag_jwt),
    OTHER("jwt", "JWT", is_jwt, atls_diag_jwt),
    EVIDENCE(MESSAGE),
    OTHER("jwk", "JSON web key", is_jwk, print_jwk),
    OTHER("cmw", "conceptual message wrapper (CMW)", atls_diag_looks_like_cmw, atls_diag_cmw),
    OTHER("ear", "EAR claims in JSON", is_json_ear, print_json_ear),
    OTHER("session", "verifier's session", is_session, print_json),
    OTHER("json", "JSON", is_json, print_json),
    OTHER("certificate", "X.509 certificate", atls_diag_is_certificate, atls_diag_certificate),
    OTHER("der", "ASN.1 DER", atls_diag_is_der, atls_diag_der),
    OTHER("corim", "CoRIM", is_corim, print_corim),
    OTHER("corim-signed", "signed CoRIM (COSE_Sign1)", atls_corim_is_signed,
          atls_diag_corim_signed),
    OTHER("cmw-cose", "signed CMW (COSE_Sign1)", atls_diag_is_cmw_cose, atls_diag_cmw_cose),
    EVIDENCE(TOKEN),
    OTHER("ear", "EAT attestation result (EAR) in a CWT", is_cwt_ear, atls_diag_cose),
    OTHER("cose-sign1", "COSE_Sign1", is_cose, atls_diag_cose),
    OTHER("cose-mac0", "COSE_Mac0", is_mac0, atls_diag_cose_mac0),
    OTHER("cose-sign", "COSE_Sign", is_cose_sign, atls_diag_cose_sign),
    OTHER("ear", "EAR claims in CBOR", atls_diag_is_cbor_ear, print_ear_claims),
    EVIDENCE(CLAIMS),
    OTHER("boot-record", "boot record", is_boot_record, print_boot_record),
    OTHER("cbor", "CBOR", is_cbor, print_cbor),
};

static bool is_collection_of(const struct atls_evidence_format *format, struct atls_bytes in)
{
    return format->collection_word && atls_diag_looks_like_cmw(in) &&
           memmem(in.data, in.size, format->collection_type, strlen(format->collection_type));
}

static bool is_message_of(const struct atls_evidence_format *format, struct atls_bytes in,
                          struct format *foundp)
{
    const struct atls_evidence_print *print = format->print;

    if (is_collection_of(format, in))
        *foundp = (struct format){.word = format->collection_word,
                                  .what = format->collection_what,
                                  .print = atls_diag_cmw};
    else if (print && print->fits(in))
        *foundp = (struct format){.word = print->word, .what = print->what, .evidence = print};
    return foundp->word != NULL;
}

/* Which evidence is it, of those that are told so? */
static bool is_evidence(enum told_by told_by, struct atls_bytes in, struct format *foundp)
{
    const struct atls_evidence_token *token = NULL;
    struct atls_bytes payload;

    for (size_t i = 0; told_by == MESSAGE && atls_evidence_formats[i]; i++)
        if (is_message_of(atls_evidence_formats[i], in, foundp))
            return true;
    if (told_by == TOKEN && cose_payload(in, &payload) && (token = atls_diag_token_of(payload)))
        *foundp =
            (struct format){.word = token->word, .what = token->what, .print = atls_diag_cose};
    if (told_by == CLAIMS && (token = atls_diag_token_of(in)))
        *foundp = (struct format){
            .word = token->claims_word, .what = token->claims_what, .print = print_claims};
    return token != NULL;
}

static bool recognise(struct atls_bytes in, struct format *foundp)
{
    *foundp = (struct format){.word = NULL};
    for (size_t i = 0; in.size && i < sizeof formats / sizeof *formats; i++) {
        if (formats[i].told_by != ITSELF && is_evidence(formats[i].told_by, in, foundp))
            return true;
        if (formats[i].fits && formats[i].fits(in)) {
            *foundp = formats[i];
            return true;
        }
    }
    return false;
}

const char *atls_diag_recognise(struct atls_bytes in)
{
    struct format format;

    return recognise(in, &format) ? format.word : NULL;
}

static void print(struct atls_diag *d, const char *label, const struct format *format,
                  struct atls_bytes in)
{
    if (atls_diag_enter(d))
        return;
    atls_diag_line(d, label, "%s, %zu bytes", format->what, in.size);
    d->depth++;
    if (format->evidence)
        format->evidence->print(&d->printer, in);
    else
        format->print(d, in);
    d->depth--;
    d->nested--;
}

void atls_diag_evidence(struct atls_diag *d, const struct atls_evidence_print *evidence,
                        struct atls_bytes in)
{
    const struct format format = {.what = evidence->what, .evidence = evidence};

    print(d, NULL, &format, in);
}

/* A few arbitrary bytes are often well-formed CBOR: inside others it must be more than a scalar.
 * DER that is not looked into says less than its bytes do. */
void atls_diag_message(struct atls_diag *d, const char *label, struct atls_bytes in)
{
    struct format format;

    if (!recognise(in, &format) || !strcmp(format.word, "der") ||
        (!strcmp(format.word, "cbor") && (in.data[0] >> 5 < 4 || in.data[0] >> 5 == 7)))
        atls_diag_bytes(d, label, in);
    else
        print(d, label, &format, in);
}

static bool is_whole_text(struct atls_bytes in)
{
    json_t *json = json_loadb((const char *)in.data, in.size, JSON_ALLOW_NUL, NULL);
    struct atls_public_key key;
    struct atls_jws jws;

    json_decref(json);
    if (json || atls_pem_read_public_key(in, &key) == 0)
        return true;
    if (atls_jws_parse(in, &jws))
        return false;
    atls_jws_clear(&jws);
    return true;
}

static bool is_whole_cbor(struct atls_bytes in)
{
    struct atls_cmw *cmw;

    if (!is_cbor(in) || in.data[0] >> 5 < 4 || in.data[0] >> 5 == 7)
        return false;
    if (!atls_diag_looks_like_cmw(in))
        return true;
    if (atls_cmw_parse(in, &cmw))
        return false;
    atls_cmw_free(cmw);
    return true;
}

bool atls_diag_guess(struct atls_diag *d, const char *label, struct atls_bytes in)
{
    struct format format;

    if (!recognise(in, &format) ||
        !(is_text(in) ? is_whole_text(in) : is_whole_cbor(in) || atls_diag_is_certificate(in)))
        return false;
    print(d, label, &format, in);
    return true;
}

static void print_unknown(struct atls_diag *d, struct atls_bytes in)
{
    atls_diag_line(d, NULL, "not recognised, %zu bytes", in.size);
    if (in.size && !is_text(in))
        atls_diag_cbor(d, in, NULL, NULL);
    else
        atls_diag_problem(
            d, atls_fail(ATLS_E_MALFORMED, NULL, "expected a message in CBOR, JSON or as a JWT"));
}

static void print_checks(FILE *out, const struct atls_diag *d, const char *checks)
{
    if (d->has_checks && checks)
        fprintf(out, "checks:\n%s", checks);
}

int atls_diag_print(FILE *out, struct atls_bytes in, const struct atls_diag_keys *keys)
{
    struct format format;
    bool known = recognise(in, &format);
    struct atls_diag d = {.printer = {.ops = &atls_diag_printer_ops}, .out = out};
    char *checks = NULL;
    size_t size;

    if (keys)
        d.keys = *keys;
    if (!d.keys.crypto)
        d.keys.crypto = &atls_crypto_hosted;
    d.checks = open_memstream(&checks, &size);
    if (!d.checks)
        return atls_fail(-ENOMEM, NULL, "printer: out of memory");
    d.printer.crypto = d.keys.crypto;
    if (known)
        print(&d, NULL, &format, in);
    else
        print_unknown(&d, in);
    if (fclose(d.checks) == 0)
        print_checks(out, &d, checks);
    free(checks);
    return d.problem;
}
