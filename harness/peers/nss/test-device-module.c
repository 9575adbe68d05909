/* SPDX-License-Identifier: Apache-2.0 */
/* The PKCS#11 module, as NSS and anybody else may call it: what is found, what signs, what does
 * not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <nspr.h>

#include <pkcs11.h>

#include "harness/peers/nss/device-module.h"

static int refuse;

static int sign(void *context, struct atls_bytes digest, uint8_t *signaturep)
{
    memset(signaturep, digest.data[0], 64);
    return refuse;
}

static const struct device_module_key key = {.curve = ATLS_P256, .sign = sign};
static CK_FUNCTION_LIST *module;

static CK_SESSION_HANDLE open_session(void)
{
    CK_SESSION_HANDLE session;
    assert_int_equal(module->C_OpenSession(1, CKF_SERIAL_SESSION, NULL, NULL, &session), CKR_OK);
    return session;
}

static int set_up(void **state)
{
    assert_int_equal(C_GetFunctionList(&module), CKR_OK);
    assert_int_equal(module->C_Initialize(NULL), CKR_GENERAL_ERROR); /* nobody said with what key */
    device_module_use(&key);
    assert_int_equal(module->C_Initialize(NULL), CKR_OK);
    return 0;
}

static int tear_down(void **state)
{
    return module->C_Finalize(NULL) == CKR_OK ? 0 : -1;
}

static void test_find(void **state)
{
    CK_OBJECT_CLASS private_key = CKO_PRIVATE_KEY, certificate = CKO_CERTIFICATE;
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS, &private_key, sizeof private_key},
        {CKA_ID, (void *)(uintptr_t)DEVICE_MODULE_ID, sizeof DEVICE_MODULE_ID - 1}};
    CK_OBJECT_HANDLE found[2];
    CK_ULONG count;
    CK_SESSION_HANDLE session = open_session();
    assert_int_equal(module->C_FindObjects(session, found, 2, &count),
                     CKR_OPERATION_NOT_INITIALIZED);
    assert_int_equal(module->C_FindObjectsInit(session, template, 2), CKR_OK);
    assert_int_equal(module->C_FindObjects(session, found, 2, &count), CKR_OK);
    assert_int_equal(count, 1);
    assert_int_equal(module->C_FindObjects(session, found, 2, &count), CKR_OK);
    assert_int_equal(count, 0);
    assert_int_equal(module->C_FindObjectsFinal(session), CKR_OK);
    template[0].pValue = &certificate;
    assert_int_equal(module->C_FindObjectsInit(session, template, 2), CKR_OK);
    assert_int_equal(module->C_FindObjects(session, found, 2, &count), CKR_OK);
    assert_int_equal(count, 0);
    assert_int_equal(module->C_CloseSession(session), CKR_OK);
    assert_int_equal(module->C_CloseSession(session), CKR_SESSION_HANDLE_INVALID);
}

static void test_attributes(void **state)
{
    CK_BBOOL extractable = CK_TRUE;
    uint8_t small[2];
    CK_ATTRIBUTE template[] = {{CKA_EXTRACTABLE, &extractable, sizeof extractable},
                               {CKA_VALUE, NULL, 0},
                               {CKA_EC_PARAMS, small, sizeof small},
                               {CKA_EC_PARAMS, NULL, 0}};
    CK_SESSION_HANDLE session = open_session();
    assert_int_equal(module->C_GetAttributeValue(session, 1, template, 4),
                     CKR_ATTRIBUTE_TYPE_INVALID); /* there is no private value */
    assert_int_equal(extractable, CK_FALSE);
    assert_true(template[1].ulValueLen == CK_UNAVAILABLE_INFORMATION);
    assert_true(template[2].ulValueLen == CK_UNAVAILABLE_INFORMATION);
    assert_int_equal(template[3].ulValueLen, 10);
    assert_int_equal(module->C_GetAttributeValue(session, 2, template, 4),
                     CKR_OBJECT_HANDLE_INVALID);
    assert_int_equal(module->C_CloseSession(session), CKR_OK);
}

static void test_sign(void **state)
{
    CK_MECHANISM ecdsa = {.mechanism = CKM_ECDSA}, other = {.mechanism = CKM_RSA_PKCS};
    CK_BYTE digest[32] = {0x5a}, signature[64];
    CK_ULONG size = sizeof signature;
    CK_SESSION_HANDLE session = open_session();
    assert_int_equal(module->C_Sign(session, digest, 32, signature, &size),
                     CKR_OPERATION_NOT_INITIALIZED);
    assert_int_equal(module->C_SignInit(session, &other, 1), CKR_MECHANISM_INVALID);
    assert_int_equal(module->C_SignInit(session, &ecdsa, 2), CKR_KEY_HANDLE_INVALID);
    assert_int_equal(module->C_SignInit(session, &ecdsa, 1), CKR_OK);
    size = 63; /* asked again with enough room, as the standard has it */
    assert_int_equal(module->C_Sign(session, digest, 32, signature, &size), CKR_BUFFER_TOO_SMALL);
    assert_int_equal(size, 64);
    assert_int_equal(module->C_Sign(session, digest, 32, signature, &size), CKR_OK);
    assert_int_equal(signature[63], 0x5a);
    refuse = 1;
    assert_int_equal(module->C_SignInit(session, &ecdsa, 1), CKR_OK);
    assert_int_equal(module->C_Sign(session, digest, 32, signature, &size), CKR_DEVICE_ERROR);
    refuse = 0;
    assert_int_equal(module->C_CloseSession(session), CKR_OK);
}

static void test_unsupported(void **state)
{
    CK_BYTE bytes[8];
    assert_int_equal(module->C_GenerateRandom(open_session(), bytes, sizeof bytes),
                     CKR_FUNCTION_NOT_SUPPORTED);
    assert_int_equal(module->C_WaitForSlotEvent(0, NULL, NULL), CKR_FUNCTION_NOT_SUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_sign),
        cmocka_unit_test(test_unsupported),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
