/* SPDX-License-Identifier: Apache-2.0 */
/* What a result repeats of genuine evidence, in the names that Veraison gives to PSA claims; of a
 * TPM what was quoted. */
#include "rats/json/json.h"
#include "verifier-stub/appraisal/appraisal.h"

#define COMPONENTS_REPEATED                                                                        \
    32 /* more are only counted: a result must stay smaller than evidence                          \
        */

static void set_bytes(json_t **objectp, const char *name, struct atls_bytes bytes)
{
    if (bytes.size > 0)
        atls_json_add(objectp, name, atls_json_base64(ATLS_BASE64, bytes));
}

static void set_text(json_t **objectp, const char *name, struct atls_bytes text)
{
    if (text.size > 0)
        atls_json_add(objectp, name, json_stringn((const char *)text.data, text.size));
}

static json_t *component_summary(const struct atls_psa_component *component)
{
    json_t *object = json_object();

    set_text(&object, "measurement-type", component->type);
    set_bytes(&object, "measurement-value", component->value);
    set_text(&object, "version", component->version);
    set_bytes(&object, "signer-id", component->signer_id);
    set_text(&object, "measurement-description", component->description);
    return object;
}

json_t *atls_evidence_summary(const struct atls_psa_claims *claims)
{
    json_t *summary = json_object();
    json_t *components = json_array();

    atls_json_add(&summary, "eat-profile", json_string(atls_psa_profile_name(claims->profile)));
    atls_json_add(&summary, "psa-client-id", json_integer(claims->client_id));
    atls_json_add(&summary, "psa-security-lifecycle", json_integer(claims->lifecycle));
    set_bytes(&summary, "psa-implementation-id", claims->implementation_id);
    set_bytes(&summary, "psa-instance-id", claims->instance_id);
    set_bytes(&summary, "psa-nonce", claims->nonce);
    set_bytes(&summary, "psa-boot-seed", claims->boot_seed);
    set_text(&summary, "psa-certification-reference", claims->certification_reference);
    set_text(&summary, "psa-verification-service-indicator", claims->verification_service);
    for (size_t i = 0; i < claims->component_count && i < COMPONENTS_REPEATED; i++)
        atls_json_append(&components, component_summary(&claims->components[i]));
    atls_json_add(&summary, "psa-software-components", components);
    if (claims->component_count > COMPONENTS_REPEATED)
        atls_json_add(&summary, "atls.software-component-count",
                      json_integer((json_int_t)claims->component_count));
    return summary;
}

json_t *atls_quote_summary(const struct atls_tpm_attest *quote)
{
    const struct atls_tpm_selection *bank = &quote->banks[0];
    json_t *summary =
        json_pack("{s:s, s:I, s:I, s:I, s:b}", "pcr-bank", atls_tpm_hash_name(bank->alg), "clock",
                  (json_int_t)quote->clock, "reset-count", (json_int_t)quote->resets,
                  "restart-count", (json_int_t)quote->restarts, "safe", quote->safe);
    json_t *pcrs = json_array();

    for (unsigned i = 0; i < ATLS_TPM_PCRS; i++)
        if (bank->pcrs >> i & 1)
            atls_json_append(&pcrs, json_integer(i));
    set_bytes(&summary, "pcr-digest", quote->pcr_digest);
    atls_json_add(&summary, "pcrs", pcrs);
    return summary;
}
