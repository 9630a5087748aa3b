// How long a sound takes through a server: from the packet that holds its beginning to the packet that brings it.
//
// usage: delay PAIRS SECONDS pcmu|opus pcmu|opus [HOST [WARM]]
//
// PAIRS: a line for each pair, with the ports of the server that side A and side B send to. The local side is 127.0.0.1:20001 for all
// of A and 20002 for all of B; pairs are told apart by the server's port. A of each pair sends 200 ms of a tone in every 800, each pair
// at another time and phase of the 20 ms; B is silent. A sound's beginning is a place in a packet on both sides, so the 20 ms that
// packets wait to be full do not count, nor does what A's own encoder delays; what another encoder on the way adds does. Arrival is
// the kernel's. What is sent in the first WARM seconds (1.6) does not count: there, jitter buffers still know nothing. Prints a line of
// JSON; times in ms.
#define _GNU_SOURCE
#include "g711.h"
#include <arpa/inet.h>
#include <math.h>
#include <opus/opus.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 64, FRAMES = 4000, CYCLE = 40, LOUD = 10, LARGEST = 400, RATE = 8000, QUIET = RATE / 5, THRESHOLD = 1000 };
static uint8_t sound[FRAMES][LARGEST], silence[LARGEST];
static int lengths[FRAMES], silence_length;
/// Of the burst that begins in this frame: samples from the frame's beginning until a listener would hear it.
static int onset[FRAMES + 8];
static struct pair {
  struct sockaddr_in a, b;
  OpusDecoder *decoder;
  int64_t sent;           // when the beginning of the last burst was, ns
  int quiet, is_waiting;
} pairs[MOST];
static double delays[65536];
static int heard, missed, sounds;

static int64_t wall(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/// The place of the first loud sample after a quiet time, -1: none.
static int beginning(const int16_t *samples, int count, int *quiet) {
  int found = -1;
  for (int i = 0; i < count; i++) {
    int is_loud = abs(samples[i]) > THRESHOLD;
    if (is_loud && *quiet >= QUIET && found < 0) found = i;
    *quiet = is_loud ? 0 : *quiet + 1;
  }
  return found;
}

static void make_sound(int is_opus) {
  int rate = is_opus ? 48000 : RATE, frame = rate / 50, error, quiet = QUIET;
  OpusEncoder *encoder = is_opus ? opus_encoder_create(rate, 1, OPUS_APPLICATION_VOIP, &error) : 0;
  OpusDecoder *decoder = opus_decoder_create(RATE, 1, &error);
  if (encoder) { opus_encoder_ctl(encoder, OPUS_SET_BITRATE(32000)); opus_encoder_ctl(encoder, OPUS_SET_COMPLEXITY(5)); }
  for (int f = 0; f < FRAMES; f++) {
    int16_t samples[960], decoded[960];
    int is_loud = f % CYCLE >= CYCLE - LOUD, count = RATE / 50;
    for (int i = 0; i < frame; i++) samples[i] = is_loud ? 9000 * sin(2 * M_PI * 1000 * (i + 1) / rate) : rand() % 9 - 4;
    if (encoder) {
      lengths[f] = opus_encode(encoder, samples, frame, sound[f], LARGEST);
      count = opus_decode(decoder, sound[f], lengths[f], decoded, 960, 0);
    } else {
      lengths[f] = frame;
      for (int i = 0; i < frame; i++) { sound[f][i] = mulaw(samples[i]); decoded[i] = linear(sound[f][i]); }
    }
    int place = beginning(decoded, count, &quiet);
    if (place >= 0) onset[f - f % CYCLE + CYCLE - LOUD] = (f % CYCLE - (CYCLE - LOUD)) * RATE / 50 + place;
  }
}

static void make_silence(int is_opus) {
  int error, frame = is_opus ? 960 : RATE / 50;
  int16_t samples[960];
  OpusEncoder *encoder = opus_encoder_create(48000, 1, OPUS_APPLICATION_VOIP, &error);
  for (int k = 0; k < 20; k++) {
    for (int i = 0; i < frame; i++) samples[i] = rand() % 9 - 4;
    silence_length = is_opus ? opus_encode(encoder, samples, frame, silence, LARGEST) : frame;
  }
  if (!is_opus) for (int i = 0; i < frame; i++) silence[i] = mulaw(samples[i]);
}

static int udp(int port) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0), size = 4 << 20, on = 1;
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
  if (bind(fd, (void *)&a, sizeof a)) { perror("delay: bind"); exit(1); }
  return fd;
}

static void receive(int fd, int count, int is_b) {
  for (;;) {
    uint8_t packet[1500], control[64];
    struct sockaddr_in from;
    struct iovec vector = {packet, sizeof packet};
    struct msghdr message = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT);
    if (n < 0) return;
    int type = packet[1] & 0x7f;
    if (!is_b || n <= 12 || (type >= 72 && type <= 79)) continue;
    int64_t at = wall();
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c))
      if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
        struct timespec t;
        memcpy(&t, CMSG_DATA(c), sizeof t);
        at = t.tv_sec * 1000000000LL + t.tv_nsec;
      }
    struct pair *p = 0;
    for (int i = 0; i < count && !p; i++) if (pairs[i].b.sin_port == from.sin_port) p = &pairs[i];
    if (!p) continue;
    int16_t samples[5760];
    int length = n - 12;
    if (type == 0) for (int i = 0; i < length; i++) samples[i] = linear(packet[12 + i]);
    else length = opus_decode(p->decoder, packet + 12, length, samples, 5760, 0);
    if (length <= 0) continue;
    int place = beginning(samples, length, &p->quiet);
    if (place < 0 || !p->is_waiting) continue;
    p->is_waiting = 0;
    delays[heard++ & 65535] = (at + place * (1000000000LL / RATE) - p->sent) / 1e6;
  }
}

static int ascending(const void *a, const void *b) { double x = *(const double *)a, y = *(const double *)b; return x < y ? -1 : x > y; }

int main(int argc, char **argv) {
  if (argc < 5) { fprintf(stderr, "delay: see the head of delay.c\n"); return 2; }
  int is_opus_a = !strcmp(argv[3], "opus"), is_opus_b = !strcmp(argv[4], "opus"), count = 0, a, b, error;
  FILE *f = fopen(argv[1], "r");
  if (!f) { perror(argv[1]); return 1; }
  while (count < MOST && fscanf(f, "%d %d", &a, &b) == 2) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr(argc > 5 ? argv[5] : "127.0.0.1")};
    struct pair *p = &pairs[count++];
    p->a = p->b = address;
    p->a.sin_port = htons(a);
    p->b.sin_port = htons(b);
    p->decoder = opus_decoder_create(RATE, 1, &error);
    p->quiet = QUIET;
  }
  if (!count) return 1;
  make_sound(is_opus_a);
  make_silence(is_opus_b);
  int fds[] = {udp(20001), udp(20002)};
  struct timespec mono;
  clock_gettime(CLOCK_MONOTONIC, &mono);
  int64_t warm = (argc > 6 ? atof(argv[6]) : 1.6) * 50, frames = warm + atof(argv[2]) * 50, start = mono.tv_sec * 1000000000LL + mono.tv_nsec;
  for (int64_t step = 0; step < frames * count; step++) {
    int i = step % count;
    int64_t frame = step / count + 1, due = start + frame * 20000000 + 20000000LL * i / count, left;
    for (;;) {
      clock_gettime(CLOCK_MONOTONIC, &mono);
      left = due - (mono.tv_sec * 1000000000LL + mono.tv_nsec);
      struct pollfd ready[] = {{fds[0], POLLIN, 0}, {fds[1], POLLIN, 0}};
      struct timespec wait = {0, left > 0 ? left : 0};
      if (ppoll(ready, 2, &wait, 0) > 0) { receive(fds[0], count, 0); receive(fds[1], count, 1); }
      if (left <= 0) break;
    }
    struct pair *p = &pairs[i];
    int at = (frame + i * 7) % FRAMES;    // every pair at another place of the cycle
    uint8_t packet[12 + LARGEST] = {0x80};
    for (int side = 0; side < 2; side++) {
      int is_opus = side ? is_opus_b : is_opus_a, length = side ? silence_length : lengths[at];
      packet[1] = is_opus ? 111 : 0;
      *(uint16_t *)(packet + 2) = htons(frame);
      *(uint32_t *)(packet + 4) = htonl(frame * (is_opus ? 960 : 160));
      *(uint32_t *)(packet + 8) = htonl(0x9000 + 2 * i + side);
      memcpy(packet + 12, side ? silence : sound[at], length);
      // The last may not be heard in time.
      if (!side && at % CYCLE == CYCLE - LOUD && frame > warm && frame < frames - CYCLE / 2) {
        missed += p->is_waiting;
        p->is_waiting = 1;
        p->sent = wall() + onset[at] * (1000000000LL / RATE);
        sounds++;
      }
      sendto(fds[side], packet, 12 + length, 0, side ? (void *)&p->b : (void *)&p->a, sizeof p->a);
    }
  }
  qsort(delays, heard, sizeof *delays, ascending);
  printf("{\"sounds\":%d,\"heard\":%d,\"least\":%.2f,\"p50\":%.2f,\"p90\":%.2f,\"p99\":%.2f,\"most\":%.2f}\n", sounds, heard, heard ? delays[0] : 0,
         heard ? delays[heard / 2] : 0, heard ? delays[heard * 9 / 10] : 0, heard ? delays[heard * 99 / 100] : 0, heard ? delays[heard - 1] : 0);
  return 0;
}
