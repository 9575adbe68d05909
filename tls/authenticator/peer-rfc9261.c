/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One end of exported authenticators as a program, for an implementation in another language to
 * talk to (test-rfc9261.py). Exported values come from the command line: there is no connection.
 *
 * peer-rfc9261 client|server sha256|sha384 LABEL=HEX... [headless]
 *
 * It reads a command a line and answers each with a line: "ok" and what was made, or "refused" with
 * the outcome, the alert and the clause. Bytes are in hexadecimal, "." are none; an entry is
 * CERTIFICATE[,TYPE=DATA]...
 *   hello EXTENSIONS                     request CONTEXT TYPE=DATA...      take REQUEST
 *   identity SCHEME PKCS8 ENTRY...       answer CONTEXT                    refuse CONTEXT
 *   volunteer CONTEXT                    validate CONTEXT|- AUTHENTICATOR
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "tls/authenticator/rfc9261-gnutls.h"

#define WORDS 64

static struct peer {
    struct atls_ea_gnutls adapter; /* first: the callbacks' context */
    struct atls_ea_connection connection;
    struct atls_ea ea;
    char **exported; /* LABEL=HEX */
    int exported_count;
    struct atls_ea_entry entries[ATLS_EA_ENTRIES];
    struct atls_ea_identity identity;
} peer;

/* What the current command holds in memory, freed behind it; that of an identity is kept. */
static void *held[4 * WORDS], *kept[4 * WORDS];
static size_t held_count, kept_count;

static void die(const char *what)
{
    fprintf(stderr, "peer-rfc9261: %s: %s\n", what, atls_error_text());
    exit(2);
}

static struct atls_bytes bytes_of(const char *hex)
{
    uint8_t *data;
    size_t size;

    if (strcmp(hex, ".") == 0)
        return ATLS_BYTES(NULL, 0);
    if (atls_hex_decode(atls_bytes_of_text(hex), &data, &size) || held_count == 4 * WORDS)
        die(hex);
    held[held_count++] = data;
    return ATLS_BYTES(data, size);
}

static void print_bytes(struct atls_bytes bytes)
{
    char *text = atls_hex_encode(bytes);

    if (!text)
        die("no memory");
    fputs(bytes.size ? text : ".", stdout);
    free(text);
}

static int export_value(void *context, const char *label, struct atls_bytes context_value,
                        uint8_t *valuep, size_t size)
{
    size_t length = strlen(label);

    for (int i = 0; i < peer.exported_count; i++) {
        struct atls_bytes value;

        if (strncmp(peer.exported[i], label, length) != 0 || peer.exported[i][length] != '=')
            continue;
        value = bytes_of(peer.exported[i] + length + 1);
        if (!value.data || value.size != size || context_value.size != 0)
            break;
        memcpy(valuep, value.data, size);
        return 0;
    }
    return atls_fail(-EINVAL, "RFC 9261 section 5.1", "no value of %zu bytes for \"%s\"", size,
                     label);
}

/* TYPE=DATA */
static struct atls_ea_extension extension_of(char *word)
{
    char *data = strchr(word, '=');

    if (!data)
        die(word);
    return (struct atls_ea_extension){(uint16_t)strtoul(word, NULL, 0), bytes_of(data + 1)};
}

static void read_identity(char **words, size_t count)
{
    struct atls_bytes pkcs8 = bytes_of(words[1]);
    gnutls_datum_t der = {(unsigned char *)(uintptr_t)pkcs8.data, (unsigned)pkcs8.size};
    gnutls_privkey_t key = peer.identity.context;

    if (key)
        gnutls_privkey_deinit(key);
    if (gnutls_privkey_init(&key) < 0 ||
        gnutls_privkey_import_x509_raw(key, &der, GNUTLS_X509_FMT_DER, NULL, 0) < 0)
        die("private key");
    peer.identity = (struct atls_ea_identity){.entries = peer.entries,
                                              .entry_count = count - 2,
                                              .scheme = (uint16_t)strtoul(words[0], NULL, 0),
                                              .sign = atls_ea_gnutls_sign,
                                              .context = key};
    for (size_t i = 2; i < count && i - 2 < ATLS_EA_ENTRIES; i++) {
        struct atls_ea_entry *entry = &peer.entries[i - 2];
        char *word = strtok(words[i], ",");

        *entry = (struct atls_ea_entry){.certificate = bytes_of(word)};
        while ((word = strtok(NULL, ",")) && entry->extension_count < ATLS_EA_EXTENSIONS)
            entry->extensions[entry->extension_count++] = extension_of(word);
    }
}

static int request(char **words, size_t count, uint8_t **madep, size_t *sizep)
{
    struct atls_ea_extension extensions[WORDS];

    for (size_t i = 1; i < count; i++)
        extensions[i - 1] = extension_of(words[i]);
    return atls_ea_make_request(&peer.ea, bytes_of(words[0]), extensions, count - 1, madep, sizep);
}

static void print_authenticator(const struct atls_ea_authenticator *a)
{
    printf("0x%04x", a->scheme);
    for (size_t i = 0; i < a->entry_count; i++) {
        putchar(' ');
        print_bytes(a->entries[i].certificate);
        for (size_t k = 0; k < a->entries[i].extension_count; k++) {
            printf(",0x%04x=", a->entries[i].extensions[k].type);
            print_bytes(a->entries[i].extensions[k].data);
        }
    }
}

static int validate(char **words)
{
    struct atls_bytes context = bytes_of(words[0][0] == '-' ? "." : words[0]);
    struct atls_ea_authenticator a;
    int result =
        atls_ea_validate(&peer.ea, bytes_of(words[1]), words[0][0] == '-' ? NULL : &context, &a);

    if (!result) {
        printf("ok ");
        print_authenticator(&a);
    }
    return result;
}

static int take(char **words)
{
    struct atls_ea_request parsed;
    int result = atls_ea_take_request(&peer.ea, bytes_of(words[0]), &parsed);

    if (!result) {
        printf("ok ");
        print_bytes(parsed.context);
    }
    return result;
}

/* One command with its words; false where there is no such command. */
static bool obey(const char *command, char **words, size_t count)
{
    struct atls_bytes first;
    uint8_t *made = NULL;
    size_t size = 0;
    int result = 0;

    if (strcmp(command, "identity") == 0 && count > 2) {
        read_identity(words, count);
        while (kept_count) /* the entries' bytes */
            free(kept[--kept_count]);
        memcpy(kept, held, held_count * sizeof *held);
        kept_count = held_count;
        held_count = 0;
    } else if (strcmp(command, "validate") == 0 && count == 2) {
        result = validate(words);
    } else if (strcmp(command, "take") == 0 && count == 1) {
        result = take(words);
    } else if (strcmp(command, "request") == 0 && count >= 1) {
        result = request(words, count, &made, &size);
    } else if (count != 1) {
        return false;
    } else {
        first = bytes_of(words[0]);
        if (strcmp(command, "hello") == 0)
            result = atls_ea_hello(&peer.ea, first);
        else if (strcmp(command, "answer") == 0)
            result = atls_ea_answer(&peer.ea, first, &peer.identity, &made, &size);
        else if (strcmp(command, "refuse") == 0)
            result = atls_ea_answer(&peer.ea, first, NULL, &made, &size);
        else if (strcmp(command, "volunteer") == 0)
            result = atls_ea_volunteer(&peer.ea, first, &peer.identity, &made, &size);
        else
            return false;
    }
    if (result)
        printf("refused %s %u %s", result < 0 ? "error" : atls_error_name(result), peer.ea.alert,
               atls_error_clause());
    else if (made) {
        printf("ok ");
        print_bytes(ATLS_BYTES(made, size));
    } else if (strcmp(command, "validate") != 0 && strcmp(command, "take") != 0) {
        printf("ok");
    }
    putchar('\n');
    fflush(stdout);
    free(made);
    return true;
}

int main(int argc, char **argv)
{
    char *line = NULL, *words[WORDS];
    size_t capacity = 0;

    if (argc < 3) {
        fprintf(stderr,
                "usage: peer-rfc9261 client|server sha256|sha384 LABEL=HEX... [headless]\n");
        return 2;
    }
    atls_ea_gnutls_callbacks(
        &peer.adapter, strcmp(argv[1], "client") == 0 ? ATLS_EA_CLIENT : ATLS_EA_SERVER,
        strcmp(argv[2], "sha384") == 0 ? ATLS_SHA384 : ATLS_SHA256, &peer.connection);
    peer.connection.exporter = export_value;
    peer.exported = argv + 3;
    peer.exported_count = argc - 3;
    if (atls_ea_init(&peer.ea, &peer.connection))
        die("exporter");
    peer.ea.headless = argc > 3 && strcmp(argv[argc - 1], "headless") == 0; /* H33 */
    while (getline(&line, &capacity, stdin) > 0) {
        char *command = strtok(line, " \n"), *word;
        size_t count = 0;

        while (command && (word = strtok(NULL, " \n")) && count < WORDS)
            words[count++] = word;
        if (!command || !obey(command, words, count))
            die(line);
        while (held_count)
            free(held[--held_count]);
    }
    free(line);
    while (kept_count)
        free(kept[--kept_count]);
    if (peer.identity.context)
        gnutls_privkey_deinit(peer.identity.context);
    atls_ea_clear(&peer.ea);
    return 0;
}
