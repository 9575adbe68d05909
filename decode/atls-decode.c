/* SPDX-License-Identifier: Apache-2.0 */
/*
 * atls-decode: prints any message of the field as an annotated tree, with the results of whatever
 * can be checked. The tool to reach for first when two implementations do not understand each
 * other.
 */
#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "decode/decode-input.h"
#include "decode/diag.h"
#include "program/events.h"
#include "program/program.h"
#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/corim/corim.h"
#include "rats/crypto/pem.h"
#include "rats/ear/ear.h"
#include "rats/json/jws.h"

#define INPUT_MAX ((size_t)8 << 20) /* hexadecimal with separators of the largest message */
#define KEYS_MAX 1024

struct options {
    const char *input, *events;
    enum atls_input_form form;
    bool whole;
    struct atls_public_key keys[KEYS_MAX];
    json_t *jwks[KEYS_MAX]; /* of each key that has one */
    size_t key_count;
    json_t *verifier_jwk;
    uint8_t *nonce;
    size_t nonce_size;
};

enum { OPTION_EVENTS = 256, OPTION_FORMAT };

static const struct argp_option option_table[] = {
    {"key", 'k', "FILE", 0,
     "Public key to try on signatures: PEM, JWK, or all trust anchors of a CoRIM (repeatable)", 0},
    {"verifier-key", 'v', "FILE", 0,
     "Key of the verifier that signed an EAR: JWK, PEM, or its discovery document", 0},
    {"nonce", 'n', "HEX", 0, "The challenge that the message should answer", 0},
    {"format", OPTION_FORMAT, "FORM", 0,
     "How the input is written: auto (default), binary, hex, base64", 0},
    {"whole", 'w', NULL, 0, "Long strings in full", 0},
    {"events", OPTION_EVENTS, "FILE", 0,
     "Write events, one JSON object a line (-: standard output)", 0},
    {0}};

static const char documentation[] =
    "Prints a message of remote attestation as an annotated tree: CMW, CAB, KAT, PSA token, "
    "COSE_Sign1, EAR (JWT or claims), CoRIM, boot record, JWK, or any other CBOR or JSON. FILE may "
    "be binary, hexadecimal or base64; without FILE, or with -, standard input is read."
    "\v"
    "Keys are named by the first half of the SHA-256 of their SubjectPublicKeyInfo.\n\n"
    "Exit status: 0 if the message is well-formed and every check that could be made passed, 1 if "
    "not, 2 for wrong usage.";

/* A word of error, and the reason, to standard error. */
static int complain(const char *what)
{
    const char *why = atls_error_text();

    if (strcmp(what, "-") == 0)
        what = "standard input";
    if (strstr(why, what))
        fprintf(stderr, "atls-decode: %s\n", why);
    else
        fprintf(stderr, "atls-decode: %s: %s\n", what, why);
    return -1;
}

static int add_corim_keys(struct options *options, struct atls_bytes in)
{
    struct atls_corim corim;
    int result = atls_corim_parse(in, &corim);

    if (result)
        return result;
    for (size_t i = 0; i < corim.trust_anchor_count && options->key_count < KEYS_MAX; i++)
        options->keys[options->key_count++] = corim.trust_anchors[i].key;
    atls_corim_clear(&corim);
    return 0;
}

/* A key file in any of the forms that carry one. *JWKP is all that it says of the key: a JWK says
 * what it is for, too, which is looked at where it verifies a JWS. (Veraison's published test keys
 * say "enc" and sign tokens of COSE, which has a word of its own for that.) */
static int read_key(struct atls_bytes in, struct atls_public_key *keyp, json_t **jwkp)
{
    struct atls_bytes text = atls_text_trim(in);
    bool is_json = text.size && text.data[0] == '{'; /* whatever its strings say */
    json_t *jwk, *discovery;
    int result;

    if (!is_json && memmem(in.data, in.size, "-----BEGIN", 10)) {
        result = atls_pem_read_public_key(in, keyp);
        if (!result && !(*jwkp = atls_jwk_of_public_key(keyp)))
            result = atls_fail(-ENOMEM, NULL, "out of memory");
        return result;
    }
    result = atls_json_object(in, "key", &jwk);
    if (result)
        return result;
    discovery = json_object_get(jwk, "ear-verification-key");
    *jwkp = json_incref(discovery ? discovery : jwk);
    json_decref(jwk);
    result = atls_jwk_to_public_key(*jwkp, keyp);
    if (result)
        json_decref(*jwkp);
    return result;
}

static int add_keys(struct options *options, struct atls_bytes in)
{
    const char *format = atls_diag_recognise(in);
    int result;

    if (options->key_count == KEYS_MAX)
        return atls_fail(ATLS_E_LIMIT, NULL, "expected at most %d keys", KEYS_MAX);
    if (format && !strcmp(format, "corim"))
        return add_corim_keys(options, in);
    result = read_key(in, &options->keys[options->key_count], &options->jwks[options->key_count]);
    options->key_count += !result;
    return result;
}

static int add_key_file(struct options *options, const char *path)
{
    uint8_t *data;
    size_t size;
    int result = atls_read_file(path, ATLS_JWS_MAX_SIZE, &data, &size);

    if (!result) {
        result = add_keys(options, ATLS_BYTES(data, size));
        free(data);
    }
    return result ? complain(path) : 0;
}

static int set_verifier_key(struct options *options, const char *path)
{
    struct atls_public_key key;
    json_t *jwk;
    uint8_t *data;
    size_t size;
    int result = atls_read_file(path, ATLS_JWS_MAX_SIZE, &data, &size);

    if (result)
        return complain(path);
    result = read_key(ATLS_BYTES(data, size), &key, &jwk);
    free(data);
    if (result)
        return complain(path);
    json_decref(options->verifier_jwk);
    options->verifier_jwk = jwk;
    return 0;
}

static int set_form(struct options *options, const char *name)
{
    for (int form = ATLS_INPUT_AUTO; form <= ATLS_INPUT_BASE64; form++) {
        if (!strcmp(name, atls_input_form_name(form))) {
            options->form = form;
            return 0;
        }
    }
    return -1;
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct options *options = state->input;

    switch (key) {
    case 'k':
        if (add_key_file(options, argument))
            exit(ATLS_EXIT_USAGE);
        return 0;
    case 'v':
        if (set_verifier_key(options, argument))
            exit(ATLS_EXIT_USAGE);
        return 0;
    case 'n':
        free(options->nonce);
        options->nonce = NULL;
        if (atls_hex_decode(atls_bytes_of_text(argument), &options->nonce, &options->nonce_size))
            argp_error(state, "--nonce: %s", atls_error_text());
        if (!options->nonce_size) /* would look like a check, and be none */
            argp_error(state, "--nonce: expected at least one byte");
        return 0;
    case OPTION_FORMAT:
        if (set_form(options, argument))
            argp_error(state, "--format: expected auto, binary, hex or base64, came %s", argument);
        return 0;
    case 'w':
        options->whole = true;
        return 0;
    case OPTION_EVENTS:
        options->events = argument;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num)
            argp_error(state, "expected one FILE");
        options->input = argument;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static bool wants_colour(void)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

    return isatty(STDOUT_FILENO) && (!no_color || !*no_color) && term && strcmp(term, "dumb") != 0;
}

static int decode(const struct options *options, struct atls_bytes in, enum atls_input_form form,
                  struct atls_events *events)
{
    struct atls_diag_keys keys = {.crypto = &atls_crypto_hosted,
                                  .keys = options->keys,
                                  .key_count = options->key_count,
                                  .jwks = options->jwks,
                                  .verifier_jwk = options->verifier_jwk,
                                  .nonce = ATLS_BYTES(options->nonce, options->nonce_size),
                                  .whole = options->whole,
                                  .colour = wants_colour()};
    const char *format = atls_diag_recognise(in);
    int result = atls_diag_print(stdout, in, &keys);

    atls_event(events, "decoded", "{s:s, s:s, s:I, s:s}", "format", format ? format : "unknown",
               "form", atls_input_form_name(form), "size", (json_int_t)in.size, "outcome",
               result ? atls_error_name(result) : "ok");
    return fflush(stdout) || result ? ATLS_EXIT_REFUSED : ATLS_EXIT_DONE;
}

static int run(const struct options *options, struct atls_events *events)
{
    uint8_t *raw, *data;
    size_t raw_size, size;
    enum atls_input_form form;
    int result = atls_read_file(options->input, INPUT_MAX, &raw, &raw_size);

    if (result) {
        complain(options->input);
        return ATLS_EXIT_REFUSED;
    }
    result = atls_input_decode(ATLS_BYTES(raw, raw_size), options->form, &data, &size, &form);
    free(raw);
    if (result) {
        complain(options->input);
        return ATLS_EXIT_REFUSED;
    }
    result = decode(options, ATLS_BYTES(data, size), form, events);
    free(data);
    return result;
}

int main(int argc, char **argv)
{
    static struct options options = {.input = "-"};
    static const struct argp argp = {option_table, parse_option, "[FILE]", documentation,
                                     NULL,         NULL,         NULL};
    struct atls_events *events;
    int status;

    atls_program_start("atls-decode", 0);
    if (argp_parse(&argp, argc, argv, 0, NULL, &options))
        return ATLS_EXIT_USAGE;
    if (atls_events_open(options.events, "decode", &events)) {
        complain("--events");
        return ATLS_EXIT_USAGE;
    }
    status = run(&options, events);
    if (atls_events_close(events) && status == ATLS_EXIT_DONE)
        status = ATLS_EXIT_REFUSED;
    json_decref(options.verifier_jwk);
    for (size_t i = 0; i < options.key_count; i++)
        json_decref(options.jwks[i]);
    free(options.nonce);
    return status;
}
