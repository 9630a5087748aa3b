// G.711 µ-law, the plain way.
#include <stdint.h>

static inline uint8_t mulaw(int16_t sample) {
  int magnitude = sample < 0 ? -sample : sample, exponent = 7;
  if (magnitude > 32635) magnitude = 32635;
  magnitude += 132;
  for (int mask = 0x4000; !(magnitude & mask) && exponent > 0; mask >>= 1) exponent--;
  return ~((sample < 0 ? 0x80 : 0) | exponent << 4 | (magnitude >> (exponent + 3) & 15));
}

static inline int16_t linear(uint8_t code) {
  code = ~code;
  int magnitude = (((code & 15) << 3) + 132) << (code >> 4 & 7);
  return code & 0x80 ? 132 - magnitude : magnitude - 132;
}
