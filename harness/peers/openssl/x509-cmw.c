/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9999 section 4.4: a wrapper inside of a certificate, in id-pe-cmw or in TCG's extension. */
#include <string.h>

#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include "cmw.h"
#include "connection.h"

#define CLAUSE "RFC 9999 section 4.4"
#define PE "1.3.6.1.5.5.7.1.35"
#define TCG "2.23.133.5.4.9"

enum { OCTET_STRING = 0x04, UTF8_STRING = 0x0c };

/* 1: not there; twice: -1. */
static int find(X509 *certificate, const char *oid, struct bytes *valuep, struct why *why)
{
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    int at = X509_get_ext_by_OBJ(certificate, object, -1);
    int next = at < 0 ? -1 : X509_get_ext_by_OBJ(certificate, object, at);
    ASN1_OBJECT_free(object);
    if (at < 0)
        return 1;
    if (next >= 0)
        return refuse(why, "malformed-cmw", "RFC 5280 section 4.2", "the extension is there twice");
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(X509_get_ext(certificate, at));
    *valuep = BYTES(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
    return 0;
}

/* CHOICE { json UTF8String, cbor OCTET STRING }, in DER. */
static int read_choice(struct bytes value, struct bytes *cmwp, const char **serializationp,
                       struct why *why)
{
    struct cursor c = {value, "malformed-cmw", CLAUSE, why};
    uint64_t tag, first, size;
    if (take_number(&c, "CHOICE", 1, &tag) || take_number(&c, "length", 1, &first))
        return -1;
    if (tag != OCTET_STRING && tag != UTF8_STRING)
        return refuse(why, "malformed-cmw", CLAUSE,
                      "expected OCTET STRING (04) or UTF8String (0c), came tag %02x",
                      (unsigned)tag);
    unsigned width = first < 0x80 ? 0 : (unsigned)first - 0x80;
    size = first;
    if (width > 4 || first == 0x80 || (width && take_number(&c, "length", width, &size)))
        return refuse(why, "malformed-cmw", "X.690 section 10.1", "expected a definite length");
    if (width && (size < 0x80 || (width > 1 && size >> (8 * (width - 1)) == 0)))
        return refuse(why, "malformed-cmw", "X.690 section 10.1",
                      "the length is not in as few bytes as possible");
    if (take(&c, "CMW", (size_t)size, cmwp) || take_end(&c, "id-pe-cmw"))
        return -1;
    *serializationp = tag == OCTET_STRING ? "cbor" : "json";
    return 0;
}

static int check(struct bytes cmw, const char *serialization, bool tcg, struct why *why)
{
    const char *seen = cmw_serialization_word(cmw);
    struct cmw *parsed;
    if (!seen || (serialization && strcmp(seen, serialization) != 0))
        return refuse(why, "malformed-cmw", CLAUSE, "expected a CMW in %s in this slot",
                      serialization ? serialization : "CBOR or JSON");
    if (cmw_parse(cmw, &parsed, why))
        return -1;
    bool collection = parsed->form == CMW_COLLECTION;
    cmw_free(parsed);
    return tcg && collection ? refuse(why, "malformed-cmw", CLAUSE,
                                      "TCG's extension holds a record or a tag, a collection came")
                             : 0;
}

int certificate_cmw(X509 *certificate, struct bytes *cmwp, struct why *why)
{
    struct bytes value = {NULL, 0};
    const char *serialization = NULL;
    int found = find(certificate, PE, &value, why);
    bool tcg = found == 1;
    if (tcg)
        found = find(certificate, TCG, &value, why);
    if (found)
        return found;
    /* No CMW begins like either tag of the CHOICE. */
    if (tcg && value.size && value.data[0] != OCTET_STRING && value.data[0] != UTF8_STRING)
        *cmwp = value;
    else if (read_choice(value, cmwp, &serialization, why))
        return -1;
    return check(*cmwp, serialization, tcg, why);
}
