/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the sqlite store share: a connection, its statements, and the schema. */
#ifndef ATLS_VERIFIER_STUB_STORE_STORE_SQLITE_PRIVATE_H
#define ATLS_VERIFIER_STUB_STORE_STORE_SQLITE_PRIVATE_H

#include <pthread.h>
#include <sqlite3.h>

#include "verifier-stub/store/store.h"

struct atls_sqlite_connection {
    pthread_mutex_t lock;
    sqlite3 *database;
};

/* What sqlite said last, while DOING: -ENOMEM, ATLS_E_MALFORMED (no such database), -EIO. */
int atls_sqlite_fail(const struct atls_sqlite_connection *store, const char *doing);
int atls_sqlite_prepare(struct atls_sqlite_connection *store, const char *text,
                        sqlite3_stmt **statementp);
int atls_sqlite_execute(struct atls_sqlite_connection *store, const char *text);
void atls_sqlite_finalize(sqlite3_stmt **statement);
#define STATEMENT __attribute__((cleanup(atls_sqlite_finalize))) sqlite3_stmt *

/* A new file gets the schema, an older one is brought up to it. ATLS_E_MALFORMED: it is of a later
 * version, or of another program. */
int atls_sqlite_set_up(struct atls_sqlite_connection *store);

#endif
