#define _GNU_SOURCE
#include "CMediaIO.h"
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
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

int64_t mio_descriptor_limit(void) {
  struct rlimit limit;
  return getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur > INT32_MAX ? INT32_MAX : (int64_t)limit.rlim_cur;
}

void mio_raise_descriptor_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
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

// Not in the headers of older C libraries.
#define LEVEL_UDP 17
#define OPTION_UDP_SEGMENT 103
#define OPTION_UDP_GRO 104

_Static_assert(sizeof(mio_piece) == sizeof(struct iovec), "a piece is an iovec");
_Static_assert(offsetof(mio_piece, length) == offsetof(struct iovec, iov_len), "a piece is an iovec");

enum {
  message_room = 65536,
  // Not a power of two: the first lines of all buffers would meet in the same few sets of the cache.
  message_stride = message_room + MIO_BATCH_TAIL + 2112,
};

struct mio_batch {
  struct mmsghdr messages[MIO_BATCH];
  struct iovec vectors[MIO_BATCH];
  _Alignas(struct cmsghdr) char control[MIO_BATCH][CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct timespec))];
  char *bytes;
};

mio_batch *mio_batch_create(void) {
  mio_batch *b = calloc(1, sizeof *b);
  if (!b) return NULL;
  b->bytes = mmap(NULL, MIO_BATCH * (size_t)message_stride, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (b->bytes == MAP_FAILED) {
    free(b);
    return NULL;
  }
  for (int i = 0; i < MIO_BATCH; i++) {
    b->vectors[i] = (struct iovec){b->bytes + i * (size_t)message_stride, message_room};
    b->messages[i].msg_hdr.msg_iov = &b->vectors[i];
    b->messages[i].msg_hdr.msg_iovlen = 1;
    b->messages[i].msg_hdr.msg_control = b->control[i];
  }
  return b;
}

void mio_batch_destroy(mio_batch *b) {
  if (!b) return;
  munmap(b->bytes, MIO_BATCH * (size_t)message_stride);
  free(b);
}

int mio_batch_receive(mio_batch *b, int fd, mio_message *messages, mio_address *sources) {
  for (int i = 0; i < MIO_BATCH; i++) {
    struct msghdr *h = &b->messages[i].msg_hdr;
    h->msg_name = &sources[i].u;
    h->msg_namelen = sizeof sources[i].u;
    h->msg_controllen = sizeof b->control[i];
  }
  int n = recvmmsg(fd, b->messages, MIO_BATCH, MSG_DONTWAIT, NULL);
  // A port-unreachable that came back for what was sent: reported once, in place of what waits.
  if (n < 0 && errno == ECONNREFUSED) n = recvmmsg(fd, b->messages, MIO_BATCH, MSG_DONTWAIT, NULL);
  for (int i = 0; i < n; i++) {
    struct msghdr *h = &b->messages[i].msg_hdr;
    sources[i].length = h->msg_namelen;
    messages[i] = (mio_message){b->vectors[i].iov_base, b->messages[i].msg_len, 0, 0};
    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
      if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
        struct timespec t;
        memcpy(&t, CMSG_DATA(c), sizeof t);
        messages[i].stamp = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
        continue;
      }
      if (c->cmsg_level != LEVEL_UDP || c->cmsg_type != OPTION_UDP_GRO) continue;
      int segment;
      memcpy(&segment, CMSG_DATA(c), sizeof segment);
      if (segment > 0 && (uint32_t)segment < messages[i].length) messages[i].segment = (uint32_t)segment;
    }
  }
  return n;
}

ssize_t mio_send_segments(int fd, const mio_piece *pieces, size_t count, uint16_t segment, const mio_address *to) {
  union {
    char bytes[CMSG_SPACE(sizeof(uint16_t))];
    struct cmsghdr align;
  } control;
  memset(&control, 0, sizeof control);
  struct msghdr h = {
      .msg_name = to ? (void *)&to->u : NULL,
      .msg_namelen = to ? to->length : 0,
      .msg_iov = (struct iovec *)pieces,
      .msg_iovlen = count,
      .msg_control = control.bytes,
      .msg_controllen = sizeof control.bytes,
  };
  struct cmsghdr *c = CMSG_FIRSTHDR(&h);
  c->cmsg_level = LEVEL_UDP;
  c->cmsg_type = OPTION_UDP_SEGMENT;
  c->cmsg_len = CMSG_LEN(sizeof segment);
  memcpy(CMSG_DATA(c), &segment, sizeof segment);
  ssize_t n = sendmsg(fd, &h, MSG_DONTWAIT | MSG_NOSIGNAL);
  // As in mio_send_connected.
  if (n < 0 && errno == ECONNREFUSED && !to) n = sendmsg(fd, &h, MSG_DONTWAIT | MSG_NOSIGNAL);
  return n;
}

static bool knows(int option) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  int zero = 0;
  bool known = setsockopt(fd, LEVEL_UDP, option, &zero, sizeof zero) == 0;
  close(fd);
  return known;
}

bool mio_knows_segmentation(void) { return knows(OPTION_UDP_SEGMENT); }
bool mio_knows_coalescing(void) { return knows(OPTION_UDP_GRO); }

int mio_set_coalescing(int fd, bool on) {
  int value = on;
  return setsockopt(fd, LEVEL_UDP, OPTION_UDP_GRO, &value, sizeof value);
}

int mio_set_stamping(int fd, bool on) {
  int value = on;
  return setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &value, sizeof value);
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

static int hand_over(const struct epoll_event *raw, int n, mio_event *events) {
  for (int i = 0; i < n; i++) {
    events[i].events = raw[i].events;
    events[i].tag = raw[i].data.u64;
  }
  return n < 0 ? 0 : n;
}

int mio_epoll_wait(int epoll, mio_event *events, int capacity, int timeout_ms) {
  struct epoll_event raw[256];
  if (capacity > 256) capacity = 256;
  return hand_over(raw, epoll_wait(epoll, raw, capacity, timeout_ms), events);
}

int mio_epoll_wait_precisely(int epoll, mio_event *events, int capacity, int64_t timeout_ns) {
  struct epoll_event raw[256];
  if (capacity > 256) capacity = 256;
  struct timespec t = {.tv_sec = timeout_ns / 1000000000, .tv_nsec = timeout_ns % 1000000000};
  int n = epoll_pwait2(epoll, raw, capacity, &t, NULL);
  // An older kernel says ENOSYS; what keeps unknown calls from containers, often EPERM.
  if (n < 0 && errno != EINTR) n = epoll_wait(epoll, raw, capacity, (int)((timeout_ns + 999999) / 1000000));
  return hand_over(raw, n, events);
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

int mio_thread_raise(uint64_t thread, bool on) {
  struct sched_param parameter = {.sched_priority = on ? 1 : 0};
  return pthread_setschedparam((pthread_t)thread, on ? SCHED_RR : SCHED_OTHER, &parameter);
}

uint64_t mio_this_thread(void) { return (uint64_t)pthread_self(); }

int64_t mio_thread_time(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

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
