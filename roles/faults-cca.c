/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What faults do to Arm CCA evidence, alone or under Parsec's KAT: a signature broken in either
 * token, another platform's token in place of its own, and a KAT that is not the one the realm
 * vouches for. All else stays as the device made it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/tokens/cca.h"
#include "roles/attester-private.h"

#define CHANGED "evidence was changed after it was made"
#define WRAPPING 256 /* bytes around the tokens, and to spare */

struct parts {             /* they borrow from the evidence */
    struct atls_bytes kat; /* empty where there is none */
    struct atls_bytes platform, realm;
    enum atls_cca_tag tag;
};

int atls_faults_check_cca(const struct atls_attester *attester)
{
    bool has_kat = attester->format->key_in != NULL;

    for (size_t i = 0; i < attester->inner.count; i++) {
        const char *name = attester->inner.fault[i].name;
        bool never = strncmp(name, "cbor-", 5) == 0 || strncmp(name, "cose-", 5) == 0 ||
                     strncmp(name, "claims-", 7) == 0 || strcmp(name, "kat-signature") == 0 ||
                     strcmp(name, "non-secure-pat") == 0;
        bool of_kat = strcmp(name, "linkage") == 0 || strcmp(name, "attested-other-key") == 0;

        if (never || (of_kat && !has_kat)) {
            return atls_fail(ATLS_E_UNSUPPORTED, NULL, "fault %s is not known of %s", name,
                             attester->format->what);
        }
    }
    return 0;
}

static int take_apart(const struct atls_attester *attester, struct atls_bytes evidence,
                      struct parts *partsp)
{
    struct parts parts = {.tag = ATLS_CCA_TAG_CMW};
    struct atls_bytes pat = evidence;
    int result = attester->format->key_in ? atls_parsec_cca_split(evidence, &parts.kat, &pat) : 0;

    result =
        result ? result : atls_cca_collection_split(pat, &parts.tag, &parts.platform, &parts.realm);
    if (!result) {
        *partsp = parts;
    }
    return result;
}

static int put_together(const struct parts *parts, uint8_t **evidencep, size_t *sizep)
{
    size_t room = parts->kat.size + parts->platform.size + parts->realm.size + WRAPPING;
    uint8_t *token = malloc(room), *out = malloc(2 * room);
    struct atls_bytes written = {NULL, 0};
    struct atls_cbor_writer w;
    int result = token && out ? 0 : atls_fail(-ENOMEM, NULL, "no memory for evidence");

    if (!result) {
        atls_cbor_write_init(&w, token, room);
        atls_cca_collection_write(&w, parts->tag, parts->platform, parts->realm);
        result = atls_cbor_write_done(&w, &written);
    }
    if (!result) {
        atls_cbor_write_init(&w, out, 2 * room);
        if (parts->kat.size) {
            atls_parsec_cca_write(&w, parts->kat, written);
        } else {
            atls_cbor_write_encoded(&w, written);
        }
        result = atls_cbor_write_done(&w, &written);
    }
    free(token);
    if (result) {
        free(out);
        return result;
    }
    *evidencep = out;
    *sizep = written.size;
    return 0;
}

/* The same KAT with one claim more (cti, RFC 8392 section 3.1.7), which nobody signs: nonce and key
 * stay as they are, and its hash is not what the realm vouches for. */
static int add_claim(struct atls_bytes kat, uint8_t *buffer, size_t size, struct atls_bytes *katp)
{
    static const uint8_t head[] = {0xd9, 0x02, 0x59, 0xa2}; /* tag 601, a map of two */
    static const uint8_t claim[] = {0x07, 0x41, 0x00};

    if (kat.size < sizeof head || memcmp(kat.data, head, sizeof head) ||
        kat.size + sizeof claim > size) {
        return atls_fail(ATLS_E_UNSUPPORTED, NULL,
                         "fault linkage: expected a KAT of two claims, came another one");
    }
    memcpy(buffer, kat.data, kat.size);
    buffer[sizeof head - 1]++;
    memcpy(buffer + kat.size, claim, sizeof claim);
    *katp = ATLS_BYTES(buffer, kat.size + sizeof claim);
    return 0;
}

/* The platform's token of the second device, which vouches for another realm manager's key. */
static int ask_second(struct atls_attester *attester, struct atls_bytes challenge,
                      uint8_t **evidencep, struct atls_bytes *platformp)
{
    struct parts parts;
    size_t size;
    int result = atls_attester_ask(attester, attester->format, attester->second,
                                   &attester->second_identity, challenge, evidencep, &size);

    result = result ? result : take_apart(attester, ATLS_BYTES(*evidencep, size), &parts);
    if (!result) {
        *platformp = parts.platform;
    }
    return result;
}

/* The last byte of a token of the evidence: of its signature. */
static void flip(uint8_t *evidence, struct atls_bytes token)
{
    evidence[(size_t)(token.data - evidence) + token.size - 1] ^= 1;
}

static int rebuild(struct atls_attester *attester, unsigned conn, struct atls_bytes challenge,
                   uint8_t **evidencep, size_t *sizep)
{
    bool foreign = atls_faults_has(&attester->inner, "foreign-pat", NULL);
    uint8_t kat[256], *other = NULL, *made = NULL;
    struct parts parts;
    size_t size = 0;
    int result = take_apart(attester, ATLS_BYTES(*evidencep, *sizep), &parts);

    if (!result && foreign) {
        result = ask_second(attester, challenge, &other, &parts.platform);
    } else if (!result) {
        result = add_claim(parts.kat, kat, sizeof kat, &parts.kat);
    }
    result = result ? result : put_together(&parts, &made, &size);
    free(other);
    if (result) {
        return atls_attester_device_fails(attester, result);
    }
    free(*evidencep);
    *evidencep = made;
    *sizep = size;
    atls_attester_tell_fault(attester, conn, foreign ? "foreign-pat" : "linkage",
                             foreign
                                 ? "the platform token is the second device's"
                                 : "the KAT has a claim more than the one the realm vouches for");
    return 0;
}

int atls_faults_break_cca(struct atls_attester *attester, unsigned conn,
                          struct atls_bytes challenge, uint8_t **evidencep, size_t *sizep)
{
    bool platform = atls_faults_has(&attester->inner, "pat-signature", NULL);
    bool realm = atls_faults_has(&attester->inner, "realm-signature", NULL);
    bool whole = attester->second && !attester->format->key_in; /* it is the second device's */
    struct parts parts;
    int result = 0;

    if (whole) {
        atls_attester_tell_fault(attester, conn, "foreign-pat", "the token is the second device's");
    } else if (atls_faults_has(&attester->inner, "foreign-pat", NULL) ||
               atls_faults_has(&attester->inner, "linkage", NULL)) {
        result = rebuild(attester, conn, challenge, evidencep, sizep);
    }
    if (result || !(platform || realm)) {
        return result;
    }
    result = take_apart(attester, ATLS_BYTES(*evidencep, *sizep), &parts);
    if (result) {
        return atls_attester_fails(attester, result, "internal");
    }
    if (platform) {
        flip(*evidencep, parts.platform);
        atls_attester_tell_fault(attester, conn, "pat-signature", CHANGED);
    }
    if (realm) {
        flip(*evidencep, parts.realm);
        atls_attester_tell_fault(attester, conn, "realm-signature", CHANGED);
    }
    return 0;
}
