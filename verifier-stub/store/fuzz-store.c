/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: an sqlite store that somebody else wrote. Where the input's first byte is even, the
 * rest is the whole file; else a store is made, and the rest stands in its columns, which sqlite
 * lets hold anything. What is read must keep the promises of a reference value and of a trust
 * anchor.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "verifier-stub/store/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool condition)
{
    if (!condition)
        abort();
}

static void read_profile(struct atls_store *store, enum atls_corim_profile profile)
{
    const struct atls_trust_anchor sought = {.profile = profile, .instance_id = {1}};
    struct atls_reference_set set = {0};
    struct atls_trust_anchor anchor;

    if (store->ops->find_reference_values(store, profile, sought.implementation_id, &set) == 0) {
        for (size_t i = 0; i < set.count; i++)
            expect(set.values[i]->value.digest_size <= sizeof set.values[i]->value.digest &&
                   set.values[i]->value.signer_id_size <= sizeof set.values[i]->value.signer_id &&
                   set.values[i]->value.pcr < ATLS_PCRS_MAX);
        atls_reference_set_clear(&set);
    }
    if (store->ops->find_trust_anchor(store, &sought, &anchor) == 0)
        expect(anchor.key.curve == ATLS_P256 || anchor.key.curve == ATLS_P384);
}

static void read_all(const char *path)
{
    struct atls_store *store;

    if (atls_store_open_sqlite(path, &store))
        return;
    for (int profile = 0; profile < ATLS_CORIM_PROFILES; profile++)
        read_profile(store, (enum atls_corim_profile)profile);
    atls_store_close(store);
}

static bool is_profile(sqlite3_stmt *columns, int column)
{
    return column && strcmp((const char *)sqlite3_column_text(columns, 1), "profile") == 0;
}

/* Fills the columns of a table with pieces of REST as blobs, or as text where a piece begins
 * evenly. */
static void fill(sqlite3 *database, const char *table, struct atls_bytes rest)
{
    char sql[256];
    sqlite3_stmt *columns = NULL, *row = NULL;
    int count = 0, profile = 0;
    size_t at = 0;

    snprintf(sql, sizeof sql, "PRAGMA table_info(%s)", table);
    expect(sqlite3_prepare_v2(database, sql, -1, &columns, NULL) == SQLITE_OK);
    while (sqlite3_step(columns) == SQLITE_ROW) {
        count++;
        if (is_profile(columns, count))
            profile = count;
    }
    sqlite3_finalize(columns);
    snprintf(sql, sizeof sql, "INSERT OR IGNORE INTO %s VALUES (?", table);
    for (int i = 1; i < count; i++)
        strcat(sql, ",?");
    strcat(sql, ")");
    if (sqlite3_prepare_v2(database, sql, -1, &row, NULL) != SQLITE_OK)
        return; /* a table with a generated column */
    for (int i = 1; i <= count; i++) {
        static const uint8_t zero[33];
        size_t left = rest.size - at;
        size_t piece = left ? rest.data[at] % 80 : 0;
        const uint8_t *from = rest.data + at;

        if (left)
            at++, from++, left--;
        if (piece > left)
            piece = left;
        if (i == 1) /* the implementation id that is asked for */
            sqlite3_bind_blob(row, i, zero, 32, SQLITE_STATIC);
        else if (i == profile)
            sqlite3_bind_int(row, i, (int)(piece % ATLS_CORIM_PROFILES));
        else if (piece % 3 == 0)
            sqlite3_bind_text(row, i, (const char *)from, (int)piece, SQLITE_STATIC);
        else if (piece % 3 == 1)
            sqlite3_bind_blob(row, i, from, (int)piece, SQLITE_STATIC);
        else
            sqlite3_bind_int64(row, i, (sqlite3_int64)piece);
        at += piece;
    }
    sqlite3_step(row);
    sqlite3_finalize(row);
}

static void fill_all(sqlite3 *database, struct atls_bytes rest)
{
    char *tables[8];
    sqlite3_stmt *names = NULL;
    size_t count = 0;

    expect(sqlite3_prepare_v2(database, "SELECT name FROM sqlite_master WHERE type = 'table'", -1,
                              &names, NULL) == SQLITE_OK);
    while (count < 8 && sqlite3_step(names) == SQLITE_ROW)
        tables[count++] = strdup((const char *)sqlite3_column_text(names, 0));
    sqlite3_finalize(names);
    expect(count > 0);
    for (size_t i = 0; i < count; i++) {
        fill(database, tables[i], rest);
        free(tables[i]);
    }
}

/* A path in memory, the same for all inputs, with nothing there. */
static const char *fresh_path(void)
{
    static const char *const companions[] = {"", "-journal", "-wal", "-shm"};
    static char folder[] = "/dev/shm/fuzz-store-XXXXXX", path[64];
    char name[80];

    if (!path[0]) {
        expect(mkdtemp(folder) != NULL);
        snprintf(path, sizeof path, "%s/store", folder);
    }
    for (size_t i = 0; i < sizeof companions / sizeof *companions; i++) {
        snprintf(name, sizeof name, "%s%s", path, companions[i]);
        unlink(name);
    }
    return path;
}

static void write_file(const char *path, struct atls_bytes bytes)
{
    FILE *file = fopen(path, "wb");

    expect(file && fwrite(bytes.data, 1, bytes.size, file) == bytes.size && fclose(file) == 0);
}

/* The file of a store with nothing in it: made once, for that takes longer than all that is done
 * with an input. */
static struct atls_bytes empty_store(const char *path)
{
    static uint8_t bytes[1 << 17];
    static size_t size;
    struct atls_store *store;
    FILE *file;

    if (size == 0) {
        expect(atls_store_open_sqlite(path, &store) == 0);
        atls_store_close(store);
        file = fopen(path, "rb");
        expect(file != NULL);
        size = fread(bytes, 1, sizeof bytes, file);
        expect(size > 0 && size < sizeof bytes && fclose(file) == 0);
    }
    return ATLS_BYTES(bytes, size);
}

static void write_columns(const char *path, struct atls_bytes rest)
{
    sqlite3 *database;

    write_file(path, empty_store(path));
    expect(sqlite3_open(path, &database) == SQLITE_OK);
    sqlite3_exec(database, "PRAGMA synchronous = OFF", NULL, NULL, NULL);
    fill_all(database, rest);
    sqlite3_close(database);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = fresh_path();

    if (size < 2)
        return 0;
    if (data[0] % 2 == 0)
        write_file(path, ATLS_BYTES(data + 1, size - 1));
    else
        write_columns(path, ATLS_BYTES(data + 1, size - 1));
    read_all(path);
    fresh_path(); /* nothing stays */
    return 0;
}
