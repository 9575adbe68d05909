/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lack of memory, for tests. An operation is run again and again: in the first run nothing is
 * missing, in the others the first allocation fails, the second one, and so on, until the operation
 * has none left that could fail; and all of that once more with every later allocation failing too.
 * A run in which memory was refused has to end in -ENOMEM with a word about memory (or, of a bad
 * message, in what is bad), and no run may keep a block that it took.
 *
 * What is refused: malloc(), calloc(), realloc(), reallocarray(), strdup(), strndup(), asprintf()
 * and open_memstream() in the project's own objects (the linker's --wrap puts the functions of
 * test-memory.c before them), and what jansson takes (rats/json takes it for jansson). Of this
 * thread, and between begin and end only.
 */
#ifndef ATLS_RATS_TEST_TEST_MEMORY_H
#define ATLS_RATS_TEST_TEST_MEMORY_H

#include "rats/base/bytes.h"

/* What came of a run, put together by the operation: it must be the same each time it succeeds. */
struct test_told {
    uint8_t bytes[1 << 16];
    size_t size;
};
void test_tell(struct test_told *told, struct atls_bytes bytes);
#define TEST_TELL(told, object) test_tell((told), ATLS_BYTES(&(object), sizeof(object)))

/* One run, from its inputs to the freeing of what it made. What is under test in it stands between
 * begin and end, once or several times; returns what that returned, and tells what it made. */
typedef int (*test_operation)(const void *context, struct test_told *told);

void test_memory_begin(void);
int test_memory_end(int result); /* returns RESULT */
/* For what stands in for somebody else, who has memory: refuses nothing until it is resumed with
 * what this returned. */
bool test_memory_pause(void);
void test_memory_resume(bool scarce);
#define TEST_SCARCE(call) (test_memory_begin(), test_memory_end(call))

/* For a library that takes its memory through functions that it is given: what it takes is refused
 * like the project's, but what it does not give back where memory was refused is its own fault. */
void *test_library_malloc(size_t size);
void *test_library_calloc(size_t count, size_t size);
void *test_library_realloc(void *block, size_t size);
void test_library_free(void *block);
char *test_library_strdup(const char *text);

/* What a run may return besides -ENOMEM where memory was refused. */
enum test_without {
    TEST_FAILS,  /* nothing */
    TEST_IS_OWN, /* another failure of this machine (negative): libraries do not always say which */
    TEST_MAY_DO, /* what it returns with memory, and then tells the same: it can do without */
    TEST_MAY_FAIL, /* besides, another failure (its caller tells them apart no further), never
                    * success that tells another thing */
};

/* Runs it; fails the cmocka test NAME. Returns how many allocations it has, each of which was
 * refused twice. */
size_t test_without_memory(const char *name, enum test_without how, test_operation operation,
                           const void *context);

/* BELOW the folder that the environment's VARIABLE names, or else below OTHERWISE; until the next
 * call. */
const char *test_seeds_below(const char *variable, const char *otherwise, const char *below);
/* The same of each file of DIRECTORY with up to TEST_SEED_MAX bytes, which are the operation's
 * context (struct atls_bytes); fails, too, where there are fewer than LEAST allocations in all: a
 * sweep that refuses nothing shows nothing. */
#define TEST_SEED_MAX 8192
void test_seeds_without_memory(const char *name, const char *directory, enum test_without how,
                               test_operation operation, size_t least);

/* The out-parameter of a failed call is as it was before: all bytes of it 0xa5. */
#define TEST_SIZE(object)                                                                          \
    ((size_t)((char *)(&(object) + 1) - (char *)&(object))) /* of pointers too */
#define TEST_FILL(object) memset((void *)&(object), 0xa5, TEST_SIZE(object))
#define TEST_UNTOUCHED(object) test_untouched(#object, ATLS_BYTES(&(object), TEST_SIZE(object)))
void test_untouched(const char *name, struct atls_bytes object);

#endif
