/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the samples as files into a directory: for the test of atls-decode, and for corpora. */
#include <stdio.h>

#include "decode/test-samples.h"
#include "rats/base/error.h"

int main(int argc, char **argv)
{
    struct test_samples samples = {0};
    int r;

    if (argc != 2) {
        fprintf(stderr, "usage: make-samples DIRECTORY\n");
        return 2;
    }
    r = test_samples_make(&samples);
    if (r)
        fprintf(stderr, "make-samples: %s\n", atls_error_text());
    for (size_t i = 0; !r && i < samples.count; i++) {
        char path[4096];
        FILE *file;

        snprintf(path, sizeof(path), "%s/%s", argv[1], samples.sample[i].name);
        file = fopen(path, "wb");
        if (!file || fwrite(samples.sample[i].data, 1, samples.sample[i].size, file) !=
                         samples.sample[i].size)
            r = 1;
        if (file && fclose(file))
            r = 1;
        if (r)
            perror(path);
    }
    test_samples_free(&samples);
    return r ? 1 : 0;
}
