// Parties that come into rooms at a rate, while others talk there already: how soon each hears, and what the others miss.
//
// usage: joinload SERVER_PORT SPEECH PREFIX ROOMS OLD JOINS RATE     rooms PREFIX0, PREFIX1 ...
//        joinload SERVER_PORT pausing|mute PREFIX ROOMS hold RATE     one party a room, which then takes its media on hold
//
// OLD parties talk in the first room, and one in every other, all of them in Opus. Of those who come, in turns to every room, each is silent
// but for a sign of life every 400 ms. START and STOP frame the time from the first INVITE to two seconds after the last; a line of
// JSON follows. With `hold`, a line of JSON once all are held, and everybody leaves when standard input ends; `pausing`: each has sent an
// encoder's pause before, `mute`: nothing ever.
#include "phones.h"

enum { FRAME = 960, VOICES = 8, FRAMES = 500 };
static uint8_t packets[VOICES][FRAMES][LARGEST];
static int lengths[VOICES][FRAMES], talkers, is_mute;

static void encode_all(const char *path) {
  FILE *f = fopen(path, "rb");
  if (!f) { perror(path); exit(1); }
  static int16_t speech[FRAME * 1600];
  long frames = fread(speech, 2 * FRAME, 1600, f);
  fclose(f);
  if (frames < FRAMES) { fprintf(stderr, "joinload: too little speech\n"); exit(1); }
  for (int voice = 0; voice < VOICES; voice++) {
    int error;
    OpusEncoder *e = opus_encoder_create(48000, 1, OPUS_APPLICATION_VOIP, &error);
    opus_encoder_ctl(e, OPUS_SET_BITRATE(32000));
    opus_encoder_ctl(e, OPUS_SET_COMPLEXITY(5));
    for (int i = 0; i < FRAMES; i++)
      lengths[voice][i] = opus_encode(e, speech + (i + voice * 137L) % frames * FRAME, FRAME, packets[voice][i], LARGEST);
    opus_encoder_destroy(e);
  }
}

static int payload_of(struct phone *p, int64_t frame, uint8_t *out) {
  if (is_mute) return 0;
  if (p->index >= talkers) {
    static const uint8_t rest[] = {0x08};    // an empty frame of 20 ms: the encoder's pause
    if ((frame + p->index) % 20) return 0;
    memcpy(out, rest, 1);
    return 1;
  }
  int voice = p->index % VOICES, at = (frame + p->index * 31) % FRAMES;
  memcpy(out, packets[voice][at], lengths[voice][at]);
  return lengths[voice][at];
}

// What is left of speech at 32 kbit/s when nobody speaks is a few bytes a packet.
static int is_audio(const struct phone *p, const uint8_t *payload, int length) { (void)p; (void)payload; return length > 20; }
static void arrived(struct phone *p, const uint8_t *payload, int length, int64_t at) { (void)p; (void)payload; (void)length; (void)at; }

static int64_t began, tick;
static int own_late;    // times this program itself got the processor 20 ms late
static void pass(double seconds) {
  for (int64_t until = tick + seconds * 1000; tick < until;) {
    wait_until(began + ++tick * 1000000);
    own_late += now_ns() - began - tick * 1000000 > 20000000;
    send_media(tick);
    if (tick % 50 == 0) repeat_requests(now_ns());
  }
}

static struct phone *add(const char *prefix, int room) {
  char name[64];
  struct phone *p = &phones[count];
  p->index = count++;
  p->room = room;
  sprintf(name, "%s%d", prefix, room);
  call(p, name);
  return p;
}

static int in_state(enum state state) {
  int n = 0;
  for (int i = 0; i < count; i++) n += phones[i].state == state;
  return n;
}

static void leave_all(void) {
  for (int i = 0; i < count; i++) {
    hang_up(&phones[i]);
    if (i % 2) pass(0.001);
  }
  for (int i = 0; i < 100 && in_state(LEAVING); i++) pass(0.05);
}

int main(int argc, char **argv) {
  if (argc < 7) { fprintf(stderr, "joinload: see the head of joinload.c\n"); return 2; }
  const char *prefix = argv[3];
  int rooms = atoi(argv[4]), is_holding = !strcmp(argv[5], "hold");
  int old = is_holding ? 0 : atoi(argv[5]), joins = is_holding ? rooms : atoi(argv[6]);
  double rate = is_holding ? atof(argv[6]) : argc > 7 ? atof(argv[7]) : 100;
  if (rooms < 1 || joins + old + rooms > MOST || rate <= 0) return 2;
  if (!is_holding) encode_all(argv[2]);
  is_mute = is_holding && !strcmp(argv[2], "mute");
  open_phones(atoi(argv[1]));
  if (!is_holding) start_witness();
  began = now_ns();

  talkers = is_holding ? 0 : old + rooms - 1;
  for (int i = 0; i < talkers; i++) { add(prefix, i < old ? 0 : i - old + 1); pass(0.01); }
  if (talkers) pass(2);
  int first = count, early_failures = in_state(FAILED) + in_state(CALLING);
  for (int i = 0; i < first; i++) phones[i].in = (struct reception){0};
  if (!is_holding) { puts("START"); fflush(stdout); }
  int64_t from = now_ns();
  own_late = 0;
  uint64_t witnessed = witness ? witness->ticks : 0, witnessed_late = witness ? witness->late : 0;
  for (int i = 0; i < joins; i++) {
    while (now_ns() - from < i / rate * 1e9) pass(0.001);
    add(prefix, i % rooms);
  }
  if (is_holding) {
    for (int i = 0; i < 100 && in_state(CALLING); i++) pass(0.1);
    for (int i = 0; i < count; i++) if (phones[i].state == UP) { hold(&phones[i]); if (i % 2) pass(0.001); }
    pass(2);
    printf("{\"up\":%d,\"failed\":%d,\"repeats\":%d}\n", in_state(UP), in_state(FAILED) + in_state(CALLING), repeats);
    fflush(stdout);
    char ignored;
    while (read(0, &ignored, 1) > 0) {}
    began = now_ns() - tick * 1000000;
    leave_all();
    return 0;
  }
  pass(2);
  double seconds = (now_ns() - from) / 1e9;
  puts("STOP");
  fflush(stdout);

  static double answer[MOST], audio[MOST];
  int answers = 0, audios = 0, failed = 0, silent = 0;
  for (int i = first; i < count; i++) {
    const struct phone *p = &phones[i];
    failed += p->state != UP;
    if (p->answered) answer[answers++] = (p->answered - p->invited) / 1e6;
    if (p->heard) audio[audios++] = (p->heard - p->invited) / 1e6; else silent++;
  }
  qsort(answer, answers, sizeof *answer, ascending);
  qsort(audio, audios, sizeof *audio, ascending);
  struct reception all = {0}, others = {0};
  uint64_t joined = 0;
  for (int i = 0; i < count; i++) {
    const struct reception *in = &phones[i].in;
    if (i >= first) { joined += in->packets; continue; }
    struct reception *sum = i < old ? &all : &others;
    sum->packets += in->packets, sum->missing += in->missing, sum->skipped += in->skipped, sum->late += in->late;
    if (in->longest > sum->longest) sum->longest = in->longest;
  }
  printf("{\"joins\":%d,\"failed\":%d,\"silent\":%d,\"repeats\":%d,\"not_up_before\":%d,\"seconds\":%.2f,\"answer_ms\":{\"p50\":%.2f,\"p99\":%.2f},"
         "\"audio_ms\":{\"p50\":%.2f,\"p99\":%.2f,\"most\":%.2f},\"old\":{\"packets\":%llu,\"expected\":%.0f,\"missing\":%llu,\"skipped\":%llu,\"late\":%llu,\"longest_ms\":%.1f},"
         "\"joined_packets\":%llu,\"ended_by_server\":%d,\"own_late\":%d,\"witness\":{\"ticks\":%llu,\"late\":%llu}}\n",
         joins, failed, silent, repeats, early_failures, seconds, percentile(answer, answers, .5), percentile(answer, answers, .99),
         percentile(audio, audios, .5), percentile(audio, audios, .99), audios ? audio[audios - 1] : 0, (unsigned long long)all.packets,
         old * seconds * 50, (unsigned long long)all.missing, (unsigned long long)all.skipped, (unsigned long long)all.late, all.longest / 1e6,
         (unsigned long long)joined, ended_by_server, own_late,
         (unsigned long long)(witness->ticks - witnessed), (unsigned long long)(witness->late - witnessed_late));
  fflush(stdout);
  leave_all();
  return 0;
}
