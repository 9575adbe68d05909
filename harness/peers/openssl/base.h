/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What everything in this adapter stands on: byte strings that are borrowed, a cursor that cannot
 * overrun, a buffer that grows, and the one way to say why something was refused. It shares no code
 * with the project's own endpoint: where the two agree, two implementations agree.
 *
 * Functions return 0, or -1 with *WHY filled in. The first refusal stands: what fails because of it
 * does not replace it.
 */
#ifndef PEER_BASE_H
#define PEER_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes { /* borrowed */
    const uint8_t *data;
    size_t size;
};
#define BYTES(data_, size_) ((struct bytes){(const uint8_t *)(data_), (size_)})
struct bytes text_bytes(const char *text);
bool bytes_equal(struct bytes a, struct bytes b); /* in constant time */
bool bytes_are(struct bytes a, const char *text);

struct why {
    const char *reason; /* a word of harness/peers/README.md, static; NULL: nothing was refused */
    int alert;          /* the profile's for the reason where negative */
    char clause[96];
    char detail[400];
};
/* Both are -1: macros, so that whoever reads the caller, the analyzer too, sees it. */
static inline int refused(void)
{
    return -1;
}
#define refuse(why, reason, ...) (refuse_because((why), (reason), -1, __VA_ARGS__), refused())
/* The same with an alert of its own. */
#define refuse_alert(why, reason, alert, ...)                                                      \
    (refuse_because((why), (reason), (alert), __VA_ARGS__), refused())
void refuse_because(struct why *why, const char *reason, int alert, const char *clause,
                    const char *format, ...) __attribute__((format(printf, 5, 6)));

/* A cursor knows what to say where what it should find is not there. */
struct cursor {
    struct bytes left;
    const char *reason, *clause;
    struct why *why;
};
int take(struct cursor *c, const char *what, size_t size, struct bytes *takenp);
int take_number(struct cursor *c, const char *what, unsigned width, uint64_t *numberp);
/* A vector of RFC 8446 section 3.4: a length of WIDTH bytes, then LEAST to MOST bytes. */
int take_vector(struct cursor *c, const char *what, unsigned width, size_t least, size_t most,
                struct bytes *takenp);
int take_end(const struct cursor *c, const char *what);

struct blob { /* owned: blob_clear() */
    uint8_t *data;
    size_t size, room;
};
#define BLOB_BYTES(blob) BYTES((blob).data, (blob).size)
void put(struct blob *blob, struct bytes bytes);
void put_number(struct blob *blob, unsigned width, uint64_t number);
/* BYTES must fit the length, which the caller has seen to. */
void put_vector(struct blob *blob, unsigned width, struct bytes bytes);
void blob_drop(struct blob *blob, size_t size); /* bytes at the front */
void blob_clear(struct blob *blob);

/* Memory that cannot be had ends the program: it has nothing useful to do without. */
void *allocate(size_t size);
char *text_copy(struct bytes bytes);

char *hex_of(struct bytes bytes);
int hex_read(const char *text, struct blob *blob);
/* base64url without padding (RFC 4648 section 5), as text. */
char *base64url_of(struct bytes bytes);
/* Either alphabet, not mixed; padded or not unless STRICT, which wants base64url without. -1: it is
 * none, or not canonical. */
int base64_read(struct bytes text, bool strict, struct blob *blob);

/* A whole file, at most LIMIT bytes. Says why on standard error. */
int read_file(const char *path, size_t limit, struct blob *blob);
double now_seconds(void);

#endif
