/* SPDX-License-Identifier: Apache-2.0 */
/* What of a command line goes together: flags, roles, profile, readings and faults. */
#include "tls/programs/options-check.h"

#include <stdio.h>
#include <string.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "tls/engine/carrier.h"
#include "tls/keys/device-key.h"

static bool has(const enum atls_model *model, size_t count, enum atls_model wanted)
{
    return (count > 0 && model[0] == wanted) || (count > 1 && model[1] == wanted);
}

/* How attestation rides, with the credential kind of the command line. */
static const struct atls_carrier *carrier_of(const struct atls_options *o)
{
    return atls_carrier_of(o->profile, o->credential_kind);
}

/* A fault must be one that this side, in its roles and with this profile, can carry out. */
static void check_faults(const struct atls_options *o)
{
    const char *value;
    bool known = false;
    if (atls_faults_has(&o->faults, "extension", &value)) {
        for (size_t i = 0; i < o->profile->extension_count; i++) {
            const char *name = atls_code_point_name(o->profile->extensions[i]);
            known =
                known || (strncmp(value, name, strlen(name)) == 0 && value[strlen(name)] == ':');
        }
        if (!known)
            atls_program_unsupported("fault extension", value);
    }
    if (atls_faults_has(&o->faults, "also-extension", &value)) {
        enum atls_code_point point = atls_extension_by_name(value, strcspn(value, ":"));
        bool own = o->profile->extension_count == 0;
        for (size_t i = 0; i < o->profile->extension_count; i++)
            own = own || o->profile->extensions[i] == point;
        if (own || point == ATLS_CODE_POINT_COUNT || o->side == ATLS_SERVER)
            atls_program_unsupported("fault also-extension", value);
    }
    if (atls_faults_has(&o->faults, "repeated-evidence", NULL) &&
        (o->side == ATLS_SERVER || o->variants.post_handshake == 0))
        atls_program_unsupported("without client authentication after the handshake: fault",
                                 "repeated-evidence");
    if (o->side == ATLS_CLIENT && atls_faults_has(&o->faults, "select-unoffered", NULL))
        atls_program_unsupported("fault", "select-unoffered (of a client)");
    static const char *const of_entries[] = {"entry-missing", "entry-second", "entry-twice",
                                             "entry-unasked", "entry-payload"};
    bool beside = carrier_of(o)->in_entries;
    for (size_t i = 0; i < sizeof of_entries / sizeof *of_entries && !beside; i++)
        if (atls_faults_has(&o->faults, of_entries[i], NULL))
            atls_program_unsupported("without extensions in CertificateEntry: fault",
                                     of_entries[i]);
    if (beside && o->side == ATLS_SERVER && atls_faults_has(&o->faults, "empty-certificate", NULL))
        atls_program_unsupported("fault", "empty-certificate (of a server, beside X.509)");
}

/* What is done to authenticators, and what cannot be where there is no negotiation. */
static void check_expat_faults(const struct atls_options *o)
{
    static const char *const unknown[] = {"nonce-length", "select-unoffered"};
    bool later = carrier_of(o)->after_handshake;
    for (size_t i = 0; i < o->faults.count; i++) {
        const char *name = o->faults.fault[i].name;
        bool of_attester = strcmp(name, "authenticator-context-reuse") != 0;
        if (strncmp(name, "authenticator-", 14) != 0 && strcmp(name, "application-data-early") != 0)
            continue;
        if (!later)
            atls_program_unsupported("without authenticators: fault", name);
        if (strncmp(name, "authenticator-", 14) == 0 && of_attester && o->attester_count == 0)
            atls_program_unsupported("fault of an attester", name);
        if ((strcmp(name, "authenticator-other-connection") == 0 ||
             strcmp(name, "authenticator-old-evidence") == 0) &&
            o->attester[0] == ATLS_MODEL_PASSPORT)
            atls_program_unsupported("of a result, which answers nothing: fault", name);
    }
    static const char *const framed[] = {"authenticator-context-reuse", "authenticator-unsolicited",
                                         "application-data-early"};
    for (size_t i = 0; o->variants.framing != 0 && i < sizeof framed / sizeof *framed; i++)
        if (atls_faults_has(&o->faults, framed[i], NULL))
            atls_program_unsupported("with variant framing=cocos: fault", framed[i]);
    for (size_t i = 0; later && i < sizeof unknown / sizeof *unknown; i++)
        if (atls_faults_has(&o->faults, unknown[i], NULL))
            atls_program_unsupported("in profile expat-04: fault", unknown[i]);
}

/* Profile, credential kind and readings must go together, and attestation beside a certificate is
 * of the certificate's key. */
static void check_profile(struct argp_state *state, const struct atls_options *o)
{
    if (o->credential_kind == ATLS_KIND_CERT_ATTESTATION && o->profile != &atls_profile_ta_07)
        atls_program_unsupported("--credential-kind cert with profile", o->profile->name);
    /* No kind is negotiated for results: they would come in place of the certificate that was asked
     * for, and nobody would look at a name. */
    if (o->credential_kind == ATLS_KIND_CERT_ATTESTATION &&
        (has(o->attester, o->attester_count, ATLS_MODEL_PASSPORT) ||
         has(o->relying_party, o->relying_party_count, ATLS_MODEL_PASSPORT)))
        atls_program_unsupported("--credential-kind cert, which results have not, with model",
                                 "passport");
    if (atls_variants_check(&o->variants, o->profile->name) != 0)
        atls_program_unsupported("variant", atls_error_text());
    bool client = o->side == ATLS_CLIENT;
    if (o->variants.framing != 0 && ((o->attester_count > 0) == client ||
                                     (o->relying_party_count > 0) != client || o->reattest > 0))
        atls_program_unsupported("variant framing=cocos, where only a server attests, once,",
                                 "with these roles");
    const struct atls_carrier *carrier = carrier_of(o);
    if (carrier->enrolled &&
        o->faults.count > 0) /* atls-enroll makes the evidence, and what is wrong with it */
        atls_program_unsupported("in profile x509-cmw: fault", o->faults.fault[0].name);
    bool again = o->side == ATLS_SERVER && o->variants.post_handshake != 0;
    if (!carrier->after_handshake && !again && o->reattest > 0)
        atls_program_unsupported("--reattest with profile", o->profile->name);
    /* Elsewhere evidence answers what is computed of this connection or of the key: the verifier's
     * session is opened over that, and not before. */
    if (o->nonces_ahead > 0 && !atls_carrier_sends_nonce(o->profile))
        atls_program_unsupported("--nonces-ahead, where evidence answers no nonce of the verifier: "
                                 "profile",
                                 o->profile->name);
    if (o->nonces_ahead > 0 &&
        !has(o->relying_party, o->relying_party_count, ATLS_MODEL_BACKGROUND_CHECK))
        argp_error(state, "--nonces-ahead is of a --relying-party background-check");
    if (!carrier->replaces && o->attester_count > 0 && !o->key)
        argp_error(state, "attestation beside or inside a certificate needs --cert and --key");
    if (o->format_given && o->evidence_format->of_certificate && !carrier->enrolled &&
        !o->profile->limits)
        atls_program_unsupported("outside of profile x509-cmw: --evidence-format",
                                 o->evidence_format->name);
    if (o->key_attested && o->format_given && o->evidence_format->key_in)
        argp_error(state,
                   "--evidence-format %s needs --key device:HANDLE: a %s is about a key inside the "
                   "device, for one in a file there is none; use %s",
                   o->evidence_format->name, o->evidence_format->key_in,
                   atls_evidence_format_without_key()->name);
}

static void limited(const struct atls_options *o, const char *why, const char *what)
{
    char text[128];
    snprintf(text, sizeof text, "in profile %s%s:", o->profile->name, why);
    atls_program_unsupported(text, what);
}

/* What it has for KAT and PAT is the profile's own; what is in a CMW there is asked for by name. */
static bool has_format(const struct atls_options *o, const struct atls_profile_limits *limits)
{
    return o->evidence_format == atls_evidence_formats[0] ||
           o->evidence_format == limits->evidence_in_cmw;
}

/* A profile that is one choice of everything takes no other. */
static void check_limits(const struct atls_options *o, const struct atls_profile_limits *limits)
{
    if (limits->only_clients_attest &&
        (o->side == ATLS_CLIENT ? o->relying_party_count > 0 : o->attester_count > 0))
        limited(o, " only a client attests",
                o->side == ATLS_CLIENT ? "--relying-party of a client" : "--attester of a server");
    if (o->attester_count > 0 &&
        strcmp(o->curve == ATLS_P384 ? "p384" : "p256", limits->curve) != 0)
        limited(o, "", o->curve == ATLS_P384 ? "--curve p384" : "--curve p256");
    if (o->serialization != ATLS_CBOR || o->cmw_form != ATLS_CMW_RECORD)
        limited(o, ", which has no CMW but a record in CBOR",
                "--serialization json, --cmw-form tag");
    if (o->format_given && !has_format(o, limits)) {
        char why[96];
        snprintf(why, sizeof why, " expected --evidence-format %s (%s) or %s, came",
                 atls_evidence_formats[0]->name, limits->evidence_format->what,
                 limits->evidence_in_cmw->name);
        limited(o, why, o->evidence_format->name);
    }
    if (o->nonce_size > o->profile->layout->nonce_most)
        limited(o, ", beyond 32 bytes", "--nonce-size");
}

void atls_options_check(struct argp_state *state, const struct atls_options *o)
{
    /* In a certificate the result is there already. */
    bool attests_by_result = has(o->attester, o->attester_count, ATLS_MODEL_PASSPORT) &&
                             (!o->profile || !carrier_of(o)->enrolled);
    bool asks_verifier = has(o->relying_party, o->relying_party_count, ATLS_MODEL_BACKGROUND_CHECK);
    bool reads_results = has(o->relying_party, o->relying_party_count, ATLS_MODEL_PASSPORT);
    if (!o->profile) {
        argp_error(state, "--profile is needed");
        return;
    }
    if (!o->host)
        argp_error(state, o->side == ATLS_CLIENT ? "--connect is needed" : "--listen is needed");
    if (o->attester_count > 0 && !o->device &&
        !(carrier_of(o)->enrolled && o->key && !atls_device_key_named(o->key)))
        argp_error(state, "an attester needs a --device");
    if (o->verifier && atls_verifier_url_check(o->verifier) != 0)
        argp_error(state, "--verifier: %s", atls_error_text());
    for (size_t i = 0; i < o->trusted_count; i++)
        if (strstr(o->trusted[i].source, "://") &&
            atls_verifier_url_check(o->trusted[i].source) != 0)
            argp_error(state, "--trust-verifier: %s", atls_error_text());
    if (o->verifier_auth && !o->verifier)
        argp_error(state, "--verifier-auth is a token for the --verifier, which is not named");
    if ((attests_by_result || asks_verifier) && !o->verifier)
        argp_error(state, "a passport attester and a background check need a --verifier");
    if (attests_by_result && !o->verifier_id)
        argp_error(state, "a passport attester needs the --verifier-id of its verifier");
    if (reads_results && o->trusted_count == 0)
        argp_error(state, "a passport relying party needs a --trust-verifier");
    if ((!o->certificate) != (!o->key))
        argp_error(state, "--cert and --key come together");
    if (o->key && atls_device_key_named(o->key)) {
        uint32_t handle;
        if (atls_device_key_parse(o->key, &handle) != 0)
            argp_error(state, "--key: %s", atls_error_text());
        if (!o->device)
            argp_error(state, "--key %s needs a --device", o->key);
    }
    if (strchr(o->message, '\n') || strlen(o->message) > 4000)
        argp_error(state, "--message is one line of at most 4000 bytes");
    if ((attests_by_result || reads_results) && !o->profile->results)
        atls_program_unsupported("model passport with profile", o->profile->name);
    check_profile(state, o);
    if (o->profile->limits)
        check_limits(o, o->profile->limits);
    check_faults(o);
    check_expat_faults(o);
    atls_leaks_guard(&o->leaks);
}
