// linearscan: what a decision costs when each rule is tried in turn: PCRE2 with machine code, nothing else.
//
//   linearscan PATTERNS ALIASES SECONDS
//
// Both files have one entry a line. Goes through the aliases again and again until the time is over, and prints one line
// of JSON: nanoseconds of CPU an alias, and how many found a rule.
#define _GNU_SOURCE
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct lines { char **text; size_t *length; size_t count; };

static struct lines read_lines(const char *path) {
  struct lines l = {0};
  FILE *f = fopen(path, "r");
  if (!f) { perror(path); exit(1); }
  char *line = NULL; size_t size = 0, room = 0; ssize_t n;
  while ((n = getline(&line, &size, f)) > 0) {
    if (line[n - 1] == '\n') n--;
    if (l.count == room) {
      room = room ? room * 2 : 1024;
      l.text = realloc(l.text, room * sizeof *l.text);
      l.length = realloc(l.length, room * sizeof *l.length);
    }
    l.text[l.count] = strndup(line, n); l.length[l.count++] = n;
  }
  free(line); fclose(f);
  return l;
}

static int64_t cpu_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int argc, char **argv) {
  if (argc != 4) { fprintf(stderr, "usage: linearscan PATTERNS ALIASES SECONDS\n"); return 2; }
  struct lines patterns = read_lines(argv[1]), aliases = read_lines(argv[2]);
  int64_t limit = atof(argv[3]) * 1e9;
  pcre2_code **code = calloc(patterns.count, sizeof *code);
  for (size_t i = 0; i < patterns.count; i++) {
    int error; PCRE2_SIZE offset;
    code[i] = pcre2_compile((PCRE2_SPTR)patterns.text[i], patterns.length[i],
                            PCRE2_UTF | PCRE2_CASELESS | PCRE2_ANCHORED | PCRE2_ENDANCHORED, &error, &offset, NULL);
    if (!code[i]) { fprintf(stderr, "bad pattern %s\n", patterns.text[i]); return 1; }
    if (pcre2_jit_compile(code[i], PCRE2_JIT_COMPLETE)) { fprintf(stderr, "no JIT\n"); return 1; }
  }
  pcre2_match_data *data = pcre2_match_data_create(20, NULL);
  int64_t start = cpu_ns(); size_t tried = 0, found = 0;
  while (tried == 0 || cpu_ns() - start < limit) {
    size_t k = tried++ % aliases.count;
    for (size_t i = 0; i < patterns.count; i++)
      if (pcre2_jit_match(code[i], (PCRE2_SPTR)aliases.text[k], aliases.length[k], 0, 0, data, NULL) >= 0) { found++; break; }
  }
  printf("{\"ns\": %.1f, \"tried\": %zu, \"found\": %zu}\n", (double)(cpu_ns() - start) / tried, tried, found);
}
