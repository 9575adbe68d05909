/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the samples as files into a directory: for the test of atls-decode, and for corpora. */
#include <stdio.h>

#include "decode/test-samples.h"
#include "rats/base/error.h"

int main(int argc, char **argv)
{
    struct test_samples samples = {0};
    int result;

    if (argc != 2) {
        fprintf(stderr, "usage: make-samples DIRECTORY\n");
        return 2;
    }
    result = test_samples_make(&samples);
    if (result)
        fprintf(stderr, "make-samples: %s\n", atls_error_text());
    for (size_t i = 0; !result && i < samples.count; i++) {
        char path[4096];
        FILE *file;

        snprintf(path, sizeof(path), "%s/%s", argv[1], samples.sample[i].name);
        file = fopen(path, "wb");
        if (!file || fwrite(samples.sample[i].data, 1, samples.sample[i].size, file) !=
                         samples.sample[i].size)
            result = 1;
        if (file && fclose(file))
            result = 1;
        if (result)
            perror(path);
    }
    test_samples_free(&samples);
    return result ? 1 : 0;
}
