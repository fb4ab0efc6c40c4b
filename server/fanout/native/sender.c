/* One frame to many sockets in one call, so that the interpreter's lock is given up once for all of them.
 *
 * fds        descriptors; negative ones are passed over
 * count      how many
 * frame      the bytes, the same for everybody
 * size       how many
 * failed     room for 2 * count ints: for every socket that did not take the whole frame, its place in
 *            fds and how many bytes it took (0 also for any error: the transport meets it again and
 *            knows what to do)
 * accepted   how many sockets took the whole frame
 *
 * Returns the number of pairs in failed. Never blocks, never raises SIGPIPE. */
#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

int miaodan_send(const int *fds, int count, const char *frame, size_t size, int *failed, int *accepted) {
    int pairs = 0, whole = 0;
    for (int i = 0; i < count; i++) {
        if (fds[i] < 0) continue;
        ssize_t put;
        do {
            put = send(fds[i], frame, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        } while (put < 0 && errno == EINTR);
        if (put == (ssize_t)size) {
            whole++;
            continue;
        }
        failed[2 * pairs] = i;
        failed[2 * pairs + 1] = put > 0 ? (int)put : 0;
        pairs++;
    }
    *accepted = whole;
    return pairs;
}
