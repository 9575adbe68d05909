/* SPDX-License-Identifier: Apache-2.0 */
/* Starts, watches and asks a processor in QEMU; see qemu.h. */
#include "sim/device/qemu.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "sim/device/client.h"

#define PROGRAM "qemu-system-arm"
#define LOG_MAX (1u << 20)
#define ANSWER_TIMEOUT_MS 15000
#define QUIET_MS 1000 /* a request is sent again after so much silence: signatures take a while */

/* File descriptors as QEMU sees them; its own arguments name them. */
enum { FD_FLASH = 3, FD_LOG, FD_LINE };

struct atls_qemu {
    pid_t process;
    int log;
    int complaints; /* QEMU's own standard error */
    int line_fd;    /* the transport's */
    struct atls_transport *line;
};

static const char *const arguments[] = {
    PROGRAM,
    "-M",
    "mps2-an505,memory-backend=flash",
    "-object",
    "memory-backend-file,id=flash,size=16M,mem-path=/proc/self/fd/3,share=on",
    "-nodefaults",
    "-no-user-config",
    "-display",
    "none",
    "-monitor",
    "none",
    "-chardev",
    "file,id=log,path=/proc/self/fd/4",
    "-serial",
    "chardev:log",
    "-chardev",
    "socket,id=line,fd=5",
    "-serial",
    "chardev:line",
};
#define ARGUMENTS (sizeof arguments / sizeof *arguments)

/* In the child, between fork() and exec(). */
static void become(const struct atls_qemu_options *options, int line, int complaints, pid_t parent)
{
    const char *argv[ARGUMENTS + 8];
    const int wanted[] = {options->flash, options->log, line};
    char debug[256];
    size_t count = ARGUMENTS;
    sigset_t none;
    memcpy(argv, arguments, sizeof arguments);
    argv[count++] = "-kernel";
    argv[count++] = options->rom;
    if (options->debug) {
        snprintf(debug, sizeof debug, "unix:%s,server=on,wait=off", options->debug);
        argv[count++] = "-gdb";
        argv[count++] = debug;
        argv[count++] = "-S";
    }
    argv[count] = NULL;
    if (dup2(complaints, STDERR_FILENO) < 0)
        _exit(126);
    for (int i = 0; i < 3; i++) { /* first out of each other's way */
        int fd = fcntl(wanted[i], F_DUPFD, 16 + i);
        if (fd != 16 + i && dup2(fd, 16 + i) < 0)
            _exit(126);
    }
    for (int i = 0; i < 3; i++)
        if (dup2(16 + i, FD_FLASH + i) < 0 || close(16 + i))
            _exit(126);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent)
        execvp(PROGRAM, (char *const *)(uintptr_t)argv);
    _exit(127);
}

static bool is_on_path(void)
{
    const char *path = getenv("PATH");
    char *copy = strdup(path ? path : ""), *rest = copy, *folder;
    bool found = false;
    while (copy && !found && (folder = strsep(&rest, ":"))) {
        char *file = NULL;
        found = asprintf(&file, "%s/" PROGRAM, folder) >= 0 && access(file, X_OK) == 0;
        free(file);
    }
    free(copy);
    return found;
}

static int spawn(struct atls_qemu *qemu, const struct atls_qemu_options *options, int line)
{
    pid_t parent = getpid();
    qemu->process = fork();
    if (qemu->process < 0)
        return atls_fail(-errno, NULL, "fork: %s", strerror(errno));
    if (qemu->process == 0)
        become(options, line, qemu->complaints, parent);
    return 0;
}

int atls_qemu_start(const struct atls_qemu_options *options, struct atls_qemu **qemup)
{
    struct atls_qemu *qemu;
    int line[2], r;
    if (!is_on_path())
        return atls_fail(ATLS_E_UNSUPPORTED, NULL,
                         PROGRAM " is not there (Debian: apt-get install qemu-system-arm)");
    qemu = calloc(1, sizeof *qemu);
    if (!qemu)
        return atls_fail(-ENOMEM, NULL, "no memory for a device");
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, line)) {
        free(qemu);
        return atls_fail(-errno, NULL, "socketpair: %s", strerror(errno));
    }
    qemu->log = options->log;
    qemu->complaints = memfd_create("qemu", MFD_CLOEXEC);
    r = qemu->complaints < 0 ? atls_fail(-errno, NULL, "memfd_create: %s", strerror(errno))
                             : spawn(qemu, options, line[1]);
    close(line[1]);
    if (r)
        close(line[0]);
    else if (fcntl(line[0], F_SETFL, O_NONBLOCK))
        r = atls_fail(-errno, NULL, "line to the device: %s", strerror(errno));
    qemu->line_fd = line[0];
    if (!r)
        r = atls_transport_over_stream(line[0], ANSWER_TIMEOUT_MS, &qemu->line);
    if (r) {
        atls_qemu_stop(qemu);
        return r;
    }
    atls_transport_stream_patience(qemu->line, QUIET_MS);
    *qemup = qemu;
    return 0;
}

int atls_qemu_log(const struct atls_qemu *qemu, char **textp)
{
    char *text = malloc(LOG_MAX + 1);
    ssize_t size;
    if (!text)
        return atls_fail(-ENOMEM, NULL, "no memory for the log of the firmware");
    size = pread(qemu->log, text, LOG_MAX, 0);
    if (size < 0) {
        free(text);
        return atls_fail(-EIO, NULL, "log of the firmware: %s", strerror(errno));
    }
    text[size] = 0;
    *textp = text;
    return 0;
}

#define MARK "APP: " /* before the application's lines: sim/firmware/secure.c */

/* The log's first line of the device itself that has WORD in it (of the application: that begins
 * with it, the mark included); false where there is none. */
static bool find_line(char *log, const char *word, const char **linep)
{
    bool marked = strncmp(word, MARK, strlen(MARK)) == 0;
    for (char *line = log, *end; *line; line = end + 1) {
        end = strchrnul(line, '\n');
        if (!*end)
            return false; /* not whole yet */
        *end = 0;
        bool of_application = strncmp(line, MARK, strlen(MARK)) == 0;
        if (marked ? strncmp(line, word, strlen(word)) == 0
                   : !of_application && strstr(line, word)) {
            *linep = line;
            return true;
        }
        *end = '\n';
    }
    return false;
}

/* What became of firmware that does not answer. */
static int diagnose(struct atls_qemu *qemu, char *log)
{
    const char *line = "";
    int status;
    if (find_line(log, ": refused: ", &line))
        return atls_fail(ATLS_E_UNAVAILABLE, NULL, "the device refused to boot (%s)", line);
    if (find_line(log, ": fault: ", &line))
        return atls_fail(ATLS_E_UNAVAILABLE, NULL, "the firmware stopped with a fault (%s)", line);
    if (qemu->process > 0 && waitpid(qemu->process, &status, WNOHANG) == qemu->process) {
        char why[200] = "";
        ssize_t size = pread(qemu->complaints, why, sizeof why - 1, 0);
        why[size > 0 ? size : 0] = 0;
        qemu->process = 0;
        return atls_fail(ATLS_E_UNAVAILABLE, NULL, PROGRAM " ended (%s %d): %s",
                         WIFSIGNALED(status) ? "signal" : "exit code",
                         WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), why);
    }
    return 0;
}

static int fail_hang(char *log, unsigned timeout_ms)
{
    char *end = strrchr(log, '\n'), *last;
    if (end)
        *end = 0;
    last = strrchr(log, '\n');
    return atls_fail(ATLS_E_UNAVAILABLE, NULL,
                     "the firmware hangs: nothing for %u ms after its line \"%s\"", timeout_ms,
                     last ? last + 1 : log);
}

/* 0 and *READYP; or what is wrong. */
static int look(struct atls_qemu *qemu, bool last_look, unsigned timeout_ms, bool *readyp)
{
    const char *line;
    char *log = NULL;
    int result = atls_qemu_log(qemu, &log);
    if (result)
        return result;
    if (!(result = diagnose(qemu, log))) {
        *readyp = find_line(log, "APP: ready", &line);
        if (!*readyp && last_look)
            result = fail_hang(log, timeout_ms);
    }
    free(log);
    return result;
}

int atls_qemu_await(struct atls_qemu *qemu, unsigned timeout_ms)
{
    double end = atls_now() + timeout_ms / 1000.0;
    bool ready = false;
    int result = 0;
    while (!result && !ready) {
        result = look(qemu, atls_now() > end, timeout_ms, &ready);
        if (!result && !ready)
            poll(NULL, 0, 2);
    }
    return result;
}

int atls_qemu_exchange(struct atls_qemu *qemu, struct atls_bytes request,
                       struct atls_bytes *answerp)
{
    int result = qemu->line->exchange(qemu->line, request, answerp);
    char *log = NULL;
    if (result != ATLS_E_UNAVAILABLE || atls_qemu_log(qemu, &log))
        return result;
    if (!(result = diagnose(qemu, log)))
        result = fail_hang(log, ANSWER_TIMEOUT_MS);
    free(log);
    return result;
}

void atls_qemu_disturb(struct atls_qemu *qemu)
{
    static const uint8_t noise[] = {0xff, 0x55, 0x00, 0x03, 0x01, 0x00, 0x00, 0x20, 0x01, 0x01};
    (void)!write(qemu->line_fd, noise, sizeof noise);
}

void atls_qemu_stop(struct atls_qemu *qemu)
{
    if (!qemu)
        return;
    if (qemu->process > 0) {
        kill(qemu->process, SIGKILL);
        waitpid(qemu->process, NULL, 0);
    }
    if (qemu->line)
        qemu->line->close(qemu->line);
    if (qemu->complaints >= 0)
        close(qemu->complaints);
    free(qemu);
}
