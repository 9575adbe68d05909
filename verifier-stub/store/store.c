/* SPDX-License-Identifier: Apache-2.0 */
/* What the store's backends share: choosing one, importing a CoRIM, when trust anchors agree. */
#include "verifier-stub/store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rats/base/error.h"

#define SIGNED_CLAUSE "draft-ietf-rats-corim section 4.2"
#define PROFILE_CLAUSE "draft-ietf-rats-corim section 4.1.4"
#define VALIDITY_CLAUSE "draft-ietf-rats-corim section 7.3"

int atls_store_open(const char *spec, struct atls_store **storep)
{
    static const char sqlite[] = "sqlite:";

    if (strcmp(spec, "memory") == 0)
        return atls_store_open_memory(storep);
    if (strncmp(spec, sqlite, strlen(sqlite)) == 0 && spec[strlen(sqlite)] != 0)
        return atls_store_open_sqlite(spec + strlen(sqlite), storep);
    return atls_fail(ATLS_E_UNSUPPORTED, NULL, "store: expected memory or sqlite:PATH, came \"%s\"",
                     spec);
}

void atls_store_close(struct atls_store *store)
{
    if (store)
        store->ops->close(store);
}

static int check_validity(const char *what, const struct atls_validity *validity, int64_t now)
{
    if (atls_validity_holds(validity, now))
        return 0;
    return atls_fail(ATLS_E_EXPIRED, VALIDITY_CLAUSE,
                     "%s: valid from %lld to %lld (seconds since 1970), it is %lld now: %s", what,
                     (long long)validity->not_before, (long long)validity->not_after,
                     (long long)now, now < validity->not_before ? "not valid yet" : "expired");
}

static int check_signature(const struct atls_import_rules *rules,
                           const struct atls_corim_signed *corim)
{
    int result = 0;

    if (rules->endorser_count == 0)
        return atls_fail(ATLS_E_UNTRUSTED, SIGNED_CLAUSE,
                         "signed CoRIM by \"%.100s\": there is no key to check its signature with "
                         "(--endorser-key FILE)",
                         corim->signer);
    for (size_t i = 0; i < rules->endorser_count; i++) {
        result = atls_cose_sign1_verify(&corim->message, rules->crypto, &rules->endorsers[i]);
        if (result <= 0)
            return result;
    }
    return rules->endorser_count == 1
               ? result
               : atls_fail(
                     ATLS_E_SIGNATURE, SIGNED_CLAUSE,
                     "signed CoRIM by \"%.100s\": its signature verifies with none of the %zu "
                     "endorsers' keys",
                     corim->signer, rules->endorser_count);
}

/* The part of both times: what is endorsed counts while the signature and the CoRIM are valid. */
static struct atls_validity overlap(struct atls_validity a, struct atls_validity b)
{
    struct atls_validity both = {a.not_before > b.not_before ? a.not_before : b.not_before,
                                 a.not_after == 0                                ? b.not_after
                                 : b.not_after == 0 || a.not_after < b.not_after ? a.not_after
                                                                                 : b.not_after};

    return both;
}

static int add_valid(struct atls_store *store, const struct atls_import_rules *rules,
                     struct atls_corim *corim, const struct atls_validity *signature)
{
    struct atls_validity validity = overlap(corim->validity, *signature);
    int result = check_validity("CoRIM (rim-validity)", &corim->validity, rules->now);

    for (size_t i = 0; i < corim->reference_value_count; i++)
        corim->reference_values[i].validity = validity;
    for (size_t i = 0; i < corim->trust_anchor_count; i++)
        corim->trust_anchors[i].validity = validity;
    return result ? result : store->ops->add(store, corim);
}

static int import_unsigned(struct atls_store *store, const struct atls_import_rules *rules,
                           struct atls_bytes in, const struct atls_validity *signature,
                           struct atls_store_import *import)
{
    struct atls_corim corim = {0};
    int result = atls_corim_parse(in, &corim);

    if (result != 0)
        return result;
    if (rules->profile && *rules->profile != corim.profile)
        result = atls_fail(ATLS_E_MISMATCH, PROFILE_CLAUSE,
                           "CoRIM: expected the profile of its media type, %s, came %s",
                           atls_corim_profile_uri(*rules->profile),
                           atls_corim_profile_uri(corim.profile));
    else
        result = add_valid(store, rules, &corim, signature);
    import->reference_values = corim.reference_value_count;
    import->trust_anchors = corim.trust_anchor_count;
    import->skipped = corim.skipped;
    atls_corim_clear(&corim);
    return result;
}

static int import_signed(struct atls_store *store, const struct atls_import_rules *rules,
                         struct atls_bytes in, struct atls_store_import *import)
{
    struct atls_corim_signed corim;
    int result = atls_corim_signed_parse(in, &corim);

    if (result != 0)
        return result;
    import->is_signed = true;
    atls_printable(corim.signer, strlen(corim.signer), import->signer, sizeof import->signer);
    result = check_signature(rules, &corim);
    if (result == 0)
        result = check_validity("signed CoRIM (signature-validity)", &corim.validity, rules->now);
    if (result == 0)
        result = import_unsigned(store, rules, corim.message.payload, &corim.validity, import);
    atls_corim_signed_clear(&corim);
    return result;
}

/* By its first byte, before anything is parsed: tag 18 is that of COSE_Sign1, tag 501 of three. */
static bool claims_to_be_signed(struct atls_bytes in)
{
    struct atls_cbor_reader r = {.in = in, .rules = &atls_cbor_lenient};
    uint64_t tag;

    return atls_cbor_peek(&r) == ATLS_CBOR_TAG && atls_cbor_read_tag(&r, "tag", &tag) == 0 &&
           tag == ATLS_TAG_COSE_SIGN1;
}

int atls_store_import_by(struct atls_store *store, const struct atls_import_rules *rules,
                         struct atls_bytes in, struct atls_store_import *importp)
{
    static const struct atls_validity for_ever = {0};
    struct atls_store_import import = {0};
    int result;

    if (claims_to_be_signed(in))
        result = import_signed(store, rules, in, &import);
    else if (rules->signed_only)
        result = atls_fail(ATLS_E_UNTRUSTED, SIGNED_CLAUSE,
                           "CoRIM: expected one that an endorser signed (COSE_Sign1, tag 18), an "
                           "unsigned one came");
    else
        result = import_unsigned(store, rules, in, &for_ever, &import);
    if (result == 0)
        *importp = import;
    return result;
}

int atls_store_import_corim(struct atls_store *store, struct atls_bytes in,
                            struct atls_store_import *importp)
{
    const struct atls_import_rules rules = {.now = (int64_t)time(NULL)};

    return atls_store_import_by(store, &rules, in, importp);
}

size_t atls_store_most(const struct atls_store *store)
{
    return store->most ? store->most : ATLS_STORE_MAX_ENTRIES;
}

struct atls_trust_anchor atls_psa_anchor(const uint8_t implementation_id[32],
                                         const uint8_t instance_id[33])
{
    struct atls_trust_anchor sought = {.profile = ATLS_CORIM_PSA};

    memcpy(sought.implementation_id, implementation_id, sizeof sought.implementation_id);
    memcpy(sought.instance_id, instance_id, sizeof sought.instance_id);
    return sought;
}

int atls_trust_anchor_agrees(const struct atls_trust_anchor *known,
                             const struct atls_trust_anchor *anchor)
{
    if (!atls_public_key_equal(&known->key, &anchor->key))
        return atls_fail(ATLS_E_MISMATCH, NULL,
                         "trust anchor: this instance already has another key");
    if (memcmp(known->implementation_id, anchor->implementation_id,
               sizeof known->implementation_id) != 0)
        return atls_fail(ATLS_E_MISMATCH, NULL,
                         "trust anchor: this instance is already of another class");
    return 0;
}

void atls_trust_anchor_extend(struct atls_trust_anchor *anchor,
                              const struct atls_validity *validity)
{
    struct atls_validity *known = &anchor->validity;

    known->not_before =
        validity->not_before < known->not_before ? validity->not_before : known->not_before;
    if (known->not_after != 0 &&
        (validity->not_after == 0 || validity->not_after > known->not_after))
        known->not_after = validity->not_after;
}
