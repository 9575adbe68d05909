/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The secure image: the device of sim/device/core.c with its keys and attestation services, on the
 * record that the bootloader has handed over. It divides the board between the two worlds, answers
 * the application's calls, and otherwise sleeps.
 */
#include <arm_cmse.h>
#include <stdbool.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/crypto/crypto-bearssl.h"
#include "sim/boot/handover.h"
#include "sim/device/core.h"
#include "sim/firmware/board.h"
#include "sim/firmware/platform.h"
#include "sim/firmware/services.h"
#include "sim/firmware/stage.h"

#define COMPONENTS BOARD_COMPONENTS
#define IDENTITY_KEYS 512
#define EVIDENCE_MAX (COMPONENTS * 190 + 1024)
#define LOG_LINE_MAX 256
#define LOG_MARK "APP: " /* whose line it is */

const char stage_name[] = "FW";

static struct atls_boot_entry entries[COMPONENTS];
static struct atls_psa_component components[COMPONENTS];
static struct atls_identity_key slots[IDENTITY_KEYS];
static uint8_t claims[EVIDENCE_MAX], token[EVIDENCE_MAX], answer_buffer[BOARD_ANSWER_MAX];
static struct atls_seeded_entropy seeded;
static struct atls_core core;
/* A call of the other world is under way: its interrupts may come into the middle of it, and what
 * is static here is one call's. */
static bool under_way;

service_request secure_request;
service_log secure_log;
extern uint8_t stage_veneers[], stage_veneers_end[]; /* of the linker script */

/* The record that was handed over lies in the storage that the core then uses. */
static void start_core(void)
{
    struct atls_boot_record record;
    struct atls_fuses fuses;
    struct atls_core_config config = {
        .crypto = &atls_crypto_bearssl,
        .handed_over = &record,
        .storage = {entries, components, COMPONENTS, slots, IDENTITY_KEYS, claims, token,
                    EVIDENCE_MAX},
    };
    atls_boot_record_init(&record, entries, COMPONENTS);
    if (atls_handover_read(ATLS_BYTES(BOARD_HANDOVER, BOARD_HANDOVER_SIZE), &record))
        stage_refuse("the boot record");
    platform_fuses(&fuses);
    config.lifecycle = fuses.lifecycle;
    config.profile = fuses.profile;
    memcpy(config.implementation_id, fuses.implementation_id, sizeof config.implementation_id);
    memcpy(config.seed, fuses.seed, sizeof config.seed);
    seeded.crypto = &atls_crypto_bearssl;
    memcpy(seeded.key, fuses.entropy, sizeof seeded.key);
    config.entropy = atls_entropy_seeded(&seeded);
    if (atls_core_start(&core, &config))
        stage_refuse("the attestation services");
    atls_erase(&fuses, sizeof fuses);
    atls_erase(&config, sizeof config);
}

/* Blocks of a memory protection controller from FIRST (0 or its middle) on belong to the
 * non-secure world. */
static void give_memory(uint32_t controller, bool second_half_only)
{
    uint32_t last = BOARD_REGISTER(controller + 0x10);
    BOARD_REGISTER(controller) &= ~0x100u; /* the index stays where it is put */
    for (uint32_t i = second_half_only ? (last + 1) / 2 : 0; i <= last; i++) {
        BOARD_REGISTER(controller + 0x18) = i;
        BOARD_REGISTER(controller + 0x1c) = 0xffffffffu;
    }
    BOARD_REGISTER(controller) |= 1u << 31; /* locked until the next reset */
}

static void divide_worlds(void)
{
    const struct {
        uint32_t first, last, callable;
    } regions[] = {
        {BOARD_APPLICATION_NS, BOARD_NS_CODE_END, 0},
        {BOARD_NS_RAM, BOARD_NS_RAM_END, 0},
        {0x40000000u, 0x4fffffffu, 0}, /* peripherals, as far as their controllers let them */
        {(uint32_t)(uintptr_t)stage_veneers, (uint32_t)(uintptr_t)stage_veneers_end - 1, 2},
    };
    BOARD_AIRCR = BOARD_AIRCR_KEY | BOARD_AIRCR_PRIS |
                  (BOARD_AIRCR & (BOARD_AIRCR_PRIGROUP | BOARD_AIRCR_BFHFNMINS));
    BOARD_SHCSR |= 1u << 19; /* SecureFault is not a HardFault */
    for (uint32_t i = 0; i < sizeof regions / sizeof *regions; i++) {
        BOARD_SAU_RNR = i;
        BOARD_SAU_RBAR = regions[i].first & ~31u;
        BOARD_SAU_RLAR = (regions[i].last & ~31u) | regions[i].callable | 1u;
    }
    BOARD_SAU_CTRL = 1;
    BOARD_NSCCFG |= 1; /* veneers may lie in code memory */
    give_memory(BOARD_MPC_CODE, true);
    give_memory(BOARD_MPC_RAM, false);
    BOARD_APBNSPPCEXP1 |= BOARD_PPC_LINE_UART;
    BOARD_NVIC_ITNS(BOARD_LINE_IRQ) |= 1u << BOARD_LINE_IRQ % 32;
    __asm__ volatile("dsb\n isb" : : : "memory");
}

static void enter_application(void)
{
    typedef void __attribute__((cmse_nonsecure_call)) application(void);
    const uint32_t *vectors = (const uint32_t *)(BOARD_APPLICATION_NS + BOARD_BODY_AT);
    BOARD_VTOR_NS = (uint32_t)(uintptr_t)vectors;
    __asm__ volatile("msr msp_ns, %0" : : "r"(vectors[0]));
    ((application *)(vectors[1] & ~1u))();
}

static bool begin_call(void)
{
    return !__atomic_exchange_n(&under_way, true, __ATOMIC_ACQUIRE);
}

static int32_t end_call(int32_t result)
{
    __atomic_store_n(&under_way, false, __ATOMIC_RELEASE);
    return result;
}

/* Copied before it is read: the application cannot change it under the reader. */
int32_t __attribute__((cmse_nonsecure_entry))
secure_request(const uint8_t *request, uint32_t size, uint8_t *answer, uint32_t capacity)
{
    uint8_t copy[ATLS_REQUEST_MAX];
    struct atls_core_reply reply;
    if (size > sizeof copy ||
        !cmse_check_address_range((void *)(uintptr_t)request, size,
                                  CMSE_NONSECURE | CMSE_MPU_READ) ||
        !cmse_check_address_range(answer, capacity, CMSE_NONSECURE | CMSE_MPU_READWRITE))
        return -1;
    if (!begin_call())
        return SERVICE_BUSY;
    memcpy(copy, request, size);
    reply = atls_core_handle(&core, ATLS_BYTES(copy, size), answer_buffer, sizeof answer_buffer);
    if (reply.message.size > capacity)
        return end_call(-1);
    memcpy(answer, reply.message.data, reply.message.size);
    return end_call((int32_t)reply.message.size);
}

/* One line, and marked: what the application writes can be taken for nobody else's. */
int32_t __attribute__((cmse_nonsecure_entry)) secure_log(const char *line, uint32_t size)
{
    char copy[sizeof LOG_MARK + LOG_LINE_MAX] = LOG_MARK;
    size_t used = sizeof LOG_MARK - 1;
    if (size > LOG_LINE_MAX ||
        !cmse_check_address_range((void *)(uintptr_t)line, size, CMSE_NONSECURE | CMSE_MPU_READ))
        return -1;
    if (!begin_call())
        return SERVICE_BUSY;
    for (uint32_t i = 0; i < size; i++) {
        char c = line[i];
        copy[used++] = (char)(c < ' ' || c > '~' ? '.' : c);
    }
    copy[used++] = '\n';
    stage_put(copy, used);
    return end_call(0);
}

void stage_main(void)
{
    platform_start();
    start_core();
    divide_worlds();
    stage_log("services started, %u components recorded", (unsigned)core.record.count);
    enter_application();
    stage_refuse("the application has ended");
}
