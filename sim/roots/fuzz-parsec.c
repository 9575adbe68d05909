/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: what a client of Parsec reads. The input is one byte that chooses the operation, and
 * an answer to it. What is believed is of the operation, within its bounds, and written as it must
 * be; what is not is told in words.
 */
#include <stdlib.h>

#include "parsec.pb-c.h"
#include "rats/base/error.h"
#include "sim/roots/parsec-wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
    enum atls_parsec_opcode opcode;
    enum atls_parsec_provider provider;
    const ProtobufCMessageDescriptor *kind;
} operations[] = {
    {ATLS_PARSEC_PING, ATLS_PARSEC_CORE, &atls_parsec__ping_result__descriptor},
    {ATLS_PARSEC_LIST_PROVIDERS, ATLS_PARSEC_CORE, &atls_parsec__list_providers_result__descriptor},
    {ATLS_PARSEC_LIST_OPCODES, ATLS_PARSEC_CORE, &atls_parsec__list_opcodes_result__descriptor},
    {ATLS_PARSEC_GENERATE_KEY, ATLS_PARSEC_TPM, &atls_parsec__empty__descriptor},
    {ATLS_PARSEC_EXPORT_PUBLIC_KEY, ATLS_PARSEC_TPM,
     &atls_parsec__export_public_key_result__descriptor},
    {ATLS_PARSEC_SIGN_HASH, ATLS_PARSEC_TPM, &atls_parsec__sign_hash_result__descriptor},
};

static void expect(bool condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct atls_bytes body;
    ProtobufCMessage *message;
    size_t which, body_size;

    if (size < 1)
        return 0;
    which = data[0] % (sizeof operations / sizeof *operations);
    const struct atls_parsec_request request = {.provider = operations[which].provider,
                                                .opcode = operations[which].opcode};
    int result = atls_parsec_answer_read(&request, ATLS_BYTES(data + 1, size - 1), &body);
    if (!result) {
        expect(atls_parsec_header_read(&request, data + 1, &body_size) == 0);
        expect(body_size == body.size && body.size <= ATLS_PARSEC_BODY_MAX);
        expect(body.size + ATLS_PARSEC_HEADER_SIZE == size - 1);
        result = atls_parsec_body_read(operations[which].kind, body, &message);
        if (!result) {
            expect(message->descriptor == operations[which].kind);
            expect(protobuf_c_message_get_packed_size(message) == body.size);
            protobuf_c_message_free_unpacked(message, NULL);
        }
    }
    if (result)
        expect(atls_error_text()[0] != '\0');
    return 0;
}
