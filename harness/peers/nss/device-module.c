/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PKCS#11 2.40, as much of it as NSS asks a token for that finds a private key and signs with it.
 * Everything else says CKR_FUNCTION_NOT_SUPPORTED.
 */
#include "harness/peers/nss/device-module.h"

#include <pthread.h>
#include <stddef.h>
#include <string.h>

#include <nspr.h>
#include <pkcs11.h>

#define SLOT 1
#define KEY 1
#define SESSIONS 256

#define EXPORTED __attribute__((visibility("default")))

struct session {
    bool open, searching, found, signing;
};

static const struct device_module_key *key;
static struct session sessions[SESSIONS]; /* handle: index + 1 */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* NSS wants the curve as ECParameters, DER of its object identifier. */
static const uint8_t p256[] = {0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07};
static const uint8_t p384[] = {0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x22};

EXPORTED void device_module_use(const struct device_module_key *used)
{
    key = used;
}

static void pad(CK_UTF8CHAR *field, size_t size, const char *text)
{
    memset(field, ' ', size);
    memcpy(field, text, strlen(text) < size ? strlen(text) : size);
}

static struct session *session_of(CK_SESSION_HANDLE handle)
{
    return handle >= 1 && handle <= SESSIONS && sessions[handle - 1].open ? &sessions[handle - 1]
                                                                          : NULL;
}

static CK_RV unsupported(void)
{
    return CKR_FUNCTION_NOT_SUPPORTED;
}

static CK_RV initialize(CK_VOID_PTR arguments)
{
    return key ? CKR_OK : CKR_GENERAL_ERROR;
}

static CK_RV finalize(CK_VOID_PTR reserved)
{
    pthread_mutex_lock(&lock);
    memset(sessions, 0, sizeof sessions);
    pthread_mutex_unlock(&lock);
    return CKR_OK;
}

static CK_RV get_info(CK_INFO_PTR info)
{
    *info = (CK_INFO){.cryptokiVersion = {2, 40}};
    pad(info->manufacturerID, sizeof info->manufacturerID, "atls");
    pad(info->libraryDescription, sizeof info->libraryDescription, "simulated device");
    return CKR_OK;
}

static CK_RV get_slot_list(CK_BBOOL present, CK_SLOT_ID_PTR list, CK_ULONG_PTR count)
{
    CK_RV result = list && *count < 1 ? CKR_BUFFER_TOO_SMALL : CKR_OK;
    if (list && result == CKR_OK)
        list[0] = SLOT;
    *count = 1;
    return result;
}

static CK_RV get_slot_info(CK_SLOT_ID slot, CK_SLOT_INFO_PTR info)
{
    if (slot != SLOT)
        return CKR_SLOT_ID_INVALID;
    *info = (CK_SLOT_INFO){.flags = CKF_TOKEN_PRESENT};
    pad(info->slotDescription, sizeof info->slotDescription, DEVICE_MODULE_TOKEN);
    pad(info->manufacturerID, sizeof info->manufacturerID, "atls");
    return CKR_OK;
}

static CK_RV get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info)
{
    if (slot != SLOT)
        return CKR_SLOT_ID_INVALID;
    *info = (CK_TOKEN_INFO){.flags = CKF_TOKEN_INITIALIZED | CKF_WRITE_PROTECTED,
                            .ulMaxSessionCount = SESSIONS,
                            .ulTotalPublicMemory = CK_UNAVAILABLE_INFORMATION,
                            .ulFreePublicMemory = CK_UNAVAILABLE_INFORMATION,
                            .ulTotalPrivateMemory = CK_UNAVAILABLE_INFORMATION,
                            .ulFreePrivateMemory = CK_UNAVAILABLE_INFORMATION};
    pad(info->label, sizeof info->label, DEVICE_MODULE_TOKEN);
    pad(info->manufacturerID, sizeof info->manufacturerID, "atls");
    pad(info->model, sizeof info->model, "simulated");
    pad(info->serialNumber, sizeof info->serialNumber, "1");
    return CKR_OK;
}

static CK_RV get_mechanism_list(CK_SLOT_ID slot, CK_MECHANISM_TYPE_PTR list, CK_ULONG_PTR count)
{
    CK_RV result = list && *count < 1 ? CKR_BUFFER_TOO_SMALL : CKR_OK;
    if (slot != SLOT)
        return CKR_SLOT_ID_INVALID;
    if (list && result == CKR_OK)
        list[0] = CKM_ECDSA;
    *count = 1;
    return result;
}

static CK_RV get_mechanism_info(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO_PTR info)
{
    if (slot != SLOT)
        return CKR_SLOT_ID_INVALID;
    if (type != CKM_ECDSA)
        return CKR_MECHANISM_INVALID;
    *info = (CK_MECHANISM_INFO){256, 384, CKF_HW | CKF_SIGN | CKF_EC_F_P | CKF_EC_NAMEDCURVE};
    return CKR_OK;
}

static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, CK_VOID_PTR application,
                          CK_NOTIFY notify, CK_SESSION_HANDLE_PTR handle)
{
    CK_RV result = slot == SLOT ? CKR_SESSION_COUNT : CKR_SLOT_ID_INVALID;
    if (slot == SLOT && (flags & CKF_RW_SESSION))
        return CKR_TOKEN_WRITE_PROTECTED;
    pthread_mutex_lock(&lock);
    for (CK_ULONG i = 0; slot == SLOT && i < SESSIONS; i++)
        if (!sessions[i].open) {
            sessions[i] = (struct session){.open = true};
            *handle = i + 1;
            result = CKR_OK;
            break;
        }
    pthread_mutex_unlock(&lock);
    return result;
}

static CK_RV close_session(CK_SESSION_HANDLE handle)
{
    pthread_mutex_lock(&lock);
    struct session *session = session_of(handle);
    if (session)
        session->open = false;
    pthread_mutex_unlock(&lock);
    return session ? CKR_OK : CKR_SESSION_HANDLE_INVALID;
}

static CK_RV close_all_sessions(CK_SLOT_ID slot)
{
    return slot == SLOT ? finalize(NULL) : CKR_SLOT_ID_INVALID;
}

static CK_RV get_session_info(CK_SESSION_HANDLE handle, CK_SESSION_INFO_PTR info)
{
    pthread_mutex_lock(&lock);
    bool there = session_of(handle);
    pthread_mutex_unlock(&lock);
    *info = (CK_SESSION_INFO){SLOT, CKS_RO_PUBLIC_SESSION, CKF_SERIAL_SESSION, 0};
    return there ? CKR_OK : CKR_SESSION_HANDLE_INVALID;
}

struct value {
    const void *data;
    CK_ULONG size;
};

/* The value of an attribute of the one object; no data where it has none such. */
static struct value attribute(CK_ATTRIBUTE_TYPE type)
{
    static const CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    static const CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    static const CK_KEY_TYPE kind = CKK_EC;
    bool large = key->curve == ATLS_P384;
    switch (type) {
    case CKA_CLASS:
        return (struct value){&class, sizeof class};
    case CKA_KEY_TYPE:
        return (struct value){&kind, sizeof kind};
    case CKA_ID:
    case CKA_LABEL:
        return (struct value){DEVICE_MODULE_ID, sizeof DEVICE_MODULE_ID - 1};
    case CKA_EC_PARAMS:
        return large ? (struct value){p384, sizeof p384} : (struct value){p256, sizeof p256};
    case CKA_TOKEN:
    case CKA_SENSITIVE:
    case CKA_ALWAYS_SENSITIVE:
    case CKA_NEVER_EXTRACTABLE:
    case CKA_SIGN:
        return (struct value){&yes, sizeof yes};
    case CKA_PRIVATE: /* nobody need log in */
    case CKA_MODIFIABLE:
    case CKA_EXTRACTABLE:
    case CKA_ALWAYS_AUTHENTICATE:
    case CKA_DECRYPT:
    case CKA_DERIVE:
    case CKA_UNWRAP:
    case CKA_SIGN_RECOVER:
        return (struct value){&no, sizeof no};
    default:
        return (struct value){NULL, 0};
    }
}

static CK_RV get_attribute_value(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object,
                                 CK_ATTRIBUTE_PTR template, CK_ULONG count)
{
    CK_RV result = CKR_OK;
    if (object != KEY)
        return CKR_OBJECT_HANDLE_INVALID;
    for (CK_ULONG i = 0; i < count; i++) {
        struct value value = attribute(template[i].type);
        bool fits = !template[i].pValue || template[i].ulValueLen >= value.size;
        if (value.data && fits && template[i].pValue)
            memcpy(template[i].pValue, value.data, value.size);
        if (!value.data)
            result = CKR_ATTRIBUTE_TYPE_INVALID;
        else if (!fits && result == CKR_OK)
            result = CKR_BUFFER_TOO_SMALL;
        template[i].ulValueLen = value.data &&fits ? value.size : CK_UNAVAILABLE_INFORMATION;
    }
    return result;
}

static bool matches(const CK_ATTRIBUTE *template, CK_ULONG count)
{
    for (CK_ULONG i = 0; i < count; i++) {
        struct value value = attribute(template[i].type);
        if (!value.data || value.size != template[i].ulValueLen ||
            memcmp(value.data, template[i].pValue, value.size) != 0)
            return false;
    }
    return true;
}

static CK_RV find_objects_init(CK_SESSION_HANDLE handle, CK_ATTRIBUTE_PTR template, CK_ULONG count)
{
    pthread_mutex_lock(&lock);
    struct session *session = session_of(handle);
    if (session) {
        session->searching = true;
        session->found = matches(template, count);
    }
    pthread_mutex_unlock(&lock);
    return session ? CKR_OK : CKR_SESSION_HANDLE_INVALID;
}

static CK_RV find_objects(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE_PTR objects, CK_ULONG most,
                          CK_ULONG_PTR count)
{
    CK_RV result = CKR_OPERATION_NOT_INITIALIZED;
    pthread_mutex_lock(&lock);
    struct session *session = session_of(handle);
    if (session && session->searching) {
        *count = session->found && most > 0 ? 1 : 0;
        if (*count == 1)
            objects[0] = KEY;
        session->found = false;
        result = CKR_OK;
    }
    pthread_mutex_unlock(&lock);
    return result;
}

static CK_RV find_objects_final(CK_SESSION_HANDLE handle)
{
    pthread_mutex_lock(&lock);
    struct session *session = session_of(handle);
    if (session)
        session->searching = false;
    pthread_mutex_unlock(&lock);
    return session ? CKR_OK : CKR_SESSION_HANDLE_INVALID;
}

static CK_RV sign_init(CK_SESSION_HANDLE handle, CK_MECHANISM_PTR mechanism,
                       CK_OBJECT_HANDLE object)
{
    CK_RV result = mechanism->mechanism == CKM_ECDSA ? CKR_OK : CKR_MECHANISM_INVALID;
    if (object != KEY)
        return CKR_KEY_HANDLE_INVALID;
    pthread_mutex_lock(&lock);
    struct session *session = session_of(handle);
    if (!session)
        result = CKR_SESSION_HANDLE_INVALID;
    else if (result == CKR_OK)
        session->signing = true;
    pthread_mutex_unlock(&lock);
    return result;
}

static CK_RV sign(CK_SESSION_HANDLE handle, CK_BYTE_PTR data, CK_ULONG size, CK_BYTE_PTR signature,
                  CK_ULONG_PTR signature_size)
{
    CK_ULONG needed = 2 * atls_curve_size(key->curve);
    CK_RV result = CKR_OPERATION_NOT_INITIALIZED;
    pthread_mutex_lock(&lock);
    struct session *session = session_of(handle);
    if (session && session->signing) {
        if (!signature)
            result = CKR_OK;
        else if (*signature_size < needed)
            result = CKR_BUFFER_TOO_SMALL;
        else
            result = key->sign(key->context, ATLS_BYTES(data, size), signature) == 0
                         ? CKR_OK
                         : CKR_DEVICE_ERROR;
        session->signing = !signature || result == CKR_BUFFER_TOO_SMALL;
        *signature_size = needed;
    }
    pthread_mutex_unlock(&lock);
    return result;
}

static CK_FUNCTION_LIST functions;

/* A table of pointers to functions, each of which gives a CK_RV: who takes no notice of arguments
 * may stand in for all. */
static void fill(void)
{
    CK_RV (*stand_in)(void) = unsupported;
    char *at = (char *)&functions + offsetof(CK_FUNCTION_LIST, C_Initialize);
    char *end = (char *)&functions + sizeof functions;
    for (; at + sizeof stand_in <= end; at += sizeof stand_in)
        memcpy(at, &stand_in, sizeof stand_in);
    functions.version = (CK_VERSION){2, 40};
    functions.C_Initialize = initialize;
    functions.C_Finalize = finalize;
    functions.C_GetInfo = get_info;
    functions.C_GetFunctionList = C_GetFunctionList;
    functions.C_GetSlotList = get_slot_list;
    functions.C_GetSlotInfo = get_slot_info;
    functions.C_GetTokenInfo = get_token_info;
    functions.C_GetMechanismList = get_mechanism_list;
    functions.C_GetMechanismInfo = get_mechanism_info;
    functions.C_OpenSession = open_session;
    functions.C_CloseSession = close_session;
    functions.C_CloseAllSessions = close_all_sessions;
    functions.C_GetSessionInfo = get_session_info;
    functions.C_GetAttributeValue = get_attribute_value;
    functions.C_FindObjectsInit = find_objects_init;
    functions.C_FindObjects = find_objects;
    functions.C_FindObjectsFinal = find_objects_final;
    functions.C_SignInit = sign_init;
    functions.C_Sign = sign;
}

EXPORTED CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list)
{
    fill();
    *list = &functions;
    return CKR_OK;
}
