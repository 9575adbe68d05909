/* SPDX-License-Identifier: Apache-2.0 */
/* Modes by name. */
#include "tls/bench/mode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "rats/tokens/psa.h"
#include "tls/engine/carrier.h"

#define NAME_MAX_SIZE 160

static int take_attester(const char *word, struct bench_mode *mode)
{
    bool both = strcmp(word, "both") == 0;
    mode->attested[ATLS_CLIENT] = both || strcmp(word, "client") == 0;
    mode->attested[ATLS_SERVER] = both || strcmp(word, "server") == 0;
    if (!mode->attested[ATLS_CLIENT] && !mode->attested[ATLS_SERVER])
        return atls_fail(-EINVAL, NULL, "%s: expected client, server or both, came \"%s\"",
                         mode->name, word);
    mode->mutual = mode->attested[ATLS_CLIENT];
    return 0;
}

static int take_model(const char *word, struct bench_mode *mode)
{
    if (strcmp(word, "background-check") == 0)
        mode->model = ATLS_MODEL_BACKGROUND_CHECK;
    else if (strcmp(word, "passport") == 0)
        mode->model = ATLS_MODEL_PASSPORT;
    else
        return atls_fail(-EINVAL, NULL, "%s: expected background-check or passport, came \"%s\"",
                         mode->name, word);
    if (mode->model == ATLS_MODEL_PASSPORT && !mode->profile->results)
        return atls_fail(ATLS_E_UNSUPPORTED, NULL, "%s: %s has no passport", mode->name,
                         mode->profile->name);
    return 0;
}

static bool by_gnutls(const struct bench_mode *mode)
{
    return !mode->openssl;
}

static bool attests(const struct bench_mode *mode)
{
    return mode->profile != NULL;
}

static bool asks_verifier(const struct bench_mode *mode)
{
    return mode->model == ATLS_MODEL_BACKGROUND_CHECK;
}

static bool asks_nonces(const struct bench_mode *mode)
{
    return asks_verifier(mode) && atls_carrier_sends_nonce(mode->profile);
}

/* Options that are set or not, and the modes that may have them. */
static bool *flag_of(const char *word, struct bench_mode *mode)
{
    const struct {
        const char *word;
        bool (*fits)(const struct bench_mode *mode);
        bool *flag;
    } flags[] = {
        {"fast", by_gnutls, &mode->fast},
        {"cert", attests, &mode->certificate},
        {"cwt", attests, &mode->cwt},
        {"known", attests, &mode->known},
        {"cached", asks_verifier, &mode->cached},
        {"ahead", asks_nonces, &mode->ahead},
    };
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (strcmp(word, flags[i].word) == 0 && flags[i].fits(mode))
            return flags[i].flag;
    return NULL;
}

static int take_option(const char *word, struct bench_mode *mode)
{
    bool *flag = flag_of(word, mode);
    uint64_t number;
    if (flag) {
        *flag = true;
        return 0;
    }
    if (strcmp(word, "p384") == 0) {
        mode->curve = ATLS_P384;
        return 0;
    }
    if (mode->profile && atls_evidence_format_by_name(word)) {
        mode->format = atls_evidence_format_by_name(word);
        return 0;
    }
    if (mode->profile && strncmp(word, "components=", 11) == 0) {
        int result =
            atls_parse_number(word + 11, "components", 0, ATLS_PSA_COMPONENTS_MAX, &number);
        if (result == 0)
            mode->components = (unsigned)number;
        return result;
    }
    return atls_fail(-EINVAL, NULL, "%s: \"%s\" is no option of a mode", mode->name, word);
}

static int take_profile(const char *word, struct bench_mode *mode)
{
    mode->profile = atls_profile_by_name(word);
    if (!mode->profile)
        return atls_fail(ATLS_E_UNSUPPORTED, NULL, "%s: there is no profile \"%s\"", mode->name,
                         word);
    return 0;
}

/* The words of NAME in turn; each has its place. */
static int take_words(char *words, struct bench_mode *mode)
{
    char *rest = words, *word = strsep(&rest, "/");
    int result = 0;
    mode->openssl = strcmp(word, "openssl") == 0;
    if (mode->openssl || strcmp(word, "plain") == 0) {
        const char *library = word;
        word = strsep(&rest, "/");
        mode->mutual = word && strcmp(word, "mutual") == 0;
        if (!mode->mutual && (!word || strcmp(word, "server") != 0))
            return atls_fail(-EINVAL, NULL, "%s: expected %s/server or %s/mutual", mode->name,
                             library, library);
    } else {
        result = take_profile(word, mode);
        word = result == 0 ? strsep(&rest, "/") : NULL;
        if (result == 0)
            result = take_model(word ? word : "", mode);
        word = result == 0 ? strsep(&rest, "/") : NULL;
        if (result == 0)
            result = take_attester(word ? word : "", mode);
    }
    while (result == 0 && (word = strsep(&rest, "/")))
        result = take_option(word, mode);
    return result;
}

int bench_mode_parse(const char *name, struct bench_mode *modep)
{
    struct bench_mode mode = {.name = name, .curve = ATLS_P256};
    char words[NAME_MAX_SIZE];
    if (strlen(name) >= sizeof words)
        return atls_fail(-EINVAL, NULL, "the name of a mode is longer than %zu bytes",
                         sizeof words - 1);
    strcpy(words, name);
    int result = take_words(words, &mode);
    if (result == 0)
        *modep = mode;
    return result;
}

int bench_mode_parse_common(const char *name, struct bench_mode *modep)
{
    struct bench_mode mode;
    int result = bench_mode_parse(name, &mode);
    if (result != 0)
        return result;
    if (mode.fast || mode.cached)
        return atls_fail(ATLS_E_UNSUPPORTED, NULL, "%s: only atls-bench pair has \"%s\"", name,
                         mode.fast ? "fast" : "cached");
    *modep = mode;
    return 0;
}
