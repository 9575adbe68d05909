/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence of interoperable RA-TLS: its frame and its claims. */
#include "rats/tokens/ra-tls.h"

#include <errno.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/cbor/cbor-read.h"

#define KEY_CLAIM "pubkey-hash"
#define NONCE_CLAIM "nonce"

/* "definite-length encoded"; nothing is said of preferred encoding. */
static const struct atls_cbor_rules rules = {
    .max_size = 1 << 20, .max_depth = 8, .max_items = 256, .allow_unpreferred = true};

static const struct {
    uint64_t id; /* IANA, Named Information Hash Algorithm Registry */
    enum atls_hash hash;
} hashes[] = {{1, ATLS_SHA256}, {7, ATLS_SHA384}, {8, ATLS_SHA512}};

bool atls_ra_tls_is(struct atls_bytes in)
{
    struct atls_cbor_reader r = {.in = in, .rules = &rules};
    uint64_t tag;

    return atls_cbor_peek(&r) == ATLS_CBOR_TAG && atls_cbor_read_tag(&r, "tag", &tag) == 0 &&
           tag >= ATLS_TAG_TEE_QUOTE && tag <= ATLS_TAG_SGX_REPORT;
}

static int check_hash(uint64_t id, struct atls_ra_tls *parsed)
{
    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++)
        if (hashes[i].id == id) {
            parsed->hash = hashes[i].hash;
            if (parsed->key_hash.size == atls_hash_size(parsed->hash))
                return 0;
            return atls_fail(ATLS_E_MALFORMED, ATLS_RA_TLS_CLAUSE_CLAIMS,
                             KEY_CLAIM ": expected a hash of %zu bytes, came %zu",
                             atls_hash_size(parsed->hash), parsed->key_hash.size);
        }
    return atls_fail(ATLS_E_UNSUPPORTED, ATLS_RA_TLS_CLAUSE_CLAIMS,
                     KEY_CLAIM ": expected sha-256 (1), sha-384 (7) or sha-512 (8), came %llu",
                     (unsigned long long)id);
}

/* hash-entry of CoSWID: [ hash-alg-id, hash-value ] (RFC 9393 section 2.9.1). As everywhere here,
 * opening it has refused bytes behind. */
static int read_hash(struct atls_bytes value, struct atls_ra_tls *parsed)
{
    struct atls_cbor_reader r;
    size_t count;
    uint64_t id;
    int result = atls_cbor_open(&r, value, &rules, ATLS_RA_TLS_CLAUSE_CLAIMS);

    result = result ? result : atls_cbor_read_array(&r, KEY_CLAIM, &count);
    if (!result && count != 2)
        return atls_fail(ATLS_E_MALFORMED, ATLS_RA_TLS_CLAUSE_CLAIMS,
                         KEY_CLAIM ": expected [algorithm, hash], came %zu elements", count);
    result = result ? result : atls_cbor_read_uint(&r, "hash-alg-id", &id);
    result = result ? result : atls_cbor_read_bytes(&r, "hash-value", &parsed->key_hash);
    return result ? result : check_hash(id, parsed);
}

static int read_claim(struct atls_cbor_reader *r, struct atls_ra_tls *parsed)
{
    struct atls_bytes name, value;
    int result = atls_cbor_read_text(r, "name of a claim", &name);

    if (result)
        return result;
    if (atls_bytes_is_text(name, KEY_CLAIM)) {
        result = atls_cbor_read_bytes(r, KEY_CLAIM, &value);
        return result ? result : read_hash(value, parsed);
    }
    if (!atls_bytes_is_text(name, NONCE_CLAIM))
        return atls_cbor_skip(r);
    parsed->has_nonce = true;
    return atls_cbor_read_bytes(r, NONCE_CLAIM, &parsed->nonce);
}

static int read_claims(struct atls_ra_tls *parsed)
{
    struct atls_cbor_reader r;
    size_t count = 0;
    int result = atls_cbor_open(&r, parsed->claims_buffer, &rules, ATLS_RA_TLS_CLAUSE_CLAIMS);

    result = result ? result : atls_cbor_read_map(&r, "claims buffer", &count);
    while (!result && atls_cbor_next(&r, &count))
        result = read_claim(&r, parsed);
    if (!result && !parsed->key_hash.data)
        result =
            atls_fail(ATLS_E_MISSING, ATLS_RA_TLS_CLAUSE_CLAIMS, "expected a claim " KEY_CLAIM);
    return result;
}

int atls_ra_tls_parse(struct atls_bytes in, struct atls_ra_tls *parsedp)
{
    struct atls_ra_tls parsed = {.has_nonce = false};
    struct atls_cbor_reader r;
    size_t count;
    uint64_t tag;
    int result = atls_cbor_open(&r, in, &rules, ATLS_RA_TLS_CLAUSE);

    result = result ? result : atls_cbor_read_tag(&r, "RA-TLS evidence", &tag);
    if (!result && !(tag >= ATLS_TAG_TEE_QUOTE && tag <= ATLS_TAG_SGX_REPORT))
        return atls_fail(ATLS_E_MALFORMED, ATLS_RA_TLS_CLAUSE,
                         "RA-TLS evidence: expected tag 60000, 60001 or 60002, came %llu",
                         (unsigned long long)tag);
    result = result ? result : atls_cbor_read_array(&r, "RA-TLS evidence", &count);
    if (!result && count != 2)
        return atls_fail(ATLS_E_MALFORMED, ATLS_RA_TLS_CLAUSE,
                         "RA-TLS evidence: expected [quote or report, claims buffer], came %zu "
                         "elements",
                         count);
    result = result ? result : atls_cbor_read_bytes(&r, "quote or report", &parsed.evidence);
    result = result ? result : atls_cbor_read_bytes(&r, "claims buffer", &parsed.claims_buffer);
    result = result ? result : read_claims(&parsed);
    if (result)
        return result;
    parsed.tag = (enum atls_ra_tls_tag)tag;
    *parsedp = parsed;
    return 0;
}

int atls_ra_tls_check_key(const struct atls_ra_tls *ra_tls, const struct atls_crypto *crypto,
                          struct atls_bytes spki)
{
    uint8_t digest[ATLS_HASH_MAX];
    int result = crypto->hash(ra_tls->hash, &spki, 1, digest);

    if (result)
        return result;
    if (!atls_bytes_equal_secret(ATLS_BYTES(digest, atls_hash_size(ra_tls->hash)),
                                 ra_tls->key_hash))
        return atls_fail(ATLS_E_MISMATCH, ATLS_RA_TLS_CLAUSE_CLAIMS,
                         KEY_CLAIM ": expected the hash of the certificate's key, came another");
    return 0;
}

int atls_ra_tls_check_report(const struct atls_ra_tls *ra_tls, const struct atls_crypto *crypto,
                             const struct atls_tee_report *report)
{
    uint8_t expected[ATLS_REPORT_DATA_SIZE] = {0};
    int result = crypto->hash(ATLS_SHA256, &ra_tls->claims_buffer, 1, expected);

    if (result)
        return result;
    if (!atls_bytes_equal_secret(ATLS_BYTES(expected, sizeof expected), report->report_data))
        return atls_fail(ATLS_E_MISMATCH, ATLS_RA_TLS_CLAUSE,
                         "report data: expected SHA-256 of the claims buffer and zeros, came "
                         "something else");
    return 0;
}

int atls_ra_tls_claims_write(struct atls_cbor_writer *w, struct atls_bytes key_hash)
{
    uint8_t entry[8 + ATLS_HASH_MAX];
    struct atls_cbor_writer inner;
    struct atls_bytes value;
    uint64_t id = 0;

    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++)
        if (atls_hash_size(hashes[i].hash) == key_hash.size)
            id = hashes[i].id;
    if (!id)
        return atls_fail(-EINVAL, NULL, KEY_CLAIM ": no hash has %zu bytes", key_hash.size);
    atls_cbor_write_init(&inner, entry, sizeof entry);
    atls_cbor_write_array(&inner, 2);
    atls_cbor_write_uint(&inner, id);
    atls_cbor_write_bytes(&inner, key_hash);
    int result = atls_cbor_write_done(&inner, &value);
    if (!result) {
        atls_cbor_write_map(w, 1);
        atls_cbor_write_text(w, KEY_CLAIM);
        atls_cbor_write_bytes(w, value);
    }
    return result;
}

void atls_ra_tls_write(struct atls_cbor_writer *w, struct atls_bytes quote,
                       struct atls_bytes claims_buffer)
{
    atls_cbor_write_tag(w, ATLS_TAG_TEE_QUOTE);
    atls_cbor_write_array(w, 2);
    atls_cbor_write_bytes(w, quote);
    atls_cbor_write_bytes(w, claims_buffer);
}
