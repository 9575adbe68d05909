/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading PSA claims: a good set of each profile with one thing wrong at a time. Writing, and the
 * tokens of other implementations, are in test-psa-write.c.
 */
#include "rats/test/test-table.h"

#include "rats/tokens/psa.h"

#define H16(byte) byte byte byte byte byte byte byte byte byte byte byte byte byte byte byte byte
#define H32(byte) H16(byte) H16(byte)
#define H48(byte) H32(byte) H16(byte)
#define H64(byte) H32(byte) H32(byte)

#define COMPONENT "a2 02 5820" H32("55") "05 5820" H32("66")
#define PROFILE_CLAUSE "RFC 9783 section 4.5.2"
#define COMPONENTS_CLAUSE "RFC 9783 section 4.4.1"
#define PROFILE_2 "78 18 687474703a2f2f61726d2e636f6d2f7073612f322e302e30"
#define DUPLICATE_CLAUSE "RFC 8949 section 5.6"

enum { STORAGE = 4 }; /* components that the tests' caller has room for */

/* Claims by their hexadecimal key and value. */
struct pair {
    const char *key, *value;
};

static const struct pair good[] = {
    {"0a", "5820" H32("11")},
    {"190100", "5821 01" H32("22")},
    {"190109", "78 21 7461673a7073616365727469666965642e6f72672c323032333a7073612374666d"},
    {"19095a", "01"},
    {"19095b", "193000"},
    {"19095c", "5820" H32("33")},
    {"19010c", "5820" H32("44")},
    {"19095e", "73 303630343536353237323832392d3130303130"},
    {"19095f", "81" COMPONENT},
    {"190960", "61 78"},
};

static const struct pair good_legacy[] = {
    {"3a000124ff", "5820" H32("11")},
    {"3a000124fb", "5820" H32("44")},
    {"3a00012500", "5821 01" H32("22")},
    {"3a000124fa", "5820" H32("33")},
    {"3a000124f8", "20"},
    {"3a000124f9", "193000"},
    {"3a000124fd", "81" COMPONENT},
    {"3a00012501", "61 78"},
    {"3a000124f7", "71 5053415f494f545f50524f46494c455f31"},
    {"3a000124fc", "6d 30363034353635323732383239"},
};

/* The good claims where KEY has another VALUE (NULL: is not there), and ADDED pairs more. */
struct change {
    const char *name;
    const char *key, *value;
    unsigned added;
    const char *more;
    int outcome;
    const char *clause;
};

/* clang-format off */
static const struct change changes[] = {
    {"good", NULL, NULL, 0, NULL, 0, NULL},
    {"no nonce", "0a", NULL, 0, NULL, ATLS_E_MISSING, "RFC 9783 section 4.1.1"},
    {"no instance id", "190100", NULL, 0, NULL, ATLS_E_MISSING, "RFC 9783 section 4.2.1"},
    {"no profile", "190109", NULL, 0, NULL, ATLS_E_MISSING, PROFILE_CLAUSE},
    {"no client id", "19095a", NULL, 0, NULL, ATLS_E_MISSING, "RFC 9783 section 4.1.2"},
    {"no lifecycle", "19095b", NULL, 0, NULL, ATLS_E_MISSING, "RFC 9783 section 4.3.1"},
    {"no implementation id", "19095c", NULL, 0, NULL, ATLS_E_MISSING, "RFC 9783 section 4.2.2"},
    {"no software components", "19095f", NULL, 0, NULL, ATLS_E_MISSING, COMPONENTS_CLAUSE},
    {"no boot seed (optional)", "19010c", NULL, 0, NULL, 0, NULL},
    {"no certification reference (optional)", "19095e", NULL, 0, NULL, 0, NULL},
    {"no verification service (optional)", "190960", NULL, 0, NULL, 0, NULL},
    {"nonce of 48 bytes", "0a", "5830" H48("11"), 0, NULL, 0, NULL},
    {"nonce of 64 bytes", "0a", "5840" H64("11"), 0, NULL, 0, NULL},
    {"nonce of 0 bytes", "0a", "40", 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.1.1"},
    {"nonce of 8 bytes", "0a", "48 1111111111111111", 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.1.1"},
    {"nonce of 31 bytes", "0a", "581f" H16("11") "111111111111111111111111111111", 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.1.1"},
    {"nonce of 33 bytes", "0a", "5821" H32("11") "11", 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.1.1"},
    {"nonce of 65 bytes", "0a", "5841" H64("11") "11", 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.1.1"},
    {"two nonces", "0a", "82 5820" H32("11") "5820" H32("12"), 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.1.1"},
    {"one nonce in an array", "0a", "81 5820" H32("11"), 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.1.1"},
    {"nonce text", "0a", "7820" H32("61"), 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.1.1"},
    {"nonce null", "0a", "f6", 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.1.1"},
    {"instance id of 32 bytes", "190100", "5820 01" H16("22") "222222222222222222222222222222", 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.2.1"},
    {"instance id of 34 bytes", "190100", "5822 01" H32("22") "22", 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.2.1"},
    {"instance id of 0 bytes", "190100", "40", 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.2.1"},
    {"instance id of another UEID type", "190100", "5821 02" H32("22"), 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.2.1"},
    {"instance id text", "190100", "7821 01" H32("22"), 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.2.1"},
    {"implementation id of 31 bytes", "19095c", "581f" H16("33") "333333333333333333333333333333", 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.2.2"},
    {"implementation id of 33 bytes", "19095c", "5821" H32("33") "33", 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.2.2"},
    {"implementation id integer", "19095c", "01", 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.2.2"},
    {"client id 0", "19095a", "00", 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.1.2"},
    {"client id 2^31-1", "19095a", "1a7fffffff", 0, NULL, 0, NULL},
    {"client id 2^31", "19095a", "1a80000000", 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.1.2"},
    {"client id -2^31", "19095a", "3a7fffffff", 0, NULL, 0, NULL},
    {"client id -2^31-1", "19095a", "3a80000000", 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.1.2"},
    {"client id of 65 bits", "19095a", "1bffffffffffffffff", 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.1.2"},
    {"client id float", "19095a", "f93c00", 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.1.2"},
    {"lifecycle 0x00ff", "19095b", "18ff", 0, NULL, 0, NULL},
    {"lifecycle 0x60ff", "19095b", "1960ff", 0, NULL, 0, NULL},
    {"lifecycle 0x0100", "19095b", "190100", 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.3.1"},
    {"lifecycle 0x3100", "19095b", "193100", 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.3.1"},
    {"lifecycle 0x7000", "19095b", "197000", 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.3.1"},
    {"lifecycle 0x13000", "19095b", "1a00013000", 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.3.1"},
    {"lifecycle negative", "19095b", "20", 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.3.1"},
    {"lifecycle text", "19095b", "67 73656375726564", 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.3.1"},
    {"boot seed of 8 bytes", "19010c", "48 4444444444444444", 0, NULL, 0, NULL},
    {"boot seed of 7 bytes", "19010c", "47 44444444444444", 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.3.2"},
    {"boot seed of 33 bytes", "19010c", "5821" H32("44") "44", 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.3.2"},
    {"boot seed of 0 bytes", "19010c", "40", 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.3.2"},
    {"boot seed text", "19010c", "68 4444444444444444", 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.3.2"},
    {"certification reference without version", "19095e", "6d 30363034353635323732383239", 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.2.3"},
    {"certification reference with letters", "19095e", "73 303630343536353237323832392d3130303161", 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.2.3"},
    {"certification reference too long", "19095e", "74 303630343536353237323832392d313030313030", 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.2.3"},
    {"certification reference empty", "19095e", "60", 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.2.3"},
    {"certification reference bytes", "19095e", "53 303630343536353237323832392d3130303130", 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.2.3"},
    {"verification service bytes", "190960", "41 78", 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.5.1"},
    {"profile arm.com 2.0.0", "190109", "78 18 687474703a2f2f61726d2e636f6d2f7073612f322e302e30", 0, NULL, 0, NULL},
    {"profile unknown", "190109", "78 18 687474703a2f2f61726d2e636f6d2f7073612f332e302e30", 0, NULL, ATLS_E_UNSUPPORTED, PROFILE_CLAUSE},
    {"profile in other case", "190109", "78 18 485454503a2f2f61726d2e636f6d2f7073612f322e302e30", 0, NULL, ATLS_E_UNSUPPORTED, PROFILE_CLAUSE},
    {"profile empty", "190109", "60", 0, NULL, ATLS_E_UNSUPPORTED, PROFILE_CLAUSE},
    {"profile of the old kind under the new key", "190109", "71 5053415f494f545f50524f46494c455f31", 0, NULL, ATLS_E_UNSUPPORTED, PROFILE_CLAUSE},
    {"profile OID", "190109", "43 2a0304", 0, NULL, ATLS_E_UNSUPPORTED, PROFILE_CLAUSE},
    {"profile integer", "190109", "02", 0, NULL, ATLS_E_MALFORMED, PROFILE_CLAUSE},
    {"profile as tag 32", "190109", "d820 78 18 687474703a2f2f61726d2e636f6d2f7073612f322e302e30", 0, NULL, ATLS_E_MALFORMED, PROFILE_CLAUSE},
    {"profiles of both kinds", NULL, NULL, 1, "3a000124f7 71 5053415f494f545f50524f46494c455f31", ATLS_E_MALFORMED, PROFILE_CLAUSE},
    {"components empty", "19095f", "80", 0, NULL, ATLS_E_MALFORMED, COMPONENTS_CLAUSE},
    {"components a map", "19095f", COMPONENT, 0, NULL, ATLS_E_MALFORMED, COMPONENTS_CLAUSE},
    {"components null", "19095f", "f6", 0, NULL, ATLS_E_MALFORMED, COMPONENTS_CLAUSE},
    {"as many components as there is room", "19095f", "84" COMPONENT COMPONENT COMPONENT COMPONENT, 0, NULL, 0, NULL},
    {"too many components", "19095f", "85" COMPONENT COMPONENT COMPONENT COMPONENT COMPONENT, 0, NULL, ATLS_E_LIMIT, COMPONENTS_CLAUSE},
    {"component no map", "19095f", "81 82 02 03", 0, NULL, ATLS_E_MALFORMED, COMPONENTS_CLAUSE},
    {"component empty", "19095f", "81 a0", 0, NULL, ATLS_E_MISSING, COMPONENTS_CLAUSE},
    {"component without value", "19095f", "81 a1 05 5820" H32("66"), 0, NULL, ATLS_E_MISSING, COMPONENTS_CLAUSE},
    {"component without signer id", "19095f", "81 a1 02 5820" H32("55"), 0, NULL, ATLS_E_MISSING, COMPONENTS_CLAUSE},
    {"second component without value", "19095f", "82" COMPONENT "a1 05 5820" H32("66"), 0, NULL, ATLS_E_MISSING, COMPONENTS_CLAUSE},
    {"component value of 20 bytes", "19095f", "81 a2 02 54" H16("55") "55555555 05 5820" H32("66"), 0, NULL, ATLS_E_MALFORMED, COMPONENTS_CLAUSE},
    {"component value of 0 bytes", "19095f", "81 a2 02 40 05 5820" H32("66"), 0, NULL, ATLS_E_MALFORMED, COMPONENTS_CLAUSE},
    {"component value text", "19095f", "81 a2 02 7820" H32("55") "05 5820" H32("66"), 0, NULL, ATLS_E_MALFORMED, COMPONENTS_CLAUSE},
    {"component signer id of 33 bytes", "19095f", "81 a2 02 5820" H32("55") "05 5821" H32("66") "66", 0, NULL, ATLS_E_MALFORMED, COMPONENTS_CLAUSE},
    {"component signer id array", "19095f", "81 a2 02 5820" H32("55") "05 81 5820" H32("66"), 0, NULL, ATLS_E_MALFORMED, COMPONENTS_CLAUSE},
    {"component type bytes", "19095f", "81 a3 01 42 424c 02 5820" H32("55") "05 5820" H32("66"), 0, NULL, ATLS_E_MALFORMED, COMPONENTS_CLAUSE},
    {"component version integer", "19095f", "81 a3 02 5820" H32("55") "04 01 05 5820" H32("66"), 0, NULL, ATLS_E_MALFORMED, COMPONENTS_CLAUSE},
    {"component description bytes", "19095f", "81 a3 02 5820" H32("55") "05 5820" H32("66") "06 41 73", 0, NULL, ATLS_E_MALFORMED, COMPONENTS_CLAUSE},
    {"component with a key twice", "19095f", "81 a3 02 5820" H32("55") "05 5820" H32("66") "02 5820" H32("55"), 0, NULL, ATLS_E_MALFORMED, DUPLICATE_CLAUSE},
    {"component with unknown keys", "19095f", "81 a5 02 5820" H32("55") "05 5820" H32("66") "03 01 20 80 6161 a0", 0, NULL, 0, NULL},
    {"component with a text and a negative number for keys", "19095f", "81 a4 6161 f6 20 81 05 02 5820" H32("55") "05 5820" H32("66"), 0, NULL, 0, NULL},
    {"unknown claims", NULL, NULL, 6, "00 01 20 82 01 02 6161 a1 01 02 41 61 f6 1bffffffffffffffff 01 3b8000000000000000 02", 0, NULL},
    {"claims of the old profile beside", NULL, NULL, 2, "3a000124ff 5820" H32("99") "3a00012500 01", 0, NULL},
    {"no software measurements in the new profile", "19095f", NULL, 1, "3a000124fe 01", ATLS_E_MISSING, COMPONENTS_CLAUSE},
    {"nonce twice", NULL, NULL, 1, "0a 5820" H32("12"), ATLS_E_MALFORMED, DUPLICATE_CLAUSE},
    {"profile twice", NULL, NULL, 1, "190109 60", ATLS_E_MALFORMED, DUPLICATE_CLAUSE},
    {"unknown claim twice", NULL, NULL, 2, "01 02 01 03", ATLS_E_MALFORMED, DUPLICATE_CLAUSE},
    /* RFC 9783 section 4.3.2: the boot seed is claim 268; 2397 was that of an earlier draft, whose profile has it still */
    {"boot seed of the earlier draft beside (not understood)", NULL, NULL, 1, "19095d 5820" H32("45"), 0, NULL},
    {"boot seed of the earlier draft alone, of any form", "19010c", NULL, 1, "19095d 47 44444444444444", 0, NULL},
    {"boot seed array", "19010c", "81 48 4444444444444444", 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.3.2"},
    {"boot seed null", "19010c", "f6", 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.3.2"},
    {"boot seed twice", NULL, NULL, 1, "1a0000010c 5820" H32("45"), ATLS_E_MALFORMED, DUPLICATE_CLAUSE},
    /* RFC 9783 section 5.1.1: a verifier is variation-tolerant, but lengths are definite */
    {"length longer than needed", "0a", "590020" H32("11"), 0, NULL, 0, NULL},
    {"length of eight bytes", "0a", "5b0000000000000020" H32("11"), 0, NULL, 0, NULL},
    {"client id longer than needed", "19095a", "1b0000000000000001", 0, NULL, 0, NULL},
    {"client id negative, longer than needed", "19095a", "3900ff", 0, NULL, 0, NULL},
    {"lifecycle longer than needed", "19095b", "1a00003000", 0, NULL, 0, NULL},
    {"text longer than needed", "190960", "790001 78", 0, NULL, 0, NULL},
    {"array longer than needed", "19095f", "9a00000001" COMPONENT, 0, NULL, 0, NULL},
    {"component longer than needed", "19095f", "81 b802 1802 590020" H32("55") "1900055820" H32("66"), 0, NULL, 0, NULL},
    {"component's keys in another order", "19095f", "81 a2 05 5820" H32("66") "02 5820" H32("55"), 0, NULL, 0, NULL},
    {"unknown claims: floats of every width", NULL, NULL, 3, "01 f93c00 02 fa3fc00000 03 fb3ff8000000000000", 0, NULL},
    {"unknown claims: NaN, infinity, simple values", NULL, NULL, 4, "01 f97e00 02 fb7ff0000000000000 03 e0 0b f8ff", 0, NULL},
    {"unknown claims: tags in one another", NULL, NULL, 2, "01 c1 c2 41 01 02 d8 20 d9 d9f7 61 61", 0, NULL},
    {"unknown claims: a bignum that is none", NULL, NULL, 1, "01 c2 42 0001", 0, NULL},
    {"unknown claims: keys of every kind", NULL, NULL, 7, "40 01 6161 02 f93c00 03 f5 04 80 05 a0 06 c1 01 07", 0, NULL},
    {"unknown claims: arrays and maps 12 deep", NULL, NULL, 1, "01 818181 a101a101a101 818181818181 00", 0, NULL},
    {"unknown claims: deeper than the bound", NULL, NULL, 1, "01 8181818181818181 8181818181818181 00", ATLS_E_LIMIT, NULL},
    {"unknown claims: the same key, written differently", NULL, NULL, 2, "18 30 02 1900 30 03", ATLS_E_MALFORMED, DUPLICATE_CLAUSE},
    {"nonce twice, written differently", NULL, NULL, 1, "18 0a 5820" H32("12"), ATLS_E_MALFORMED, DUPLICATE_CLAUSE},
    {"nonce of indefinite length", "0a", "5f 50" H16("11") "50" H16("11") "ff", 0, NULL, ATLS_E_MALFORMED, "RFC 8949 section 4.2.1"},
    {"components of indefinite length", "19095f", "9f" COMPONENT "ff", 0, NULL, ATLS_E_MALFORMED, "RFC 8949 section 4.2.1"},
    {"component of indefinite length", "19095f", "81 bf 02 5820" H32("55") "05 5820" H32("66") "ff", 0, NULL, ATLS_E_MALFORMED, "RFC 8949 section 4.2.1"},
    {"unknown claim of indefinite length", NULL, NULL, 1, "01 9f ff", ATLS_E_MALFORMED, "RFC 8949 section 4.2.1"},
    {"verification service not UTF-8", "190960", "61 ff", 0, NULL, ATLS_E_MALFORMED, NULL},
};

/* Of the profile http://arm.com/psa/2.0.0, for which PROFILE_2 stands in "good". */
static const struct change arm_2_changes[] = {
    {"2.0.0: boot seed (2397)", NULL, NULL, 1, "19095d 5820" H32("46"), 0, NULL},
    {"2.0.0: boot seed of 8 bytes", NULL, NULL, 1, "19095d 48 4646464646464646", 0, NULL},
    {"2.0.0: boot seed of 7 bytes", NULL, NULL, 1, "19095d 47 46464646464646", ATLS_E_MALFORMED, "http://arm.com/psa/2.0.0"},
    {"2.0.0: boot seed of 33 bytes", NULL, NULL, 1, "19095d 5821" H32("46") "46", ATLS_E_MALFORMED, "http://arm.com/psa/2.0.0"},
    {"2.0.0: boot seed text", NULL, NULL, 1, "19095d 68 4646464646464646", ATLS_E_MALFORMED, "http://arm.com/psa/2.0.0"},
    {"2.0.0: bootseed of RFC 9783 beside, of any form (not understood)", "19010c", "47 44444444444444", 1, "19095d 5820" H32("46"), 0, NULL},
    {"2.0.0: bootseed of RFC 9783 alone (not understood)", "19010c", "f6", 0, NULL, 0, NULL},
};

static const struct change legacy_changes[] = {
    {"old: good", NULL, NULL, 0, NULL, 0, NULL},
    {"old: no profile (optional)", "3a000124f7", NULL, 0, NULL, 0, NULL},
    {"old: no hardware version (optional)", "3a000124fc", NULL, 0, NULL, 0, NULL},
    {"old: no verification service (optional)", "3a00012501", NULL, 0, NULL, 0, NULL},
    {"old: no nonce", "3a000124ff", NULL, 0, NULL, ATLS_E_MISSING, "RFC 9783 section 4.1.1"},
    {"old: no boot seed", "3a000124fb", NULL, 0, NULL, ATLS_E_MISSING, "PSA_IOT_PROFILE_1"},
    {"old: no instance id", "3a00012500", NULL, 0, NULL, ATLS_E_MISSING, "RFC 9783 section 4.2.1"},
    {"old: no implementation id", "3a000124fa", NULL, 0, NULL, ATLS_E_MISSING, "RFC 9783 section 4.2.2"},
    {"old: no client id", "3a000124f8", NULL, 0, NULL, ATLS_E_MISSING, "RFC 9783 section 4.1.2"},
    {"old: no lifecycle", "3a000124f9", NULL, 0, NULL, ATLS_E_MISSING, "RFC 9783 section 4.3.1"},
    {"old: no components", "3a000124fd", NULL, 0, NULL, ATLS_E_MISSING, "PSA_IOT_PROFILE_1"},
    {"old: no software measurements", "3a000124fd", NULL, 1, "3a000124fe 01", 0, NULL},
    {"old: no software measurements, but 2", "3a000124fd", NULL, 1, "3a000124fe 02", ATLS_E_MALFORMED, "PSA_IOT_PROFILE_1"},
    {"old: no software measurements, but true", "3a000124fd", NULL, 1, "3a000124fe f5", ATLS_E_MALFORMED, "PSA_IOT_PROFILE_1"},
    {"old: components and none", NULL, NULL, 1, "3a000124fe 01", ATLS_E_MALFORMED, "PSA_IOT_PROFILE_1"},
    {"old: nonce of 16 bytes", "3a000124ff", "50" H16("11"), 0, NULL, ATLS_E_MALFORMED, "RFC 9783 section 4.1.1"},
    {"old: boot seed of 8 bytes", "3a000124fb", "48 4444444444444444", 0, NULL, ATLS_E_MALFORMED, "PSA_IOT_PROFILE_1"},
    {"old: boot seed of 33 bytes", "3a000124fb", "5821" H32("44") "44", 0, NULL, ATLS_E_MALFORMED, "PSA_IOT_PROFILE_1"},
    {"old: hardware version as TF-M has it", "3a000124fc", "73 303630343536353237323832392d3130303130", 0, NULL, 0, NULL},
    {"old: hardware version of 12 digits", "3a000124fc", "6c 303630343536353237323832", 0, NULL, ATLS_E_MALFORMED, "PSA_IOT_PROFILE_1"},
    {"old: hardware version of 12 digits and a letter", "3a000124fc", "6d 30363034353635323732383261", 0, NULL, ATLS_E_MALFORMED, "PSA_IOT_PROFILE_1"},
    {"old: hardware version of 14 digits", "3a000124fc", "6e 3036303435363532373238323930", 0, NULL, ATLS_E_MALFORMED, "PSA_IOT_PROFILE_1"},
    {"old: hardware version of 13 digits and a letter", "3a000124fc", "6e 3036303435363532373238323961", 0, NULL, ATLS_E_MALFORMED, "PSA_IOT_PROFILE_1"},
    {"old: profile unknown", "3a000124f7", "71 5053415f496f545f50524f46494c455f31", 0, NULL, ATLS_E_UNSUPPORTED, PROFILE_CLAUSE},
    {"old: profile of the new kind under the old key", "3a000124f7", "78 18 687474703a2f2f61726d2e636f6d2f7073612f322e302e30", 0, NULL, ATLS_E_UNSUPPORTED, PROFILE_CLAUSE},
    {"old: profile bytes", "3a000124f7", "41 31", 0, NULL, ATLS_E_MALFORMED, PROFILE_CLAUSE},
    {"old: claims of the new profile beside", NULL, NULL, 1, "0a 01", 0, NULL},
    {"old: boot seeds of both later profiles beside", NULL, NULL, 2, "19010c 01 19095d 02", 0, NULL},
    {"old: client id longer than needed", "3a000124f8", "390000", 0, NULL, 0, NULL},
};
/* clang-format on */

static struct atls_bytes changed(const struct change *row, const struct pair *pairs, size_t count)
{
    static char text[4096];
    size_t left = count, used;

    for (size_t i = 0; i < count; i++)
        left -= row->key && !row->value && strcmp(pairs[i].key, row->key) == 0;
    used = (size_t)snprintf(text, sizeof text, "%02zx", 0xa0 + left + row->added);
    for (size_t i = 0; i < count; i++) {
        bool is_it = row->key && strcmp(pairs[i].key, row->key) == 0;

        if (!is_it || row->value)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", pairs[i].key,
                                     is_it ? row->value : pairs[i].value);
    }
    snprintf(text + used, sizeof text - used, "%s", row->more ? row->more : "");
    return test_bytes(text);
}

static void check_change(const struct change *row, const struct pair *pairs, size_t count)
{
    struct atls_bytes in = changed(row, pairs, count);
    struct atls_psa_component components[STORAGE];
    struct atls_psa_claims claims = {.client_id = 77};

    test_outcome(atls_psa_claims_parse(in, components, STORAGE, &claims), row->outcome,
                 row->clause);
    assert_int_equal(claims.client_id == 77, row->outcome != 0); /* written on success only */
    test_vector_free(in);
}

static void check_claims(void **state)
{
    check_change(*state, good, COUNT(good));
}

static void check_legacy_claims(void **state)
{
    check_change(*state, good_legacy, COUNT(good_legacy));
}

static void check_arm_2_claims(void **state)
{
    struct pair pairs[COUNT(good)];

    memcpy(pairs, good, sizeof good);
    for (size_t i = 0; i < COUNT(pairs); i++)
        if (strcmp(pairs[i].key, "190109") == 0)
            pairs[i].value = PROFILE_2;
    check_change(*state, pairs, COUNT(pairs));
}

/* A claim of another type is told as that, before anybody looks at its size or value. */
static void tells_that_null_came(void **state)
{
    static const struct pair bare = {"3a000124fe", "01"};
    static const char *const members[] = {"01", "02", "04", "05", "06"};
    struct pair without[COUNT(good_legacy)];
    static const struct {
        const struct pair *pairs;
        size_t count;
    } lists[] = {{good, COUNT(good)}, {good_legacy, COUNT(good_legacy)}, {NULL, COUNT(without)}};
    struct change null = {"null", NULL, "f6", 0, NULL, ATLS_E_MALFORMED, NULL};

    memcpy(without, good_legacy, sizeof without); /* no software measurements */
    for (size_t i = 0; i < COUNT(without); i++)
        if (strcmp(without[i].key, "3a000124fd") == 0)
            without[i] = bare;
    for (size_t i = 0; i < COUNT(lists); i++) {
        const struct pair *pairs = lists[i].pairs ? lists[i].pairs : without;

        for (size_t j = 0; j < lists[i].count; j++) {
            null.key = pairs[j].key;
            check_change(&null, pairs, lists[i].count);
            if (!strstr(atls_error_text(), "came null at byte"))
                fail_msg("claim %s: %s", null.key, atls_error_text());
        }
    }
    null.key = "19095f";
    for (size_t i = 0; i < COUNT(members); i++) {
        char component[32];

        snprintf(component, sizeof component, "81 a1 %s f6", members[i]);
        null.value = component;
        null.clause = COMPONENTS_CLAUSE;
        check_change(&null, good, COUNT(good));
        assert_non_null(strstr(atls_error_text(), "came null at byte"));
    }
}

/* Which of the two keys is read, where both are there. */
static void reads_the_boot_seed_of_the_profile(void **state)
{
    static const struct {
        const char *profile;
        uint8_t first_byte;
        size_t size;
    } rows[] = {{NULL, 0x44, 32}, {PROFILE_2, 0x46, 8}};

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct change both = {"both", rows[i].profile ? "190109" : NULL, rows[i].profile,
                              1,      "19095d 48 4646464646464646",      0,
                              NULL};
        struct atls_bytes in = changed(&both, good, COUNT(good));
        struct atls_psa_component components[STORAGE];
        struct atls_psa_claims claims;

        test_outcome(atls_psa_claims_parse(in, components, STORAGE, &claims), 0, NULL);
        assert_int_equal(claims.boot_seed.size, rows[i].size);
        assert_int_equal(claims.boot_seed.data[0], rows[i].first_byte);
        test_vector_free(in);
    }
}

/* Tags before a token by itself, and lengths of its envelope: RFC 9783 section 5.1.1. CLAIMS stands
 * where the payload's byte string comes. */
/* clang-format off */
static const struct token_row {
    const char *name, *before, *after;
    enum atls_cose_tagging tagging;
    int outcome;
} token_rows[] = {
    {"token: tag 18", "d2 84 43 a10126 a0", "", ATLS_COSE_TAG_ALONE, 0},
    {"token: tag 18 longer than needed", "d812 84 43 a10126 a0", "", ATLS_COSE_TAG_ALONE, 0},
    {"token: no tag", "84 43 a10126 a0", "", ATLS_COSE_TAG_ALONE, ATLS_E_MALFORMED},
    {"token: tag 61 around tag 18", "d83d d2 84 43 a10126 a0", "", ATLS_COSE_TAG_ALONE, ATLS_E_MALFORMED},
    {"token: tag 61 alone", "d83d 84 43 a10126 a0", "", ATLS_COSE_TAG_ALONE, ATLS_E_MALFORMED},
    {"token: tag 18 twice", "d2 d2 84 43 a10126 a0", "", ATLS_COSE_TAG_ALONE, ATLS_E_MALFORMED},
    {"token: tag 18 around tag 61", "d2 d83d 84 43 a10126 a0", "", ATLS_COSE_TAG_ALONE, ATLS_E_MALFORMED},
    {"token: tag 55799 around tag 18", "d9d9f7 d2 84 43 a10126 a0", "", ATLS_COSE_TAG_ALONE, ATLS_E_MALFORMED},
    {"token: COSE_Mac0 (17)", "d1 84 43 a10126 a0", "", ATLS_COSE_TAG_ALONE, ATLS_E_MALFORMED},
    {"token: COSE_Sign (98)", "d862 84 43 a10126 a0", "", ATLS_COSE_TAG_ALONE, ATLS_E_MALFORMED},
    {"token in a bundle: no tag", "84 43 a10126 a0", "", ATLS_COSE_TAG_EITHER, 0},
    {"token in a bundle: tag 61 around tag 18", "d83d d2 84 43 a10126 a0", "", ATLS_COSE_TAG_EITHER, 0},
    {"token in a bundle: tag 61 alone", "d83d 84 43 a10126 a0", "", ATLS_COSE_TAG_EITHER, ATLS_E_MALFORMED},
    {"token: longer heads", "d2 9804 5803 a10126 b800", "", ATLS_COSE_TAG_ALONE, 0},
    {"token: array of indefinite length", "d2 9f 43 a10126 a0", "ff", ATLS_COSE_TAG_ALONE, ATLS_E_MALFORMED},
    {"token: unprotected header of indefinite length", "d2 84 43 a10126 bfff", "", ATLS_COSE_TAG_ALONE, ATLS_E_MALFORMED},
    {"token: protected header of indefinite length", "d2 84 44 bf0126ff a0", "", ATLS_COSE_TAG_ALONE, ATLS_E_MALFORMED},
    {"token in a bundle: array of indefinite length", "9f 43 a10126 a0", "ff", ATLS_COSE_TAG_EITHER, ATLS_E_MALFORMED},
};
/* clang-format on */

static void check_token(void **state)
{
    const struct token_row *row = *state;
    struct change none = {.name = "good"};
    struct atls_bytes claims_bytes = changed(&none, good, COUNT(good)), in;
    char *payload = atls_hex_encode(claims_bytes), *text;
    struct atls_psa_component components[STORAGE];
    struct atls_psa_claims claims;
    struct atls_cose_sign1 token = {.alg = 77};

    assert_true(asprintf(&text, "%s 59%04zx %s 5840" H64("00") "%s", row->before, claims_bytes.size,
                         payload, row->after) > 0);
    in = test_bytes(text);
    test_outcome(atls_psa_token_parse(in, row->tagging, components, STORAGE, &token, &claims),
                 row->outcome, NULL);
    assert_int_equal(token.alg, row->outcome ? 77 : ATLS_COSE_ES256);
    test_vector_free(in);
    test_vector_free(claims_bytes);
    free(payload);
    free(text);
}

/* What is not even a map of claims. */
static void refuses_what_is_no_map(void **state)
{
    static const struct {
        const char *input;
        int outcome;
    } rows[] = {
        {"", ATLS_E_MALFORMED},
        {"a0", ATLS_E_MISSING},
        {"80", ATLS_E_MALFORMED},
        {"40", ATLS_E_MALFORMED},
        {"f6", ATLS_E_MALFORMED},
        {"bf ff", ATLS_E_MALFORMED},
        {"a1", ATLS_E_MALFORMED},
        {"a1 01", ATLS_E_MALFORMED},
        {"a1 01 02", ATLS_E_MISSING},
        {"a0 00", ATLS_E_MALFORMED},
        {"d9 0259 a0", ATLS_E_MALFORMED}, /* UCCS */
        {"a1 190109 60 00", ATLS_E_MALFORMED},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct atls_bytes in = test_bytes(rows[i].input);
        struct atls_psa_component components[STORAGE];
        struct atls_psa_claims claims;

        test_outcome(atls_psa_claims_parse(in, components, STORAGE, &claims), rows[i].outcome,
                     NULL);
        test_vector_free(in);
    }
}

static void reads_every_claim(void **state)
{
    struct change none = {.name = "good"};
    struct atls_bytes in = changed(&none, good, COUNT(good)), expected;
    struct atls_psa_component components[STORAGE];
    struct atls_psa_claims claims;

    test_outcome(atls_psa_claims_parse(in, components, STORAGE, &claims), 0, NULL);
    assert_int_equal(claims.profile, ATLS_PSA_RFC9783);
    test_same_bytes(claims.nonce, expected = test_bytes(H32("11")));
    test_vector_free(expected);
    test_same_bytes(claims.instance_id, expected = test_bytes("01" H32("22")));
    test_vector_free(expected);
    test_same_bytes(claims.implementation_id, expected = test_bytes(H32("33")));
    test_vector_free(expected);
    test_same_bytes(claims.boot_seed, expected = test_bytes(H32("44")));
    test_vector_free(expected);
    assert_int_equal(claims.client_id, 1);
    assert_int_equal(claims.lifecycle, 0x3000);
    assert_true(atls_bytes_is_text(claims.certification_reference, "0604565272829-10010"));
    assert_true(atls_bytes_is_text(claims.verification_service, "x"));
    assert_int_equal(claims.component_count, 1);
    assert_ptr_equal(claims.components, components);
    test_same_bytes(components[0].value, expected = test_bytes(H32("55")));
    test_vector_free(expected);
    test_same_bytes(components[0].signer_id, expected = test_bytes(H32("66")));
    test_vector_free(expected);
    assert_int_equal(
        components[0].type.size + components[0].version.size + components[0].description.size, 0);
    test_vector_free(in);
}

static void reads_every_old_claim(void **state)
{
    struct change none = {.name = "good"};
    struct atls_bytes in = changed(&none, good_legacy, COUNT(good_legacy));
    struct atls_psa_component components[STORAGE];
    struct atls_psa_claims claims;

    test_outcome(atls_psa_claims_parse(in, components, STORAGE, &claims), 0, NULL);
    assert_int_equal(claims.profile, ATLS_PSA_ARM_1);
    assert_int_equal(claims.nonce.size, 32);
    assert_int_equal(claims.nonce.data[0], 0x11);
    assert_int_equal(claims.instance_id.data[1], 0x22);
    assert_int_equal(claims.implementation_id.data[0], 0x33);
    assert_int_equal(claims.boot_seed.data[0], 0x44);
    assert_int_equal(claims.client_id, -1);
    assert_int_equal(claims.lifecycle, ATLS_PSA_SECURED);
    assert_true(atls_bytes_is_text(claims.certification_reference, "0604565272829"));
    assert_int_equal(claims.component_count, 1);
    test_vector_free(in);
}

static void names_profiles_and_lifecycles(void **state)
{
    static const struct {
        uint16_t lifecycle;
        const char *name;
    } rows[] = {
        {0x0000, "unknown"},           {0x00ff, "unknown"},
        {0x1000, "assembly-and-test"}, {0x2001, "psa-rot-provisioning"},
        {0x3000, "secured"},           {0x30ff, "secured"},
        {0x4000, "non-psa-rot-debug"}, {0x5000, "recoverable-psa-rot-debug"},
        {0x6000, "decommissioned"},    {0x3100, "invalid"},
        {0x7000, "invalid"},           {0xffff, "invalid"},
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        assert_string_equal(atls_psa_lifecycle_name(rows[i].lifecycle), rows[i].name);
    assert_string_equal(atls_psa_profile_name(ATLS_PSA_RFC9783),
                        "tag:psacertified.org,2023:psa#tfm");
    assert_string_equal(atls_psa_profile_name(ATLS_PSA_ARM_2), "http://arm.com/psa/2.0.0");
    assert_string_equal(atls_psa_profile_name(ATLS_PSA_ARM_1), "PSA_IOT_PROFILE_1");
    assert_null(atls_psa_profile_name((enum atls_psa_profile)9));
}

int main(void)
{
    static struct test_list list;

    TEST_ADD_ROWS(&list, check_claims, changes);
    TEST_ADD_ROWS(&list, check_legacy_claims, legacy_changes);
    TEST_ADD_ROWS(&list, check_arm_2_claims, arm_2_changes);
    TEST_ADD_ROWS(&list, check_token, token_rows);
    TEST_ADD(&list, reads_the_boot_seed_of_the_profile);
    TEST_ADD(&list, tells_that_null_came);
    TEST_ADD(&list, refuses_what_is_no_map);
    TEST_ADD(&list, reads_every_claim);
    TEST_ADD(&list, reads_every_old_claim);
    TEST_ADD(&list, names_profiles_and_lifecycles);
    return test_run("psa", &list);
}
