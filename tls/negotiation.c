/* SPDX-License-Identifier: Apache-2.0 */
/* Offers, the server's choice and the client's check of it. */
#include "tls/negotiation.h"

#include "rats/error.h"

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

void atls_negotiate_offer(const struct atls_abilities *abilities, struct atls_bytes nonce,
                          struct atls_offer *offerp)
{
    *offerp = (struct atls_offer){.nonce = nonce};
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
    return evidence_lacks
               ? atls_fail(ATLS_E_UNSUPPORTED, DRAFT "section 8.1.2",
                           "none of the %zu evidence types offered is one of the %zu configured",
                           offer->evidence.count,
                           atls_abilities_have(abilities, ATLS_MODEL_BACKGROUND_CHECK)
                               ? abilities->type_count
                               : 0)
               : atls_fail(ATLS_E_UNSUPPORTED, DRAFT "section 8.2.2",
                           "none of the %zu verifiers offered is one of the %zu configured",
                           offer->verifiers.count,
                           atls_abilities_have(abilities, ATLS_MODEL_PASSPORT)
                               ? abilities->verifier_count
                               : 0);
}

int atls_negotiate_check(const struct atls_offer *offer, const struct atls_selection *selection)
{
    bool found = false;
    if (selection->has_evidence && selection->has_result)
        return atls_fail(ATLS_E_MISMATCH, DRAFT "section 8",
                         "evidence or a result was expected of one attester, both were selected");
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
