// sipload: a light SIP load generator over UDP on 127.0.0.1, with a microsecond clock.
//
//   sipload uas PORT
//   sipload uac LOCAL_PORT SERVER_PORT CALLS_PER_SECOND SECONDS [HOLD_MS] [USER]
//
// The UAC does INVITE, 1xx, 200, ACK, hold, BYE, 200. It takes To, Contact and Record-Route of the 200 as its dialog
// (RFC 3261, 12.1.2), so the server between may be a proxy or a B2BUA. The UAS answers 180 and 200 at once.
// Nothing is sent again: what takes longer than T1 (500 ms) is counted late, what never comes is missing from "done".
// Both print one line of JSON at the end, the UAS on SIGTERM.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t stopping;
static void on_signal(int s) { (void)s; stopping = 1; }

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static struct sockaddr_in loopback(int port) {
  return (struct sockaddr_in){
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int udp(int port) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0), size = 4 << 20;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  struct sockaddr_in a = loopback(port);
  if (bind(fd, (void *)&a, sizeof a)) { perror("bind"); exit(1); }
  return fd;
}

// The next header line called `name` (full form, as both our peers write) at or after `from`; its value and length.
static const char *header(const char *from, const char *name, size_t *length) {
  size_t n = strlen(name);
  for (const char *p = strstr(from, "\r\n"); p; p = strstr(p, "\r\n")) {
    p += 2;
    if (p[0] == '\r') return 0;
    if (strncasecmp(p, name, n) || p[n] != ':') continue;
    const char *end = strstr(p, "\r\n");
    if (!end) return 0;
    for (p += n + 1; *p == ' '; p++) {}
    *length = end - p;
    return p;
  }
  return 0;
}

// Copies every header called `name`, with `suffix` after each value. Returns the new end.
static char *copy(const char *message, const char *name, char *out, const char *suffix) {
  size_t length;
  for (const char *v = message; (v = header(v, name, &length)); v += length)
    out += sprintf(out, "%s: %.*s%s\r\n", name, (int)length, v, suffix);
  return out;
}

static const char SDP[] =
    "v=0\r\no=user 53655765 2353687637 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 6000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n";
#define ALLOW "Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, UPDATE, INFO\r\n"

// Answers the request in `in`; with a body if `sdp`.
static size_t answer(const char *in, char *out, const char *status, const char *tag, int port, int sdp) {
  char *p = out + sprintf(out, "SIP/2.0 %s\r\n", status);
  p = copy(in, "Via", p, "");
  p = copy(in, "Record-Route", p, "");
  p = copy(in, "From", p, "");
  p = copy(in, "To", p, tag);
  p = copy(in, "Call-ID", p, "");
  p = copy(in, "CSeq", p, "");
  p += sprintf(p, "Contact: <sip:bob@127.0.0.1:%d>\r\n" ALLOW, port);
  if (sdp)
    p += sprintf(p, "Content-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s", sizeof SDP - 1, SDP);
  else
    p += sprintf(p, "Content-Length: 0\r\n\r\n");
  return p - out;
}

static int uas(int port) {
  static char in[16384], out[32768];
  int fd = udp(port);
  long invites = 0, acks = 0, byes = 0, others = 0;
  while (!stopping) {
    struct sockaddr_in from;
    socklen_t size = sizeof from;
    ssize_t n = recvfrom(fd, in, sizeof in - 1, 0, (void *)&from, &size);
    if (n <= 0) {
      if (errno == EINTR) continue;
      break;
    }
    in[n] = 0;
    if (!strncmp(in, "ACK ", 4)) { acks++; continue; }
    if (!strncmp(in, "SIP/2.0 ", 8)) continue;
    if (!strncmp(in, "INVITE ", 7)) {
      invites++;
      sendto(fd, out, answer(in, out, "180 Ringing", ";tag=uas1", port, 0), 0, (void *)&from, size);
      sendto(fd, out, answer(in, out, "200 OK", ";tag=uas1", port, 1), 0, (void *)&from, size);
    } else {
      if (!strncmp(in, "BYE ", 4)) byes++; else others++;
      sendto(fd, out, answer(in, out, "200 OK", "", port, 0), 0, (void *)&from, size);
    }
  }
  printf("{\"invites\":%ld,\"acks\":%ld,\"byes\":%ld,\"others\":%ld}\n", invites, acks, byes, others);
  return 0;
}

enum state { idle, invited, answered, leaving, over };
struct call {
  int64_t invite, answer, bye;
  uint8_t state, provisional, ringing, late;
  char *dialog;  // "TARGET\0ROUTES\0TO", one allocation
};

// What later requests of the dialog need, from the 2xx: the remote target, the route set reversed, To with its tag.
static char *dialog(const char *ok) {
  static char text[16384];
  char *p = text;
  size_t length;
  const char *v = header(ok, "Contact", &length);
  const char *open = v ? memchr(v, '<', length) : 0, *close = open ? memchr(open, '>', v + length - open) : 0;
  if (close) p += sprintf(p, "%.*s", (int)(close - open - 1), open + 1) + 1;
  else if (v) p += sprintf(p, "%.*s", (int)length, v) + 1;
  else *p++ = 0;
  struct { const char *at; size_t length; } routes[16];
  int n = 0;
  for (v = ok; n < 16 && (v = header(v, "Record-Route", &length)); v += length) {
    routes[n].at = v;
    routes[n++].length = length;
  }
  while (n--) p += sprintf(p, "Route: %.*s\r\n", (int)routes[n].length, routes[n].at);
  *p++ = 0;
  v = header(ok, "To", &length);
  p += sprintf(p, "%.*s", v ? (int)length : 0, v ? v : "") + 1;
  char *kept = malloc(p - text);
  return memcpy(kept, text, p - text);
}

static int ascending(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}
static double percentile(const uint32_t *v, long n, double q) { return n ? v[(long)(q * (n - 1))] / 1000.0 : 0; }

static int uac(int local, int server, double rate, double seconds, int hold_ms, const char *user) {
  static char in[16384], out[32768];
  int fd = udp(local), run = getpid() & 0xffff;
  struct sockaddr_in to = loopback(server);
  connect(fd, (void *)&to, sizeof to);
  long n = (long)(rate * seconds), sent = 0, answers = 0, done = 0, late = 0, errors = 0;
  long overtaken = 0, no_ringing = 0, repeated = 0, requests = 0;
  struct call *calls = calloc(n + 1, sizeof *calls);
  uint32_t *setup = malloc((n + 1) * 4), *leave = malloc((n + 1) * 4);
  long *holding = malloc((n + 1) * sizeof(long)), head = 0, tail = 0;  // in the order of answers
  long checked = 0;                                                    // calls looked at for being late
  int64_t start = now_ns(), gap = (int64_t)(1e9 / rate), hold = hold_ms * 1000000LL, last = start;

  while (!stopping && done < n) {
    int64_t t = now_ns();
    if (t > start + (int64_t)((seconds + hold_ms / 1000.0 + 8) * 1e9)) break;
    while (sent < n && start + sent * gap <= t) {
      long i = sent++;
      int length = sprintf(
          out,
          "INVITE sip:%s@127.0.0.1:%d SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK-%x-%ld-i\r\n"
          "From: \"Alice Example\" <sip:alice@example.org>;tag=t%x-%ld\r\nTo: <sip:%s@127.0.0.1:%d>\r\n"
          "Call-ID: %ld-%x@bench\r\nCSeq: 1 INVITE\r\nContact: <sip:alice@127.0.0.1:%d>\r\nMax-Forwards: 70\r\n"
          "User-Agent: sipload/1\r\n" ALLOW "Supported: timer, replaces\r\nSubject: Performance Test\r\n"
          "Content-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s",
          user, server, local, run, i, run, i, user, server, i, run, local, sizeof SDP - 1, SDP);
      calls[i].invite = now_ns();
      calls[i].state = invited;
      send(fd, out, length, 0);
    }
    t = now_ns();
    while (head < tail && calls[holding[head]].answer + hold <= t) {
      long i = holding[head++];
      const char *target = calls[i].dialog, *routes = target + strlen(target) + 1, *to = routes + strlen(routes) + 1;
      int length = sprintf(
          out,
          "BYE %s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK-%x-%ld-b\r\n%s"
          "From: \"Alice Example\" <sip:alice@example.org>;tag=t%x-%ld\r\nTo: %s\r\nCall-ID: %ld-%x@bench\r\n"
          "CSeq: 2 BYE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
          target, local, run, i, routes, run, i, to, i, run);
      calls[i].bye = now_ns();
      calls[i].state = leaving;
      send(fd, out, length, 0);
    }
    // A real UAC sends INVITE again unless a provisional response came within T1.
    for (; checked < sent && calls[checked].invite + 500000000LL <= t; checked++)
      if (calls[checked].state == invited && !calls[checked].provisional) {
        calls[checked].late = 1;
        late++;
      }
    int64_t due = sent < n ? start + sent * gap : t + 5000000;
    if (head < tail && calls[holding[head]].answer + hold < due) due = calls[holding[head]].answer + hold;
    int64_t wait = due - now_ns();
    if (wait < 0) wait = 0;
    struct timespec timeout = {wait / 1000000000LL, wait % 1000000000LL};
    struct pollfd poll = {fd, POLLIN, 0};
    if (ppoll(&poll, 1, &timeout, 0) <= 0) continue;
    for (int k = 0; k < 32; k++) {
      ssize_t r = recv(fd, in, sizeof in - 1, MSG_DONTWAIT);
      if (r <= 0) break;
      int64_t received = now_ns();
      size_t length;
      in[r] = 0;
      if (strncmp(in, "SIP/2.0 ", 8)) {
        requests++;
        if (strncmp(in, "ACK ", 4)) send(fd, out, answer(in, out, "200 OK", "", local, 0), 0);
        continue;
      }
      const char *id = header(in, "Call-ID", &length), *cseq = header(in, "CSeq", &length);
      if (!id || !cseq) continue;
      long i = atol(id);
      if (i < 0 || i >= n || !strstr(id, "@bench")) continue;
      struct call *call = &calls[i];
      int code = atoi(in + 8);
      if (code < 200) {
        call->provisional = 1;
        if (code == 180) {
          if (call->state != invited) overtaken++;
          call->ringing = 1;
        }
        continue;
      }
      if (code != 200) { errors++; continue; }
      if (!strncmp(cseq, "1 INVITE", 8)) {
        if (call->state == invited) {
          setup[answers++] = (uint32_t)((received - call->invite) / 1000);
          last = received;
          if (received - call->invite > 500000000LL && !call->late && !call->provisional) late++;
          call->answer = received;
          call->state = answered;
          holding[tail++] = i;
          call->dialog = dialog(in);
          if (!call->ringing) no_ringing++;
        } else {
          repeated++;
        }
        if (!call->dialog) continue;
        const char *target = call->dialog, *routes = target + strlen(target) + 1, *to = routes + strlen(routes) + 1;
        int size = sprintf(
            out,
            "ACK %s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK-%x-%ld-a\r\n%s"
            "From: \"Alice Example\" <sip:alice@example.org>;tag=t%x-%ld\r\nTo: %s\r\nCall-ID: %ld-%x@bench\r\n"
            "CSeq: 1 ACK\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
            target, local, run, i, routes, run, i, to, i, run);
        send(fd, out, size, 0);
      } else if (call->state == leaving) {
        int64_t took = received - call->bye;
        if (took > 500000000LL) late++;
        leave[done++] = (uint32_t)(took / 1000);
        call->state = over;
        free(call->dialog);
        call->dialog = 0;
      }
    }
  }
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  double cpu = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
               (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  qsort(setup, answers, 4, ascending);
  qsort(leave, done, 4, ascending);
  printf(
      "{\"calls\":%ld,\"sent\":%ld,\"answered\":%ld,\"done\":%ld,\"late\":%ld,\"errors\":%ld,\"overtaken\":%ld,"
      "\"no_ringing\":%ld,\"repeated\":%ld,\"requests\":%ld,\"answered_per_s\":%.1f,"
      "\"invite_ms\":{\"p50\":%.3f,\"p90\":%.3f,\"p99\":%.3f,\"max\":%.3f},"
      "\"bye_ms\":{\"p50\":%.3f,\"p99\":%.3f},\"generator_us_per_call\":%.1f}\n",
      n, sent, answers, done, late, errors, overtaken, no_ringing, repeated, requests,
      answers > 1 ? answers / ((last - start) / 1e9) : 0, percentile(setup, answers, .5), percentile(setup, answers, .9),
      percentile(setup, answers, .99), percentile(setup, answers, 1), percentile(leave, done, .5),
      percentile(leave, done, .99), cpu * 1e6 / (n ? n : 1));
  return 0;
}

int main(int count, char **words) {
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGTERM, &action, 0);
  sigaction(SIGINT, &action, 0);
  if (count >= 3 && !strcmp(words[1], "uas")) return uas(atoi(words[2]));
  if (count >= 6 && !strcmp(words[1], "uac"))
    return uac(atoi(words[2]), atoi(words[3]), atof(words[4]), atof(words[5]), count > 6 ? atoi(words[6]) : 1000,
               count > 7 ? words[7] : "bob");
  fprintf(stderr, "usage: sipload uas PORT | sipload uac LOCAL SERVER CALLS_PER_SECOND SECONDS [HOLD_MS] [USER]\n");
  return 2;
}
