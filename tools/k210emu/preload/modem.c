/* libkpupy_modem.so, for LD_PRELOAD: gives the pseudo-terminal of an emulated board the modem lines that Linux denies
 * it (spec isp-flash.md 10.1). Needs no configuration: the emulator listens on an abstract socket named after the
 * terminal's device number. Other files and terminals are left alone.
 *
 * Each open of the terminal is a connection to that socket. A request is two bytes (operation, lines), the answer one
 * (lines now). The emulator takes what was written to the terminal before it answers, so the order is kept; the end of
 * the last connection drops the lines, as the last close of a serial port does. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#define FILES 1024
#define PTS_MAJOR_FIRST 136u
#define PTS_MAJOR_LAST 143u
#define ANSWER_MS 10000
enum { DTR = 1, RTS = 2, INPUTS = 4 /* CTS and DSR, never low */ };

static int session[FILES]; /* connection + 1 of each file that is an emulated board's port, else 0 */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Looked up once: dlsym() in the child of a fork could wait for a lock that nobody holds any more. */
#define REAL_FUNCTIONS(X) X(open) X(open64) X(openat) X(openat64) X(close) X(dup) X(dup2) X(dup3) X(fcntl) X(fcntl64) \
    X(ioctl) X(tcsetattr)
#define POINTER(name) __typeof__(&name) name;
#define LOOK_UP(name) functions.name = (__typeof__(&name))dlsym(RTLD_NEXT, #name);
static struct {
    REAL_FUNCTIONS(POINTER)
} functions;

__attribute__((constructor)) static void look_up(void) {
    REAL_FUNCTIONS(LOOK_UP)
}

static void ready(void) {
    if (!functions.tcsetattr) /* called by an earlier constructor */
        look_up();
}

#define REAL(name) (ready(), functions.name)

/* ---- the connection -------------------------------------------------------------------------------------------------- */

static int connect_to_board(int file) {
    struct stat status;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (fstat(file, &status) != 0 || !S_ISCHR(status.st_mode) || major(status.st_rdev) < PTS_MAJOR_FIRST ||
        major(status.st_rdev) > PTS_MAJOR_LAST)
        return -1;
    int length = snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "k210emu-modem-%u-%u",
                          major(status.st_rdev), minor(status.st_rdev));
    int connection = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (connection < 0)
        return -1;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
    if (connect(connection, (struct sockaddr *)&address, size) != 0) {
        REAL(close)(connection);
        return -1;
    }
    return connection;
}

/* Lines now, or -1 with errno when the board has gone. */
static int ask(int connection, char operation, int lines) {
    uint8_t request[2] = {(uint8_t)operation, (uint8_t)lines}, answer;
    struct pollfd wait = {.fd = connection, .events = POLLIN};
    int result = -1;
    pthread_mutex_lock(&lock);
    if (send(connection, request, sizeof request, MSG_NOSIGNAL) == (ssize_t)sizeof request &&
        poll(&wait, 1, ANSWER_MS) == 1 && recv(connection, &answer, 1, 0) == 1)
        result = answer;
    pthread_mutex_unlock(&lock);
    if (result < 0)
        errno = EIO;
    return result;
}

static int connection_of(int file) {
    return file >= 0 && file < FILES ? session[file] - 1 : -1;
}

static void opened(int file) {
    int saved = errno;
    if (file >= 0 && file < FILES) {
        int connection = connect_to_board(file);
        session[file] = connection + 1;
        if (connection >= 0)
            ask(connection, 'o', 0);
    }
    errno = saved;
}

static void closing(int file) {
    int connection = connection_of(file);
    if (connection >= 0) {
        session[file] = 0;
        REAL(close)(connection);
    }
}

static void copied(int from, int to) {
    int connection = connection_of(from), saved = errno;
    if (to >= 0 && to < FILES && connection >= 0) {
        closing(to);
        session[to] = REAL(fcntl)(connection, F_DUPFD_CLOEXEC, 0) + 1;
    }
    errno = saved;
}

/* ---- files --------------------------------------------------------------------------------------------------------------- */

static bool with_mode(int flags) {
    return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
}

#define OPEN_MODE(flags, last)                                                                                          \
    mode_t mode = 0;                                                                                                    \
    if (with_mode(flags)) {                                                                                             \
        va_list arguments;                                                                                              \
        va_start(arguments, last);                                                                                      \
        mode = va_arg(arguments, mode_t);                                                                               \
        va_end(arguments);                                                                                              \
    }

int open(const char *path, int flags, ...) {
    OPEN_MODE(flags, flags)
    int file = REAL(open)(path, flags, mode);
    opened(file);
    return file;
}

int open64(const char *path, int flags, ...) {
    OPEN_MODE(flags, flags)
    int file = REAL(open64)(path, flags, mode);
    opened(file);
    return file;
}

int openat(int folder, const char *path, int flags, ...) {
    OPEN_MODE(flags, flags)
    int file = REAL(openat)(folder, path, flags, mode);
    opened(file);
    return file;
}

int openat64(int folder, const char *path, int flags, ...) {
    OPEN_MODE(flags, flags)
    int file = REAL(openat64)(folder, path, flags, mode);
    opened(file);
    return file;
}

/* What open() becomes in programs built with _FORTIFY_SOURCE. */
int __open_2(const char *path, int flags) {
    return open(path, flags);
}

int __open64_2(const char *path, int flags) {
    return open64(path, flags);
}

int close(int file) {
    closing(file);
    return REAL(close)(file);
}

int dup(int file) {
    int copy = REAL(dup)(file);
    copied(file, copy);
    return copy;
}

int dup2(int file, int copy) {
    int result = REAL(dup2)(file, copy);
    if (result >= 0 && file != copy) {
        closing(copy);
        copied(file, copy);
    }
    return result;
}

int dup3(int file, int copy, int flags) {
    int result = REAL(dup3)(file, copy, flags);
    if (result >= 0) {
        closing(copy);
        copied(file, copy);
    }
    return result;
}

static bool copies(int command) {
    return command == F_DUPFD || command == F_DUPFD_CLOEXEC;
}

int fcntl(int file, int command, ...) {
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    int result = REAL(fcntl)(file, command, argument);
    if (copies(command))
        copied(file, result);
    return result;
}

int fcntl64(int file, int command, ...) {
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    int result = REAL(fcntl64)(file, command, argument);
    if (copies(command))
        copied(file, result);
    return result;
}

/* ---- lines and rates ------------------------------------------------------------------------------------------------------ */

static int lines_of(int bits) {
    return (bits & TIOCM_DTR ? DTR : 0) | (bits & TIOCM_RTS ? RTS : 0);
}

static int bits_of(int lines) {
    int bits = lines & INPUTS ? TIOCM_CTS | TIOCM_DSR : 0;
    return bits | (lines & DTR ? TIOCM_DTR : 0) | (lines & RTS ? TIOCM_RTS : 0);
}

static int modem_request(int connection, unsigned long request, int *bits) {
    char operation = request == TIOCMGET ? 'g' : request == TIOCMSET ? '=' : request == TIOCMBIS ? '+' : '-';
    int lines = ask(connection, operation, operation == 'g' ? 0 : lines_of(*bits));
    if (lines < 0)
        return -1;
    if (operation == 'g')
        *bits = bits_of(lines);
    return 0;
}

/* TCSETS2 and its two companions are known by number: the header with their argument conflicts with <termios.h>. */
static bool sets_rate(uint32_t request) {
    bool second = (request >> 8 & 0xff) == 'T' && (request & 0xff) >= 0x2b && (request & 0xff) <= 0x2d;
    return second || request == TCSETS || request == TCSETSW || request == TCSETSF;
}

int ioctl(int file, unsigned long request, ...) {
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    int connection = connection_of(file);
    uint32_t number = (uint32_t)request;
    if (connection >= 0 && (number == TIOCMGET || number == TIOCMSET || number == TIOCMBIS || number == TIOCMBIC))
        return modem_request(connection, number, argument);
    int result = REAL(ioctl)(file, request, argument);
    if (connection >= 0 && result == 0 && sets_rate(number) && ask(connection, 'r', 0) < 0)
        return -1;
    return result;
}

int tcsetattr(int file, int actions, const struct termios *settings) {
    int result = REAL(tcsetattr)(file, actions, settings), connection = connection_of(file);
    if (connection >= 0 && result == 0 && ask(connection, 'r', 0) < 0)
        return -1;
    return result;
}
