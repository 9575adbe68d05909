/* SPDX-License-Identifier: Apache-2.0 */
/* Offers, the server's choice and the client's check of it. */
#include "tls/wire/negotiation.h"

#include <stdio.h>
#include <string.h>

#include "rats/base/error.h"

#define DRAFT "draft-fossati-tls-attestation-07 "

bool atls_abilities_have(const struct atls_abilities *abilities, enum atls_model model)
{
    for (size_t i = 0; i < abilities->model_count; i++)
        if (abilities->model[i] == model)
            return true;
    return false;
}

enum atls_model atls_selection_model(const struct atls_selection *selection)
{
    return selection->has_evidence ? ATLS_MODEL_BACKGROUND_CHECK
           : selection->has_result ? ATLS_MODEL_PASSPORT
                                   : ATLS_MODEL_NONE;
}

void atls_offer_clear(struct atls_offer *offerp)
{
    offerp->evidence.count = offerp->verifiers.count = 0; /* what is behind them, nobody reads */
    offerp->nonce = (struct atls_bytes){NULL, 0};
    offerp->results_first = false;
}

void atls_negotiate_offer(const struct atls_abilities *abilities, struct atls_bytes nonce,
                          struct atls_offer *offerp)
{
    atls_offer_clear(offerp);
    offerp->nonce = nonce;
    offerp->results_first =
        abilities->model_count > 0 && abilities->model[0] == ATLS_MODEL_PASSPORT;
    if (atls_abilities_have(abilities, ATLS_MODEL_BACKGROUND_CHECK))
        for (size_t i = 0; i < abilities->type_count && i < ATLS_EVIDENCE_TYPES_MAX; i++)
            offerp->evidence.type[offerp->evidence.count++] = abilities->types[i];
    if (atls_abilities_have(abilities, ATLS_MODEL_PASSPORT))
        for (size_t i = 0; i < abilities->verifier_count && i < ATLS_VERIFIERS_MAX; i++)
            offerp->verifiers.id[offerp->verifiers.count++] = abilities->verifiers[i];
}

static bool select_evidence(const struct atls_abilities *abilities, const struct atls_offer *offer,
                            struct atls_selection *selectionp)
{
    for (size_t i = 0; i < abilities->type_count; i++)
        for (size_t j = 0; j < offer->evidence.count; j++)
            if (atls_evidence_type_equivalent(&abilities->types[i], &offer->evidence.type[j])) {
                selectionp->has_evidence = true;
                selectionp->type = offer->evidence.type[j];
                return true;
            }
    return false;
}

static bool select_verifier(const struct atls_abilities *abilities, const struct atls_offer *offer,
                            struct atls_selection *selectionp)
{
    for (size_t i = 0; i < abilities->verifier_count; i++)
        for (size_t j = 0; j < offer->verifiers.count; j++)
            if (atls_bytes_equal(abilities->verifiers[i], offer->verifiers.id[j])) {
                selectionp->has_result = true;
                selectionp->verifier = offer->verifiers.id[j];
                return true;
            }
    return false;
}

struct words {
    char text[96];
};

/* A list in words, for messages: "cf:273, cf:263". */
static void append(struct words *words, const char *text)
{
    size_t used = strlen(words->text);
    snprintf(words->text + used, sizeof words->text - used, "%s%s", used > 0 ? ", " : "", text);
}

/* An evidence type, with its credential kind where that is not the common one. */
static void append_type(struct words *words, const struct atls_evidence_type *type)
{
    char text[80];
    atls_evidence_type_print(type, text, 56);
    size_t used = strlen(text);
    if (type->credential_kind != ATLS_KIND_ATTESTATION)
        snprintf(text + used, sizeof text - used, " of credential kind %u", type->credential_kind);
    append(words, text);
}

static int nothing_in_common(const struct atls_abilities *abilities,
                             const struct atls_evidence_types *offered)
{
    struct words own = {""}, theirs = {""};
    size_t count =
        atls_abilities_have(abilities, ATLS_MODEL_BACKGROUND_CHECK) ? abilities->type_count : 0;
    for (size_t i = 0; i < count; i++)
        append_type(&own, &abilities->types[i]);
    for (size_t i = 0; i < offered->count; i++)
        append_type(&theirs, &offered->type[i]);
    return atls_fail(ATLS_E_UNSUPPORTED, DRAFT "section 8.1.2",
                     "no evidence type in common: expected one of (%s), offered were (%s)",
                     own.text, theirs.text);
}

static int no_verifier_in_common(const struct atls_abilities *abilities,
                                 const struct atls_verifier_ids *offered)
{
    struct words own = {""}, theirs = {""};
    char text[64];
    size_t count =
        atls_abilities_have(abilities, ATLS_MODEL_PASSPORT) ? abilities->verifier_count : 0;
    for (size_t i = 0; i < count; i++) {
        snprintf(text, sizeof text, "%.*s", (int)abilities->verifiers[i].size,
                 (const char *)abilities->verifiers[i].data);
        append(&own, text);
    }
    for (size_t i = 0; i < offered->count; i++) {
        snprintf(text, sizeof text, "%.*s", (int)offered->id[i].size,
                 offered->id[i].size > 0 ? (const char *)offered->id[i].data : "");
        append(&theirs, text);
    }
    return atls_fail(ATLS_E_UNSUPPORTED, DRAFT "section 8.2.2",
                     "no verifier in common: expected one of (%s), offered were (%s)", own.text,
                     theirs.text);
}

static bool offered(const struct atls_offer *offer, enum atls_model model)
{
    return model == ATLS_MODEL_BACKGROUND_CHECK ? offer->evidence.count > 0
                                                : offer->verifiers.count > 0;
}

int atls_negotiate_select(const struct atls_abilities *abilities, const struct atls_offer *offer,
                          struct atls_selection *selectionp, const char **reasonp)
{
    struct atls_selection selection = {.has_evidence = false};
    bool evidence_lacks = offer->evidence.count > 0;
    if (abilities->model_count == 0 ||
        (offer->evidence.count == 0 && offer->verifiers.count == 0)) {
        *selectionp = selection;
        return 0;
    }
    for (size_t i = 0; i < abilities->model_count; i++) {
        enum atls_model model = abilities->model[i];
        bool found = model == ATLS_MODEL_BACKGROUND_CHECK
                         ? select_evidence(abilities, offer, &selection)
                         : select_verifier(abilities, offer, &selection);
        if (found) {
            *selectionp = selection;
            return 0;
        }
    }
    /* The complaint is about the most preferred model that the peer speaks at all. */
    for (size_t i = abilities->model_count; i > 0; i--)
        if (offered(offer, abilities->model[i - 1]))
            evidence_lacks = abilities->model[i - 1] == ATLS_MODEL_BACKGROUND_CHECK;
    *reasonp = evidence_lacks ? "no-common-evidence-type" : "no-common-verifier";
    return evidence_lacks ? nothing_in_common(abilities, &offer->evidence)
                          : no_verifier_in_common(abilities, &offer->verifiers);
}

int atls_negotiate_check(const struct atls_offer *offer, const struct atls_selection *selection)
{
    bool found = false;
    if (selection->has_evidence && selection->has_result)
        return atls_fail(ATLS_E_MISMATCH, DRAFT "section 8",
                         "expected evidence or a result of one attester, both were selected");
    if (selection->has_evidence) {
        for (size_t i = 0; i < offer->evidence.count && !found; i++)
            found = atls_evidence_type_equal(&offer->evidence.type[i], &selection->type);
        if (!found)
            return atls_fail(ATLS_E_MISMATCH, DRAFT "section 8.1.2",
                             "the evidence type selected is none of the %zu offered",
                             offer->evidence.count);
    }
    if (selection->has_result) {
        for (size_t i = 0; i < offer->verifiers.count && !found; i++)
            found = atls_bytes_equal(offer->verifiers.id[i], selection->verifier);
        if (!found)
            return atls_fail(ATLS_E_MISMATCH, DRAFT "section 8.2.2",
                             "the verifier selected is none of the %zu offered",
                             offer->verifiers.count);
    }
    return 0;
}
