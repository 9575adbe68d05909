/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON that others wrote (RFC 8259), read strictly: one value, no member twice, nothing behind it,
 * no byte order mark. A string may hold U+0000 (section 7), so that strings are compared by their
 * length, and what goes on as a C string is refused where it would be cut short.
 */
#ifndef ATLS_RATS_JSON_JSON_H
#define ATLS_RATS_JSON_JSON_H

#include <jansson.h>

#include "rats/base/bytes.h"
#include "rats/base/encoding.h"

#define ATLS_JSON_MAX_SIZE (1u << 20) /* bytes of a text */

/* The text without the white space in front of it: blank, tab, line feed, carriage return (RFC 8259
 * section 2). To tell by its first byte what it is. */
struct atls_bytes atls_json_skip_space(struct atls_bytes in);
/* json_loadb(), of no bytes too, that tells a lack of memory: NULL, and json_error_code() is then
 * json_error_out_of_memory. jansson alone makes a fault of the text of it, or goes beyond its end.
 */
json_t *atls_json_loadb(struct atls_bytes text, size_t flags, json_error_t *error);

/* json_dumps() that leaves nothing out of the text where memory is lacking: NULL, as of a value
 * that has no text. Allocated, zero-terminated. */
char *atls_json_write(const json_t *json, size_t flags);

/* BYTES in base64, as a string; NULL: no memory. */
json_t *atls_json_base64(enum atls_base64 kind, struct atls_bytes bytes);

/* Builds an object or array that has all its members, or is none: adds VALUE, which is taken over;
 * where that cannot be (no memory, or VALUE is NULL) *OBJECTP is given back and NULL, which is
 * passed over from then on. */
void atls_json_add(json_t **objectp, const char *name, json_t *value);
void atls_json_append(json_t **arrayp, json_t *value);

/* The array or object that TEXT is; WHAT names it in errors, ONCE is the clause that wants each
 * member once. ATLS_E_MALFORMED; ATLS_E_LIMIT: more than ATLS_JSON_MAX_SIZE bytes, or nested too
 * deep; ATLS_E_UNSUPPORTED: a member's name holds U+0000, which the library has no place for;
 * -ENOMEM. */
int atls_json_load(struct atls_bytes text, const char *what, const char *once, json_t **jsonp);
/* The same of an object; ATLS_E_MALFORMED where it is another value. */
int atls_json_object(struct atls_bytes text, const char *what, json_t **objectp);

/* The bytes of a string, borrowed; none of another value. */
struct atls_bytes atls_json_bytes(const json_t *value);
/* A string as a C string, borrowed; NULL of another value, and of a string with U+0000. */
const char *atls_json_text(const json_t *value);
/* Is it this very string? */
bool atls_json_is(const json_t *value, const char *text);

#endif
