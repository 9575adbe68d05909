/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the command line of atls-device; see options.h. */
#include "sim/device/options.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "program/program.h"
#include "rats/base/error.h"

#define NOISE "line-noise-every="

enum {
    OPT_LISTEN = 0x100,
    OPT_SEED,
    OPT_PRODUCT,
    OPT_IMAGES,
    OPT_COMPONENTS,
    OPT_LIFECYCLE,
    OPT_PROFILE,
    OPT_ROOT,
    OPT_TCTI,
    OPT_FIRST_PCR,
    OPT_EVENT_LOG,
    OPT_PARSEC_SOCKET,
    OPT_TAMPER,
    OPT_FAULT,
    OPT_EVENTS,
    OPT_DIALECT,
    OPT_PART,
    OPT_OUTPUT,
    OPT_PROVISION,
    OPT_BACKEND,
    OPT_FIRMWARE,
    OPT_APPLICATION,
    OPT_POLICY,
    OPT_UPDATE,
    OPT_RELEASE,
    OPT_TOKEN_TIME,
    OPT_BOOT_TIMEOUT,
    OPT_FLASH,
    OPT_LOG,
    OPT_DEBUG,
    OPT_ATTACK,
    OPT_LEAK,
};

static const struct argp_option option_table[] = {
    {"listen", OPT_LISTEN, "unix:PATH", 0, "run: where clients connect", 1},
    {"seed", OPT_SEED, "N", 0,
     "identity and generated images are a function of N (default: random)", 1},
    {"product", OPT_PRODUCT, "NAME", 0,
     "another product: implementation id and keys are a function of NAME, too", 1},
    {"images", OPT_IMAGES, "DIR", 0, "BL.img, FW.img and CFG.img instead of generated images", 1},
    {"components", OPT_COMPONENTS, "N", 0, "N more measured components, M0001...", 1},
    {"lifecycle", OPT_LIFECYCLE, "STATE", 0,
     "secured (default), non-rot-debug, recoverable-rot-debug, assembly-and-test, "
     "rot-provisioning, decommissioned or unknown",
     1},
    {"psa-profile", OPT_PROFILE, "NAME", 0, "of the PSA token: arm-2 (default) or rfc9783", 1},
    {"token-time", OPT_TOKEN_TIME, "TOKEN:CLAIM:SECONDS", 0,
     "a time in every kat or pat (a bare PSA token is a pat): exp, nbf or iat, in seconds since "
     "1970 (RFC 8392 section 3.1); repeatable",
     1},
    {"root", OPT_ROOT, "NAME", 0, "", 1}, /* its text is atls_roots_help() */
    {"tcti", OPT_TCTI, "STRING", 0,
     "tpm: where the TPM is (swtpm:path=FILE, device:/dev/tpmrm0, ...); there is no default", 1},
    {"first-pcr", OPT_FIRST_PCR, "N", 0,
     "tpm: the boot extends the PCRs N, N+1 and N+2 (default 0; a machine of its own uses these)",
     1},
    {"event-log", OPT_EVENT_LOG, "FILE", 0,
     "tpm: run: write what was measured (TCG's log, which tpm2_eventlog reads)", 1},
    {"parsec-socket", OPT_PARSEC_SOCKET, "PATH", 0,
     "parsec: the unix socket of Parsec (default: $PARSEC_SERVICE_ENDPOINT, as unix:PATH)", 1},
    {"release", OPT_RELEASE, "COMPONENT:VERSION", 0,
     "the genuine version of a component, also for provision; repeatable", 1},
    {"tamper", OPT_TAMPER, "ORDER", 0,
     "flip:COMPONENT:BIT, version:COMPONENT:TEXT or extra:NAME; with qemu also "
     "stored:COMPONENT:BIT (header and signature included); repeatable",
     1},
    {"backend", OPT_BACKEND, "NAME", 0,
     "host (default): the device runs in this process; qemu: as firmware on an emulated processor",
     1},
    {"firmware", OPT_FIRMWARE, "DIR", 0, "qemu: where the firmware was built", 1},
    {"application", OPT_APPLICATION, "NAME", 0,
     "qemu: of the non-secure world: application (default), thing, reenter, intruder, "
     "intruder-alias or intruder-flash",
     1},
    {"boot-policy", OPT_POLICY, "NAME", 0,
     "qemu: what the boot does with an image whose signature does not verify: measure (default) "
     "boots it and lets a verifier judge, enforce refuses it",
     1},
    {"update", OPT_UPDATE, "COMPONENT:VERSION:COUNTER[:BYTES]", 0,
     "qemu: another version of FW or APP in the second slot, with a security counter (the first "
     "slot's is 1); only so many BYTES of it before the power went; repeatable",
     1},
    {"flash", OPT_FLASH, "FILE", 0, "qemu: keeps the flash and with it the security counters", 1},
    {"boot-log", OPT_LOG, "FILE", 0, "qemu: what the boot stages log", 1},
    {"boot-timeout", OPT_BOOT_TIMEOUT, "MS", 0,
     "qemu: how long the boot may take before it counts as hanging (default 30000)", 1},
    {"debug", OPT_DEBUG, "PATH", 0, "qemu: a unix socket for GDB, which must let the device start",
     1},
    {"fault", OPT_FAULT, "FAULT", 0,
     "run: exit-after=N or hang-after=N, counted in requests answered, however often a client "
     "asked; drop-every=N or garble-every=N, counted in answers sent; with qemu "
     "line-noise-every=N, counted in requests on its serial line; repeatable",
     2},
    {"attack", OPT_ATTACK, "ID", 0, "run: the attack that is played with this device", 2},
    {"leak", OPT_LEAK, "WHAT=FILE", 0,
     "run, with --attack: private keys are given away, PEM at the end of FILE: identity-keys (each "
     "as it is made), kak or pak; repeatable",
     2},
    {"events", OPT_EVENTS, "FILE", 0, "run: events, one JSON object a line (-: standard output)",
     2},
    {"provision", OPT_PROVISION, "FILE", 0,
     "run: write the endorsements of this device before it listens", 2},
    {"dialect", OPT_DIALECT, "NAME", 0, "of the CoRIM: main (default) or v0.0.2608", 3},
    {"part", OPT_PART, "NAME", 0,
     "of the endorsements: all (default), reference-values or trust-anchor, so that a new release "
     "can be endorsed without its trust anchor once more; of --root cca also realm or parsec",
     3},
    {"output", OPT_OUTPUT, "PATH", 0, "provision: the CoRIM; images: a directory", 3},
    {0},
};

static const struct {
    const char *word;
    uint16_t state;
} lifecycles[] = {
    {"secured", ATLS_PSA_SECURED},
    {"non-rot-debug", ATLS_PSA_NON_ROT_DEBUG},
    {"recoverable-rot-debug", ATLS_PSA_RECOVERABLE_ROT_DEBUG},
    {"assembly-and-test", ATLS_PSA_ASSEMBLY_AND_TEST},
    {"rot-provisioning", ATLS_PSA_ROT_PROVISIONING},
    {"decommissioned", ATLS_PSA_DECOMMISSIONED},
    {"unknown", ATLS_PSA_UNKNOWN},
};
#define LIFECYCLE_COUNT (sizeof lifecycles / sizeof *lifecycles)

const char *atls_lifecycle_word(uint16_t lifecycle)
{
    for (size_t i = 0; i < LIFECYCLE_COUNT; i++)
        if (lifecycles[i].state == lifecycle)
            return lifecycles[i].word;
    return "unknown";
}

static int fail_unknown(const char *option, const char *text, const char *expected)
{
    return atls_fail(ATLS_E_UNSUPPORTED, NULL, "--%s: expected %s, came \"%s\"", option, expected,
                     text);
}

static int parse_lifecycle(const char *text, uint16_t *statep)
{
    for (size_t i = 0; i < LIFECYCLE_COUNT; i++)
        if (!strcmp(lifecycles[i].word, text)) {
            *statep = lifecycles[i].state;
            return 0;
        }
    return fail_unknown("lifecycle", text, "one of the states that --help names");
}

static int parse_profile(const char *text, enum atls_psa_profile *profilep)
{
    if (!strcmp(text, "arm-2"))
        *profilep = ATLS_PSA_ARM_2;
    else if (!strcmp(text, "rfc9783"))
        *profilep = ATLS_PSA_RFC9783;
    else
        return fail_unknown("psa-profile", text, "arm-2 or rfc9783");
    return 0;
}

static int parse_dialect(const char *text, enum atls_corim_dialect *dialectp)
{
    if (!strcmp(text, "main"))
        *dialectp = ATLS_CORIM_MAIN;
    else if (!strcmp(text, "v0.0.2608"))
        *dialectp = ATLS_CORIM_V0_2608;
    else
        return fail_unknown("dialect", text, "main or v0.0.2608");
    return 0;
}

static int parse_part(const char *text, enum atls_endorsed_part *partp)
{
    if (!strcmp(text, "all"))
        *partp = ATLS_ENDORSED_ALL;
    else if (!strcmp(text, "reference-values"))
        *partp = ATLS_ENDORSED_VALUES;
    else if (!strcmp(text, "trust-anchor"))
        *partp = ATLS_ENDORSED_ANCHOR;
    else if (!strcmp(text, "realm"))
        *partp = ATLS_ENDORSED_REALM;
    else if (!strcmp(text, "parsec"))
        *partp = ATLS_ENDORSED_PARSEC;
    else
        return fail_unknown("part", text,
                            "all, reference-values or trust-anchor; of --root cca also realm or "
                            "parsec");
    return 0;
}

static int parse_listen(const char *text, const char **listenp)
{
    if (strncmp(text, "unix:", 5) || !text[5])
        return fail_unknown("listen", text, "unix:PATH");
    *listenp = text;
    return 0;
}

static int add(char ***listp, size_t *countp, char *text)
{
    char **list = realloc(*listp, (*countp + 1) * sizeof *list);
    if (!list)
        return atls_fail(-ENOMEM, NULL, "no memory for the options");
    list[(*countp)++] = text;
    *listp = list;
    return 0;
}

static int add_tamper(struct atls_device_options *options, char *text)
{
    struct atls_simulated_options *device = &options->device.simulated;
    int result = add(&options->tamper, &device->tamper_count, text);
    device->tamper = (const char *const *)options->tamper;
    return result;
}

static int add_update(struct atls_device_options *options, char *text)
{
    int result = add(&options->update, &options->device.update_count, text);
    options->device.update = (const char *const *)options->update;
    return result;
}

static int add_release(struct atls_device_options *options, char *text)
{
    struct atls_simulated_options *device = &options->device.simulated;
    int result = add(&options->release, &device->release_count, text);
    device->release = (const char *const *)options->release;
    return result;
}

static int parse_boot_timeout(const char *text, unsigned *msp)
{
    uint64_t ms;
    int result = atls_parse_number(text, "--boot-timeout", 1, 3600000, &ms);
    if (!result)
        *msp = (unsigned)ms;
    return result;
}

static int parse_backend(const char *text, bool *emulatedp)
{
    if (strcmp(text, "host") && strcmp(text, "qemu"))
        return fail_unknown("backend", text, "host or qemu");
    *emulatedp = !strcmp(text, "qemu");
    return 0;
}

static int parse_policy(const char *text, enum atls_boot_policy *policyp)
{
    if (strcmp(text, "measure") && strcmp(text, "enforce"))
        return fail_unknown("boot-policy", text, "measure or enforce");
    *policyp = !strcmp(text, "enforce") ? ATLS_BOOT_ENFORCE : ATLS_BOOT_MEASURE;
    return 0;
}

static int parse_first_pcr(const char *text, unsigned *pcrp)
{
    uint64_t pcr;
    int result = atls_parse_number(text, "--first-pcr", 0, 21, &pcr);
    if (!result)
        *pcrp = (unsigned)pcr;
    return result;
}

static int parse_components(const char *text, unsigned *countp)
{
    uint64_t count;
    int result =
        atls_parse_number(text, "--components", 0, ATLS_SIMULATED_COMPONENTS_MAX - 3, &count);
    if (!result)
        *countp = (unsigned)count;
    return result;
}

/* kat:exp:1 and its like. */
static int parse_token_time(const char *text, struct atls_simulated_options *device)
{
    static const char want[] = "kat:exp:N, kat:nbf:N, kat:iat:N or the same of pat";
    bool kat = !strncmp(text, "kat:", 4);
    struct atls_cwt_times *times = kat ? &device->kat_times : &device->pat_times;
    const char *claim = text + 4;
    uint64_t seconds;
    int result;
    if ((!kat && strncmp(text, "pat:", 4)) ||
        (strncmp(claim, "exp:", 4) && strncmp(claim, "nbf:", 4) && strncmp(claim, "iat:", 4)))
        return fail_unknown("token-time", text, want);
    if ((result = atls_parse_number(claim + 4, "--token-time", 0, UINT32_MAX, &seconds)))
        return result;
    if (*claim == 'e') {
        times->has_exp = true;
        times->exp = (double)seconds;
    } else if (*claim == 'n') {
        times->has_nbf = true;
        times->nbf = (double)seconds;
    } else {
        times->has_iat = true;
        times->iat = (double)seconds;
    }
    return 0;
}

static int parse_device_option(int key, char *text, struct atls_simulated_options *device)
{
    switch (key) {
    case OPT_SEED:
        device->has_seed = true;
        return atls_parse_number(text, "--seed", 0, UINT64_MAX, &device->seed);
    case OPT_PRODUCT:
        device->product = text;
        return *text ? 0 : fail_unknown("product", text, "a name");
    case OPT_IMAGES:
        device->images_directory = text;
        return 0;
    case OPT_COMPONENTS:
        return parse_components(text, &device->components);
    case OPT_ROOT:
        return atls_root_kind_by_name(text, &device->root);
    case OPT_FIRST_PCR:
        return parse_first_pcr(text, &device->first_pcr);
    case OPT_TOKEN_TIME:
        return parse_token_time(text, device);
    case OPT_TCTI:
        device->tcti = text;
        return *text ? 0 : fail_unknown("tcti", text, "a TCTI, as swtpm:path=FILE");
    case OPT_PARSEC_SOCKET:
        device->parsec_socket = text;
        return *text ? 0 : fail_unknown("parsec-socket", text, "the path of a unix socket");
    case OPT_LIFECYCLE:
        return parse_lifecycle(text, &device->lifecycle);
    default:
        return parse_profile(text, &device->profile);
    }
}

static int parse_emulated_option(int key, char *text, struct atls_device_options *options)
{
    struct atls_emulated_options *device = &options->device;
    switch (key) {
    case OPT_BACKEND:
        return parse_backend(text, &options->emulated);
    case OPT_POLICY:
        device->policy_given = true;
        return parse_policy(text, &device->policy);
    case OPT_BOOT_TIMEOUT:
        return parse_boot_timeout(text, &device->boot_timeout_ms);
    case OPT_UPDATE:
        return add_update(options, text);
    case OPT_FIRMWARE:
        device->simulated.firmware_directory = text;
        return 0;
    case OPT_APPLICATION:
        device->simulated.application = text;
        return 0;
    case OPT_FLASH:
        device->flash = text;
        return 0;
    case OPT_LOG:
        device->log = text;
        return 0;
    default:
        device->debug = text;
        return 0;
    }
}

static int parse_own_option(int key, char *text, struct atls_device_options *options)
{
    switch (key) {
    case OPT_LISTEN:
        return parse_listen(text, &options->listen);
    case OPT_RELEASE:
        return add_release(options, text);
    case OPT_TAMPER:
        return add_tamper(options, text);
    case OPT_FAULT:
        if (!strncmp(text, NOISE, strlen(NOISE)))
            return atls_parse_number(text + strlen(NOISE), "line-noise-every", 1, UINT32_MAX,
                                     &options->device.noise_every);
        return atls_server_fault_parse(text, &options->faults);
    case OPT_ATTACK:
        return atls_leaks_attack(&options->leaks, text);
    case OPT_LEAK:
        return atls_leaks_add(&options->leaks, text, atls_device_leak_names);
    case OPT_PART:
        return parse_part(text, &options->part);
    case OPT_DIALECT:
        return parse_dialect(text, &options->dialect);
    case OPT_EVENTS:
        options->events = text;
        return 0;
    case OPT_EVENT_LOG:
        options->event_log = text;
        return 0;
    case OPT_PROVISION:
        options->provision = text;
        return 0;
    default:
        options->output = text;
        return 0;
    }
}

static int parse_command(const char *text, enum atls_device_command *commandp)
{
    static const char *const names[] = {"run", "provision", "images"};
    for (size_t i = 0; i < 3; i++)
        if (!strcmp(names[i], text)) {
            *commandp = (enum atls_device_command)i;
            return 0;
        }
    return atls_fail(-EINVAL, NULL, "expected the command run, provision or images, came \"%s\"",
                     text);
}

struct parse {
    struct atls_device_options *options;
    int error; /* the first */
};

static error_t parse_option(int key, char *text, struct argp_state *state)
{
    struct parse *parse = state->input;
    int result = 0;
    if (parse->error)
        return 0;
    switch (key) {
    case OPT_SEED:
    case OPT_PRODUCT:
    case OPT_IMAGES:
    case OPT_COMPONENTS:
    case OPT_LIFECYCLE:
    case OPT_PROFILE:
    case OPT_ROOT:
    case OPT_TCTI:
    case OPT_FIRST_PCR:
    case OPT_PARSEC_SOCKET:
    case OPT_TOKEN_TIME:
        result = parse_device_option(key, text, &parse->options->device.simulated);
        break;
    case OPT_BACKEND:
    case OPT_FIRMWARE:
    case OPT_APPLICATION:
    case OPT_POLICY:
    case OPT_BOOT_TIMEOUT:
    case OPT_UPDATE:
    case OPT_FLASH:
    case OPT_LOG:
    case OPT_DEBUG:
        result = parse_emulated_option(key, text, parse->options);
        break;
    case OPT_LISTEN:
    case OPT_RELEASE:
    case OPT_TAMPER:
    case OPT_FAULT:
    case OPT_EVENTS:
    case OPT_DIALECT:
    case OPT_PART:
    case OPT_OUTPUT:
    case OPT_PROVISION:
    case OPT_EVENT_LOG:
    case OPT_ATTACK:
    case OPT_LEAK:
        result = parse_own_option(key, text, parse->options);
        break;
    case ARGP_KEY_ARG:
        if (state->arg_num > 0)
            argp_usage(state);
        result = parse_command(text, &parse->options->command);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    parse->error = result;
    return 0;
}

/* What a command needs, and what makes no sense with it. */
/* Does it ask for what only firmware has? */
static bool wants_firmware(const struct atls_emulated_options *device)
{
    return device->simulated.firmware_directory || device->flash || device->log || device->debug ||
           device->update_count || device->policy_given || device->noise_every ||
           device->simulated.application != atls_simulated_defaults.application;
}

static int check_emulated(const struct atls_device_options *options)
{
    const struct atls_emulated_options *device = &options->device;
    if (options->emulated && !device->simulated.firmware_directory)
        return atls_fail(-EINVAL, NULL, "--backend qemu needs --firmware DIR");
    if (options->emulated && (atls_cwt_times_count(&device->simulated.kat_times) ||
                              atls_cwt_times_count(&device->simulated.pat_times)))
        return atls_fail(ATLS_E_UNSUPPORTED, NULL,
                         "--token-time: the tokens of the firmware have no times");
    if (options->emulated && device->simulated.images_directory)
        return atls_fail(-EINVAL, NULL, "--backend qemu boots the firmware's own images");
    if (options->emulated && device->simulated.root)
        return atls_fail(ATLS_E_UNSUPPORTED, NULL,
                         "--root %s: the firmware has the root of trust psa, and its machine no "
                         "other",
                         device->simulated.root->name);
    if ((device->simulated.tcti || device->simulated.first_pcr || options->event_log) &&
        (!device->simulated.root || strcmp(device->simulated.root->name, "tpm")))
        return atls_fail(-EINVAL, NULL,
                         "--tcti, --first-pcr and --event-log are for a device with a TPM: --root "
                         "tpm");
    if (device->simulated.parsec_socket &&
        (!device->simulated.root || strcmp(device->simulated.root->name, "parsec")))
        return atls_fail(-EINVAL, NULL,
                         "--parsec-socket is for a device whose keys are in Parsec: --root parsec");
    if (!options->emulated && wants_firmware(device))
        return atls_fail(ATLS_E_UNSUPPORTED, NULL,
                         "--firmware, --application, --boot-policy, --update, --flash, --boot-log "
                         "and --debug are for a device that is firmware: --backend qemu");
    return 0;
}

static int check(const struct atls_device_options *options)
{
    const struct atls_simulated_options *simulated = &options->device.simulated;
    int result = check_emulated(options);
    if (result)
        return result;
    atls_leaks_guard(&options->leaks);
    if (options->leaks.count > 0 && (options->emulated || options->command != ATLS_DEVICE_RUN))
        return atls_fail(ATLS_E_UNSUPPORTED, NULL,
                         "--leak is for run on this host: what is in QEMU keeps its keys");
    if (options->leaks.count > 0 && simulated->root)
        return atls_fail(ATLS_E_UNSUPPORTED, NULL,
                         "--leak gives keys of the PSA services away: those of the root of trust "
                         "%s stay in it",
                         simulated->root->name);
    if (options->command == ATLS_DEVICE_RUN)
        return options->listen ? 0 : atls_fail(-EINVAL, NULL, "run needs --listen unix:PATH");
    if (!options->output)
        return atls_fail(-EINVAL, NULL, "this command needs --output PATH");
    if (!simulated->has_seed)
        return atls_fail(-EINVAL, NULL,
                         "this command needs --seed: a random device exists in one run only (run "
                         "has --provision FILE)");
    if (options->command == ATLS_DEVICE_PROVISION && simulated->tamper_count > 0)
        return atls_fail(-EINVAL, NULL, "provision: a tampered device cannot be endorsed");
    return 0;
}

static char *help(int key, const char *text, void *input)
{
    return key == OPT_ROOT ? atls_roots_help() : (char *)(uintptr_t)text;
}

int atls_device_options_parse(int argc, char **argv, struct atls_device_options *optionsp)
{
    static const struct argp argp = {
        .options = option_table,
        .parser = parse_option,
        .args_doc = "[run|provision|images]",
        .doc = "A simulated device: measured boot, attestation services and identity keys behind a "
               "unix socket (run, the default); its endorsements as a CoRIM (provision); its "
               "images as files (images).\v"
               "The root of trust is simulated: whoever knows the seed knows every key.",
        .help_filter = help,
    };
    struct parse parse = {.options = optionsp};
    *optionsp = (struct atls_device_options){.device.simulated = atls_simulated_defaults,
                                             .device.boot_timeout_ms = 30000,
                                             .faults = ATLS_SERVER_NO_FAULTS};
    argp_parse(&argp, argc, argv, 0, NULL, &parse);
    return parse.error ? parse.error : check(optionsp);
}

void atls_device_options_clear(struct atls_device_options *options)
{
    free(options->tamper);
    free(options->update);
    free(options->release);
}
