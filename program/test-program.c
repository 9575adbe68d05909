/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the events' form and of what all programs share. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "program/events.h"
#include "program/keylog.h"
#include "program/program.h"
#include "program/tell.h"
#include "rats/base/error.h"

static char directory[] = P_tmpdir "/atls-test-XXXXXX";

static const char *path_of(const char *name)
{
    static char path[4][128];
    static unsigned turn;

    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", directory, name);
    return path[turn];
}

static int make_directory(void **state)
{
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
    char command[160];

    snprintf(command, sizeof command, "rm -r '%s'", directory);
    return system(command);
}

static void test_numbers(void **state)
{
    static const struct {
        const char *text;
        uint64_t least, most;
        int error;
        uint64_t value;
    } table[] = {
        {"0", 0, 10, 0, 0},
        {"10", 0, 10, 0, 10},
        {"0x1F", 0, 100, 0, 31},
        {"010", 0, 100, 0, 10},
        {"18446744073709551615", 0, UINT64_MAX, 0, UINT64_MAX},
        {"18446744073709551616", 0, UINT64_MAX, -EINVAL, 0},
        {"11", 0, 10, -EINVAL, 0},
        {"7", 8, 64, -EINVAL, 0},
        {"", 0, 10, -EINVAL, 0},
        {"0x", 0, 10, -EINVAL, 0},
        {"0x0x1", 0, 10, -EINVAL, 0},
        {"-1", 0, UINT64_MAX, -EINVAL, 0},
        {"+1", 0, 10, -EINVAL, 0},
        {" 1", 0, 10, -EINVAL, 0},
        {"1 ", 0, 10, -EINVAL, 0},
        {"1k", 0, 10, -EINVAL, 0},
        {"a", 0, 10, -EINVAL, 0},
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        uint64_t value = 4711;
        int result =
            atls_parse_number(table[i].text, "--number", table[i].least, table[i].most, &value);

        if (result != table[i].error)
            fail_msg("\"%s\" gave %d", table[i].text, result);
        assert_int_equal(value, result ? 4711 : table[i].value);
        if (result)
            assert_non_null(strstr(atls_error_text(), "--number"));
    }
}

static void test_files(void **state)
{
    const char *path = path_of("file");
    uint8_t *data = NULL, big[10000];
    size_t size = 0;
    struct stat info;

    memset(big, 'x', sizeof big);
    assert_int_equal(atls_read_file(path, 10, &data, &size), -ENOENT);
    assert_int_equal(atls_write_file(path, ATLS_BYTES("hello", 5)), 0);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0644);
    assert_int_equal(atls_read_file(path, 4, &data, &size), ATLS_E_LIMIT);
    assert_null(data);
    assert_int_equal(atls_read_file(path, 5, &data, &size), 0);
    assert_int_equal(size, 5);
    assert_string_equal((char *)data, "hello");
    free(data);
    assert_int_equal(atls_write_file(path, ATLS_BYTES(big, sizeof big)), 0);
    assert_int_equal(atls_read_file(path, sizeof big - 1, &data, &size), ATLS_E_LIMIT);
    assert_int_equal(atls_read_file(path, SIZE_MAX, &data, &size), 0);
    assert_int_equal(size, sizeof big);
    assert_memory_equal(data, big, size);
    assert_int_equal(data[size], 0);
    free(data);
    assert_int_equal(atls_write_file(path, ATLS_BYTES(NULL, 0)), 0);
    assert_int_equal(atls_read_file(path, 0, &data, &size), 0);
    assert_int_equal(size, 0);
    free(data);
    assert_int_equal(atls_read_file(directory, 10, &data, &size), -EISDIR);
    assert_int_equal(atls_write_file(directory, ATLS_BYTES("x", 1)), -EISDIR);
    assert_int_equal(atls_write_file(path_of("none/file"), ATLS_BYTES("x", 1)), -ENOENT);
    assert_int_equal(atls_write_file("/dev/null", ATLS_BYTES("x", 1)), 0);
    assert_int_equal(stat("/dev/null", &info), 0);
    assert_true(S_ISCHR(info.st_mode));
}

/* The lines of a file as an array of objects. */
static json_t *lines_of(const char *path)
{
    json_t *lines = json_array();
    FILE *file = fopen(path, "re");
    char line[4096];

    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);

        assert_true(json_is_object(object));
        json_array_append_new(lines, object);
    }
    fclose(file);
    return lines;
}

static void test_events(void **state)
{
    const char *path = path_of("events");
    struct atls_events *events;
    json_t *lines, *line;

    assert_int_equal(atls_events_open(path_of("none/events"), "device", &events), -ENOENT);
    assert_int_equal(atls_events_open(path, "device", &events), 0);
    atls_event(events, "ready", "{s:s, s:o}", "address", "unix:a", "nonce",
               atls_json_hex(ATLS_BYTES("\x00\xff", 2)));
    atls_event(events, "closed", NULL);
    atls_event(events, "fault", "{s:s, s:s}", "who", "somebody else", "name", (char *)NULL);
    lines = lines_of(path); /* flushed already */
    atls_events_close(events);
    assert_int_equal(json_array_size(lines), 3);
    line = json_array_get(lines, 0);
    assert_string_equal(json_string_value(json_object_get(line, "who")), "device");
    assert_string_equal(json_string_value(json_object_get(line, "event")), "ready");
    assert_string_equal(json_string_value(json_object_get(line, "nonce")), "00ff");
    assert_true(json_is_real(json_object_get(line, "t")));
    assert_int_equal(json_object_size(json_array_get(lines, 1)), 3);
    line = json_array_get(lines, 2);
    assert_non_null(json_object_get(line, "invalid"));
    assert_string_equal(json_string_value(json_object_get(line, "who")), "device");
    json_decref(lines);
}

/* No event vanishes: one that cannot be written is there, and says so. */
static void test_events_that_cannot_be_written(void **state)
{
    const char *path = path_of("invalid");
    struct atls_events *events;
    json_t *lines, *line;
    size_t i;

    assert_int_equal(atls_events_open(path, "client", &events), 0);
    atls_event(events, "handshake", "{s:s}", "detail", "cut in \xc3");
    atls_event_object(events, "handshake", json_pack("{s:s}", "detail", "cut in \xc3"));
    atls_event_object(events, "handshake", json_pack("{s:s++}", "detail", "\xff", "a", "b"));
    assert_int_equal(atls_events_close(events), 0);
    lines = lines_of(path);
    assert_int_equal(json_array_size(lines), 3);
    json_array_foreach(lines, i, line)
    {
        assert_string_equal(json_string_value(json_object_get(line, "event")), "handshake");
        assert_string_equal(json_string_value(json_object_get(line, "who")), "client");
        assert_true(json_is_real(json_object_get(line, "t")));
        assert_non_null(json_object_get(line, "invalid"));
    }
    json_decref(lines);
}

/* A line of data may be any text; the bytes of the file are ASCII, and its value is kept. */
static void test_events_are_ascii(void **state)
{
    static const char said[] = "\xc3\xbc \xe2\x80\xae \xc2\x9b \x7f";
    const char *path = path_of("ascii");
    struct atls_events *events;
    uint8_t *data = NULL;
    size_t size = 0;
    json_t *lines, *line;

    assert_int_equal(atls_events_open(path, "client", &events), 0);
    atls_event(events, "application-data", "{s:s, s:o}", "text", said, "shown",
               atls_json_printable(ATLS_BYTES("\xff\0", 2)));
    assert_int_equal(atls_events_close(events), 0);
    assert_int_equal(atls_read_file(path, 1000, &data, &size), 0);
    for (size_t i = 0; i < size; i++)
        assert_true(data[i] == '\n' || (data[i] >= 0x20 && data[i] <= 0x7f));
    free(data);
    lines = lines_of(path);
    line = json_array_get(lines, 0);
    assert_string_equal(json_string_value(json_object_get(line, "text")), said);
    assert_string_equal(json_string_value(json_object_get(line, "shown")), "\\xff\\x00");
    json_decref(lines);
}

/* The limit of a file's size stands for the end of the disk; SIGXFSZ is ignored, so it is an error.
 */
static void test_full_disk(void **state)
{
    struct rlimit limit = {200, RLIM_INFINITY}, before;
    const char *path = path_of("full"), *secrets = path_of("secrets");
    struct atls_events *events;
    struct atls_keylog *keylog;
    uint8_t *data = NULL;
    size_t size = 0;
    json_t *whole;
    struct stat info;
    mode_t mask = umask(0);

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit.rlim_max = before.rlim_max;
    assert_int_equal(atls_events_open(path, "client", &events), 0);
    assert_int_equal(atls_keylog_open(secrets, &keylog), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    for (int i = 0; i < 10; i++) {
        atls_event(events, "closed", "{s:s}", "outcome", "complete");
        atls_keylog_add(keylog, "EXPORTER_SECRET", ATLS_BYTES(path, 16), ATLS_BYTES(path, 16));
    }
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    atls_event(events, "closed", "{s:s}", "outcome", "never, as one is missing before it");
    assert_int_equal(atls_events_close(events), -EFBIG);
    assert_int_equal(atls_keylog_close(keylog), -EFBIG);
    for (int file = 0; file < 2; file++) {
        assert_int_equal(atls_read_file(file ? secrets : path, 1000, &data, &size), 0);
        assert_in_range(size, 1, 200);
        assert_int_equal(data[size - 1], '\n');
        free(data);
    }
    assert_int_equal(stat(secrets, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    umask(mask);
    whole = lines_of(path);
    assert_in_range(json_array_size(whole), 1, 3);
    json_decref(whole);
}

static void test_no_disk_at_all(void **state)
{
    struct atls_events *events;
    struct atls_keylog *keylog;

    assert_int_equal(atls_keylog_open(path_of("none/secrets"), &keylog), -ENOENT);
    assert_int_equal(atls_events_open("/dev/full", "client", &events), 0);
    assert_int_equal(atls_keylog_open("/dev/full", &keylog), 0);
    atls_event(events, "closed", NULL);
    atls_keylog_add(keylog, "EXPORTER_SECRET", ATLS_BYTES("r", 1), ATLS_BYTES("s", 1));
    atls_keylog_add(NULL, "EXPORTER_SECRET", ATLS_BYTES("r", 1), ATLS_BYTES("s", 1));
    assert_int_equal(atls_events_close(events), -ENOSPC);
    assert_int_equal(atls_keylog_close(keylog), -ENOSPC);
    assert_int_equal(atls_keylog_close(NULL), 0);
}

static void test_events_to_nobody(void **state)
{
    struct atls_events *events;
    json_t *kept = json_string("kept");

    assert_int_equal(atls_events_open(NULL, "client", &events), 0);
    atls_event(events, "ready", "{s:o}", "a", json_incref(kept));
    atls_event_object(events, "ready", json_pack("{s:o}", "a", json_incref(kept)));
    assert_int_equal(kept->refcount, 1);
    json_decref(kept);
    atls_events_close(events);
    atls_events_close(NULL);
}

static void *write_many(void *events)
{
    for (int i = 0; i < 200; i++)
        atls_event(events, "request", "{s:i}", "number", i);
    return NULL;
}

static void test_events_of_many_threads(void **state)
{
    const char *path = path_of("many");
    struct atls_events *events;
    pthread_t threads[4];
    json_t *lines, *line;
    double before = 0;
    size_t i;

    assert_int_equal(atls_events_open(path, "verifier", &events), 0);
    for (i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, events), 0);
    for (i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    atls_events_close(events);
    lines = lines_of(path);
    assert_int_equal(json_array_size(lines), 800);
    json_array_foreach(lines, i, line)
    {
        double t = json_real_value(json_object_get(line, "t"));

        assert_true(t >= before);
        before = t;
    }
    json_decref(lines);
}

/* What a person reads who gave no --events; "" where there is nothing worth a line. */
static void test_words(void **state)
{
    static const struct {
        const char *event, *fields, *expected;
    } table[] = {
        {"ready", "{\"address\":\"127.0.0.1:1\",\"port\":1}", "server: ready at 127.0.0.1:1\n"},
        {"handshake",
         "{\"conn\":2,\"outcome\":\"complete\",\"reason\":\"ok\",\"self_attested\":\"none\","
         "\"peer_attested\":\"passport\",\"alert\":null}",
         "server: connection 2: handshake complete, own attestation none, peer's passport\n"},
        {"handshake",
         "{\"conn\":1,\"outcome\":\"failed\",\"reason\":\"peer-alert\",\"detail\":\"it "
         "\\u001b[2Jended\","
         "\"clause\":\"\",\"alert\":{\"direction\":\"received\",\"code\":226,\"name\":"
         "\"attestation_failed\"}}",
         "server: connection 1: handshake failed: peer-alert: it \\x1b[2Jended, alert "
         "attestation_failed received\n"},
        {"verdict",
         "{\"conn\":1,\"tier\":\"none\",\"accepted\":false,\"reason\":\"nonce-mismatch\","
         "\"detail\":\"other\",\"clause\":\"KAT-06\"}",
         "server: connection 1: verdict none, not accepted: nonce-mismatch: other [KAT-06]\n"},
        {"verdict", "{\"conn\":1,\"tier\":\"affirming\",\"accepted\":true,\"reason\":\"ok\"}",
         "server: connection 1: verdict affirming, accepted: ok\n"},
        {"verdict", "{\"accepted\":1}", "server: , not accepted\n"},
        {"appraisal", "{\"status\":\"warning\",\"reason\":\"unknown-component\"}",
         "server: appraisal warning: unknown-component\n"},
        {"endorsed", "{\"source\":\"a.corim\",\"reference_values\":3,\"trust_anchors\":1}",
         "server: endorsements from a.corim: 3 reference values, 1 trust anchors\n"},
        {"application-data", "{\"conn\":1,\"direction\":\"received\",\"text\":\"hi\"}",
         "server: connection 1: received: hi\n"},
        {"fault", "{\"name\":\"linkage\"}", "server: misbehaves as asked: linkage\n"},
        {"challenge", "{\"conn\":1,\"nonce\":\"00\"}", ""},
        {"nonsense", "{}", ""},
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        json_t *fields = json_loads(table[i].fields, 0, NULL);
        char *text = NULL;
        size_t size = 0;
        FILE *file = open_memstream(&text, &size);

        assert_non_null(fields);
        atls_tell(file, "server", table[i].event, fields);
        fclose(file);
        assert_string_equal(text, table[i].expected);
        free(text);
        json_decref(fields);
    }
}

/* Words stand in for events, and never beside them. */
static void test_words_only_without_a_file(void **state)
{
    const char *path = path_of("with");
    struct atls_events *events;
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    assert_int_equal(atls_events_open(path, "server", &events), 0);
    atls_events_in_words(events, file);
    atls_event(events, "ready", "{s:s}", "address", "a");
    atls_events_close(events);
    fflush(file);
    assert_int_equal(size, 0);
    assert_int_equal(atls_events_open(NULL, "server", &events), 0);
    atls_event(events, "ready", "{s:s}", "address", "a");
    fflush(file);
    assert_int_equal(size, 0);
    atls_events_in_words(events, file);
    atls_event(events, "ready", "{s:s}", "address", "a");
    atls_event(events, "ready", NULL);
    atls_events_close(events);
    fclose(file);
    assert_string_equal(text, "server: ready at a\nserver: \n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_events_that_cannot_be_written),
        cmocka_unit_test(test_events_are_ascii),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_no_disk_at_all),
        cmocka_unit_test(test_events_to_nobody),
        cmocka_unit_test(test_events_of_many_threads),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_words_only_without_a_file),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
