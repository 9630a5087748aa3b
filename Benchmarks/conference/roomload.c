// Participants of a conference as a mixer sees them: Opus over plain RTP on 127.0.0.1, 48 kHz mono, 20 ms, 32 kbit/s.
//
// usage: roomload SPEECH DESTINATIONS SECONDS [-k TALKERS] [-m speech|dtx|pcmu] [-b PORT] [-w WARM] [-t PAYLOAD_TYPE]
//        roomload SPEECH calibrate [COMPLEXITY]
//        roomload SPEECH transcode
//        roomload SPEECH payloads MULAW OPUS
//
// SPEECH is 48 kHz 16-bit mono. Participant i has the port PORT + 2 i and sends to the port that stands in line i of
// DESTINATIONS. The first TALKERS speak; the others send low noise at the full rate, or with `-m dtx` a sign of life
// every 400 ms. They take their turns over the 20 ms. START and STOP frame what is measured; then a line of JSON
// says what came back. `calibrate` prints what one encoding of 20 ms costs here and now, in us of CPU; `transcode` what G.711 decoded and
// encoded by libopus at 8 kHz does, and the way back. `payloads` writes the speech as rtpgen sends it: G.711 of 160 bytes a packet, and
// Opus of 80, at a constant rate.
#define _GNU_SOURCE
#include "g711.h"
#include <arpa/inet.h>
#include <opus/opus.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { FRAME = 960, VOICES = 8, FRAMES = 1000, MAXIMUM = 4096, HEADER = 12, LARGEST = 400 };
static uint8_t packets[VOICES + 1][FRAMES][LARGEST];
static int lengths[VOICES + 1][FRAMES];
static int16_t *speech;
static long frames_of_speech;

static int64_t clock_of(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static OpusEncoder *encoder(int complexity) {
  int error;
  OpusEncoder *e = opus_encoder_create(48000, 1, OPUS_APPLICATION_VOIP, &error);
  if (!e) exit(1);
  opus_encoder_ctl(e, OPUS_SET_BITRATE(32000));
  opus_encoder_ctl(e, OPUS_SET_COMPLEXITY(complexity));
  return e;
}

static void read_speech(const char *path) {
  FILE *f = fopen(path, "rb");
  if (!f) { perror(path); exit(1); }
  fseek(f, 0, SEEK_END);
  long size = ftell(f);
  rewind(f);
  speech = malloc(size);
  if (fread(speech, 1, size, f) != (size_t)size) exit(1);
  fclose(f);
  frames_of_speech = size / 2 / FRAME;
}

/// Twenty seconds of each voice, from another place of the same speech; and of silence with a little noise in it.
static void encode_all(void) {
  for (int voice = 0; voice <= VOICES; voice++) {
    OpusEncoder *e = encoder(5);
    for (int i = 0; i < FRAMES; i++) {
      int16_t noise[FRAME];
      const int16_t *from = noise;
      if (voice < VOICES) from = speech + (long)(i + voice * 137) % frames_of_speech * FRAME;
      else for (int j = 0; j < FRAME; j++) noise[j] = rand() % 9 - 4;
      lengths[voice][i] = opus_encode(e, from, FRAME, packets[voice][i], LARGEST);
    }
    opus_encoder_destroy(e);
  }
}

/// The same in G.711 µ-law at 8 kHz, every sixth sample: what it sounds like does not matter here, what it costs does.
static void encode_all_mulaw(void) {
  for (int voice = 0; voice <= VOICES; voice++)
    for (int i = 0; i < FRAMES; i++) {
      const int16_t *from = speech + (long)(i + voice * 137) % frames_of_speech * FRAME;
      for (int j = 0; j < 160; j++) packets[voice][i][j] = mulaw(voice < VOICES ? from[j * 6] : rand() % 9 - 4);
      lengths[voice][i] = 160;
    }
}

static void calibrate(int complexity) {
  uint8_t packet[LARGEST];
  OpusEncoder *e = encoder(complexity);
  int64_t start = 0;
  for (int i = -50; i < 500; i++) {
    if (i == 0) start = clock_of(CLOCK_THREAD_CPUTIME_ID);
    if (opus_encode(e, speech + (i + 50) % frames_of_speech * FRAME, FRAME, packet, LARGEST) < 0) exit(1);
  }
  printf("%.2f\n", (clock_of(CLOCK_THREAD_CPUTIME_ID) - start) / 500e3);
}

static int16_t *narrowband(void) {
  int16_t *samples = malloc(frames_of_speech * 160 * sizeof *samples);
  for (long i = 0; i < frames_of_speech * 160; i++) {
    int sum = 0;
    for (int k = 0; k < 6; k++) sum += speech[i * 6 + k];
    samples[i] = sum / 6;
  }
  return samples;
}

/// What a transcoder cannot do without, both ways; the way back from what `payloads` writes.
static void transcode(void) {
  int error;
  int16_t *samples = narrowband();
  OpusEncoder *e = opus_encoder_create(8000, 1, OPUS_APPLICATION_VOIP, &error), *sender = encoder(5);
  OpusDecoder *d = opus_decoder_create(8000, 1, &error);
  opus_encoder_ctl(e, OPUS_SET_BITRATE(32000));
  opus_encoder_ctl(e, OPUS_SET_COMPLEXITY(5));
  opus_encoder_ctl(sender, OPUS_SET_VBR(0));
  int64_t there = 0, back = 0;
  for (int i = 0; i < 550; i++) {
    uint8_t g711[160], packet[LARGEST];
    int16_t frame[160];
    for (int j = 0; j < 160; j++) g711[j] = mulaw(samples[i % frames_of_speech * 160 + j]);
    int64_t start = clock_of(CLOCK_THREAD_CPUTIME_ID);
    for (int j = 0; j < 160; j++) frame[j] = linear(g711[j]);
    if (opus_encode(e, frame, 160, packet, LARGEST) < 0) exit(1);
    int64_t between = clock_of(CLOCK_THREAD_CPUTIME_ID);
    int length = opus_encode(sender, speech + i % frames_of_speech * FRAME, FRAME, packet, 80);
    int64_t middle = clock_of(CLOCK_THREAD_CPUTIME_ID);
    if (opus_decode(d, packet, length, frame, 160, 0) != 160) exit(1);
    for (int j = 0; j < 160; j++) g711[j] = mulaw(frame[j]);
    if (i >= 50) there += between - start, back += clock_of(CLOCK_THREAD_CPUTIME_ID) - middle;
  }
  printf("{\"there\":%.2f,\"back\":%.2f}\n", there / 500e3, back / 500e3);
}

static void write_payloads(const char *mulaw_path, const char *opus_path) {
  FILE *a = fopen(mulaw_path, "wb"), *b = fopen(opus_path, "wb");
  if (!a || !b) { perror("roomload"); exit(1); }
  int16_t *samples = narrowband();
  for (long i = 0; i < frames_of_speech * 160; i++) fputc(mulaw(samples[i]), a);
  OpusEncoder *e = encoder(5);
  opus_encoder_ctl(e, OPUS_SET_VBR(0));
  for (long i = 0; i < frames_of_speech; i++) {
    uint8_t packet[LARGEST];
    int length = opus_encode(e, speech + i * FRAME, FRAME, packet, 80);
    if (length != 80) { fprintf(stderr, "roomload: %d bytes\n", length); exit(1); }
    fwrite(packet, 1, 80, b);
  }
  fclose(a);
  fclose(b);
}

int main(int argc, char **argv) {
  if (argc < 3) { fprintf(stderr, "roomload: see the head of roomload.c\n"); return 2; }
  read_speech(argv[1]);
  if (!strcmp(argv[2], "calibrate")) { calibrate(argc > 3 ? atoi(argv[3]) : 5); return 0; }
  if (!strcmp(argv[2], "transcode")) { transcode(); return 0; }
  if (!strcmp(argv[2], "payloads") && argc == 5) { write_payloads(argv[3], argv[4]); return 0; }
  if (argc < 4) return 2;
  double seconds = atof(argv[3]), warm = 2;
  int talkers = MAXIMUM, pauses = 0, is_mulaw = 0, base = 22000, type = 111, option;
  optind = 4;
  while ((option = getopt(argc, argv, "k:m:b:w:t:")) != -1) switch (option) {
    case 'k': talkers = atoi(optarg); break;
    case 'm': pauses = !strcmp(optarg, "dtx"); is_mulaw = !strcmp(optarg, "pcmu"); break;
    case 'b': base = atoi(optarg); break;
    case 'w': warm = atof(optarg); break;
    case 't': type = atoi(optarg); break;
    default: return 2;
    }
  is_mulaw ? encode_all_mulaw() : encode_all();

  static int ports[MAXIMUM], sockets[MAXIMUM];
  static uint64_t received[MAXIMUM], sequence[MAXIMUM], longest[MAXIMUM];
  static int64_t last[MAXIMUM];
  static struct sockaddr_in to[MAXIMUM];
  int count = 0, poll = epoll_create1(0);
  FILE *f = fopen(argv[2], "r");
  if (!f) { perror(argv[2]); return 1; }
  while (count < MAXIMUM && fscanf(f, "%d", &ports[count]) == 1) count++;
  fclose(f);
  if (!count) return 1;
  for (int i = 0; i < count; i++) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(base + 2 * i), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int size = 1 << 20;
    sockets[i] = socket(AF_INET, SOCK_DGRAM, 0);
    if (bind(sockets[i], (void *)&address, sizeof address)) { perror("roomload: bind"); return 1; }
    setsockopt(sockets[i], SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    to[i] = address;
    to[i].sin_port = htons(ports[i]);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
    epoll_ctl(poll, EPOLL_CTL_ADD, sockets[i], &event);
  }

  int64_t start = clock_of(CLOCK_MONOTONIC) + 1000000, from = start + warm * 1e9, until = from + seconds * 1e9;
  int is_measuring = 0;
  uint64_t sent = 0, total = 0, bytes = 0;
  const int per_frame = is_mulaw ? 160 : FRAME;
  for (uint64_t tick = 0;; tick++) {
    int64_t due = start + tick * 1000000, now;
    while ((now = clock_of(CLOCK_MONOTONIC)) < due) {
      struct epoll_event events[64];
      struct timespec wait = {0, due - now};
      int n = epoll_pwait2(poll, events, 64, &wait, 0);
      now = clock_of(CLOCK_MONOTONIC);
      for (int k = 0; k < n; k++) {
        uint8_t packet[2048];
        int i = events[k].data.u32;
        ssize_t length;
        while ((length = recv(sockets[i], packet, sizeof packet, MSG_DONTWAIT)) > 0) {
          // Reports (RTCP) do not count.
          int kind = packet[1] & 0x7f;
          if (now < from || now >= until || length <= HEADER || (kind >= 72 && kind <= 76)) continue;
          received[i]++, total++, bytes += length - HEADER;
          if (last[i] && (uint64_t)(now - last[i]) > longest[i]) longest[i] = now - last[i];
          last[i] = now;
        }
      }
    }
    if (!is_measuring && now >= from) { is_measuring = 1; puts("START"); fflush(stdout); }
    if (is_measuring && now >= until) { puts("STOP"); fflush(stdout); break; }
    int slot = tick % 20;
    uint64_t frame = tick / 20;
    for (int i = (count * slot + 19) / 20; i < (count * (slot + 1) + 19) / 20 && i < count; i++) {
      int voice = i < talkers ? i % VOICES : VOICES, at = (frame + i * 31) % FRAMES;
      if (i >= talkers && pauses && frame % 20) continue;
      uint8_t packet[HEADER + LARGEST] = {0x80, type};
      *(uint16_t *)(packet + 2) = htons((uint16_t)sequence[i]++);
      *(uint32_t *)(packet + 4) = htonl((uint32_t)(frame * per_frame));
      *(uint32_t *)(packet + 8) = htonl(0x5000 + i);
      memcpy(packet + HEADER, packets[voice][at], lengths[voice][at]);
      if (sendto(sockets[i], packet, HEADER + lengths[voice][at], 0, (void *)&to[i], sizeof to[i]) > 0 && is_measuring) sent++;
    }
  }
  int silent = 0;
  uint64_t least = UINT64_MAX, most = 0, gap = 0;
  for (int i = 0; i < count; i++) {
    silent += !received[i];
    if (received[i] < least) least = received[i];
    if (received[i] > most) most = received[i];
    if (longest[i] > gap) gap = longest[i];
  }
  printf("{\"participants\":%d,\"sent\":%llu,\"received\":%llu,\"pps_each\":%.2f,\"least\":%llu,\"most\":%llu,\"silent\":%d,\"longest_gap_ms\":%.1f,\"kbps_each\":%.1f}\n",
    count, (unsigned long long)sent, (unsigned long long)total, total / seconds / count, (unsigned long long)least,
    (unsigned long long)most, silent, gap / 1e6, bytes * 8.0 / seconds / count / 1000);
  return 0;
}
