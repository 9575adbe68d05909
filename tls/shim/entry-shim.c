/* SPDX-License-Identifier: Apache-2.0 */
/* The sender's and the receiver's half of the shim. */
#include "tls/shim/entry-shim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/base/gnutls.h"

#define EXPECTED_MAX 8
#define BLOCK_MAX UINT16_MAX
#define OWN_OF_REQUEST 4096 /* bytes left for the library's extensions of CertificateRequest */
#define ENTRY_LEAST 6       /* of a CertificateEntry: u24, one byte, u16 */
#define CERTIFICATE_CLAUSE "RFC 8446 section 4.4.2"
#define REQUEST_CLAUSE "RFC 8446 section 4.3.2"
#define SIGNATURE_ALGORITHMS 13

struct block { /* extensions as they go into the message; data NULL: the library's own */
    uint8_t *data;
    size_t size;
};

struct certificate_to_send {
    bool armed;
    const gnutls_pcert_st *chain; /* the caller's */
    size_t chain_size;
    struct block blocks[ATLS_ENTRIES_MAX]; /* by entry, with the block's length ahead */
    size_t entry;                          /* the next one to be seen */
    const void *dest; /* where its cert_data went: its block is next; or NULL */
    size_t replaced, to_replace;
};

struct request_to_send {
    bool armed;
    struct block block; /* without its length */
    enum { CONTEXT_SIZE, CONTEXT, BLOCK_SIZE, FIRST_TYPE, INSERTED } next;
    size_t context_size;
    const void *dest;
};

struct message_received {
    uint8_t *copy;
    struct atls_entry_received found[ATLS_ENTRY_EXTENSIONS_MAX];
    size_t found_count;
    struct atls_bytes chain[ATLS_ENTRIES_MAX];
    size_t chain_count;
};

struct atls_entry_shim {
    uint16_t expected[EXPECTED_MAX];
    size_t expected_count;
    struct certificate_to_send certificate;
    struct request_to_send request;
    struct message_received certificate_received, request_received;
};

int atls_entry_shim_new(struct atls_entry_shim **shimp)
{
    struct atls_entry_shim *shim = calloc(1, sizeof *shim);
    if (!shim)
        return atls_fail(-ENOMEM, NULL, "no memory for an entry shim");
    *shimp = shim;
    return 0;
}

static void disarm_certificate(struct certificate_to_send *c)
{
    for (size_t i = 0; i < ATLS_ENTRIES_MAX; i++)
        free(c->blocks[i].data);
    *c = (struct certificate_to_send){.armed = false};
}

static void disarm_request(struct request_to_send *r)
{
    free(r->block.data);
    *r = (struct request_to_send){.armed = false};
}

static void clear_received(struct message_received *m)
{
    free(m->copy);
    *m = (struct message_received){.copy = NULL};
}

void atls_entry_shim_free(struct atls_entry_shim *shim)
{
    if (!shim)
        return;
    disarm_certificate(&shim->certificate);
    disarm_request(&shim->request);
    clear_received(&shim->certificate_received);
    clear_received(&shim->request_received);
    free(shim);
}

int atls_entry_shim_expect(struct atls_entry_shim *shim, const uint16_t *types, size_t count)
{
    if (count > EXPECTED_MAX)
        return atls_fail(-EINVAL, NULL, "%zu extension types, %d are the most", count,
                         EXPECTED_MAX);
    if (count > 0)
        memcpy(shim->expected, types, count * sizeof *types);
    shim->expected_count = count;
    return 0;
}

/* The extensions of ENTRY (SIZE_MAX: of all) one behind the other, behind HEAD bytes left free.
 * Without any there is no block. */
static int build_block(const struct atls_entry_extension *extensions, size_t count, size_t entry,
                       size_t head, size_t most, struct block *blockp)
{
    size_t size = 0;
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        if (entry != SIZE_MAX && extensions[i].entry != entry)
            continue;
        any = true;
        size_t one = extensions[i].payload.size + (extensions[i].raw ? 0 : 4);
        if (extensions[i].payload.size > most || one > most - size)
            return atls_fail(ATLS_E_LIMIT, "RFC 8446 section 4.2",
                             "expected an extension block of at most %zu bytes", most);
        size += one;
    }
    if (!any)
        return 0;
    uint8_t *data = malloc(head + size > 0 ? head + size : 1);
    if (!data)
        return atls_fail(-ENOMEM, NULL, "no memory for an extension block");
    struct atls_sink sink = atls_sink_of(data + head, size);
    for (size_t i = 0; i < count; i++) {
        if (entry != SIZE_MAX && extensions[i].entry != entry)
            continue;
        if (extensions[i].raw) {
            atls_sink_bytes(&sink, extensions[i].payload);
        } else {
            atls_sink_u16(&sink, extensions[i].type);
            atls_sink_vector(&sink, 2, extensions[i].payload);
        }
    }
    *blockp = (struct block){.data = data, .size = head + size};
    return 0;
}

int atls_entry_shim_send(struct atls_entry_shim *shim, const gnutls_pcert_st *chain,
                         size_t chain_size, const struct atls_entry_extension *extensions,
                         size_t count)
{
    struct certificate_to_send *c = &shim->certificate;
    disarm_certificate(c);
    if (chain_size > ATLS_ENTRIES_MAX)
        return atls_fail(-EINVAL, NULL, "a chain of %zu, %d are the most", chain_size,
                         ATLS_ENTRIES_MAX);
    for (size_t i = 0; i < count; i++)
        if (extensions[i].entry >= chain_size)
            return atls_fail(-EINVAL, NULL, "an extension for entry %zu of a chain of %zu",
                             extensions[i].entry, chain_size);
    for (size_t i = 0; i < chain_size; i++) {
        struct block *block = &c->blocks[i];
        int result = build_block(extensions, count, i, 2, BLOCK_MAX, block);
        if (result != 0) {
            disarm_certificate(c);
            return result;
        }
        if (!block->data)
            continue;
        struct atls_sink head = atls_sink_of(block->data, 2);
        atls_sink_u16(&head, (uint16_t)(block->size - 2));
        c->to_replace++;
    }
    c->chain = chain;
    c->chain_size = chain_size;
    c->armed = c->to_replace > 0;
    return 0;
}

int atls_entry_shim_request(struct atls_entry_shim *shim,
                            const struct atls_entry_extension *extensions, size_t count)
{
    struct request_to_send *r = &shim->request;
    disarm_request(r);
    int result = build_block(extensions, count, SIZE_MAX, 0, BLOCK_MAX - OWN_OF_REQUEST, &r->block);
    if (result != 0)
        return result;
    r->armed = r->block.data != NULL;
    return 0;
}

/* The library appends cert_data from where the chain has it, and then the two bytes of an empty
 * extension block, to the same buffer. */
static enum atls_append append_to_certificate(struct certificate_to_send *c, const void *dest,
                                              struct atls_bytes bytes, struct atls_bytes *morep)
{
    if (c->dest && c->dest == dest) {
        const struct block *block = &c->blocks[c->entry++];
        c->dest = NULL;
        if (!block->data || bytes.size != 2 || bytes.data[0] != 0 || bytes.data[1] != 0)
            return ATLS_APPEND_AS_IT_IS;
        c->replaced++;
        *morep = ATLS_BYTES(block->data, block->size);
        return ATLS_APPEND_INSTEAD;
    }
    if (c->entry < c->chain_size && bytes.data == c->chain[c->entry].cert.data &&
        bytes.size == c->chain[c->entry].cert.size)
        c->dest = dest;
    return ATLS_APPEND_AS_IT_IS;
}

/* CertificateRequest is the one message that is begun with a context, the length of an extension
 * block and, as the first extension, signature_algorithms. The first of its three appends may come
 * anywhere; whatever does not go on like this was not it. */
static bool request_begins(struct request_to_send *r, const void *dest, struct atls_bytes bytes)
{
    bool same = r->dest == dest, two = bytes.size == 2;
    unsigned value = two ? (unsigned)(bytes.data[0] << 8 | bytes.data[1]) : 0;
    if (same && r->next == CONTEXT && bytes.size == r->context_size) {
        r->next = BLOCK_SIZE;
    } else if (same && r->next == BLOCK_SIZE && two && value == 0) {
        r->next = FIRST_TYPE;
    } else if (same && r->next == FIRST_TYPE && two && value == SIGNATURE_ALGORITHMS) {
        r->next = INSERTED;
        return true;
    } else if (bytes.size == 1) {
        r->dest = dest;
        r->context_size = bytes.data[0];
        r->next = r->context_size > 0 ? CONTEXT : BLOCK_SIZE;
    } else {
        r->next = CONTEXT_SIZE;
    }
    return false;
}

enum atls_append atls_entry_shim_appending(struct atls_entry_shim *shim, const void *dest,
                                           struct atls_bytes bytes, struct atls_bytes *morep)
{
    struct request_to_send *r = &shim->request;
    if (r->armed && r->next != INSERTED && request_begins(r, dest, bytes)) {
        *morep = ATLS_BYTES(r->block.data, r->block.size);
        return ATLS_APPEND_BEFORE;
    }
    if (shim->certificate.armed)
        return append_to_certificate(&shim->certificate, dest, bytes, morep);
    return ATLS_APPEND_AS_IT_IS;
}

/* A message is about to go out: with what was to be in it, or not at all. */
static int check_sent(struct atls_entry_shim *shim, unsigned type)
{
    struct certificate_to_send *c = &shim->certificate;
    struct request_to_send *r = &shim->request;
    bool missing = false;
    if (type == GNUTLS_HANDSHAKE_CERTIFICATE_PKT && c->armed) {
        missing = c->replaced != c->to_replace;
        disarm_certificate(c);
    } else if (type == GNUTLS_HANDSHAKE_CERTIFICATE_REQUEST && r->armed) {
        missing = r->next != INSERTED;
        disarm_request(r);
    }
    if (!missing)
        return 0;
    return atls_fail(ATLS_E_UNSUPPORTED, NULL,
                     "libgnutls %s built a %s that did not take the extension: it presents another "
                     "chain, builds its messages in another way, or was not called through "
                     "atls_interpose_enter()",
                     gnutls_check_version(NULL),
                     type == GNUTLS_HANDSHAKE_CERTIFICATE_PKT ? "Certificate"
                                                              : "CertificateRequest");
}

static bool is_expected(const struct atls_entry_shim *shim, uint16_t type)
{
    for (size_t i = 0; i < shim->expected_count; i++)
        if (shim->expected[i] == type)
            return true;
    return false;
}

/* Reads an extension block, and keeps what is looked for. */
static int read_extensions(const struct atls_entry_shim *shim, struct message_received *m,
                           struct atls_bytes block, size_t entry, const char *clause)
{
    struct atls_cursor c = atls_cursor_of(block, clause);
    while (c.left > 0) {
        struct atls_entry_received one = {.entry = entry};
        int result = atls_cursor_u16(&c, "extension_type", &one.type);
        if (result == 0)
            result = atls_cursor_vector(&c, "extension_data", 2, 0, UINT16_MAX, &one.payload);
        if (result != 0)
            return result;
        if (!is_expected(shim, one.type))
            continue;
        if (m->found_count == ATLS_ENTRY_EXTENSIONS_MAX)
            return atls_fail(ATLS_E_LIMIT, clause, "more than %d extensions of attestation came",
                             ATLS_ENTRY_EXTENSIONS_MAX);
        m->found[m->found_count++] = one;
    }
    return 0;
}

/* Writes BLOCK, which had room for it, to LIVE (with its length ahead) anew: without what was
 * looked for, behind which it leaves an entry of filler. The message keeps its size. */
static void write_block(const struct atls_entry_shim *shim, struct atls_bytes block, uint8_t *live)
{
    struct atls_sink out = atls_sink_of(live, 2 + block.size);
    struct atls_cursor c = atls_cursor_of(block, NULL);
    uint16_t type;
    struct atls_bytes data;
    atls_sink_u16(&out, 0);
    while (c.left > 0 && atls_cursor_u16(&c, "extension_type", &type) == 0 &&
           atls_cursor_vector(&c, "extension_data", 2, 0, UINT16_MAX, &data) == 0) {
        if (is_expected(shim, type))
            continue;
        atls_sink_u16(&out, type);
        atls_sink_vector(&out, 2, data);
    }
    struct atls_sink length = atls_sink_of(live, 2);
    atls_sink_u16(&length, (uint16_t)(out.used - 2));
    size_t filler = out.capacity - out.used - 5;
    atls_sink_u24(&out, (uint32_t)filler);
    memset(live + out.used, 0, filler);
    out.used += filler;
    atls_sink_u16(&out, 0);
}

static int keep_copy(struct message_received *m, const gnutls_datum_t *message)
{
    clear_received(m);
    m->copy = malloc(message->size > 0 ? message->size : 1);
    if (!m->copy)
        return atls_fail(-ENOMEM, NULL, "no memory for a handshake message");
    if (message->size > 0)
        memcpy(m->copy, message->data, message->size);
    return 0;
}

static int read_entry(const struct atls_entry_shim *shim, struct message_received *m,
                      struct atls_cursor *c, uint8_t *live)
{
    struct atls_bytes certificate, block;
    size_t before = m->found_count, size = 0;
    int result = atls_cursor_vector(c, "cert_data", 3, 0, 0xFFFFFF, &certificate);
    if (result == 0)
        result =
            atls_cursor_vector(c, "extensions of a CertificateEntry", 2, 0, UINT16_MAX, &block);
    if (result != 0)
        return result;
    if (m->chain_count == ATLS_ENTRIES_MAX)
        return atls_fail(ATLS_E_LIMIT, CERTIFICATE_CLAUSE, "a chain of more than %d certificates",
                         ATLS_ENTRIES_MAX);
    result = read_extensions(shim, m, block, m->chain_count, CERTIFICATE_CLAUSE);
    if (result != 0)
        return result;
    for (size_t i = before; i < m->found_count; i++)
        size += 4 + m->found[i].payload.size;
    if (size >= ENTRY_LEAST)
        write_block(shim, block, live + (block.data - m->copy) - 2);
    m->chain[m->chain_count++] = certificate;
    return 0;
}

static int read_certificate(struct atls_entry_shim *shim, const gnutls_datum_t *message)
{
    struct message_received *m = &shim->certificate_received;
    int result = keep_copy(m, message);
    if (result != 0)
        return result;
    struct atls_cursor c = atls_cursor_of(ATLS_BYTES(m->copy, message->size), CERTIFICATE_CLAUSE);
    struct atls_bytes context, list;
    result = atls_cursor_vector(&c, "certificate_request_context", 1, 0, UINT8_MAX, &context);
    if (result == 0)
        result = atls_cursor_vector(&c, "certificate_list", 3, 0, 0xFFFFFF, &list);
    if (result == 0)
        result = atls_cursor_end(&c, "Certificate");
    struct atls_cursor entries =
        atls_cursor_of(result == 0 ? list : ATLS_BYTES(NULL, 0), CERTIFICATE_CLAUSE);
    while (result == 0 && entries.left > 0)
        result = read_entry(shim, m, &entries, message->data);
    if (result != 0)
        clear_received(m);
    return result;
}

static int read_request(struct atls_entry_shim *shim, const gnutls_datum_t *message)
{
    struct message_received *m = &shim->request_received;
    int result = keep_copy(m, message);
    if (result != 0)
        return result;
    struct atls_cursor c = atls_cursor_of(ATLS_BYTES(m->copy, message->size), REQUEST_CLAUSE);
    struct atls_bytes context, block;
    result = atls_cursor_vector(&c, "certificate_request_context", 1, 0, UINT8_MAX, &context);
    if (result == 0)
        result =
            atls_cursor_vector(&c, "extensions of CertificateRequest", 2, 0, UINT16_MAX, &block);
    if (result == 0)
        result = atls_cursor_end(&c, "CertificateRequest");
    if (result == 0)
        result = read_extensions(shim, m, block, 0, REQUEST_CLAUSE);
    if (result != 0)
        clear_received(m);
    return result;
}

int atls_entry_shim_hook(struct atls_entry_shim *shim, unsigned type, unsigned when,
                         unsigned incoming, const gnutls_datum_t *message)
{
    if (!incoming)
        return when == GNUTLS_HOOK_PRE ? check_sent(shim, type) : 0;
    if (type == GNUTLS_HANDSHAKE_CERTIFICATE_PKT && when == GNUTLS_HOOK_POST)
        return read_certificate(shim, message);
    /* Nothing is rewritten here; in post-handshake authentication PRE is the call that comes ahead
     * of the retrieve callback. */
    if (type == GNUTLS_HANDSHAKE_CERTIFICATE_REQUEST && when == GNUTLS_HOOK_PRE)
        return read_request(shim, message);
    return 0;
}

size_t atls_entry_shim_received(const struct atls_entry_shim *shim,
                                const struct atls_entry_received **listp)
{
    *listp = shim->certificate_received.found;
    return shim->certificate_received.found_count;
}

size_t atls_entry_shim_requested(const struct atls_entry_shim *shim,
                                 const struct atls_entry_received **listp)
{
    *listp = shim->request_received.found;
    return shim->request_received.found_count;
}

size_t atls_entry_shim_chain(const struct atls_entry_shim *shim, const struct atls_bytes **chainp)
{
    *chainp = shim->certificate_received.chain;
    return shim->certificate_received.chain_count;
}

int atls_entry_shim_verify(struct atls_entry_shim *shim, gnutls_x509_trust_list_t trusted,
                           gnutls_typed_vdata_st *vdata, unsigned vdata_count, unsigned flags,
                           unsigned *statusp)
{
    struct message_received *m = &shim->certificate_received;
    gnutls_x509_crt_t chain[ATLS_ENTRIES_MAX];
    unsigned size = 0, status = 0;
    int result = m->chain_count > 0 ? 0
                                    : atls_fail(ATLS_E_MISSING, CERTIFICATE_CLAUSE,
                                                "expected a certificate, came none");
    while (result == 0 && size < m->chain_count) {
        gnutls_datum_t der = {(unsigned char *)(uintptr_t)m->chain[size].data,
                              (unsigned)m->chain[size].size};
        if (gnutls_x509_crt_init(&chain[size]) < 0) {
            result = atls_fail(-ENOMEM, NULL, "no memory for a certificate");
            break;
        }
        int came = gnutls_x509_crt_import(chain[size++], &der, GNUTLS_X509_FMT_DER);
        if (came < 0)
            result =
                atls_fail(atls_gnutls_error(came, ATLS_E_MALFORMED), CERTIFICATE_CLAUSE,
                          "entry %u is no X.509 certificate: %s", size - 1, gnutls_strerror(came));
    }
    if (result == 0) {
        int came = gnutls_x509_trust_list_verify_crt2(trusted, chain, size, vdata, vdata_count,
                                                      flags, &status, NULL);
        if (came < 0)
            result = atls_fail(atls_gnutls_error(came, ATLS_E_UNTRUSTED), NULL,
                               "the chain could not be verified: %s", gnutls_strerror(came));
    }
    for (unsigned i = 0; i < size; i++)
        gnutls_x509_crt_deinit(chain[i]);
    if (result == 0)
        *statusp = status;
    return result;
}
