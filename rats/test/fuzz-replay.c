/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target once for each file of the directories (or each file) given, so that every
 * compiler and every test run checks the kept corpus, not only libFuzzer's builds.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned replayed;

static int replay_file(const char *path, size_t size)
{
    uint8_t *data = malloc(size ? size : 1); /* exactly its size: sanitizers see one byte more */
    FILE *file = fopen(path, "rb");
    size_t got = file && data ? fread(data, 1, size, file) : 0;

    if (file)
        fclose(file);
    if (!file || !data || got != size) {
        fprintf(stderr, "%s: cannot be read: %s\n", path, strerror(errno));
        free(data);
        return 1;
    }
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    replayed++;
    return 0;
}

static int replay(const char *path)
{
    struct dirent *entry;
    struct stat status;
    int failed = 0;
    DIR *directory;

    if (stat(path, &status)) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return 1;
    }
    if (!S_ISDIR(status.st_mode))
        return replay_file(path, (size_t)status.st_size);
    directory = opendir(path);
    if (!directory) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return 1;
    }
    while ((entry = readdir(directory)) && !failed) {
        char inner[4096];

        if (entry->d_name[0] == '.')
            continue;
        if (snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name) >= (int)sizeof inner)
            failed = 1;
        else if (stat(inner, &status) == 0 && S_ISREG(status.st_mode))
            failed = replay_file(inner, (size_t)status.st_size);
    }
    closedir(directory);
    return failed;
}

int main(int argc, char **argv)
{
    int failed = 0;

    for (int i = 1; i < argc && !failed; i++)
        failed = replay(argv[i]);
    if (!failed && replayed == 0) {
        fprintf(stderr, "no file to replay\n");
        return 1;
    }
    printf("%u inputs replayed\n", replayed);
    return failed;
}
