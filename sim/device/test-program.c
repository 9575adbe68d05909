/* SPDX-License-Identifier: Apache-2.0 */
/* The program atls-device as others see it: exit codes, events, endorsements, ends. */
#include "sim/test-support.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>

#include "program/program.h"
#include "rats/cmw/cmw.h"
#include "rats/corim/corim.h"
#include "rats/tokens/kat.h"
#include "rats/tokens/psa.h"
#include "sim/device/device.h"

#define ARGS_MAX 16

extern char **environ;
static char directory[256];

static char *path_in(const char *name)
{
    static char paths[8][300];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}

/* Runs atls-device with the words of LINE, where @ stands for the test's directory. */
static pid_t spawn(const char *line)
{
    static char words[1024];
    char *argv[ARGS_MAX + 1] = {getenv("ATLS_DEVICE")};
    posix_spawn_file_actions_t actions;
    size_t used = 0, count = 1;
    pid_t pid;
    assert_non_null(argv[0]);
    for (const char *at = line; *at && used < sizeof words - 1; at++)
        if (*at == '@')
            used += (size_t)snprintf(words + used, sizeof words - used, "%s", directory);
        else
            words[used++] = *at;
    words[used] = 0;
    for (char *word = strtok(words, " "); word && count < ARGS_MAX; word = strtok(NULL, " "))
        argv[count++] = word;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, path_in("out"), O_WRONLY | O_CREAT | O_TRUNC,
                                     0600);
    posix_spawn_file_actions_addopen(&actions, 2, path_in("err"), O_WRONLY | O_CREAT | O_TRUNC,
                                     0600);
    assert_int_equal(posix_spawn(&pid, argv[0], &actions, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

static int wait_for(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static char *contents(const char *name)
{
    static char *text;
    uint8_t *data;
    size_t size;
    free(text);
    text = NULL;
    if (atls_read_file(path_in(name), 1 << 20, &data, &size))
        return (char *)(uintptr_t) "";
    text = (char *)data;
    return text;
}

/* Waits until the program says it is ready, and opens its device. */
static struct atls_device *await_device(void)
{
    struct atls_device *device;
    char address[300];
    for (unsigned i = 0; i < 60000 && !strstr(contents("events"), "\"ready\""); i++)
        usleep(10000);
    snprintf(address, sizeof address, "unix:%s/s", directory);
    assert_ok(atls_device_open(address, 20000, &device));
    return device;
}

static void test_command_lines_refused(void **state)
{
    static const struct {
        const char *line, *reason;
        int code;
    } cases[] = {
        {"run", "--listen", 2},
        {"", "--listen", 2},
        {"run --listen unix:", "unix:PATH", 77},
        {"run --listen tcp:1", "unix:PATH", 77},
        {"fly --listen unix:@/s", "fly", 2},
        {"run run --listen unix:@/s", "", 2},
        {"run --listen unix:@/s --no-such-flag", "", 2},
        {"run --listen unix:@/s --seed x", "--seed", 2},
        {"run --listen unix:@/s --seed -1", "--seed", 2},
        {"run --listen unix:@/s --seed 18446744073709551616", "--seed", 2},
        {"run --listen unix:@/s --components 9998", "--components", 2},
        {"run --listen unix:@/s --lifecycle open", "--lifecycle", 77},
        {"run --listen unix:@/s --psa-profile arm-3", "--psa-profile", 77},
        {"run --listen unix:@/s --token-time sat:exp:1", "--token-time", 77},
        {"run --listen unix:@/s --token-time kat:aud:1", "--token-time", 77},
        {"run --listen unix:@/s --token-time kat", "--token-time", 77},
        {"run --listen unix:@/s --token-time kat:exp:", "--token-time", 2},
        {"run --listen unix:@/s --token-time pat:nbf:1.5", "--token-time", 2},
        {"run --listen unix:@/s --token-time pat:iat:4294967296", "--token-time", 2},
        {"run --listen unix:@/s --backend qemu --firmware @ --token-time kat:exp:1", "no times",
         77},
        {"run --listen unix:@/s --dialect v1", "--dialect", 77},
        {"run --listen unix:@/s --tamper melt:FW", "tampering", 77},
        {"run --listen unix:@/s --tamper flip:FW", "flip:COMPONENT:BIT", 2},
        {"run --listen unix:@/s --tamper flip:XX:1", "no component XX", 2},
        {"run --listen unix:@/s --tamper flip:FW:262144", "0 to 262143", 2},
        {"run --listen unix:@/s --tamper extra:FW", "there is a component FW", 2},
        {"run --listen unix:@/s --fault sleep=1", "fault", 77},
        {"run --listen unix:@/s --fault drop-every=0", "drop-every", 2},
        {"run --listen unix:@/s --images @/nowhere", "nowhere", 1},
        {"run --listen unix:@/no/s", "cannot listen", 1},
        {"run --listen unix:@/s --events @/no/e", "", 1},
        {"run --listen unix:@/s --provision @/no/c", "cannot write", 1},
        {"provision --seed 7", "--output", 2},
        {"provision --output @/c", "--seed", 2},
        {"provision --seed 7 --output @/c --tamper extra:X", "tampered", 2},
        {"provision --seed 7 --output @/c --dialect x", "--dialect", 77},
        {"provision --seed 7 --output @/c --part half", "--part", 77},
        {"provision --seed 7 --output @/c --product=", "--product", 77},
        {"provision --seed 7 --output @/no/c", "cannot write", 1},
        {"images --seed 7 --output @/no/c", "cannot make", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int result = wait_for(spawn(cases[i].line));
        if (result != cases[i].code || !strstr(contents("err"), cases[i].reason))
            fail_msg("%s: expected %d (%s), came %d: %s", cases[i].line, cases[i].code,
                     cases[i].reason, result, contents("err"));
        assert_int_not_equal(access(path_in("s"), F_OK), 0);
    }
}

static void test_help_and_version(void **state)
{
    assert_int_equal(wait_for(spawn("--help")), 0);
    assert_non_null(strstr(contents("out"), "root of trust is simulated"));
    assert_int_equal(wait_for(spawn("--version")), 0);
    assert_non_null(strstr(contents("out"), "atls-device " ATLS_VERSION));
}

static json_t *event(const char *name)
{
    const char *line = contents("events");
    while (*line) {
        json_t *json = json_loads(line, JSON_DISABLE_EOF_CHECK, NULL);
        assert_non_null(json);
        if (!strcmp(json_string_value(json_object_get(json, "event")), name))
            return json;
        json_decref(json);
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    fail_msg("no event %s in: %s", name, contents("events"));
    return NULL;
}

static void test_run_tells_its_events(void **state)
{
    struct atls_device *device;
    json_t *json, *components;
    pid_t pid = spawn("run --listen unix:@/s --seed 7 --tamper version:FW:0.9 --lifecycle "
                      "non-rot-debug --events @/events");
    device = await_device();
    assert_int_equal(atls_device_destroy_key(device, 99), ATLS_E_REFUSED);
    atls_device_close(device);
    kill(pid, SIGTERM);
    assert_int_equal(wait_for(pid), 0);
    assert_int_not_equal(access(path_in("s"), F_OK), 0); /* it tidies up */
    json = event("boot");
    assert_string_equal(json_string_value(json_object_get(json, "lifecycle")), "non-rot-debug");
    components = json_object_get(json, "components");
    assert_int_equal(json_array_size(components), 3);
    assert_string_equal(
        json_string_value(json_object_get(json_array_get(components, 1), "version")), "0.9");
    assert_int_equal(
        strlen(json_string_value(json_object_get(json_array_get(components, 1), "value"))), 64);
    json_decref(json);
    json = event("ready");
    assert_memory_equal(json_string_value(json_object_get(json, "address")), "unix:", 5);
    json_decref(json);
    json = event("request");
    assert_string_equal(json_string_value(json_object_get(json, "operation")), "destroy-key");
    assert_string_equal(json_string_value(json_object_get(json, "outcome")), "refused");
    json_decref(json);
}

static void read_corim(const char *name, struct atls_corim *corim)
{
    uint8_t *data;
    size_t size;
    assert_ok(atls_read_file(path_in(name), 1 << 20, &data, &size));
    assert_ok(atls_corim_parse(ATLS_BYTES(data, size), corim));
    free(data);
}

/* provision describes the very device that runs with the same seed; so does run --provision, and
 * for a device without a seed nothing else can. */
static void test_endorsements_fit_the_device(void **state)
{
    static const char *const lines[] = {
        "run --listen unix:@/s --seed 7 --components 2 --events @/events --tamper flip:FW:1 "
        "--provision @/c",
        "run --listen unix:@/s --components 2 --events @/events --tamper extra:X --provision @/c",
    };
    assert_int_equal(wait_for(spawn("provision --seed 7 --components 2 --output @/p")), 0);
    for (size_t i = 0; i < 2; i++) {
        pid_t pid = spawn(lines[i]);
        struct atls_device *device = await_device();
        struct atls_device_info info;
        struct atls_corim corim, provisioned;
        assert_ok(atls_device_info(device, &info));
        read_corim("c", &corim);
        read_corim("p", &provisioned);
        assert_memory_equal(corim.trust_anchors[0].instance_id, info.instance_id, 33);
        assert_true(atls_public_key_equal(&corim.trust_anchors[0].key, &info.pak));
        assert_int_equal(corim.reference_value_count, 5);
        assert_int_equal(
            !memcmp(corim.reference_values[1].digest, provisioned.reference_values[1].digest, 32),
            i == 0);
        assert_int_equal(!memcmp(provisioned.trust_anchors[0].instance_id, info.instance_id, 33),
                         i == 0);
        atls_corim_clear(&corim);
        atls_corim_clear(&provisioned);
        atls_device_close(device);
        kill(pid, SIGTERM);
        assert_int_equal(wait_for(pid), 0);
        unlink(path_in("events"));
    }
}

/* A store refuses another content under an id that it has, or a trust anchor a second time: the id
 * of a CoRIM is a function of its content, and either half of the endorsements can go by itself. */
static void test_parts_and_products(void **state)
{
    static const struct {
        const char *flags;
        size_t values, anchors;
        bool same_id, same_device; /* as the first row */
    } table[] = {
        {"", 3, 1, true, true},
        {"", 3, 1, true, true},
        {"--part all", 3, 1, true, true},
        {"--release FW:9.9.9", 3, 1, false, true},
        {"--components 1", 4, 1, false, true},
        {"--dialect v0.0.2608", 3, 1, false, true},
        {"--part reference-values", 3, 0, false, true},
        {"--part trust-anchor", 0, 1, false, true},
        {"--product other", 3, 1, false, false},
        {"--product other --part trust-anchor", 0, 1, false, false},
    };
    struct atls_corim first = {0}, anchor = {0};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct atls_corim corim;
        char line[128];
        snprintf(line, sizeof line, "provision --seed 7 --output @/p %s", table[i].flags);
        assert_int_equal(wait_for(spawn(line)), 0);
        read_corim("p", i ? &corim : &first);
        if (!i)
            continue;
        assert_int_equal(corim.reference_value_count, table[i].values);
        assert_int_equal(corim.trust_anchor_count, table[i].anchors);
        assert_int_equal(!strcmp(corim.id, first.id), table[i].same_id);
        const uint8_t *id = corim.trust_anchor_count ? corim.trust_anchors[0].implementation_id
                                                     : corim.reference_values[0].implementation_id;
        assert_int_equal(!memcmp(id, first.trust_anchors[0].implementation_id, 32),
                         table[i].same_device);
        if (corim.trust_anchor_count)
            assert_int_equal(
                !memcmp(corim.trust_anchors[0].instance_id, first.trust_anchors[0].instance_id, 33),
                table[i].same_device);
        atls_corim_clear(&corim);
    }
    /* The anchor of one release is that of the next, to the byte. */
    assert_int_equal(wait_for(spawn("provision --seed 7 --output @/p --part trust-anchor")), 0);
    read_corim("p", &anchor);
    assert_int_equal(wait_for(spawn("provision --seed 7 --output @/p --part trust-anchor --release "
                                    "FW:9.9.9")),
                     0);
    atls_corim_clear(&first);
    read_corim("p", &first);
    assert_string_equal(first.id, anchor.id);
    atls_corim_clear(&first);
    atls_corim_clear(&anchor);
}

static void test_dialects(void **state)
{
    static const struct {
        const char *line;
        enum atls_corim_dialect dialect;
    } dialects[] = {
        {"provision --seed 7 --output @/p --dialect main", ATLS_CORIM_MAIN},
        {"provision --seed 7 --output @/p --dialect v0.0.2608", ATLS_CORIM_V0_2608},
    };
    static const struct {
        const char *line;
        enum atls_psa_profile profile;
    } profiles[] = {
        {"run --listen unix:@/s --psa-profile arm-2 --events @/events", ATLS_PSA_ARM_2},
        {"run --listen unix:@/s --psa-profile rfc9783 --events @/events", ATLS_PSA_RFC9783},
    };
    for (size_t i = 0; i < 2; i++) {
        struct atls_corim corim;
        assert_int_equal(wait_for(spawn(dialects[i].line)), 0);
        read_corim("p", &corim);
        assert_int_equal(corim.dialect, dialects[i].dialect);
        atls_corim_clear(&corim);
    }
    for (size_t i = 0; i < 2; i++) {
        static const uint8_t challenge[32];
        pid_t pid = spawn(profiles[i].line);
        struct atls_device *device = await_device();
        struct atls_psa_component components[4];
        struct atls_cose_sign1 message;
        struct atls_psa_claims claims;
        uint8_t *token;
        size_t size;
        assert_ok(atls_device_attest_platform(device, ATLS_BYTES(challenge, 32), &token, &size));
        assert_ok(
            atls_cose_sign1_parse(ATLS_BYTES(token, size), ATLS_COSE_TAG_REQUIRED, "", &message));
        assert_ok(atls_psa_claims_parse(message.payload, components, 4, &claims));
        assert_int_equal(claims.profile, profiles[i].profile);
        free(token);
        atls_device_close(device);
        kill(pid, SIGTERM);
        assert_int_equal(wait_for(pid), 0);
        unlink(path_in("events"));
    }
}

static void check_times(const struct atls_cwt_times *times, int exp, int nbf, int iat)
{
    assert_int_equal(times->has_exp ? (int)times->exp : 0, exp);
    assert_int_equal(times->has_nbf ? (int)times->nbf : 0, nbf);
    assert_int_equal(times->has_iat ? (int)times->iat : 0, iat);
}

/* Times that were ordered are in every token, and no others (RFC 8392 section 3.1). */
static void test_token_times(void **state)
{
    static const uint8_t challenge[32];
    static const struct {
        const char *line;
        int kat[3], pat[3];
    } rows[] = {
        {"run --listen unix:@/s --events @/events", {0}, {0}},
        {"run --listen unix:@/s --events @/events --token-time kat:exp:7 --token-time kat:iat:9",
         {7, 0, 9},
         {0}},
        {"run --listen unix:@/s --events @/events --token-time pat:nbf:5 --token-time pat:nbf:6 "
         "--token-time kat:nbf:8 --token-time pat:exp:2000000000",
         {0, 8, 0},
         {2000000000, 6, 0}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        pid_t pid = spawn(rows[i].line);
        struct atls_device *device = await_device();
        struct atls_psa_component components[4];
        struct atls_public_key key;
        struct atls_psa_claims claims;
        struct atls_cab cab;
        struct atls_cmw *cmw;
        uint32_t handle;
        uint8_t *evidence;
        size_t size;
        assert_ok(atls_device_create_key(device, ATLS_P256, &handle, &key));
        assert_ok(
            atls_device_attest_key(device, handle, ATLS_BYTES(challenge, 32), &evidence, &size));
        assert_ok(atls_cmw_parse(ATLS_BYTES(evidence, size), &cmw));
        assert_ok(atls_cab_parse(cmw, &cab));
        check_times(&cab.kat_claims.times, rows[i].kat[0], rows[i].kat[1], rows[i].kat[2]);
        assert_ok(atls_psa_claims_parse(cab.pat.payload, components, 4, &claims));
        check_times(&claims.times, rows[i].pat[0], rows[i].pat[1], rows[i].pat[2]);
        atls_cmw_free(cmw);
        free(evidence);
        atls_device_close(device);
        kill(pid, SIGTERM);
        assert_int_equal(wait_for(pid), 0);
        unlink(path_in("events"));
    }
}

static void test_images_can_be_saved_and_booted(void **state)
{
    uint8_t *a, *b;
    size_t a_size, b_size;
    assert_int_equal(wait_for(spawn("images --seed 7 --output @/i")), 0);
    assert_int_equal(wait_for(spawn("provision --seed 7 --output @/p")), 0);
    assert_int_equal(wait_for(spawn("provision --seed 7 --images @/i --output @/c")), 0);
    assert_ok(atls_read_file(path_in("p"), 1 << 20, &a, &a_size));
    assert_ok(atls_read_file(path_in("c"), 1 << 20, &b, &b_size));
    assert_true(atls_bytes_equal(ATLS_BYTES(a, a_size), ATLS_BYTES(b, b_size)));
    free(a);
    free(b);
}

static void test_killed_and_started_again(void **state)
{
    pid_t pid = spawn("run --listen unix:@/s --seed 7 --events @/events"), other;
    struct stat status;
    atls_device_close(await_device());
    assert_int_equal(stat(path_in("s"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    other = spawn("run --listen unix:@/s --seed 8");
    assert_int_equal(wait_for(other), 1); /* the place is taken */
    assert_non_null(strstr(contents("err"), "in use"));
    kill(pid, SIGKILL);
    assert_int_equal(wait_for(pid), 1000 + SIGKILL);
    unlink(path_in("events"));
    pid = spawn("run --listen unix:@/s --seed 7 --events @/events");
    atls_device_close(await_device());
    kill(pid, SIGINT);
    assert_int_equal(wait_for(pid), 0);
}

static void test_exit_after(void **state)
{
    pid_t pid;
    struct atls_device *device;
    struct atls_device_info info;
    pid = spawn("run --listen unix:@/s --seed 7 --fault exit-after=1 --events @/events");
    device = await_device();
    assert_ok(atls_device_info(device, &info));
    assert_int_equal(wait_for(pid), 1);
    assert_int_equal(atls_device_info(device, &info), ATLS_E_UNAVAILABLE);
    atls_device_close(device);
    json_decref(event("fault"));
}

/* The device ends when the program that started it does. */
static void test_dies_with_its_parent(void **state)
{
    struct atls_device *device;
    pid_t child;
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        spawn("run --listen unix:@/s --seed 7 --events @/events");
        pause();
    }
    device = await_device();
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    for (unsigned i = 0; i < 60000 && !access(path_in("s"), F_OK); i++)
        usleep(10000);
    assert_int_not_equal(access(path_in("s"), F_OK), 0);
    atls_device_close(device);
}

/* No event of an earlier run may pass for one of this. */
static int forget_events(void **state)
{
    unlink(path_in("events"));
    return 0;
}

static int make_directory(void **state)
{
    if (!getenv("ATLS_DEVICE")) {
        print_message("skipped: ATLS_DEVICE does not name the program\n");
        exit(77);
    }
    test_make_directory(directory);
    return 0;
}

static int remove_directory(void **state)
{
    static const char *const names[] = {"out", "err",      "events",   "c",
                                        "p",   "i/BL.img", "i/FW.img", "i/CFG.img"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(path_in(names[i]));
    rmdir(path_in("i"));
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_command_lines_refused),
        cmocka_unit_test(test_help_and_version),
        cmocka_unit_test_setup(test_run_tells_its_events, forget_events),
        cmocka_unit_test_setup(test_endorsements_fit_the_device, forget_events),
        cmocka_unit_test(test_parts_and_products),
        cmocka_unit_test_setup(test_dialects, forget_events),
        cmocka_unit_test_setup(test_token_times, forget_events),
        cmocka_unit_test(test_images_can_be_saved_and_booted),
        cmocka_unit_test_setup(test_killed_and_started_again, forget_events),
        cmocka_unit_test_setup(test_exit_after, forget_events),
        cmocka_unit_test_setup(test_dies_with_its_parent, forget_events),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
