/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Behind a refusal: what did the peer's credential answer, where it was not this connection's
 * challenge? Every challenge that is known is computed, by the functions that compute the one that
 * is due: by the other readings of the profile's variants, with another hash, for this side's own
 * certificate, of other drafts and of older ones. The first that the credential answers is named.
 * All of it happens behind the verdict, once in a connection, and the verdict stays.
 */
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "tls/engine/carrier-entry.h"
#include "tls/engine/expat.h"
#include "tls/wire/binder.h"

#define IMPLEMENTATION "attestation-exported-authenticators (Rust)"
#define EXPORTED_MAX 64 /* bytes of an exporter that somebody takes as they are */

/* One way to make a challenge, but for the readings of variants. */
struct attempt {
    struct atls_session *s;
    const struct atls_profile *profile;
    enum atls_side attester;
    struct atls_transcript transcript; /* borrowed; COUNT 0: there is none */
    enum atls_hash hash;               /* of an authenticator's binding */
    uint8_t spki[ATLS_SPKI_MAX];       /* of the attester's leaf */
    size_t spki_size;                  /* 0: it has none that any credential attests */
    struct atls_bytes nonce;           /* of the wire, or the request's context; or empty */
    struct atls_bytes secret;
};

static int compute(const struct attempt *attempt, const struct atls_variants *variants,
                   struct binder *binderp)
{
    struct atls_bytes spki = ATLS_BYTES(attempt->spki, attempt->spki_size);
    if (attempt->profile->carrier == ATLS_IN_AUTHENTICATOR) {
        struct expat_binding binding;
        int result = attempt->s->expat ? expat_bind_by(attempt->s, variants, attempt->hash, spki,
                                                       attempt->nonce, &binding)
                                       : ATLS_E_MISSING;
        if (result == 0) {
            memcpy(binderp->value, binding.value, binding.size);
            binderp->size = binding.size;
        }
        return result;
    }
    bool of_hellos = attempt->profile->carrier != ATLS_IN_CERTIFICATE;
    if (!attempt->profile->bind || (of_hellos && attempt->transcript.count == 0))
        return ATLS_E_MISSING;
    const struct atls_binding binding = {.transcript = &attempt->transcript,
                                         .variants = variants,
                                         .attester = attempt->attester,
                                         .spki = spki,
                                         .nonce = attempt->nonce,
                                         .handshake_secret = attempt->secret};
    return attempt->profile->bind(&binding, binderp->value, &binderp->size);
}

static bool answers(const struct attempt *attempt, struct atls_bytes challenge)
{
    return atls_appraisal_answers(attempt->s->peer.appraisal, challenge);
}

static bool fits(void *context, const struct atls_variants *variants)
{
    const struct attempt *attempt = context;
    struct binder binder;
    return attempt->spki_size > 0 && compute(attempt, variants, &binder) == 0 &&
           answers(attempt, ATLS_BYTES(binder.value, binder.size));
}

/* As the own variants have it, or by other readings. */
static bool recognize(struct attempt *attempt, const struct atls_variants *variants,
                      struct atls_diagnosis *d)
{
    const struct atls_profile *profile = attempt->profile;
    return fits(attempt, variants) || atls_variants_recognize(variants, profile->name, fits,
                                                              attempt, profile->binder_clause, d);
}

/* SHA-256 where the suite has another hash, or the other way round. */
static bool recognize_hash(struct attempt attempt, struct atls_diagnosis *d)
{
    enum atls_hash hash = attempt.hash;
    if (attempt.transcript.count > 0 && atls_transcript_alg(&attempt.transcript, &hash) != 0)
        return false;
    attempt.hash = hash != ATLS_SHA256 ? ATLS_SHA256 : ATLS_SHA384;
    attempt.transcript.suite = hash != ATLS_SHA256 ? 0x1301 : 0x1302; /* RFC 8446 appendix B.4 */
    if (!recognize(&attempt, &attempt.s->party->variants, d))
        return false;
    atls_diagnosis_add(d, "another hash", "RFC 8446 section 7.1",
                       "it was made with %s, and the cipher suite's hash is %s",
                       atls_hash_name(attempt.hash), atls_hash_name(hash));
    return true;
}

static bool own_leaf(const struct atls_party *party, struct attempt *attempt)
{
    struct atls_public_key key;
    return party->chain_size > 0 &&
           atls_party_leaf_spki(party, attempt->spki, &attempt->spki_size) == 0 &&
           atls_spki_decode(ATLS_BYTES(attempt->spki, attempt->spki_size), &key) == 0;
}

static struct atls_bytes nonce_for(const struct atls_session *s, enum atls_side attester)
{
    return attester == ATLS_CLIENT ? s->hello.selections[attester].nonce
                                   : s->hello.offers[attester].nonce;
}

/* What this side itself has to answer: the peer may have sent it back, or mistaken the sides. */
static bool recognize_own(struct attempt attempt, struct atls_diagnosis *d)
{
    const struct atls_party *party = attempt.s->party;
    struct atls_bytes nonce = nonce_for(attempt.s, party->side);
    attempt.attester = party->side;
    if (!attempt.s->expat)
        attempt.nonce = nonce;
    if (!(nonce.size > 0 && answers(&attempt, nonce)) &&
        !(own_leaf(party, &attempt) && recognize(&attempt, &party->variants, d)))
        return false;
    atls_diagnosis_add(d, "the other side", attempt.profile->binder_clause,
                       "it is what this side itself has to answer, as %s",
                       party->side == ATLS_CLIENT ? "client" : "server");
    return true;
}

static bool recognize_wire(struct attempt *attempt, struct atls_diagnosis *d)
{
    if (attempt->nonce.size == 0 || !answers(attempt, attempt->nonce))
        return false;
    atls_diagnosis_add(d, "the wire", attempt->profile->binder_clause, "it is the %s as it came",
                       attempt->s->expat ? "certificate_request_context" : "nonce");
    return true;
}

static bool recognize_profile(struct attempt attempt, struct atls_diagnosis *d)
{
    static const struct atls_variants drafted = {.hello_retry = 0};
    const struct atls_profile *own = attempt.profile;
    for (size_t i = 0; atls_profiles[i]; i++) {
        attempt.profile = atls_profiles[i];
        if (attempt.profile == own || !recognize(&attempt, &drafted, d))
            continue;
        atls_diagnosis_add(d, "another draft", attempt.profile->binder_clause,
                           "profile %s has this challenge, and profile %s was chosen",
                           attempt.profile->name, own->name);
        return true;
    }
    return false;
}

/* tls-attestation-04 to -06: a hash over a map with the nonce, the leaf's hash and a value of the
 * early exporter, which without a PSK anybody computes (H18). */
static bool recognize_early_exporter(const struct attempt *attempt, struct atls_diagnosis *d)
{
    const struct atls_crypto *crypto = &atls_crypto_hosted;
    uint8_t hello[ATLS_HASH_MAX], leaf[ATLS_HASH_MAX], channel[ATLS_TA04_BINDER_SIZE];
    uint8_t challenge[ATLS_HASH_MAX];
    enum atls_hash hash;
    if (attempt->transcript.count == 0 || attempt->nonce.size == 0 ||
        atls_transcript_alg(&attempt->transcript, &hash) != 0)
        return false;
    size_t size = atls_hash_size(hash);
    int result =
        atls_transcript_hash(&attempt->transcript, crypto, ATLS_RETRY_MESSAGE_HASH, 1, hello);
    if (result == 0)
        result = atls_ta04_channel_binder(crypto, hash, ATLS_BYTES(NULL, 0),
                                          ATLS_BYTES(hello, size), channel);
    if (result == 0)
        result = atls_public_key_hash(crypto, hash, ATLS_EXPAT_SPKI,
                                      ATLS_BYTES(attempt->spki, attempt->spki_size), leaf);
    if (result == 0)
        result = atls_ta03_challenge(crypto, hash, attempt->nonce, ATLS_BYTES(leaf, size),
                                     ATLS_BYTES(channel, sizeof channel), challenge);
    if (result != 0 || !answers(attempt, ATLS_BYTES(challenge, size)))
        return false;
    atls_diagnosis_add_reading(d, "H18", "A", "draft-fossati-tls-attestation-06",
                               "drafts -04 to -06 hash the nonce, the key and the early exporter");
    return true;
}

/* The exporter's output as it is, of 32 or 64 bytes, under any of the labels (H7). */
static bool recognize_exported(const struct attempt *attempt, struct atls_diagnosis *d)
{
    struct atls_session *s = attempt->s;
    uint8_t exported[EXPORTED_MAX];
    bool found = false;
    if (!s->expat)
        return false;
    for (int label = ATLS_EXPAT_CMW_ATTESTATION; !found && label <= ATLS_EXPAT_ATTESTATION_BINDING;
         label++) {
        const char *text = atls_expat_label_text((enum atls_expat_label)label);
        for (size_t size = 32; !found && size <= sizeof exported; size += 32) {
            found = session_stack(s)->exporter(s->connection, text, attempt->nonce, exported,
                                               size) == 0 &&
                    answers(attempt, ATLS_BYTES(exported, size));
            if (found)
                atls_diagnosis_add(d, "another implementation", IMPLEMENTATION,
                                   "it is the exporter itself, label %s, %zu bytes, with no key in "
                                   "it",
                                   text, size);
        }
    }
    explicit_bzero(exported, sizeof exported);
    return found;
}

static struct attempt begin(struct atls_session *s)
{
    struct attempt attempt = {.s = s,
                              .profile = s->party->profile,
                              .attester = session_peer_side(s),
                              .spki_size = s->peer.verified_with_size};
    attempt.nonce = nonce_for(s, attempt.attester);
    memcpy(attempt.spki, s->peer.verified_with, attempt.spki_size);
    if (s->expat) {
        attempt.hash = s->expat->adapter.hash;
        attempt.spki_size = s->expat->leaf_size;
        memcpy(attempt.spki, s->expat->leaf, attempt.spki_size);
        attempt.nonce = ATLS_BYTES(s->expat->context, s->expat->context_size);
    }
    if (s->entry)
        attempt.transcript = s->entry->transcript;
    if (s->entry && atls_carrier_by_kind(s->party) && session_stack(s)->handshake_secret)
        (void)session_stack(s)->handshake_secret(s->connection, &attempt.secret);
    return attempt;
}

/* Who is right with what is above has its name; what is of no use where a part is missing is left
 * out. */
static void find_challenge(void *context, struct atls_diagnosis *d)
{
    struct atls_session *s = context;
    struct attempt attempt = begin(s);
    (void)(atls_variants_recognize(&s->party->variants, attempt.profile->name, fits, &attempt,
                                   attempt.profile->binder_clause, d) ||
           recognize_hash(attempt, d) || recognize_own(attempt, d) || recognize_wire(&attempt, d) ||
           recognize_profile(attempt, d) || recognize_early_exporter(&attempt, d) ||
           recognize_exported(&attempt, d));
}

void session_diagnose(struct atls_session *s, const struct atls_diagnosis *diagnosis)
{
    if (diagnosis->of == ATLS_MATCHES || s->failure.diagnosis)
        return;
    s->failure.diagnosis = malloc(sizeof *diagnosis);
    if (s->failure.diagnosis) /* without memory there is none */
        *s->failure.diagnosis = *diagnosis;
}

void session_diagnose_credential(struct atls_session *s)
{
    struct atls_diagnosis d;
    if (!atls_events_heard(s->party->events) || !s->peer.appraisal)
        return;
    atls_appraisal_diagnose(s->peer.appraisal, find_challenge, s, &d);
    session_diagnose(s, &d);
}
