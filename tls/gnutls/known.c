/* SPDX-License-Identifier: Apache-2.0 */
/* Chains by their bytes, in a ring: the oldest one makes room. */
#include "tls/gnutls/known.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "tls/engine/stack.h"

struct entry {
    uint8_t *der; /* the certificates one behind the other; NULL: no entry */
    size_t count, sizes[ATLS_PEER_CHAIN_MAX];
    unsigned flags;
    bool dated; /* its time is known: */
    int64_t from, until;
};

struct atls_known {
    struct entry entries[ATLS_KNOWN_CHAINS];
    unsigned next;
};

int atls_known_new(struct atls_known **knownp)
{
    *knownp = calloc(1, sizeof **knownp);
    return *knownp ? 0 : atls_fail(-ENOMEM, NULL, "no memory for known certificates");
}

void atls_known_free(struct atls_known *known)
{
    for (unsigned i = 0; known && i < ATLS_KNOWN_CHAINS; i++)
        free(known->entries[i].der);
    free(known);
}

static size_t size_of(const struct atls_bytes *chain, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += chain[i].size <= ATLS_KNOWN_CHAIN_MAX ? chain[i].size : ATLS_KNOWN_CHAIN_MAX + 1;
    return size;
}

static bool is_same(const struct entry *entry, const struct atls_bytes *chain, size_t count,
                    unsigned flags)
{
    size_t at = 0;
    if (!entry->der || entry->count != count || entry->flags != flags)
        return false;
    for (size_t i = 0; i < count; at += chain[i++].size)
        if (entry->sizes[i] != chain[i].size ||
            memcmp(entry->der + at, chain[i].data, chain[i].size) != 0)
            return false;
    return true;
}

static const struct entry *find(const struct atls_known *known, const struct atls_bytes *chain,
                                size_t count, unsigned flags)
{
    for (unsigned i = 0; i < ATLS_KNOWN_CHAINS; i++)
        if (is_same(&known->entries[i], chain, count, flags))
            return &known->entries[i];
    return NULL;
}

bool atls_known_good(const struct atls_known *known, const struct atls_bytes *chain, size_t count,
                     unsigned flags, int64_t now)
{
    const struct entry *entry = find(known, chain, count, flags);
    return entry && entry->dated && now >= entry->from && now <= entry->until;
}

static bool narrow(struct entry *entry, gnutls_x509_crt_t certificate)
{
    time_t from = gnutls_x509_crt_get_activation_time(certificate);
    time_t until = gnutls_x509_crt_get_expiration_time(certificate);
    entry->from = from > entry->from ? from : entry->from;
    entry->until = until < entry->until ? until : entry->until;
    return from != (time_t)-1 && until != (time_t)-1;
}

/* The time of one certificate and of the anchor that may have issued it (*ANCHOREDP). */
static bool narrow_by(struct entry *entry, gnutls_x509_trust_list_t trusted, struct atls_bytes der,
                      bool *anchoredp)
{
    gnutls_datum_t datum = {(unsigned char *)(uintptr_t)der.data, (unsigned)der.size};
    gnutls_x509_crt_t certificate, issuer;
    if (gnutls_x509_crt_init(&certificate) < 0)
        return false;
    bool ok = gnutls_x509_crt_import(certificate, &datum, GNUTLS_X509_FMT_DER) == 0 &&
              narrow(entry, certificate);
    if (ok && gnutls_x509_trust_list_get_issuer(trusted, certificate, &issuer, 0) == 0) {
        *anchoredp = true; /* the list's own */
        ok = narrow(entry, issuer);
    }
    gnutls_x509_crt_deinit(certificate);
    return ok;
}

static void date(struct entry *entry, gnutls_x509_trust_list_t trusted,
                 const struct atls_bytes *chain, size_t count)
{
    bool anchored = false, ok = true;
    entry->from = INT64_MIN;
    entry->until = INT64_MAX;
    for (size_t i = 0; ok && i < count; i++)
        ok = narrow_by(entry, trusted, chain[i], &anchored);
    entry->dated = ok && anchored;
}

static void recognise(struct atls_known *known, const struct atls_bytes *chain, size_t count,
                      unsigned flags)
{
    struct entry *entry = &known->entries[known->next];
    size_t size = size_of(chain, count), at = 0;
    if (count == 0 || count > ATLS_PEER_CHAIN_MAX || size > ATLS_KNOWN_CHAIN_MAX)
        return;
    uint8_t *der = malloc(size);
    if (!der)
        return;
    for (size_t i = 0; i < count; at += chain[i++].size)
        memcpy(der + at, chain[i].data, chain[i].size);
    free(entry->der);
    *entry = (struct entry){.der = der, .count = count, .flags = flags};
    for (size_t i = 0; i < count; i++)
        entry->sizes[i] = chain[i].size;
    known->next = (known->next + 1) % ATLS_KNOWN_CHAINS;
}

void atls_known_note(struct atls_known *known, gnutls_x509_trust_list_t trusted,
                     const struct atls_bytes *chain, size_t count, unsigned flags)
{
    if (!known)
        return;
    struct entry *entry = (struct entry *)(uintptr_t)find(known, chain, count, flags);
    if (!entry)
        recognise(known, chain, count, flags);
    else if (!entry->dated)
        date(entry, trusted, chain, count);
}
