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

/// Nanoseconds on the monotonic clock.
static inline int64_t mio_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline int mio_errno(void) { return errno; }
void mio_close(int fd);
int mio_cores(void);

/// A bound, non-blocking datagram socket (IPv6 without IPv4 mapping), or -1 with errno.
int mio_udp_socket(const mio_address *local, uint8_t dscp, int receive_buffer);
int mio_set_dscp(int fd, bool v6, uint8_t dscp);
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

int mio_eventfd(void);
void mio_eventfd_signal(int fd);

/// Starts a thread with all signals blocked. Returns 0 or an error number.
int mio_thread_start(const char *name, void (*body)(void *), void *context, uint64_t *thread);
void mio_thread_join(uint64_t thread);
void mio_sleep(int64_t nanoseconds);
