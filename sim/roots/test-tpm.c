/* SPDX-License-Identifier: Apache-2.0 */
/* A device whose root of trust is a TPM, against swtpm; skipped (77) where that is not installed.
 * What tpm2-tools say of its quotes and its event log is a second opinion, where they are there. */
#include "sim/test-support.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_tctildr.h>
#include <unistd.h>

#include "program/program.h"
#include "rats/base/encoding.h"
#include "rats/tokens/tpm.h"
#include "sim/roots/test-device.h"

#define CRYPTO (&atls_crypto_hosted)
#define READY_SECONDS 30

extern char **environ;
static char directory[256];

static bool on_path(const char *program)
{
    char command[64];
    snprintf(command, sizeof command, "command -v %s > /dev/null", program);
    return system(command) == 0;
}

struct swtpm {
    pid_t pid;
    char home[300], tcti[340];
};

static bool is_listening(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    good = !connect(fd, (const struct sockaddr *)&address, sizeof address);
    close(fd);
    return good;
}

static void start_swtpm(struct swtpm *s)
{
    char state[320], server[340], control[360], path[310];
    const char *argv[] = {"swtpm",
                          "socket",
                          "--tpm2",
                          "--tpmstate",
                          state,
                          "--server",
                          server,
                          "--ctrl",
                          control,
                          "--flags",
                          "not-need-init,startup-clear",
                          NULL};
    double end = atls_now() + READY_SECONDS;
    posix_spawn_file_actions_t quiet;
    snprintf(path, sizeof path, "%s/s", s->home);
    snprintf(state, sizeof state, "dir=%s", s->home);
    snprintf(server, sizeof server, "type=unixio,path=%s", path);
    snprintf(control, sizeof control, "type=unixio,path=%s.ctrl", path);
    snprintf(s->tcti, sizeof s->tcti, "swtpm:path=%s", path);
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", O_WRONLY, 0);
    assert_int_equal(
        posix_spawnp(&s->pid, "swtpm", &quiet, NULL, (char *const *)(uintptr_t)argv, environ), 0);
    posix_spawn_file_actions_destroy(&quiet);
    while (!is_listening(path) && atls_now() < end)
        usleep(2000);
    strcat(path, ".ctrl");
    while (!is_listening(path) && atls_now() < end)
        usleep(2000);
    assert_true(atls_now() < end);
}

static void end_swtpm(struct swtpm *s)
{
    char path[320];
    kill(s->pid, SIGTERM);
    waitpid(s->pid, NULL, 0);
    snprintf(path, sizeof path, "%s/s", s->home);
    unlink(path);
    strcat(path, ".ctrl");
    unlink(path);
}

/* Ended and started: PCRs are zero, the seeds are the same. */
static void reset(struct swtpm *s)
{
    end_swtpm(s);
    start_swtpm(s);
}

static int make_tpm(void **state)
{
    struct swtpm *s = calloc(1, sizeof *s);
    static unsigned count;
    snprintf(s->home, sizeof s->home, "%s/%u", directory, count++);
    assert_int_equal(mkdir(s->home, 0700), 0);
    start_swtpm(s);
    *state = s;
    return 0;
}

static int remove_tpm(void **state)
{
    end_swtpm(*state);
    free(*state);
    return 0;
}

static int boot(struct under_test *u, const struct swtpm *s, const char *tamper)
{
    struct atls_simulated_options options = atls_simulated_defaults;
    options.tcti = s->tcti;
    options.tamper = &tamper;
    options.tamper_count = tamper != NULL;
    return boot_with(u, "tpm", &options);
}

static void verify(const struct atls_tpm_signature *signature, struct atls_bytes signed_bytes,
                   const struct atls_public_key *key)
{
    assert_ok(atls_tpm_signature_verify(signature, CRYPTO, signed_bytes, key));
}

/* Evidence for a key over CHALLENGE, all of which is true; the digest of its PCRs. */
static void check_evidence(struct under_test *u, uint32_t handle, const struct atls_public_key *key,
                           struct atls_bytes challenge, uint8_t pcr_digestp[32])
{
    struct atls_tpm_evidence evidence;
    struct atls_device_info info;
    uint8_t *bytes, kid[ATLS_TPM_KID_SIZE];
    size_t size;
    assert_ok(atls_device_attest_as(u->device, "parsec-tpm", handle, challenge, &bytes, &size));
    assert_ok(atls_tpm_evidence_parse(ATLS_BYTES(bytes, size), &evidence));
    assert_ok(atls_device_info(u->device, &info));
    verify(&evidence.kat_signature, evidence.kat.cert_info, &info.pak);
    verify(&evidence.pat_signature, evidence.pat.attest_info, &info.pak);
    assert_ok(atls_tpm_check_signer(&evidence));
    assert_ok(atls_tpm_check_name(&evidence, CRYPTO));
    assert_ok(atls_tpm_check_linkage(&evidence, CRYPTO, ATLS_TPM_LINKED_BY_KAT, challenge));
    assert_ok(atls_tpm_public_check(&evidence.key));
    assert_true(atls_bytes_equal(evidence.certify.extra, challenge));
    assert_memory_equal(evidence.key.key.x, key->x, 32);
    assert_memory_equal(evidence.key.key.y, key->y, 32);
    assert_ok(atls_tpm_kid(CRYPTO, &info.pak, kid));
    assert_true(atls_bytes_equal(evidence.kat.kid, ATLS_BYTES(kid, sizeof kid)));
    assert_memory_equal(info.instance_id, kid, sizeof kid);
    assert_int_equal(evidence.quote.bank_count, 1);
    assert_int_equal(evidence.quote.banks[0].alg, ATLS_TPM_SHA256);
    assert_int_equal(evidence.quote.banks[0].pcrs, 7);
    assert_int_equal(evidence.quote.pcr_digest.size, 32);
    memcpy(pcr_digestp, evidence.quote.pcr_digest.data, 32);
    free(bytes);
}

/* A signature that somebody else verifies. */
static void check_signature(struct under_test *u, uint32_t handle,
                            const struct atls_public_key *key)
{
    static const uint8_t digest[32] = {3, 1, 4};
    uint8_t signature[ATLS_SIGNATURE_MAX];
    size_t size;
    assert_ok(
        atls_device_sign(u->device, handle, ATLS_BYTES(digest, sizeof digest), signature, &size));
    assert_ok(CRYPTO->verify(key, ATLS_BYTES(digest, sizeof digest), ATLS_BYTES(signature, size)));
}

/* H(H(0 || first) || second) ..., of the three stages, hashed together. */
static void replay(const struct atls_boot_record *record, uint8_t digestp[32])
{
    uint8_t pcrs[3][32] = {{0}};
    for (size_t i = 0; i < record->count; i++) {
        uint8_t *pcr = pcrs[i < 2 ? i : 2];
        const struct atls_bytes parts[] = {ATLS_BYTES(pcr, 32),
                                           ATLS_BYTES(record->entries[i].value, 32)};
        assert_ok(CRYPTO->hash(ATLS_SHA256, parts, 2, pcr));
    }
    const struct atls_bytes all = ATLS_BYTES(&pcrs[0][0], sizeof pcrs);
    assert_ok(CRYPTO->hash(ATLS_SHA256, &all, 1, digestp));
}

static void test_evidence(void **state)
{
    static const size_t sizes[] = {1, 8, 32, 48, 64};
    static const uint8_t challenge[64] = {7};
    struct atls_public_key key;
    uint8_t came[32], due[32];
    struct under_test u;
    uint32_t handle;
    assert_ok(boot(&u, *state, NULL));
    assert_ok(atls_device_create_key(u.device, ATLS_P256, &handle, &key));
    replay(&u.simulated->core.record, due);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        check_evidence(&u, handle, &key, ATLS_BYTES(challenge, sizes[i]), came);
        assert_memory_equal(came, due, 32);
    }
    check_signature(&u, handle, &key);
    assert_ok(atls_device_destroy_key(u.device, handle));
    shut_down(&u);
}

/* What the device does not do, and its words; it goes on afterwards. */
static void test_refused(void **state)
{
    static const uint8_t bytes[255] = {9};
    struct atls_public_key key;
    struct under_test u;
    uint8_t *out, signature[ATLS_SIGNATURE_MAX];
    uint32_t handle, none;
    size_t size;
    assert_ok(boot(&u, *state, NULL));
    assert_ok(atls_device_create_key(u.device, ATLS_P256, &handle, &key));
    const struct {
        const char *kind;
        uint32_t handle;
        size_t size; /* of the challenge */
        const char *words;
    } attested[] = {
        {"parsec-tpm", handle, 0, "expected a challenge of 1 to 64 bytes"},
        {"parsec-tpm", handle, 65, "came 65"},
        {"parsec-tpm", handle, 255, "qualifying data, came 255"},
        {"parsec-tpm", 0, 32, "expected its handle, came 0"},
        {"parsec-tpm", handle + 1, 32, "no identity key with handle"},
        {"parsec-cca", handle, 32, "is tpm, which makes no parsec-cca"},
        {"cab", handle, 32, "is tpm, which makes no cab"},
    };
    for (size_t i = 0; i < sizeof attested / sizeof *attested; i++)
        assert_refused(atls_device_attest_as(u.device, attested[i].kind, attested[i].handle,
                                             ATLS_BYTES(bytes, attested[i].size), &out, &size),
                       ATLS_E_REFUSED, attested[i].words);
    assert_refused(atls_device_create_key(u.device, ATLS_P384, &none, &key), ATLS_E_REFUSED,
                   "are of P-256");
    assert_refused(atls_device_attest_key(u.device, handle, ATLS_BYTES(bytes, 32), &out, &size),
                   ATLS_E_REFUSED, "the root of trust of this device is tpm");
    assert_refused(
        atls_device_attest_prototype(u.device, handle, ATLS_BYTES(bytes, 32), &out, &size),
        ATLS_E_REFUSED, "a device with --root psa makes");
    assert_refused(atls_device_attest_platform(u.device, ATLS_BYTES(bytes, 32), &out, &size),
                   ATLS_E_REFUSED, "PSA token");
    assert_refused(atls_device_sign(u.device, handle, ATLS_BYTES(bytes, 48), signature, &size),
                   ATLS_E_REFUSED, "expected a digest of 32 bytes");
    assert_refused(atls_device_sign(u.device, 0, ATLS_BYTES(bytes, 32), signature, &size),
                   ATLS_E_REFUSED, "handle 0");
    assert_refused(atls_device_destroy_key(u.device, handle + 7), ATLS_E_REFUSED, "handle");
    check_signature(&u, handle, &key);
    shut_down(&u);
}

/* More keys than the TPM has room for, all of them in use at the same time. */
static void test_more_keys_than_slots(void **state)
{
    enum { KEYS = 12 };
    static const uint8_t challenge[32] = {8};
    struct atls_public_key keys[KEYS];
    uint32_t handles[KEYS];
    uint8_t digest[32];
    struct under_test u;
    assert_ok(boot(&u, *state, NULL));
    for (int i = 0; i < KEYS; i++)
        assert_ok(atls_device_create_key(u.device, ATLS_P256, &handles[i], &keys[i]));
    for (int i = KEYS - 1; i >= 0; i--) {
        check_evidence(&u, handles[i], &keys[i], ATLS_BYTES(challenge, 32), digest);
        check_signature(&u, handles[(i + 5) % KEYS], &keys[(i + 5) % KEYS]);
    }
    for (int i = 0; i < KEYS; i += 2)
        assert_ok(atls_device_destroy_key(u.device, handles[i]));
    check_signature(&u, handles[1], &keys[1]);
    shut_down(&u);
}

static void pcrs_after(struct swtpm *s, const char *tamper, uint8_t digestp[32],
                       struct atls_public_key *akp)
{
    static const uint8_t challenge[32] = {1};
    struct atls_device_info info;
    struct atls_public_key key;
    struct under_test u;
    uint32_t handle;
    reset(s);
    assert_ok(boot(&u, s, tamper));
    assert_ok(atls_device_create_key(u.device, ATLS_P256, &handle, &key));
    check_evidence(&u, handle, &key, ATLS_BYTES(challenge, 32), digestp);
    assert_ok(atls_device_info(u.device, &info));
    *akp = info.pak;
    shut_down(&u);
}

/* The same TPM has the same AK after a reset; what boots, its PCRs tell. */
static void test_boots(void **state)
{
    static const char *const tampers[] = {"flip:BL:77", "flip:FW:77", "flip:CFG:77", "extra:MALW"};
    struct atls_public_key ak, another;
    uint8_t genuine[32], again[32];
    pcrs_after(*state, NULL, genuine, &ak);
    pcrs_after(*state, NULL, again, &another);
    assert_memory_equal(genuine, again, 32);
    assert_memory_equal(ak.x, another.x, 32);
    for (size_t i = 0; i < sizeof tampers / sizeof *tampers; i++) {
        pcrs_after(*state, tampers[i], again, &another);
        assert_case(tampers[i], memcmp(genuine, again, 32) != 0, 1);
        assert_memory_equal(ak.x, another.x, 32);
    }
}

static void test_a_boot_begins_at_a_reset(void **state)
{
    struct under_test u;
    assert_ok(boot(&u, *state, NULL));
    shut_down(&u);
    assert_refused(boot(&u, *state, NULL), ATLS_E_REFUSED, "expected PCR 0 to be zero");
    reset(*state);
    assert_ok(boot(&u, *state, NULL));
    shut_down(&u);
}

static void test_reset_under_a_running_device(void **state)
{
    static const uint8_t challenge[32] = {1};
    struct atls_public_key key;
    struct under_test u;
    uint32_t handle;
    uint8_t *out;
    size_t size;
    assert_ok(boot(&u, *state, NULL));
    assert_ok(atls_device_create_key(u.device, ATLS_P256, &handle, &key));
    reset(*state);
    for (int i = 0; i < 2; i++)
        assert_refused(atls_device_attest_as(u.device, "parsec-tpm", handle,
                                             ATLS_BYTES(challenge, 32), &out, &size),
                       ATLS_E_REFUSED, "start the device anew");
    shut_down(&u);
}

static void test_the_tpm_is_gone(void **state)
{
    struct atls_public_key key;
    struct swtpm *s = *state;
    struct under_test u;
    uint32_t handle;
    assert_ok(boot(&u, s, NULL));
    end_swtpm(s);
    assert_refused(atls_device_create_key(u.device, ATLS_P256, &handle, &key), ATLS_E_REFUSED,
                   "does not answer any more");
    shut_down(&u);
    assert_refused(boot(&u, s, NULL), ATLS_E_UNAVAILABLE, "there is no TPM at swtpm:path=");
    start_swtpm(s);
}

static ESYS_CONTEXT *another_program(const struct swtpm *s, TSS2_TCTI_CONTEXT **tctip)
{
    ESYS_CONTEXT *esys = NULL;
    assert_int_equal(Tss2_TctiLdr_Initialize(s->tcti, tctip), 0);
    assert_int_equal(Esys_Initialize(&esys, *tctip, NULL), 0);
    return esys;
}

/* Another program fills the TPM's slots: that is said, and over when it takes its own away. */
static void test_no_room(void **state)
{
    const TPM2B_PUBLIC template = {
        .publicArea = {.type = TPM2_ALG_KEYEDHASH,
                       .nameAlg = TPM2_ALG_SHA256,
                       .objectAttributes = TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_USERWITHAUTH |
                                           TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_FIXEDTPM |
                                           TPMA_OBJECT_FIXEDPARENT,
                       .parameters.keyedHashDetail.scheme = {
                           .scheme = TPM2_ALG_HMAC, .details.hmac.hashAlg = TPM2_ALG_SHA256}}};
    const TPM2B_SENSITIVE_CREATE no_secret = {0};
    const TPML_PCR_SELECTION no_pcrs = {0};
    const TPM2B_DATA no_data = {0};
    struct swtpm *s = *state;
    TSS2_TCTI_CONTEXT *tcti;
    ESYS_CONTEXT *esys;
    ESYS_TR objects[3];
    struct atls_public_key key;
    struct under_test u;
    uint32_t handle;
    assert_ok(boot(&u, s, NULL));
    esys = another_program(s, &tcti);
    for (int i = 0; i < 3; i++)
        assert_int_equal(Esys_CreatePrimary(esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                            ESYS_TR_NONE, &no_secret, &template, &no_data, &no_pcrs,
                                            &objects[i], NULL, NULL, NULL, NULL),
                         0);
    assert_refused(atls_device_create_key(u.device, ATLS_P256, &handle, &key), ATLS_E_REFUSED,
                   "has no room for an object");
    for (int i = 0; i < 3; i++)
        assert_int_equal(Esys_FlushContext(esys, objects[i]), 0);
    Esys_Finalize(&esys);
    Tss2_TctiLdr_Finalize(&tcti);
    assert_ok(atls_device_create_key(u.device, ATLS_P256, &handle, &key));
    shut_down(&u);
}

/* What the device's endorser says is what a genuine boot quotes, by whatever boot it is asked. */
static void test_endorsements(void **state)
{
    static const uint8_t challenge[32] = {1};
    struct atls_corim corim = {.id = NULL};
    uint8_t *bytes, came[32], due[32], pcrs[3][32];
    struct atls_device_info info;
    struct atls_public_key key;
    struct under_test u;
    uint32_t handle;
    size_t size;
    assert_ok(boot(&u, *state, "flip:FW:9"));
    assert_ok(
        atls_simulated_endorse(u.simulated, ATLS_CORIM_MAIN, ATLS_ENDORSED_ALL, &bytes, &size));
    assert_ok(atls_corim_parse(ATLS_BYTES(bytes, size), &corim));
    free(bytes);
    assert_int_equal(corim.profile, ATLS_CORIM_PARSEC_TPM);
    assert_int_equal(corim.reference_value_count, 3);
    assert_int_equal(corim.trust_anchor_count, 1);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(corim.reference_values[i].pcr, i);
        memcpy(pcrs[i], corim.reference_values[i].digest, 32);
    }
    assert_ok(atls_device_info(u.device, &info));
    assert_memory_equal(corim.trust_anchors[0].key.x, info.pak.x, 32);
    assert_memory_equal(corim.trust_anchors[0].instance_id, info.instance_id, 33);
    atls_corim_clear(&corim);
    const struct atls_bytes all = ATLS_BYTES(&pcrs[0][0], sizeof pcrs);
    assert_ok(CRYPTO->hash(ATLS_SHA256, &all, 1, due));
    assert_ok(atls_device_create_key(u.device, ATLS_P256, &handle, &key));
    check_evidence(&u, handle, &key, ATLS_BYTES(challenge, 32), came);
    assert_memory_not_equal(came, due, 32); /* it was tampered with */
    shut_down(&u);
    reset(*state);
    assert_ok(boot(&u, *state, NULL));
    assert_ok(atls_device_create_key(u.device, ATLS_P256, &handle, &key));
    check_evidence(&u, handle, &key, ATLS_BYTES(challenge, 32), came);
    assert_memory_equal(came, due, 32);
    shut_down(&u);
}

static void write_to(const char *name, struct atls_bytes bytes, char path[320])
{
    snprintf(path, 320, "%s/%s", directory, name);
    assert_ok(atls_write_file(path, bytes));
}

/* SubjectPublicKeyInfo of a key on P-256 in PEM (RFC 5480, RFC 7468). */
static void write_pem(const struct atls_public_key *key, char path[320])
{
    static const uint8_t head[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                   0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                   0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};
    uint8_t der[sizeof head + 64];
    char pem[300], *text;
    memcpy(der, head, sizeof head);
    memcpy(der + sizeof head, key->x, 32);
    memcpy(der + sizeof head + 32, key->y, 32);
    text = atls_base64_encode(ATLS_BASE64, ATLS_BYTES(der, sizeof der));
    snprintf(pem, sizeof pem, "-----BEGIN PUBLIC KEY-----\n%.64s\n%s\n-----END PUBLIC KEY-----\n",
             text, text + 64);
    free(text);
    write_to("ak.pem", atls_bytes_of_text(pem), path);
}

/* tpm2_checkquote verifies the quote, and refuses it with other qualifying data. */
static void test_tpm2_tools_verify_the_quote(void **state)
{
    static const uint8_t challenge[32] = {1};
    char ak[320], message[320], signature[320], command[1500], hex[65];
    uint8_t *bytes, linkage[ATLS_TPM_LINKAGE_SIZE];
    struct atls_tpm_evidence evidence;
    struct atls_device_info info;
    struct atls_public_key key;
    struct under_test u;
    uint32_t handle;
    size_t size;
    if (!on_path("tpm2_checkquote"))
        skip();
    assert_ok(boot(&u, *state, NULL));
    assert_ok(atls_device_create_key(u.device, ATLS_P256, &handle, &key));
    assert_ok(atls_device_attest_as(u.device, "parsec-tpm", handle, ATLS_BYTES(challenge, 32),
                                    &bytes, &size));
    assert_ok(atls_tpm_evidence_parse(ATLS_BYTES(bytes, size), &evidence));
    assert_ok(atls_device_info(u.device, &info));
    write_pem(&info.pak, ak);
    write_to("quote", evidence.pat.attest_info, message);
    write_to("signature", evidence.pat.sig, signature);
    assert_ok(atls_tpm_linkage(CRYPTO, evidence.kat_encoded, linkage));
    for (size_t i = 0; i < sizeof linkage; i++)
        snprintf(hex + 2 * i, 3, "%02x", linkage[i]);
    for (int wrong = 0; wrong < 2; wrong++) {
        hex[5] = (char)(wrong ? hex[5] == '0' ? '1' : '0' : hex[5]);
        snprintf(command, sizeof command,
                 "tpm2_checkquote -u %s -m %s -s %s -g sha256 -q %s > %s/said 2>&1", ak, message,
                 signature, hex, directory);
        assert_case(command, system(command) != 0, wrong);
    }
    free(bytes);
    shut_down(&u);
}

/* The TPM itself, asked by tpm2-tools, verifies what it has certified, and nothing else. */
static void test_tpm2_tools_verify_the_certification(void **state)
{
    static const uint8_t challenge[32] = {1};
    char ak[320], message[320], signature[320], command[3000];
    uint8_t *bytes, other[512];
    struct atls_tpm_evidence evidence;
    struct atls_device_info info;
    struct atls_public_key key;
    struct swtpm *s = *state;
    struct under_test u;
    uint32_t handle;
    size_t size;
    if (!on_path("tpm2_verifysignature"))
        skip();
    assert_ok(boot(&u, s, NULL));
    assert_ok(atls_device_create_key(u.device, ATLS_P256, &handle, &key));
    assert_ok(atls_device_attest_as(u.device, "parsec-tpm", handle, ATLS_BYTES(challenge, 32),
                                    &bytes, &size));
    assert_ok(atls_tpm_evidence_parse(ATLS_BYTES(bytes, size), &evidence));
    assert_ok(atls_device_info(u.device, &info));
    write_pem(&info.pak, ak);
    write_to("signature", evidence.kat.sig, signature);
    struct atls_bytes certified = evidence.kat.cert_info;
    assert_true(certified.size <= sizeof other);
    memcpy(other, certified.data, certified.size);
    for (int wrong = 0; wrong < 2; wrong++) {
        other[certified.size - 1] ^= (uint8_t)wrong;
        write_to("certified", ATLS_BYTES(other, certified.size), message);
        snprintf(command, sizeof command,
                 "(tpm2_loadexternal -T %s -C n -G ecc -u %s -c %s/ak.ctx && "
                 "tpm2_verifysignature -T %s -c %s/ak.ctx -g sha256 -m %s -s %s) > %s/said 2>&1",
                 s->tcti, ak, directory, s->tcti, directory, message, signature, directory);
        assert_case(command, system(command) != 0, wrong);
    }
    free(bytes);
    shut_down(&u);
}

/* tpm2_eventlog comes to the PCRs that the device quotes. */
static void test_tpm2_tools_replay_the_event_log(void **state)
{
    uint8_t *bytes, digest[32];
    char log[320], command[700], line[200], pcrs[3][65] = {{0}};
    struct under_test u;
    size_t size;
    FILE *said;
    if (!on_path("tpm2_eventlog"))
        skip();
    assert_ok(boot(&u, *state, "extra:MALW"));
    const struct atls_root_kind *kind = u.simulated->root_kind;
    assert_ok(kind->write_log(&u.simulated->core.root, &bytes, &size));
    write_to("log", ATLS_BYTES(bytes, size), log);
    free(bytes);
    snprintf(command, sizeof command, "tpm2_eventlog %s", log);
    said = popen(command, "r");
    assert_non_null(said);
    while (fgets(line, sizeof line, said)) { /* "  0  : 0x..." */
        char *end;
        unsigned long pcr = strtoul(line, &end, 10);
        const char *value = strstr(end, ": 0x");
        if (end != line && pcr < 3 && value && strlen(value) >= 4 + 64)
            memcpy(pcrs[pcr], value + 4, 64);
    }
    assert_int_equal(pclose(said), 0);
    replay(&u.simulated->core.record, digest);
    uint8_t values[96], came[32];
    for (size_t i = 0; i < 3; i++) {
        uint8_t *value;
        assert_ok(atls_hex_decode(atls_bytes_of_text(pcrs[i]), &value, &size));
        assert_int_equal(size, 32);
        memcpy(values + 32 * i, value, 32);
        free(value);
    }
    const struct atls_bytes all = ATLS_BYTES(values, sizeof values);
    assert_ok(CRYPTO->hash(ATLS_SHA256, &all, 1, came));
    assert_memory_equal(came, digest, 32);
    shut_down(&u);
}

/* Without a TCTI there is no TPM: none is looked for. */
static void test_no_tcti(void **state)
{
    struct atls_simulated_options options = atls_simulated_defaults;
    struct atls_simulated *device;
    (void)state;
    assert_ok(atls_root_kind_by_name("tpm", &options.root));
    assert_refused(atls_simulated_open(&options, &device), -EINVAL, "--root tpm needs --tcti");
    options.tcti = "no-such-tcti:at=all";
    assert_refused(atls_simulated_open(&options, &device), ATLS_E_UNAVAILABLE, "there is no TPM");
}

#define WITH_TPM(test) cmocka_unit_test_setup_teardown(test, make_tpm, remove_tpm)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TPM(test_evidence),
        WITH_TPM(test_refused),
        WITH_TPM(test_more_keys_than_slots),
        WITH_TPM(test_boots),
        WITH_TPM(test_a_boot_begins_at_a_reset),
        WITH_TPM(test_reset_under_a_running_device),
        WITH_TPM(test_the_tpm_is_gone),
        WITH_TPM(test_no_room),
        WITH_TPM(test_endorsements),
        WITH_TPM(test_tpm2_tools_verify_the_quote),
        WITH_TPM(test_tpm2_tools_verify_the_certification),
        WITH_TPM(test_tpm2_tools_replay_the_event_log),
        cmocka_unit_test(test_no_tcti),
    };
    if (!on_path("swtpm")) {
        puts("skipped: swtpm is not installed (./atls setup --root tpm)");
        return 77;
    }
    test_make_directory(directory);
    int result = cmocka_run_group_tests(tests, NULL, NULL);
    char command[300];
    snprintf(command, sizeof command, "rm -rf %s", directory);
    return system(command) ? 1 : result;
}
