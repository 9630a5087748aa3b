#pragma once
// System calls of the media plane that Swift cannot name (epoll, eventfd), or only awkwardly
// (sockaddr casts). Everything per packet is `static inline`, so that it costs what the system call costs.
// No feature-test macro here: it would change glibc's types for every Swift module that sees this header.
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/// A socket address of either family. `length` 0 means none.
typedef struct {
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  } u;
  socklen_t length;
} mio_address;

/// One ready socket, laid out for Swift.
typedef struct {
  uint32_t events;
  uint32_t reserved;
  uint64_t tag;
} mio_event;

#define MIO_READABLE 1u
#define MIO_ERROR 8u

static inline bool mio_address_equal(const mio_address *a, const mio_address *b) {
  if (a->length != b->length) return false;
  if (a->length == sizeof(struct sockaddr_in)) {
    return a->u.v4.sin_addr.s_addr == b->u.v4.sin_addr.s_addr && a->u.v4.sin_port == b->u.v4.sin_port;
  }
  if (a->length == 0) return true;
  return a->u.v6.sin6_port == b->u.v6.sin6_port
      && memcmp(&a->u.v6.sin6_addr, &b->u.v6.sin6_addr, sizeof a->u.v6.sin6_addr) == 0;
}

/// The same host, whatever the port.
static inline bool mio_address_same_host(const mio_address *a, const mio_address *b) {
  if (a->length != b->length) return false;
  if (a->length == sizeof(struct sockaddr_in)) return a->u.v4.sin_addr.s_addr == b->u.v4.sin_addr.s_addr;
  if (a->length == 0) return false;
  return memcmp(&a->u.v6.sin6_addr, &b->u.v6.sin6_addr, sizeof a->u.v6.sin6_addr) == 0;
}

static inline mio_address mio_address_v4(uint32_t host, uint16_t port) {
  mio_address a;
  memset(&a, 0, sizeof a);
  a.u.v4.sin_family = AF_INET;
  a.u.v4.sin_port = htons(port);
  a.u.v4.sin_addr.s_addr = htonl(host);
  a.length = sizeof a.u.v4;
  return a;
}

static inline mio_address mio_address_v6(uint64_t high, uint64_t low, uint16_t port) {
  mio_address a;
  memset(&a, 0, sizeof a);
  a.u.v6.sin6_family = AF_INET6;
  a.u.v6.sin6_port = htons(port);
  for (int i = 0; i < 8; i++) {
    a.u.v6.sin6_addr.s6_addr[i] = (uint8_t)(high >> (56 - 8 * i));
    a.u.v6.sin6_addr.s6_addr[8 + i] = (uint8_t)(low >> (56 - 8 * i));
  }
  a.length = sizeof a.u.v6;
  return a;
}

static inline bool mio_address_is_v4(const mio_address *a) { return a->length == sizeof(struct sockaddr_in); }
static inline uint32_t mio_address_host_v4(const mio_address *a) { return ntohl(a->u.v4.sin_addr.s_addr); }
static inline uint64_t mio_address_half_v6(const mio_address *a, int offset) {
  uint64_t value = 0;
  for (int i = 0; i < 8; i++) value = value << 8 | a->u.v6.sin6_addr.s6_addr[offset + i];
  return value;
}
static inline uint16_t mio_address_port(const mio_address *a) {
  return a->length == sizeof(struct sockaddr_in) ? ntohs(a->u.v4.sin_port) : ntohs(a->u.v6.sin6_port);
}

/// One datagram without waiting. Returns its length, or -1. Longer ones than `capacity` are cut.
static inline ssize_t mio_receive(int fd, void *buffer, size_t capacity, mio_address *from) {
  from->length = sizeof from->u;
  return recvfrom(fd, buffer, capacity, MSG_DONTWAIT, &from->u.any, &from->length);
}

static inline ssize_t mio_send(int fd, const void *buffer, size_t length, const mio_address *to) {
  return sendto(fd, buffer, length, MSG_DONTWAIT | MSG_NOSIGNAL, &to->u.any, to->length);
}

/// To the address the socket is connected to. A port-unreachable that came back for an earlier packet is reported by
/// the kernel instead of sending this one: tried again then.
static inline ssize_t mio_send_connected(int fd, const void *buffer, size_t length) {
  ssize_t n = send(fd, buffer, length, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n < 0 && errno == ECONNREFUSED) n = send(fd, buffer, length, MSG_DONTWAIT | MSG_NOSIGNAL);
  return n;
}

// Bursts: several datagrams a system call.

/// Most datagrams one call receives.
#define MIO_BATCH 16
/// Most segments of one datagram that the kernel takes apart (UDP_MAX_SEGMENTS of older kernels).
#define MIO_SEGMENTS 64

/// What one received datagram is. With generic receive offload it stands for several of `segment` bytes each, of which
/// the last may be shorter; otherwise `segment` is 0.
typedef struct {
  void *bytes;
  uint32_t length;
  uint32_t segment;
  /// When it came in, in nanoseconds since 1970; 0 where the socket does not say (`mio_set_stamping`).
  int64_t stamp;
} mio_message;

/// A piece of what is sent; laid out like `struct iovec`.
typedef struct {
  void *bytes;
  size_t length;
} mio_piece;

/// Buffers for one thread's batches: 64 KiB a datagram, of which only what was ever filled takes memory.
typedef struct mio_batch mio_batch;
mio_batch *mio_batch_create(void);
void mio_batch_destroy(mio_batch *batch);
/// Receives what waits, without waiting. Returns the number of datagrams, or -1. Their bytes are good until the next call;
/// behind each is room for `MIO_BATCH_TAIL` bytes more, unless it stands for several.
int mio_batch_receive(mio_batch *batch, int fd, mio_message *messages, mio_address *sources);
#define MIO_BATCH_TAIL 2048

/// Sends pieces of `segment` bytes (the last may be shorter), each as a datagram of its own, in one call. `to` NULL: to
/// the address the socket is connected to. Returns the sum of their lengths, or -1 and nothing was sent.
ssize_t mio_send_segments(int fd, const mio_piece *pieces, size_t count, uint16_t segment, const mio_address *to);
/// Whether the kernel knows UDP_SEGMENT, and UDP_GRO.
bool mio_knows_segmentation(void);
bool mio_knows_coalescing(void);
int mio_set_coalescing(int fd, bool on);
/// Lets the kernel note when each datagram comes in.
int mio_set_stamping(int fd, bool on);

/// Nanoseconds on the monotonic clock.
static inline int64_t mio_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/// Nanoseconds since 1970.
static inline int64_t mio_wall_clock(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline int mio_errno(void) { return errno; }
void mio_close(int fd);
int mio_cores(void);

/// A bound, non-blocking datagram socket (IPv6 without IPv4 mapping), or -1 with errno.
int mio_udp_socket(const mio_address *local, uint8_t dscp, int receive_buffer);
int mio_set_dscp(int fd, bool v6, uint8_t dscp);
/// File descriptors that this process may have open.
int64_t mio_descriptor_limit(void);
/// Raises that as far as the system lets an ordinary process; what was set is a default for programs that need few.
void mio_raise_descriptor_limit(void);
int mio_local_address(int fd, mio_address *out);
/// Binds the socket to one peer: the kernel keeps the route, and drops what others send.
int mio_connect(int fd, const mio_address *peer);
int mio_disconnect(int fd);

int mio_epoll_create(void);
int mio_epoll_add(int epoll, int fd, uint64_t tag);
/// Reports a change once instead of as long as it lasts.
int mio_epoll_add_edge(int epoll, int fd, uint64_t tag);
int mio_epoll_remove(int epoll, int fd);
/// Waits up to `timeout_ms` (-1: for ever). Returns the number of events; 0 also when interrupted.
int mio_epoll_wait(int epoll, mio_event *events, int capacity, int timeout_ms);
/// The same, to the nanosecond where the kernel can (5.11), else rounded up to the millisecond.
int mio_epoll_wait_precisely(int epoll, mio_event *events, int capacity, int64_t timeout_ns);

int mio_eventfd(void);
void mio_eventfd_signal(int fd);

/// Starts a thread with all signals blocked. Returns 0 or an error number.
int mio_thread_start(const char *name, void (*body)(void *), void *context, uint64_t *thread);
void mio_thread_join(uint64_t thread);
/// Lets a thread go before all that has no real-time priority (`SCHED_RR`, the lowest), or puts it back. Returns 0, or the
/// error number: EPERM without CAP_SYS_NICE and RLIMIT_RTPRIO.
int mio_thread_raise(uint64_t thread, bool on);
uint64_t mio_this_thread(void);
/// Nanoseconds of processor time that the calling thread has used.
int64_t mio_thread_time(void);
void mio_sleep(int64_t nanoseconds);
