/* SPDX-License-Identifier: Apache-2.0 */
/* Tiers and trust claims (AR4SI): their names, and which is worse. */
#include <string.h>

#include "rats/ear/ear.h"

static const char *const claim_names[ATLS_TRUST_CLAIM_COUNT] = {
    "instance-identity", "configuration",  "executables",    "file-system",
    "hardware",          "runtime-opaque", "storage-opaque", "sourced-data"};

const char *atls_trust_claim_name(enum atls_trust_claim claim)
{
    return (unsigned)claim < ATLS_TRUST_CLAIM_COUNT ? claim_names[claim] : "unknown";
}

static const struct {
    enum atls_tier tier;
    const char *name;
} tiers[] = {
    {ATLS_TIER_NONE, "none"},
    {ATLS_TIER_AFFIRMING, "affirming"},
    {ATLS_TIER_WARNING, "warning"},
    {ATLS_TIER_CONTRAINDICATED, "contraindicated"},
};
enum { TIERS = sizeof tiers / sizeof *tiers };

const char *atls_tier_name(enum atls_tier tier)
{
    for (size_t i = 0; i < TIERS; i++)
        if (tiers[i].tier == tier)
            return tiers[i].name;
    return "unknown";
}

bool atls_tier_by_name(const char *name, enum atls_tier *tierp)
{
    for (size_t i = 0; name && i < TIERS; i++)
        if (strcmp(tiers[i].name, name) == 0) {
            *tierp = tiers[i].tier;
            return true;
        }
    return false;
}

bool atls_tier_by_number(int64_t number, enum atls_tier *tierp)
{
    for (size_t i = 0; i < TIERS; i++)
        if ((int64_t)tiers[i].tier == number) {
            *tierp = tiers[i].tier;
            return true;
        }
    return false;
}

/* Negative values are a verifier's own refinements of the same tiers. */
enum atls_tier atls_trust_claim_tier(int value)
{
    if (value > 95 || value < -96)
        return ATLS_TIER_CONTRAINDICATED;
    if (value > 31 || value < -32)
        return ATLS_TIER_WARNING;
    return value > 1 || value < -1 ? ATLS_TIER_AFFIRMING : ATLS_TIER_NONE;
}

/* A result that says nothing is worse than an affirming one, better than a warning. */
static int badness(enum atls_tier tier)
{
    return tier == ATLS_TIER_AFFIRMING ? 0 : tier == ATLS_TIER_NONE ? 1 : (int)tier;
}

bool atls_tier_is_worse(enum atls_tier first, enum atls_tier second)
{
    return badness(first) > badness(second);
}

enum atls_tier atls_ear_submod_tier(const struct atls_ear_submod *submod)
{
    enum atls_tier worst = submod->status;

    for (size_t i = 0; i < ATLS_TRUST_CLAIM_COUNT; i++) {
        enum atls_tier tier = atls_trust_claim_tier(submod->trust_vector[i]);

        /* 0 is "no claim made", the same as absent. */
        if (submod->has_claim[i] && submod->trust_vector[i] && atls_tier_is_worse(tier, worst))
            worst = tier;
    }
    return worst;
}

enum atls_tier atls_ear_worst_tier(const struct atls_ear *ear)
{
    enum atls_tier worst = ear->submod_count ? ATLS_TIER_AFFIRMING : ATLS_TIER_NONE;

    /* "No higher trust than the worst status across all submods": one that is does not count. */
    if (ear->has_status && atls_tier_is_worse(ear->status, worst))
        worst = ear->status;
    for (size_t i = 0; i < ear->submod_count; i++) {
        enum atls_tier tier = atls_ear_submod_tier(&ear->submods[i]);

        if (atls_tier_is_worse(tier, worst))
            worst = tier;
    }
    return worst;
}
