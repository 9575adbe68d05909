/* SPDX-License-Identifier: Apache-2.0 */
/* The event stream, and the files that it names. */
#include "events.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmw.h"
#include "keys.h"

#define ROUNDS_MAX 200

static struct {
    pthread_mutex_t lock;
    FILE *file;
    const char *who;
    double start;
} stream = {.lock = PTHREAD_MUTEX_INITIALIZER};

int events_open(const char *who, const char *path)
{
    stream.who = who;
    stream.start = now_seconds();
    if (path)
        stream.file = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
    if (!path || stream.file)
        return 0;
    perror(path);
    return -1;
}

void event(const char *name, json_t *fields)
{
    pthread_mutex_lock(&stream.lock);
    json_t *line = json_pack("{s:f, s:s, s:s}", "t", now_seconds() - stream.start, "who",
                             stream.who, "event", name);
    if (stream.file && line && fields && json_object_update(line, fields) == 0) {
        char *text = json_dumps(line, JSON_COMPACT | JSON_PRESERVE_ORDER);
        if (text) {
            fprintf(stream.file, "%s\n", text);
            fflush(stream.file);
        }
        free(text);
    }
    json_decref(line);
    json_decref(fields);
    pthread_mutex_unlock(&stream.lock);
}

json_t *json_hex(struct bytes bytes)
{
    char *text = hex_of(bytes);
    json_t *json = json_string(text);
    free(text);
    return json;
}

json_t *json_text(struct bytes bytes)
{
    json_t *json = json_stringn(bytes.size ? (const char *)bytes.data : "", bytes.size);
    return json ? json : json_hex(bytes);
}

void artifact(const char *directory, unsigned conn, const char *what, struct bytes bytes,
              char name[64])
{
    char path[PATH_MAX];
    FILE *file = NULL;
    name[0] = '\0';
    for (unsigned round = 1; directory && !file && round <= ROUNDS_MAX; round++) {
        if (round == 1)
            snprintf(name, 64, "conn-%u-%s", conn, what);
        else
            snprintf(name, 64, "conn-%u-%u-%s", conn, round, what);
        if ((size_t)snprintf(path, sizeof path, "%s/%s", directory, name) >= sizeof path)
            break;
        file = fopen(path, conn == 0 ? "we" : "wxe");
        if (!file && access(path, F_OK) != 0)
            break;
    }
    bool written = file && fwrite(bytes.data, 1, bytes.size, file) == bytes.size;
    if (file && fclose(file) != 0)
        written = false;
    if (directory && !written)
        fprintf(stderr, "cannot write %s in %s\n", what, directory);
    if (!written)
        name[0] = '\0';
}

void event_credential(const char *directory, unsigned conn, const char *direction, struct bytes cmw)
{
    uint8_t digest[HASH_MAX];
    size_t size;
    char what[48], file[64];
    const char *form = cmw_form_word(cmw), *serialization = cmw_serialization_word(cmw);
    hash(EVP_sha256(), cmw, digest, &size);
    snprintf(what, sizeof what, "%s-credential.%s", direction,
             serialization ? serialization : "cbor");
    artifact(directory, conn, what, cmw, file);
    event("credential", json_pack("{s:i, s:s, s:I, s:s*, s:s*, s:o, s:s*}", "conn", (int)conn,
                                  "direction", direction, "bytes", (json_int_t)cmw.size, "form",
                                  form, "serialization", serialization, "sha256",
                                  json_hex(BYTES(digest, size)), "file", file[0] ? file : NULL));
}

void event_challenge(unsigned conn, const char *direction, struct bytes nonce)
{
    event("challenge", json_pack("{s:i, s:s, s:o}", "conn", (int)conn, "direction", direction,
                                 "nonce", json_hex(nonce)));
}

void event_result(unsigned conn, const char *source, const char *file, const int64_t *expires_in)
{
    event("result", json_pack("{s:i, s:s, s:s*, s:o*}", "conn", (int)conn, "source", source, "file",
                              file[0] ? file : NULL, "expires_in",
                              expires_in ? json_integer(*expires_in) : NULL));
}

const char *alert_name(unsigned alert)
{
    static const struct {
        unsigned number;
        const char *name;
    } names[] = {
        {0, "close_notify"},
        {10, "unexpected_message"},
        {20, "bad_record_mac"},
        {22, "record_overflow"},
        {40, "handshake_failure"},
        {42, "bad_certificate"},
        {43, "unsupported_certificate"},
        {44, "certificate_revoked"},
        {45, "certificate_expired"},
        {46, "certificate_unknown"},
        {47, "illegal_parameter"},
        {48, "unknown_ca"},
        {49, "access_denied"},
        {50, "decode_error"},
        {51, "decrypt_error"},
        {70, "protocol_version"},
        {71, "insufficient_security"},
        {80, "internal_error"},
        {90, "user_canceled"},
        {109, "missing_extension"},
        {110, "unsupported_extension"},
        {112, "unrecognized_name"},
        {116, "certificate_required"},
        {117, "general_error"},
        {120, "no_application_protocol"},
        {224, "unsupported_evidence"},
        {225, "unsupported_verifiers"},
        {226, "attestation_failed"},
        {227, "unsupported_attestation_schemes"},
        {228, "attestation_required"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].number == alert)
            return names[i].name;
    return "unknown";
}
