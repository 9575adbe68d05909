/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions that the linker puts before the C library's (--wrap, see meson.build), and the run
 * again and again. Blocks are kept account of by their addresses, so that what an operation does
 * not give back is told here, in every build; the sanitizers and valgrind see the rest.
 */
#include "rats/test/test-memory.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/test/test-support.h"

#define PLACES (1u << 16) /* of blocks at a time; a power of two */
#define GONE ((void *)1)  /* a place whose block was given back */
#define TIMES_MAX 100000

static struct {
    bool scarce;       /* between begin and end */
    size_t asked;      /* allocations since the run began */
    size_t refused_at; /* the one that fails; 0: none */
    bool onwards;      /* and all behind it */
    size_t refused;
} memory;
static struct ledger {
    size_t kept; /* blocks taken and not given back */
    void *places[PLACES];
} own, lent; /* of the project, and of a library that was lent its functions */
/* What a library did not give back: what finds leaks finds it here, and tells none. */
static void *volatile lost[PLACES];
static size_t lost_count;
static _Thread_local bool mine; /* the thread that runs the operation */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__real_reallocarray(void *block, size_t count, size_t size);
void __real_free(void *block);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t size);
FILE *__real_open_memstream(char **textp, size_t *sizep);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__wrap_reallocarray(void *block, size_t count, size_t size);
void __wrap_free(void *block);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t size);
int __wrap_asprintf(char **textp, const char *format, ...) __attribute__((format(printf, 2, 3)));
FILE *__wrap_open_memstream(char **textp, size_t *sizep);

static size_t place_of(const void *block)
{
    uint64_t mixed = (uint64_t)(uintptr_t)block * 0x9e3779b97f4a7c15u;

    return (size_t)(mixed >> 32) & (PLACES - 1);
}

/* The place of BLOCK, or SIZE_MAX. */
static size_t find(const struct ledger *ledger, const void *block)
{
    for (size_t i = 0, at = place_of(block); i < PLACES; i++, at = (at + 1) & (PLACES - 1)) {
        if (ledger->places[at] == block)
            return at;
        if (!ledger->places[at])
            break;
    }
    return SIZE_MAX;
}

static void *keep(struct ledger *ledger, void *block)
{
    size_t at = place_of(block);

    if (!mine || !memory.scarce || !block)
        return block;
    if (ledger->kept >= PLACES / 2)
        fail_msg("more than %u blocks at a time", PLACES / 2);
    while (ledger->places[at] && ledger->places[at] != GONE)
        at = (at + 1) & (PLACES - 1);
    ledger->places[at] = block;
    ledger->kept++;
    return block;
}

static void give_back(struct ledger *ledger, const void *block)
{
    size_t at = mine && block ? find(ledger, block) : SIZE_MAX;

    if (at == SIZE_MAX)
        return;
    ledger->places[at] = GONE;
    ledger->kept--;
}

static void keep_reachable(const struct ledger *ledger)
{
    for (size_t i = 0; ledger->kept > 0 && i < PLACES && lost_count < PLACES; i++)
        if (ledger->places[i] && ledger->places[i] != GONE)
            lost[lost_count++] = ledger->places[i];
}

/* Is it this one's turn to fail? */
static bool refuse(void)
{
    if (!mine || !memory.scarce)
        return false;
    memory.asked++;
    if (memory.refused_at == 0 || memory.asked < memory.refused_at ||
        (memory.asked > memory.refused_at && !memory.onwards))
        return false;
    memory.refused++;
    errno = ENOMEM;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return refuse() ? NULL : keep(&own, __real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return refuse() ? NULL : keep(&own, __real_calloc(count, size));
}

static void *resize(struct ledger *ledger, void *block, size_t count, size_t size)
{
    void *grown;

    if (refuse())
        return NULL;
    give_back(ledger, block); /* as long as its address is nobody else's */
    grown = __real_reallocarray(block, count, size);
    keep(ledger, grown ? grown : block);
    return grown;
}

void *__wrap_reallocarray(void *block, size_t count, size_t size)
{
    return resize(&own, block, count, size);
}

void *__wrap_realloc(void *block, size_t size)
{
    return __wrap_reallocarray(block, 1, size);
}

void __wrap_free(void *block)
{
    give_back(&own, block);
    __real_free(block);
}

char *__wrap_strdup(const char *text)
{
    return refuse() ? NULL : keep(&own, __real_strdup(text));
}

char *__wrap_strndup(const char *text, size_t size)
{
    return refuse() ? NULL : keep(&own, __real_strndup(text, size));
}

/* *TEXTP is then not defined (asprintf(3)): it stays as it was. */
int __wrap_asprintf(char **textp, const char *format, ...)
{
    va_list arguments;
    int size;

    if (refuse())
        return -1;
    va_start(arguments, format);
    size = vasprintf(textp, format, arguments);
    va_end(arguments);
    if (size >= 0)
        keep(&own, *textp);
    return size;
}

FILE *__wrap_open_memstream(char **textp, size_t *sizep)
{
    return refuse() ? NULL : __real_open_memstream(textp, sizep);
}

void *test_library_malloc(size_t size)
{
    return refuse() ? NULL : keep(&lent, __real_malloc(size));
}

void *test_library_calloc(size_t count, size_t size)
{
    return refuse() ? NULL : keep(&lent, __real_calloc(count, size));
}

void *test_library_realloc(void *block, size_t size)
{
    return resize(&lent, block, 1, size);
}

void test_library_free(void *block)
{
    give_back(&lent, block);
    __real_free(block);
}

char *test_library_strdup(const char *text)
{
    return refuse() ? NULL : keep(&lent, __real_strdup(text));
}

void test_memory_begin(void)
{
    memory.scarce = true;
}

int test_memory_end(int result)
{
    memory.scarce = false;
    return result;
}

bool test_memory_pause(void)
{
    bool scarce = memory.scarce;

    memory.scarce = false;
    return scarce;
}

void test_memory_resume(bool scarce)
{
    memory.scarce = scarce;
}

void test_tell(struct test_told *told, struct atls_bytes bytes)
{
    if (bytes.size > sizeof told->bytes - told->size)
        fail_msg("more is told than %zu bytes", sizeof told->bytes);
    if (bytes.size > 0)
        memcpy(told->bytes + told->size, bytes.data, bytes.size);
    told->size += bytes.size;
}

void test_untouched(const char *name, struct atls_bytes object)
{
    for (size_t i = 0; i < object.size; i++)
        if (object.data[i] != 0xa5)
            fail_msg("byte %zu of %s was written by a call that failed", i, name);
}

/* One run in which the allocation NTH fails (0: none). */
static int run(const char *name, test_operation operation, const void *context, size_t nth,
               struct test_told *told)
{
    int result;

    memset(&own, 0, sizeof own);
    memset(&lent, 0, sizeof lent);
    memory.asked = memory.refused = 0;
    memory.refused_at = nth;
    told->size = 0;
    atls_fail(0, NULL, "%s", "");
    mine = true;
    result = operation(context, told);
    mine = memory.scarce = false;
    keep_reachable(&lent);
    if (own.kept > 0)
        fail_msg("%s: without allocation %zu%s, %zu blocks are not given back", name, nth,
                 memory.onwards ? " and those behind it" : "", own.kept);
    return result;
}

/* May a run without memory return RESULT? With memory, EXPECTED came. */
static bool may_return(enum test_without how, int result, int expected)
{
    if (result == expected && (result > 0 || how == TEST_MAY_DO))
        return true; /* it is bad, with memory and without, or can do without */
    if (how == TEST_IS_OWN)
        return result < 0;
    return how == TEST_MAY_FAIL && (result != 0 || expected == 0);
}

/* What a run without the allocation NTH came to. */
static void judge(const char *name, enum test_without how, size_t nth, int result,
                  const struct test_told *told, int expected, const struct test_told *reference)
{
    const char *behind = memory.onwards ? " and those behind it" : "";

    if (result == -ENOMEM) {
        if (!strcasestr(atls_error_text(), "memory"))
            fail_msg("%s: without allocation %zu%s, expected a word about memory, came \"%s\"",
                     name, nth, behind, atls_error_text());
    } else if (!may_return(how, result, expected)) {
        fail_msg("%s: without allocation %zu%s, expected -ENOMEM, came \"%s\" (%s)", name, nth,
                 behind, atls_error_name(result), atls_error_text());
    } else if (result == 0 && (told->size != reference->size ||
                               memcmp(told->bytes, reference->bytes, told->size) != 0)) {
        fail_msg("%s: without allocation %zu%s, it succeeds and makes something else", name, nth,
                 behind);
    }
}

size_t test_without_memory(const char *name, enum test_without how, test_operation operation,
                           const void *context)
{
    static struct test_told reference, told;
    int expected = run(name, operation, context, 0, &reference);
    size_t count = memory.asked;

    for (int onwards = 0; onwards < 2; onwards++) {
        memory.onwards = onwards;
        for (size_t nth = 1;; nth++) {
            int result = run(name, operation, context, nth, &told);

            if (!memory.refused)
                break;
            judge(name, how, nth, result, &told, expected, &reference);
            if (nth > TIMES_MAX)
                fail_msg("%s: no end of allocations", name);
        }
        memory.onwards = false;
    }
    return count;
}

static size_t sweep_seed(const char *name, const char *directory, const char *seed,
                         enum test_without how, test_operation operation)
{
    static uint8_t data[TEST_SEED_MAX + 1];
    struct atls_bytes in = {data, 0};
    char path[4096], label[512];

    snprintf(path, sizeof path, "%s/%s", directory, seed);
    FILE *file = fopen(path, "rb");
    if (!file) {
        fail_msg("cannot read %s", path);
        return 0;
    }
    in.size = fread(data, 1, sizeof data, file);
    fclose(file);
    snprintf(label, sizeof label, "%s of %s", name, seed);
    return in.size > TEST_SEED_MAX ? 0 : test_without_memory(label, how, operation, &in);
}

const char *test_seeds_below(const char *variable, const char *otherwise, const char *below)
{
    static char directory[2048];
    const char *root = getenv(variable);

    snprintf(directory, sizeof directory, "%s/%s", root ? root : otherwise, below);
    return directory;
}

void test_seeds_without_memory(const char *name, const char *directory, enum test_without how,
                               test_operation operation, size_t least)
{
    size_t refused = 0, seeds = 0;
    struct dirent *entry;
    DIR *found = opendir(directory);

    if (!found) {
        fail_msg("cannot read %s", directory);
        return;
    }
    while ((entry = readdir(found)))
        if (entry->d_name[0] != '.') {
            refused += sweep_seed(name, directory, entry->d_name, how, operation);
            seeds++;
        }
    closedir(found);
    print_message("%s: %zu allocations of %zu seeds\n", name, refused, seeds);
    if (refused < least)
        fail_msg("%s: expected at least %zu allocations, came %zu", name, least, refused);
}
