// Conferences for hours: parties come and go, two at a time speak in tones of their own, and every party checks what it hears.
//
// usage: soakload SERVER_PORT PREFIX ROOMS SECONDS
//
// Rooms PREFIX0 ... with SEATS parties each. The first two of a room stay to the end; the others stay 10 to 60 s and are away 3 to 20. Every
// other seat speaks G.711, the others Opus, half of these with pauses instead of silence. Turns last 5 s: in each, two of the room speak (300
// ms of a tone, 200 ms of nothing), and from the second to the fourth second every party looks for each speaker's tone, and for tones
// that should not be there: of those who are quiet, and of other rooms. Prints what has happened every 10 s, and at the end what the
// whole came to, as lines of JSON.
#include "phones.h"
#include "g711.h"
#include <math.h>

enum { SEATS = 6, ROOMS = 10, TURN = 5000, FROM = 1500, UNTIL = 3900, RATE = 8000, BLOCK = RATE / 10, LOUD = 600, STRANGE = 500, CYCLE = 25 };
static struct seat {
  struct phone *phone;                     // nil while nobody sits there
  int64_t changes;                         // tick at which it comes or goes
  OpusEncoder *encoder;
  double phase;
  // What it hears in this turn.
  OpusDecoder *decoder;
  int16_t block[BLOCK];
  int filled, blocks, is_listening, found[2], strange;
} seats[ROOMS * SEATS];
static int speakers[ROOMS][2], rooms;
static double frequencies[ROOMS * SEATS];
static int64_t began, tick;
static struct { uint64_t calls, refused, deaf, checks, strange, packets, missing, skipped, late, others, own_late; } sum;
static int64_t longest;
static double slowest = 1e9, fastest;      // packets a second of a G.711 party over its stay, those left out too

static int seat_of(const struct phone *p) { return p->room; }

static int is_speaking(int seat) { int room = seat / SEATS; return speakers[room][0] == seat || speakers[room][1] == seat; }

// MARK: Speaking

static int payload_of(struct phone *p, int64_t frame, uint8_t *out) {
  int seat = seat_of(p), rate = p->is_mulaw ? RATE : 48000, length = rate / 50;
  struct seat *s = &seats[seat];
  int16_t samples[960];
  int is_loud = is_speaking(seat) && (frame + seat * 7) % CYCLE < 15;
  if (!is_loud && !p->is_mulaw && seat % 4 == 1 && !is_speaking(seat)) {
    static const uint8_t rest[] = {0x08};
    if ((frame + seat) % 20) return 0;
    memcpy(out, rest, 1);
    return 1;
  }
  for (int i = 0; i < length; i++) {
    s->phase += 2 * M_PI * frequencies[seat] / rate;
    samples[i] = is_loud ? 4000 * sin(s->phase) : rand() % 9 - 4;
  }
  s->phase = fmod(s->phase, 2 * M_PI);
  if (!p->is_mulaw) return opus_encode(s->encoder, samples, length, out, LARGEST);
  for (int i = 0; i < length; i++) out[i] = mulaw(samples[i]);
  return length;
}

// MARK: Hearing

/// The amplitude of a tone in a block, by Goertzel's algorithm on a Hann window.
static double amplitude(const int16_t *block, double frequency) {
  double w = 2 * cos(2 * M_PI * frequency / RATE), a = 0, b = 0;
  static double window[BLOCK];
  if (window[1] == 0) for (int i = 0; i < BLOCK; i++) window[i] = 0.5 - 0.5 * cos(2 * M_PI * i / BLOCK);
  for (int i = 0; i < BLOCK; i++) {
    double c = block[i] * window[i] + w * a - b;
    b = a;
    a = c;
  }
  double power = a * a + b * b - w * a * b;
  return 4 * sqrt(power > 0 ? power : 0) / BLOCK;
}

static void look(struct seat *s, int seat) {
  int room = seat / SEATS;
  double loudest = 0;
  for (int k = 0; k < 2; k++) {
    if (speakers[room][k] < 0 || speakers[room][k] == seat) continue;
    double a = amplitude(s->block, frequencies[speakers[room][k]]);
    s->found[k] += a > LOUD;
    if (a > loudest) loudest = a;
  }
  // A tone leaves traces beside itself, wide ones where it begins; what is a fifth of it further away is something else.
  for (int i = 0; i < rooms * SEATS; i++) {
    int is_near = 0;
    for (int k = 0; k < 2; k++) {
      int who = speakers[room][k];
      is_near |= who >= 0 && who != seat && fabs(frequencies[who] - frequencies[i]) < 90;
    }
    if (is_near) continue;
    double a = amplitude(s->block, frequencies[i]);
    if (a > STRANGE && a > loudest / 5) { s->strange++; break; }
  }
  s->blocks++;
}

static int is_audio(const struct phone *p, const uint8_t *payload, int length) { (void)p; (void)payload; (void)length; return 1; }

static void arrived(struct phone *p, const uint8_t *payload, int length, int64_t at) {
  (void)at;
  int seat = seat_of(p);
  struct seat *s = &seats[seat];
  if (!s->is_listening || s->phone != p) return;
  int16_t samples[960];
  int n = length;
  if (p->is_mulaw) { if (n > 960) return; for (int i = 0; i < n; i++) samples[i] = linear(payload[i]); }
  else n = opus_decode(s->decoder, payload, length, samples, 960, 0);
  for (int i = 0; i < n; i++) {
    s->block[s->filled++] = samples[i];
    if (s->filled == BLOCK) { look(s, seat); s->filled = 0; }
  }
}

static void listen_from(int seat) {
  struct seat *s = &seats[seat];
  // Who has come lately hears, but perhaps not from the beginning.
  if (!s->phone || s->phone->state != UP || now_ns() - s->phone->answered < 1000000000) return;
  s->is_listening = 1;
  s->filled = s->blocks = s->strange = s->found[0] = s->found[1] = 0;
  opus_decoder_ctl(s->decoder, OPUS_RESET_STATE);
}

static void listen_until(int seat) {
  struct seat *s = &seats[seat];
  int room = seat / SEATS;
  if (!s->is_listening) return;
  s->is_listening = 0;
  if (!s->phone || s->phone->state != UP) return;
  for (int k = 0; k < 2; k++) {
    int who = speakers[room][k];
    if (who < 0 || who == seat || !seats[who].phone || seats[who].phone->state != UP) continue;
    // Sixty percent of the time there is a tone. Two thirds of that must be found in what came: what did not come counts elsewhere.
    sum.checks++;
    if (s->blocks < 5 || s->found[k] * 10 < s->blocks * 4) {
      sum.deaf++;
      fprintf(stderr, "%.1f s: seat %d (%s) heard %d of %d blocks of seat %d (%s)\n", tick / 1e3, seat, s->phone->is_mulaw ? "G.711" : "Opus", s->found[k], s->blocks, who,
              seats[who].phone->is_mulaw ? "G.711" : "Opus");
    }
  }
  // A cut in a tone sounds like many for a moment; what another says would be there for a quarter of the time at least.
  if (s->strange > s->blocks / 5) {
    sum.strange++;
    fprintf(stderr, "%.1f s: seat %d heard strange tones in %d of %d blocks\n", tick / 1e3, seat, s->strange, s->blocks);
  }
}

// MARK: Coming and going

static void settle(struct phone *p) {
  struct reception *in = &p->in;
  sum.packets += in->packets, sum.missing += in->missing, sum.late += in->late, sum.others += in->others;
  if (p->is_mulaw) sum.skipped += in->skipped;    // Opus leaves silence out
  if (p->is_mulaw && in->longest > longest) longest = in->longest;
  double seconds = (in->last - in->first) / 1e9;
  if (p->is_mulaw && seconds > 5) {
    double pace = (in->packets + in->missing + in->skipped - 1) / seconds;
    if (pace < slowest) slowest = pace;
    if (pace > fastest) fastest = pace;
  }
  *in = (struct reception){0};
}

static void come(int seat, const char *prefix) {
  struct seat *s = &seats[seat];
  struct phone *p = 0;
  for (int i = seat; i < MOST && !p; i += ROOMS * SEATS) {    // each seat its own rows: their phases stay apart
    if (i >= count) count = i + 1;
    if (phones[i].state == IDLE || phones[i].state == GONE || phones[i].state == FAILED) p = &phones[i];
  }
  if (!p) return;
  char name[64];
  free(p->request);
  *p = (struct phone){.index = p - phones, .life = p->life + 1, .room = seat, .is_mulaw = seat % 2 == 0};
  opus_encoder_ctl(s->encoder, OPUS_RESET_STATE);
  sprintf(name, "%s%d", prefix, seat / SEATS);
  call(p, name);
  sum.calls++;
  s->phone = p;
  s->changes = seat % SEATS < 2 ? INT64_MAX : tick + 10000 + rand() % 50000;
}

static void go(int seat) {
  struct seat *s = &seats[seat];
  if (s->phone->state == UP) { settle(s->phone); hang_up(s->phone); }
  s->phone = 0;
  s->is_listening = 0;
  s->changes = tick + 3000 + rand() % 17000;
}

static void begin_turn(void) {
  for (int room = 0; room < rooms; room++) {
    int present[SEATS], n = 0;
    for (int i = 0; i < SEATS; i++) {
      struct seat *s = &seats[room * SEATS + i];
      if (s->phone && s->phone->state == UP && (s->changes == INT64_MAX || s->changes > tick + TURN)) present[n++] = room * SEATS + i;
    }
    speakers[room][0] = speakers[room][1] = -1;
    for (int k = 0; k < 2 && n; k++) { int i = rand() % n; speakers[room][k] = present[i]; present[i] = present[--n]; }
  }
}

static void report(const char *kind, double seconds) {
  int up = 0, calling = 0;
  uint64_t packets = sum.packets, missing = sum.missing, skipped = sum.skipped, late = sum.late;
  for (int i = 0; i < count; i++) {
    const struct phone *p = &phones[i];
    up += p->state == UP, calling += p->state == CALLING;
    if (p->state != UP) continue;
    packets += p->in.packets, missing += p->in.missing, late += p->in.late;
    if (p->is_mulaw) skipped += p->in.skipped;
  }
  printf("{\"kind\":\"%s\",\"seconds\":%.1f,\"up\":%d,\"calling\":%d,\"calls\":%llu,\"refused\":%llu,\"ended_by_server\":%d,\"repeats\":%d,\"packets\":%llu,\"missing\":%llu,"
         "\"skipped\":%llu,\"late\":%llu,\"reordered\":%llu,\"checks\":%llu,\"unheard\":%llu,\"strange\":%llu,\"own_late\":%llu,\"witness_ticks\":%llu,\"witness_late\":%llu}\n",
         kind, seconds, up, calling, (unsigned long long)sum.calls, (unsigned long long)sum.refused, ended_by_server, repeats, (unsigned long long)packets,
         (unsigned long long)missing, (unsigned long long)skipped, (unsigned long long)late, (unsigned long long)sum.others, (unsigned long long)sum.checks,
         (unsigned long long)sum.deaf, (unsigned long long)sum.strange, (unsigned long long)sum.own_late,
         (unsigned long long)witness->ticks, (unsigned long long)witness->late);
  fflush(stdout);
}

int main(int argc, char **argv) {
  if (argc < 5 || (rooms = atoi(argv[3])) < 1 || rooms > ROOMS) { fprintf(stderr, "soakload: see the head of soakload.c\n"); return 2; }
  double seconds = atof(argv[4]);
  int error;
  for (int i = 0; i < rooms * SEATS; i++) {
    seats[i].encoder = opus_encoder_create(48000, 1, OPUS_APPLICATION_VOIP, &error);
    opus_encoder_ctl(seats[i].encoder, OPUS_SET_COMPLEXITY(2));
    opus_encoder_ctl(seats[i].encoder, OPUS_SET_BITRATE(32000));
    seats[i].decoder = opus_decoder_create(RATE, 1, &error);
    frequencies[i] = 400 + 40 * (i % SEATS * ROOMS + i / SEATS);
    seats[i].changes = i % SEATS < 2 ? 10 * i : rand() % 20000;
  }
  for (int room = 0; room < ROOMS; room++) speakers[room][0] = speakers[room][1] = -1;
  open_phones(atoi(argv[1]));
  start_witness();
  began = now_ns();
  for (tick = 1; tick < seconds * 1000; tick++) {
    wait_until(began + tick * 1000000);
    if (now_ns() - began - tick * 1000000 > 20000000) sum.own_late++;
    send_media(tick);
    if (tick % 50 == 0) {
      repeat_requests(now_ns());
      for (int i = 0; i < rooms * SEATS; i++) {
        struct seat *s = &seats[i];
        if (s->phone && (s->phone->state == FAILED || s->phone->state == GONE)) {
          sum.refused += s->phone->state == FAILED;
          fprintf(stderr, "%.1f s: seat %d %s (%d)\n", tick / 1e3, i, s->phone->state == FAILED ? "was refused" : "was ended", s->phone->status);
          s->phone = 0;
          s->changes = tick + 3000;
        }
        if (s->changes > tick || (s->phone && is_speaking(i))) continue;
        if (s->phone) go(i); else come(i, argv[2]);
      }
    }
    if (tick % TURN == 0) begin_turn();
    if (tick % TURN == FROM) for (int i = 0; i < rooms * SEATS; i++) listen_from(i);
    if (tick % TURN == UNTIL) for (int i = 0; i < rooms * SEATS; i++) listen_until(i);
    if (tick % 10000 == 0) report("part", tick / 1e3);
  }

  // Drift: how far arrival and timestamps have come apart, of those who were there all the time.
  double drift = 0, deviation = 0, stay = 0, pace_least = 1e9, pace_most = 0;
  for (int i = 0; i < rooms * SEATS; i++) {
    if (i % SEATS > 1 || !seats[i].phone || seats[i].phone->state != UP) continue;
    const struct phone *p = seats[i].phone;
    double clock = p->is_mulaw ? 8000 : 48000, by_clock = (p->in.last - p->in.first) / 1e9, by_stamps = p->in.stamps / clock;
    if (by_clock < 1) continue;
    double parts = (by_stamps - by_clock) / by_clock * 1e6, most = (p->in.deviation_most - p->in.deviation_least) / 1e6;
    if (fabs(parts) > fabs(drift)) drift = parts;
    if (most > deviation) deviation = most;
    if (by_clock > stay) stay = by_clock;
    if (p->is_mulaw) { double pace = (p->in.packets + p->in.missing + p->in.skipped - 1) / by_clock; pace_least = fmin(pace_least, pace); pace_most = fmax(pace_most, pace); }
  }
  for (int i = 0; i < rooms * SEATS; i++) if (seats[i].phone) go(i);
  int left = 1;
  for (int i = 0; i < 100 && left; i++) {
    left = 0;
    wait_until(now_ns() + 50000000);
    repeat_requests(now_ns());
    for (int k = 0; k < count; k++) left += phones[k].state == LEAVING || phones[k].state == CALLING;
  }
  report("end", seconds);
  printf("{\"kind\":\"whole\",\"stay_s\":%.1f,\"drift_ppm\":%.1f,\"deviation_ms\":%.1f,\"permanent_pace\":[%.4f,%.4f],\"pace\":[%.3f,%.3f],\"longest_ms\":%.1f,\"left\":%d}\n",
         stay, drift, deviation, pace_least, pace_most, slowest, fastest, longest / 1e6, left);
  return 0;
}
