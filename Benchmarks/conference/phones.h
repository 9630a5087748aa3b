// Many SIP phones in one process, on one UDP port for SIP and one for media: what joinload and soakload share.
//
// A phone calls a room, acknowledges, sends 20 ms packets at a phase of its own, answers what it is asked in the dialog, and hangs
// up. Phones are told apart by Call-ID and by the port of the server that their media comes from. Packets carry the kernel's time of
// arrival, so that a generator that gets the processor late does not make the server late.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <opus/opus.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 16384, LARGEST = 400, T1 = 500 };    // milliseconds until a request is sent again
enum state { IDLE, CALLING, UP, LEAVING, GONE, FAILED };

/// What of one stream arrived, and when.
struct reception {
  uint64_t packets, missing, skipped, late, others;    // skipped: 20 ms left out of the timestamps
  int64_t first, last, longest;                        // ns
  int64_t deviation_least, deviation_most;             // of arrival from the timestamps, ns, against the first packet
  uint32_t first_stamp, last_stamp;
  int64_t stamps;                                      // from the first timestamp to the last, unwrapped
  uint16_t last_sequence;
};

struct phone {
  int index, life, room, is_mulaw, is_held, status;    // life: how often this one has called
  enum state state;
  char target[256], remote[256];
  char *request;                          // the last one, to be sent again
  int tries, cseq;
  int64_t again, invited, answered, heard, leaving;
  struct sockaddr_in media;
  uint16_t sequence;
  uint32_t stamp;
  struct reception in;
};

static struct phone phones[MOST];
static int count, sip_socket, media_socket, report_socket, sip_port, media_port, server_port, repeats, ended_by_server;
static char run_name[24];
static struct phone *by_port[65536];
static int64_t early[65536];              // audio from a port whose answer has not been read yet

/// Given by the program: the payload for this packet, 0 for none; and what has arrived.
static int payload_of(struct phone *p, int64_t frame, uint8_t *out);
static int is_audio(const struct phone *p, const uint8_t *payload, int length);
static void arrived(struct phone *p, const uint8_t *payload, int length, int64_t at);

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int udp(int port, int *bound) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0), size = 16 << 20, on = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size)) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof a;
  if (bind(fd, (void *)&a, sizeof a)) { perror("bind"); exit(1); }
  getsockname(fd, (void *)&a, &length);
  *bound = ntohs(a.sin_port);
  return fd;
}

static void open_phones(int server) {
  int ignored;
  server_port = server;
  sip_socket = udp(0, &sip_port);
  for (media_port = 20100;; media_port += 2) {    // an even port; reports come with the packets (rtcp-mux)
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(media_port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int probe = socket(AF_INET, SOCK_DGRAM, 0), failed = bind(probe, (void *)&a, sizeof a);
    close(probe);
    if (!failed) break;
  }
  media_socket = udp(media_port, &ignored);
  report_socket = udp(media_port + 1, &ignored);
  snprintf(run_name, sizeof run_name, "%x%x", (unsigned)getpid(), (unsigned)now_ns());
}

// MARK: Signalling

static void to_server(const char *text) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(server_port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  sendto(sip_socket, text, strlen(text), 0, (void *)&a, sizeof a);
}

static int describe(const struct phone *p, char *out) {
  return sprintf(out, "v=0\r\no=- %d %d IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP %s\r\n"
                      "a=rtcp-mux\r\na=ptime:20\r\na=%s\r\n", p->index + 1, p->cseq + 1, media_port,
                 p->is_mulaw ? "0\r\na=rtpmap:0 PCMU/8000" : "111\r\na=rtpmap:111 opus/48000/2", p->is_held ? "inactive" : "sendrecv");
}

/// Sends a request, the first time of several if `repeats`.
static void request(struct phone *p, const char *method, const char *target, const char *to, int has_body, int is_repeated) {
  char text[4096], body[1024] = "";
  int length = has_body ? describe(p, body) : 0;
  sprintf(text, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK%s.%d.%d.%d%s\r\nMax-Forwards: 70\r\n"
                "From: <sip:p%d@example.net>;tag=a%d\r\nTo: %s\r\nCall-ID: %d-%d.%s@phones\r\nCSeq: %d %s\r\n"
                "Contact: <sip:p%d@127.0.0.1:%d>\r\n%sContent-Length: %d\r\n\r\n%s",
          method, target, sip_port, run_name, p->index, p->life, p->cseq, *method == 'A' ? "a" : "", p->index, p->index, to, p->index, p->life, run_name,
          p->cseq, method, p->index, sip_port, has_body ? "Content-Type: application/sdp\r\n" : "", length, body);
  if (is_repeated) {
    free(p->request);
    p->request = strdup(text);
    p->tries = 1;
    p->again = now_ns() + T1 * 1000000LL;
  }
  to_server(text);
}

static void call(struct phone *p, const char *room) {
  char target[128], to[136];
  sprintf(target, "sip:%s@127.0.0.1:%d", room, server_port);
  sprintf(to, "<%s>", target);
  p->cseq = 1;
  p->state = CALLING;
  p->invited = now_ns();
  request(p, "INVITE", target, to, 1, 1);
}

/// Offers no media either way.
__attribute__((unused)) static void hold(struct phone *p) {
  p->is_held = 1;
  p->cseq++;
  request(p, "INVITE", p->target, p->remote, 1, 1);
}

static void hang_up(struct phone *p) {
  if (p->state != UP) return;
  p->state = LEAVING;
  p->leaving = now_ns();
  p->cseq++;
  request(p, "BYE", p->target, p->remote, 0, 1);
}

/// The value of a header field; its length.
static const char *field(const char *message, const char *name, int *length) {
  size_t n = strlen(name);
  for (const char *line = strstr(message, "\r\n"); line && line[2] != '\r'; line = strstr(line + 2, "\r\n")) {
    if (strncasecmp(line + 2, name, n) || line[2 + n] != ':') continue;
    const char *value = line + 3 + n, *end = strstr(value, "\r\n");
    while (*value == ' ') value++;
    if (!end) return 0;
    *length = end - value;
    return value;
  }
  return 0;
}

static void forget_media(struct phone *p) {
  int port = ntohs(p->media.sin_port);
  if (port && by_port[port] == p) by_port[port] = 0;
  p->media.sin_port = 0;
}

/// What is asked of us in a dialog: agreed to.
static void agree(struct phone *p, const char *message, const struct sockaddr_in *from) {
  if (!strncmp(message, "ACK ", 4)) return;
  char text[4096], body[1024] = "", *out = text + sprintf(text, "SIP/2.0 200 OK\r\n");
  static const char *const copied[] = {"Via", "From", "To", "Call-ID", "CSeq"};
  for (int i = 0; i < 5; i++) {
    int length;
    const char *value = field(message, copied[i], &length);
    if (value) out += sprintf(out, "%s: %.*s\r\n", copied[i], length, value);
  }
  int has_body = p && (!strncmp(message, "INVITE ", 7) || (!strncmp(message, "UPDATE ", 7) && strstr(message, "\r\nm=audio"))), length = has_body ? describe(p, body) : 0;
  sprintf(out, "Contact: <sip:p@127.0.0.1:%d>\r\n%sContent-Length: %d\r\n\r\n%s", sip_port, has_body ? "Content-Type: application/sdp\r\n" : "", length, body);
  sendto(sip_socket, text, strlen(text), 0, (const void *)from, sizeof *from);
  if (p && !strncmp(message, "BYE ", 4) && p->state != GONE) {
    ended_by_server += p->state == UP;
    p->state = GONE;
    p->again = 0;
    forget_media(p);
  }
}

static void response(struct phone *p, const char *message) {
  int length, status = atoi(message + 8), cseq;
  const char *value = field(message, "CSeq", &length);
  char method[16];
  if (!value || sscanf(value, "%d %15s", &cseq, method) != 2) return;
  if (status < 200) { if (cseq == p->cseq) p->again = 0; return; }
  if (!strcmp(method, "BYE")) {
    if (p->state == LEAVING) { p->state = GONE; forget_media(p); }
    p->again = 0;
    return;
  }
  if (strcmp(method, "INVITE") || cseq != p->cseq) return;
  p->again = 0;
  if (status >= 300) {
    // The acknowledgement of a refusal belongs to the request: same branch, its own To.
    value = field(message, "To", &length);
    if (value) snprintf(p->remote, sizeof p->remote, "%.*s", length, value);
    char ack[2048], target[160];
    if (p->request && sscanf(p->request, "INVITE %159s", target) == 1) {
      sprintf(ack, "ACK %s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK%s.%d.%d.%d\r\nMax-Forwards: 70\r\nFrom: <sip:p%d@example.net>;tag=a%d\r\n"
                   "To: %s\r\nCall-ID: %d-%d.%s@phones\r\nCSeq: %d ACK\r\nContent-Length: 0\r\n\r\n",
              target, sip_port, run_name, p->index, p->life, p->cseq, p->index, p->index, p->remote, p->index, p->life, run_name, p->cseq);
      to_server(ack);
    }
    if (p->state == CALLING) { p->state = FAILED; p->status = status; }
    return;
  }
  if (p->state == CALLING) {
    p->answered = now_ns();
    value = field(message, "To", &length);
    if (value) snprintf(p->remote, sizeof p->remote, "%.*s", length, value);
    value = field(message, "Contact", &length);
    if (value && *value == '<') {
      const char *end = strchr(value, '>');
      if (end) snprintf(p->target, sizeof p->target, "%.*s", (int)(end - value - 1), value + 1);
    }
    const char *audio = strstr(message, "\r\nm=audio "), *address = strstr(message, "\r\nc=IN IP4 ");
    int port = audio ? atoi(audio + 10) : 0;
    char host[32] = "127.0.0.1";
    if (address) sscanf(address + 11, "%31[0-9.]", host);
    p->media = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = inet_addr(host)};
    if (!p->target[0] || port <= 0 || port > 65535) { p->state = FAILED; p->status = status; return; }
    by_port[port] = p;
    if (early[port] > p->invited) p->heard = early[port];
    p->state = UP;
  }
  request(p, "ACK", p->target, p->remote, 0, 0);
}

static void read_signalling(void) {
  static char text[65536];
  struct sockaddr_in from;
  socklen_t size = sizeof from;
  ssize_t n;
  while ((n = recvfrom(sip_socket, text, sizeof text - 1, MSG_DONTWAIT, (void *)&from, &size)) > 0) {
    text[n] = 0;
    int length, index = -1, life;
    char run[sizeof run_name] = "";
    const char *id = field(text, "Call-ID", &length);
    if (!id || sscanf(id, "%d-%d.%23[^@]", &index, &life, run) != 3) index = -1;
    struct phone *p = index >= 0 && index < count && !strcmp(run, run_name) && phones[index].life == life ? &phones[index] : 0;
    if (strncmp(text, "SIP/2.0 ", 8)) agree(p, text, &from); else if (p) response(p, text);
  }
}

/// Requests that were not answered (RFC 3261 17.1.1.2). Six times in vain: the call has failed.
static void repeat_requests(int64_t now) {
  for (int i = 0; i < count; i++) {
    struct phone *p = &phones[i];
    if (!p->again || p->again > now) continue;
    if (p->tries > 6) {
      p->again = 0;
      if (p->state == CALLING) { p->state = FAILED; p->status = 408; }
      if (p->state == LEAVING) { p->state = GONE; p->status = 408; forget_media(p); }
      continue;
    }
    to_server(p->request);
    repeats++;
    p->again = now + ((int64_t)T1 << p->tries++) * 1000000LL;
  }
}

// MARK: Media

static void note(struct phone *p, const uint8_t *packet, int64_t at) {
  struct reception *in = &p->in;
  uint16_t sequence = ntohs(*(const uint16_t *)(packet + 2));
  uint32_t stamp = ntohl(*(const uint32_t *)(packet + 4));
  int64_t clock = p->is_mulaw ? 8000 : 48000, frame = clock / 50;
  if (in->packets) {
    int step = (int16_t)(sequence - in->last_sequence);
    int64_t ticks = (int32_t)(stamp - in->last_stamp), length = ticks * 1000000000LL / clock, gap = at - in->last;
    if (step <= 0) { in->others++; return; }
    in->missing += step - 1;
    if (step == 1 && ticks > frame) in->skipped += ticks / frame - 1;
    if (gap - length > 20000000) in->late++;
    if (gap > in->longest) in->longest = gap;
    in->stamps += ticks;
    int64_t deviation = at - in->first - in->stamps * 1000000000LL / clock;
    if (deviation < in->deviation_least) in->deviation_least = deviation;
    if (deviation > in->deviation_most) in->deviation_most = deviation;
  } else {
    in->first = at;
    in->first_stamp = stamp;
  }
  in->packets++;
  in->last = at;
  in->last_sequence = sequence;
  in->last_stamp = stamp;
}

static void read_media(void) {
  enum { BATCH = 64 };
  static uint8_t packets[BATCH][1500], control[BATCH][64];
  static struct sockaddr_in from[BATCH];
  static struct iovec vectors[BATCH];
  static struct mmsghdr messages[BATCH];
  for (;;) {
    for (int i = 0; i < BATCH; i++) {
      vectors[i] = (struct iovec){packets[i], sizeof packets[i]};
      messages[i].msg_hdr = (struct msghdr){.msg_name = &from[i], .msg_namelen = sizeof from[i], .msg_iov = &vectors[i], .msg_iovlen = 1,
                                            .msg_control = control[i], .msg_controllen = sizeof control[i]};
    }
    int n = recvmmsg(media_socket, messages, BATCH, MSG_DONTWAIT, 0);
    if (n <= 0) break;
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    int64_t now = now_ns(), offset = wall.tv_sec * 1000000000LL + wall.tv_nsec - now;
    for (int i = 0; i < n; i++) {
      const uint8_t *packet = packets[i];
      int length = messages[i].msg_len, kind = packet[1] & 0x7f, port = ntohs(from[i].sin_port);
      if (length <= 12 || (kind >= 72 && kind <= 79)) continue;
      int64_t at = now;
      for (struct cmsghdr *c = CMSG_FIRSTHDR(&messages[i].msg_hdr); c; c = CMSG_NXTHDR(&messages[i].msg_hdr, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
          struct timespec stamp;
          memcpy(&stamp, CMSG_DATA(c), sizeof stamp);
          at = stamp.tv_sec * 1000000000LL + stamp.tv_nsec - offset;
        }
      struct phone *p = by_port[port];
      if (!p) {
        struct phone fresh = {.is_mulaw = kind == 0};
        if (is_audio(&fresh, packet + 12, length - 12)) early[port] = at;
        continue;
      }
      note(p, packet, at);
      if (!p->heard && is_audio(p, packet + 12, length - 12)) p->heard = at;
      arrived(p, packet + 12, length - 12, at);
    }
    if (n < BATCH) break;
  }
  static uint8_t ignored[2048];
  while (recv(report_socket, ignored, sizeof ignored, MSG_DONTWAIT) > 0) {}
}

/// What phones send at a millisecond: those whose turn it is.
static void send_media(int64_t tick) {
  uint8_t packet[12 + LARGEST];
  for (int i = tick % 20; i < count; i += 20) {
    struct phone *p = &phones[i];
    if (p->state != UP || p->is_held) continue;
    int length = payload_of(p, tick / 20, packet + 12);
    p->stamp += p->is_mulaw ? 160 : 960;
    if (!length) continue;
    packet[0] = 0x80;
    packet[1] = p->is_mulaw ? 0 : 111;
    *(uint16_t *)(packet + 2) = htons(p->sequence++);
    *(uint32_t *)(packet + 4) = htonl(p->stamp);
    *(uint32_t *)(packet + 8) = htonl(0x7000000 + i);
    sendto(media_socket, packet, 12 + length, 0, (void *)&p->media, sizeof p->media);
  }
}

/// Reads what comes until then.
static void wait_until(int64_t due) {
  for (;;) {
    int64_t left = due - now_ns();
    struct pollfd ready[] = {{sip_socket, POLLIN, 0}, {media_socket, POLLIN, 0}, {report_socket, POLLIN, 0}};
    struct timespec wait = {0, left > 0 ? left : 0};
    if (ppoll(ready, 3, &wait, 0) > 0) {
      if (ready[0].revents) read_signalling();
      if (ready[1].revents || ready[2].revents) read_media();
    }
    if (left <= 0) return;
  }
}

// MARK: The machine

/// What the machine does to a program that works for 1 ms of every 20 at ordinary priority: a server cannot be expected to do better.
static struct { volatile uint64_t ticks, late; } *witness;

static void start_witness(void) {
  witness = mmap(0, sizeof *witness, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (witness == MAP_FAILED) { perror("mmap"); exit(1); }
  pid_t parent = getpid();
  if (fork()) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  struct sched_param ordinary = {0};
  sched_setscheduler(0, SCHED_OTHER, &ordinary);
  for (int64_t due = now_ns(); getppid() == parent; witness->ticks++) {
    due += 20000000;
    struct timespec t = {due / 1000000000, due % 1000000000};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, 0);
    int64_t missed = (now_ns() - due) / 20000000;
    witness->late += missed;
    witness->ticks += missed;
    due += missed * 20000000;
    for (int64_t until = now_ns() + 1000000; now_ns() < until;) {}
  }
  _exit(0);
}

// MARK: Figures

__attribute__((unused)) static int ascending(const void *a, const void *b) { double x = *(const double *)a, y = *(const double *)b; return x < y ? -1 : x > y; }

__attribute__((unused)) static double percentile(double *sorted, int n, double part) {
  int i = n * part;
  return n ? sorted[i < n ? i : n - 1] : 0;
}
