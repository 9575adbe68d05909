/* SPDX-License-Identifier: Apache-2.0 */
/* The program's own definitions of what libgnutls calls, and their way to the real ones. */
#include "tls/shim/interpose.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <nettle/hmac.h>

typedef int append_function(gnutls_buffer_t, const void *, size_t);
typedef void key_function(void *, size_t, const uint8_t *);
typedef int alert_function(gnutls_session_t, gnutls_alert_level_t, gnutls_alert_description_t);

static _Thread_local struct atls_interposed *current;
static _Thread_local struct atls_interpose_calls calls;

struct atls_interposed *atls_interpose_enter(struct atls_interposed *watch)
{
    struct atls_interposed *before = current;
    current = watch;
    return before;
}

struct atls_interpose_calls atls_interpose_counted(void)
{
    return calls;
}

/* The next definition behind this one. Without it there is nothing sensible to be done: this one
 * would have to do the library's work. */
static void *next_definition(_Atomic(void *) *cache, const char *name)
{
    void *found = atomic_load_explicit(cache, memory_order_relaxed);
    if (found)
        return found;
    found = dlsym(RTLD_NEXT, name);
    if (!found) {
        fprintf(stderr, "%s: no shared library defines it, so it cannot be forwarded\n", name);
        abort();
    }
    atomic_store_explicit(cache, found, memory_order_relaxed);
    return found;
}

int gnutls_buffer_append_data(gnutls_buffer_t dest, const void *data, size_t size)
{
    static _Atomic(void *) cache;
    append_function *real = (append_function *)next_definition(&cache, "gnutls_buffer_append_data");
    const struct atls_interposed *watch = current;
    if (!watch)
        return real(dest, data, size);
    struct atls_bytes appended = ATLS_BYTES(data, size), more;
    calls.appends++;
    if (watch->secret)
        atls_handshake_secret_appended(watch->secret, appended);
    if (!watch->shim)
        return real(dest, data, size);
    enum atls_append what = atls_entry_shim_appending(watch->shim, dest, appended, &more);
    if (what == ATLS_APPEND_AS_IT_IS)
        return real(dest, data, size);
    int result = real(dest, more.data, more.size);
    return result < 0 || what == ATLS_APPEND_INSTEAD ? result : real(dest, data, size);
}

int gnutls_alert_send(gnutls_session_t session, gnutls_alert_level_t level,
                      gnutls_alert_description_t desc)
{
    static _Atomic(void *) cache;
    alert_function *real = (alert_function *)next_definition(&cache, "gnutls_alert_send");
    int result = real(session, level, desc);
    if (result == 0 && level == GNUTLS_AL_FATAL && current && current->alert)
        *current->alert = (int)desc;
    return result;
}

static void key_set(size_t size, const uint8_t *key)
{
    if (!current)
        return;
    calls.keys++;
    if (current->secret)
        atls_handshake_secret_keyed(current->secret, ATLS_BYTES(key, size));
}

/* nettle's header gives these functions their prefix by macros. */
void hmac_sha256_set_key(struct hmac_sha256_ctx *context, size_t size, const uint8_t *key)
{
    static _Atomic(void *) cache;
    key_set(size, key);
    ((key_function *)next_definition(&cache, "nettle_hmac_sha256_set_key"))(context, size, key);
}

void hmac_sha384_set_key(struct hmac_sha512_ctx *context, size_t size, const uint8_t *key)
{
    static _Atomic(void *) cache;
    key_set(size, key);
    ((key_function *)next_definition(&cache, "nettle_hmac_sha384_set_key"))(context, size, key);
}
