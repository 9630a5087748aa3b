#define _GNU_SOURCE
#include "CMediaIO.h"
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

int mio_set_dscp(int fd, bool v6, uint8_t dscp) {
  int tos = dscp << 2;
  return v6 ? setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof tos)
            : setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof tos);
}

int mio_udp_socket(const mio_address *local, uint8_t dscp, int receive_buffer) {
  int family = local->u.any.sa_family;
  int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  if (family == AF_INET6) {
    int one = 1;
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
  }
  if (dscp) mio_set_dscp(fd, family == AF_INET6, dscp);
  if (receive_buffer > 0) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  if (bind(fd, &local->u.any, local->length)) {
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
  }
  return fd;
}

int mio_local_address(int fd, mio_address *out) {
  memset(out, 0, sizeof *out);
  out->length = sizeof out->u;
  return getsockname(fd, &out->u.any, &out->length);
}

int mio_connect(int fd, const mio_address *peer) { return connect(fd, &peer->u.any, peer->length); }

int mio_disconnect(int fd) {
  // The local port stays: it was bound explicitly.
  struct sockaddr none = {.sa_family = AF_UNSPEC};
  return connect(fd, &none, sizeof none);
}

int mio_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

int mio_epoll_add(int epoll, int fd, uint64_t tag) {
  struct epoll_event e = {.events = EPOLLIN, .data.u64 = tag};
  return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
}

int mio_epoll_add_edge(int epoll, int fd, uint64_t tag) {
  struct epoll_event e = {.events = EPOLLIN | EPOLLET, .data.u64 = tag};
  return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
}

int mio_epoll_remove(int epoll, int fd) {
  struct epoll_event e = {0};
  return epoll_ctl(epoll, EPOLL_CTL_DEL, fd, &e);
}

int mio_epoll_wait(int epoll, mio_event *events, int capacity, int timeout_ms) {
  struct epoll_event raw[256];
  if (capacity > 256) capacity = 256;
  int n = epoll_wait(epoll, raw, capacity, timeout_ms);
  for (int i = 0; i < n; i++) {
    events[i].events = raw[i].events;
    events[i].tag = raw[i].data.u64;
  }
  return n < 0 ? 0 : n;
}

int mio_eventfd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

void mio_eventfd_signal(int fd) {
  uint64_t one = 1;
  // The counter cannot overflow in practice, and a full one is still readable: nothing to do on failure.
  if (write(fd, &one, sizeof one) < 0) return;
}

struct start {
  void (*body)(void *);
  void *context;
};

static void *run(void *argument) {
  struct start start = *(struct start *)argument;
  free(argument);
  start.body(start.context);
  return NULL;
}

int mio_thread_start(const char *name, void (*body)(void *), void *context, uint64_t *thread) {
  struct start *start = malloc(sizeof *start);
  if (!start) return ENOMEM;
  *start = (struct start){.body = body, .context = context};
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  // Packets never nest deeply: a small stack keeps many threads cheap.
  pthread_attr_setstacksize(&attributes, 256 * 1024);
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t id;
  int error = pthread_create(&id, &attributes, run, start);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  if (error) {
    free(start);
    return error;
  }
  pthread_setname_np(id, name);
  *thread = (uint64_t)id;
  return 0;
}

void mio_thread_join(uint64_t thread) { pthread_join((pthread_t)thread, NULL); }

void mio_sleep(int64_t nanoseconds) {
  struct timespec t = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
  clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

void mio_close(int fd) { close(fd); }

int mio_cores(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set)) return 1;
  return CPU_COUNT(&set);
}
