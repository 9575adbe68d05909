/* SPDX-License-Identifier: Apache-2.0 */
/* COSE_Sign1, the claims of a KAT, and the checks that only a relying party can make. */
#include "evidence.h"

#include <stdlib.h>
#include <string.h>

#include "cbor.h"

#define CAB_TYPE "tag:ietf.org,2024-02-29:rats/kat"
#define KAT "draft-bft-rats-kat-06 section "
#define COSE_CLAUSE "RFC 9052 section 4.2"
#define NONCE_LEAST 8
#define NONCE_MOST 64

enum { EAT_NONCE = 10, CNF = 8, KAK_PUB = 2500, LEGACY_NONCE = -75008, COSE_SIGN1 = 18 };
enum { ALG = 1, CRIT = 2, ES256 = -7, ES384 = -35 };
enum { KTY = 1, KEY_ALG = 3, CRV = -1, X = -2, Y = -3, EC2 = 2 };

static int bad_cose(struct why *why, const char *detail)
{
    return refuse(why, "malformed-cose", COSE_CLAUSE, "COSE_Sign1: %s", detail);
}

static int bad_claims(struct why *why, const char *detail)
{
    return refuse(why, "malformed-claims", KAT "3", "%s", detail);
}

static int read_alg(struct bytes header, struct sign1 *message, struct why *why)
{
    struct cbor_item map, alg;
    if (header.size == 0)
        return bad_cose(why, "alg is missing");
    if (cbor_check(header, (struct cbor_rules){false, false}, "malformed-cose", COSE_CLAUSE, why))
        return -1;
    map = cbor_item(&header);
    if (map.major != CBOR_MAP || !cbor_find(&map, ALG, &alg))
        return bad_cose(why, "the protected header is a map with alg (1)");
    struct cbor_item crit;
    if (cbor_find(&map, CRIT, &crit))
        return bad_cose(why, "crit names parameters that are not understood here");
    message->alg = cbor_is_int(&alg, ES256) ? ES256 : cbor_is_int(&alg, ES384) ? ES384 : 0;
    return message->alg ? 0 : bad_cose(why, "alg is ES256 (-7) or ES384 (-35)");
}

static int read_sign1(struct bytes token, struct cbor_rules rules, struct sign1 *messagep,
                      struct why *why)
{
    struct sign1 message;
    struct cbor_item parts[5], item;
    size_t count = 0;
    if (cbor_check(token, rules, "malformed-cbor", "RFC 8949 section 4.1", why))
        return -1;
    item = cbor_item(&token);
    if (item.major == CBOR_TAG && item.argument == COSE_SIGN1)
        item = cbor_item(&item.content);
    if (item.major != CBOR_ARRAY)
        return bad_cose(why, "expected an array, tagged 18 or not");
    while (item.content.size > 0 && count < 5)
        parts[count++] = cbor_item(&item.content);
    if (count != 4)
        return bad_cose(why, "expected four elements");
    if (parts[0].major != CBOR_BYTES || parts[1].major != CBOR_MAP ||
        parts[2].major != CBOR_BYTES || parts[3].major != CBOR_BYTES)
        return bad_cose(why, "expected protected header, header, payload and signature; a "
                             "detached payload is not read");
    struct cbor_item twice;
    if (cbor_find(&parts[1], ALG, &twice))
        return bad_cose(why, "alg stands in the unprotected header");
    message.protected_header = parts[0].content;
    message.payload = parts[2].content;
    message.signature = parts[3].content;
    if (read_alg(parts[0].content, &message, why) ||
        cbor_check(message.payload, rules, "malformed-cbor", "RFC 8949 section 4.1", why))
        return -1;
    *messagep = message;
    return 0;
}

/* A public COSE_Key of type EC2 (RFC 9053 section 7.1.1). */
static int read_key(const struct cbor_item *map, struct public_key *keyp, struct why *why)
{
    struct cbor_item kty, crv, x, y;
    if (map->major != CBOR_MAP || !cbor_find(map, KTY, &kty) || !cbor_is_int(&kty, EC2) ||
        !cbor_find(map, CRV, &crv) || !cbor_find(map, X, &x) || !cbor_find(map, Y, &y) ||
        x.major != CBOR_BYTES || y.major != CBOR_BYTES)
        return bad_claims(why, "expected a COSE_Key of type EC2 with crv, x and y");
    unsigned size = cbor_is_int(&crv, 1) ? 32 : cbor_is_int(&crv, 2) ? 48 : 0;
    if (key_of_point(size, x.content, y.content, keyp))
        return bad_claims(why, "a COSE_Key holds no point of P-256 or P-384");
    return 0;
}

static int read_nonce(const struct cbor_item *value, struct bytes *noncep, struct why *why)
{
    if (value->major != CBOR_BYTES || value->content.size < NONCE_LEAST ||
        value->content.size > NONCE_MOST)
        return bad_claims(why, "expected an eat_nonce of 8 to 64 bytes");
    *noncep = value->content;
    return 0;
}

static int read_kat_claims(struct bytes payload, struct evidence *e, struct why *why)
{
    struct cbor_item map = cbor_item(&payload), nonce, cnf, kak, key;
    if (map.major != CBOR_MAP || !cbor_find(&map, EAT_NONCE, &nonce) ||
        !cbor_find(&map, CNF, &cnf) || !cbor_find(&map, KAK_PUB, &kak))
        return bad_claims(why, "a KAT has eat_nonce (10), cnf (8) and kak-pub (2500)");
    /* RFC 8747: one way to name the key, and that one. */
    if (cnf.major != CBOR_MAP || !cbor_find(&cnf, 1, &key) || cnf.argument != 1)
        return bad_claims(why, "cnf holds a COSE_Key (1) and nothing else");
    e->kak_encoded = kak.encoded;
    return read_nonce(&nonce, &e->kat_nonce, why) || read_key(&key, &e->attested, why) ||
                   read_key(&kak, &e->kak, why)
               ? -1
               : 0;
}

static int read_token(struct bytes token, struct evidence *e, struct why *why)
{
    struct sign1 message;
    struct cbor_item nonce, legacy;
    if (read_sign1(token, (struct cbor_rules){true, true}, &message, why))
        return -1;
    struct cbor_item map = cbor_item(&message.payload);
    bool has = map.major == CBOR_MAP && cbor_find(&map, EAT_NONCE, &nonce);
    bool has_legacy = map.major == CBOR_MAP && cbor_find(&map, LEGACY_NONCE, &legacy);
    if (has == has_legacy)
        return bad_claims(why, has ? "a platform token with the nonces of two profiles"
                                   : "a platform token without eat_nonce (10)");
    e->token = token;
    return read_nonce(has ? &nonce : &legacy, &e->token_nonce, why);
}

static bool is_token(const struct cmw *cmw)
{
    return cmw_is(cmw, MT_EAT_CWT) || cmw_is(cmw, MT_PSA_TOKEN) || cmw_is(cmw, MT_PSA_VERAISON) ||
           cmw_is(cmw, MT_PSA_RFC9783);
}

static int check_bundle(const struct cmw *cmw, struct why *why)
{
    static const char *const labels[] = {"kat", "pat"};
    for (size_t i = 0; i < 2; i++) {
        const struct cmw *member = cmw_member(cmw, labels[i]);
        if (!member || !cmw_is(member, MT_EAT_CWT) ||
            (member->indicator && !(member->indicator & CMW_EVIDENCE)))
            return refuse(why, "malformed-cmw", KAT "5",
                          "a CAB has \"%s\", evidence of type " MT_EAT_CWT, labels[i]);
    }
    if (!cmw->collection_type || strcmp(cmw->collection_type, CAB_TYPE) != 0 || cmw->count != 2)
        return refuse(why, "malformed-cmw", KAT "5",
                      "a CAB has \"kat\", \"pat\" and the type " CAB_TYPE ", and nothing else");
    return 0;
}

/* What is in the members is looked at first: the more telling of two complaints. */
static int read_cab(const struct cmw *cmw, struct evidence *e, struct why *why)
{
    const struct cmw *kat = cmw_member(cmw, "kat"), *pat = cmw_member(cmw, "pat");
    e->is_cab = true;
    if (kat && kat->form != CMW_COLLECTION &&
        (read_sign1(BLOB_BYTES(kat->value), (struct cbor_rules){false, false}, &e->kat, why) ||
         read_kat_claims(e->kat.payload, e, why)))
        return -1;
    if (pat && pat->form != CMW_COLLECTION && read_token(BLOB_BYTES(pat->value), e, why))
        return -1;
    return check_bundle(cmw, why);
}

int evidence_read(const struct cmw *cmw, struct evidence *evidencep, struct why *why)
{
    struct evidence e = {.is_cab = false};
    int result;
    if (cmw->form == CMW_COLLECTION)
        result = read_cab(cmw, &e, why);
    else if (!is_token(cmw) || (cmw->indicator && !(cmw->indicator & CMW_EVIDENCE)))
        result = refuse(why, "malformed-cmw", KAT "5",
                        "expected a CAB or a PSA token as evidence, came another CMW");
    else
        result = read_token(BLOB_BYTES(cmw->value), &e, why);
    if (result == 0)
        *evidencep = e;
    return result;
}

/* RFC 9052 section 4.4 */
static int verify(const struct sign1 *message, const struct public_key *key)
{
    struct blob to_sign = {NULL, 0, 0};
    if ((message->alg == ES256) != (key->size == 32))
        return -1;
    cbor_put_head(&to_sign, CBOR_ARRAY, 4);
    cbor_put_text(&to_sign, "Signature1");
    cbor_put_bytes(&to_sign, message->protected_header);
    cbor_put_bytes(&to_sign, BYTES("", 0));
    cbor_put_bytes(&to_sign, message->payload);
    int result = key_verify(key, BLOB_BYTES(to_sign), message->signature);
    blob_clear(&to_sign);
    return result;
}

static int check_binder(struct bytes nonce, struct bytes challenge, const char *clause,
                        struct why *why)
{
    if (bytes_equal(nonce, challenge))
        return 0;
    char *expected = hex_of(challenge), *came = hex_of(nonce);
    refuse(why, "binder-mismatch", clause,
           "the evidence answers another binder: expected %s, came %s", expected, came);
    free(expected);
    free(came);
    return -1;
}

int evidence_check(const struct evidence *e, struct bytes challenge, const struct public_key *leaf,
                   const char *clause, struct why *why)
{
    uint8_t linkage[HASH_MAX];
    size_t size;
    if (!e->is_cab)
        return check_binder(e->token_nonce, challenge, clause, why);
    if (verify(&e->kat, &e->kak))
        return refuse(why, "kat-signature-invalid", KAT "4",
                      "the KAT's signature does not verify with its kak-pub");
    if (check_binder(e->kat_nonce, challenge, clause, why))
        return -1;
    hash(EVP_sha256(), e->kak_encoded, linkage, &size);
    if (!bytes_equal(e->token_nonce, BYTES(linkage, size)))
        return refuse(why, "linkage-mismatch", KAT "3.2",
                      "the PAT's eat_nonce is not the SHA-256 hash of the KAT's kak-pub");
    if (!key_equal(&e->attested, leaf))
        return refuse(why, "key-mismatch", KAT "4",
                      "the KAT attests another key than that of the certificate");
    return 0;
}
