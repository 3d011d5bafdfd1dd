/* Hand features: what hand.py says of the final text, in its order.
 *
 * Divisions and logarithms are those of Python's floats, rounded once at the end as struct does.
 */
#include <math.h>

#include "reader.h"

typedef struct { /* answer options "A. ...", after a line's end */
  Py_ssize_t count, letters, numeric, least, most;
} Options;

static inline int is(const Text *text, Py_ssize_t index, Py_UCS4 wanted) {
  return index < text->size && char_at(text, index) == wanted;
}

static int is_one_of(const Text *text, Py_ssize_t index, const char *wanted) {
  Py_UCS4 c = index < text->size ? char_at(text, index) : 0;
  return c && c < 128 && strchr(wanted, (int)c) != NULL;
}

static int is_digit(const Text *text, Py_ssize_t index, Py_ssize_t end) {
  return index < end && Py_UNICODE_ISDIGIT(char_at(text, index));
}

static double logarithm(Py_ssize_t count) { return log1p((double)count); }

/* Read the option that begins at the start of a line, if one does; where it ends, or `at`. */
static Py_ssize_t read_option(const Text *text, Py_ssize_t at, Options *options) {
  Py_ssize_t index = at;
  while (index < text->size && !is(text, index, '\n') && Py_UNICODE_ISSPACE(char_at(text, index)))
    index++;
  if (is_one_of(text, index, "[(")) index++;
  if (index >= text->size || char_at(text, index) - 'A' >= 10u) return at;
  if (!is_one_of(text, ++index, ".):]")) return at;
  for (index++; index < text->size && Py_UNICODE_ISSPACE(char_at(text, index)); index++);
  Py_ssize_t end = index;
  while (end < text->size && !is(text, end, '\n')) end++;
  Py_ssize_t size = end - index;
  options->letters += size;
  options->numeric += is_digit(text, index, end) || is_digit(text, index + 1, end);
  if (!options->count || size < options->least) options->least = size;
  if (!options->count++ || size > options->most) options->most = size;
  return end;
}

static Options find_options(const Text *text) {
  Options options = {0};
  for (Py_ssize_t at = 0; at <= text->size; at++) { /* each line, and what the option left of it */
    at = read_option(text, at, &options);
    while (at < text->size && !is(text, at, '\n')) at++;
  }
  return options;
}

typedef struct { /* what is counted in one pass over the text */
  Py_ssize_t upper, ascii, arabic, han, lines, stops, asked, blanks, listed, numbered, indented;
  int fenced, latex;
} Counts;

static int is_all(const Text *text, Py_ssize_t index, const char *wanted) {
  while (*wanted && is(text, index, (Py_UCS4)*wanted)) index++, wanted++;
  return !*wanted;
}

/* What a line begins with: an item of a list, a number, or space. */
static void note_line(const Text *text, Py_ssize_t at, Counts *counts) {
  if (is_all(text, at, "- ") || is_all(text, at, "* ") || is_all(text, at, " - ")) {
    counts->listed++;
    return;
  }
  if (is_all(text, at, "    ") || is_all(text, at, "\t")) {
    counts->indented++;
    return;
  }
  Py_ssize_t end = at;
  while (end < text->size && Py_UNICODE_ISDECIMAL(char_at(text, end))) end++;
  if (end > at && is_one_of(text, end, ".)") && is(text, end + 1, ' ')) counts->numbered++;
}

static void note_foreign(Py_UCS4 c, Counts *counts) {
  if ((c >= 0x590 && c <= 0x8ff) || (c >= 0xfb1d && c <= 0xfefc)) counts->arabic++;
  else if ((c >= 0x2e80 && c <= 0x9fff) || (c >= 0xac00 && c <= 0xd7af)) counts->han++;
}

/* A number after a dollar sign: money, where anything else would be LaTeX. */
static int is_amount(const Text *text, Py_ssize_t index) {
  return is_one_of(text, index + is(text, index, '.'), "0123456789");
}

static Counts count_all(const Text *text) {
  Counts counts = {0};
  Py_ssize_t unpaired = 0; /* underscores in a row that make no pair yet */
  for (Py_ssize_t k = 0; k < text->size; k++) {
    Py_UCS4 c = char_at(text, k);
    unpaired = c == '_' ? unpaired + 1 : 0;
    if (c >= 128) {
      note_foreign(c, &counts);
      continue;
    }
    counts.ascii++;
    if (c - 'A' < 26u) counts.upper++;
    else if (c == '.') counts.stops += is(text, k + 1, ' ');
    else if (c == '?') counts.asked += is(text, k + 1, ' ');
    else if (c == '_') counts.blanks += unpaired % 2 == 0;
    else if (c == '`') counts.fenced |= is_all(text, k, "```");
    else if (c == '\\') counts.latex = 1;
    else if (c == '$') counts.latex |= !is_amount(text, k + 1);
    else if (c == '\n') {
      counts.lines++;
      note_line(text, k + 1, &counts);
    }
  }
  return counts;
}

/* Ends with a question mark, ends with a colon, starts in lower case. */
static float *add_edges(const Text *text, float *to) {
  Py_ssize_t end = text->size, least = end > 8 ? end - 8 : 0;
  while (end > least && Py_UNICODE_ISSPACE(char_at(text, end - 1))) end--;
  Py_UCS4 last = end > least ? char_at(text, end - 1) : 0;
  *to++ = last == '?';
  *to++ = last == ':';
  *to++ = text->size && Py_UNICODE_ISLOWER(char_at(text, 0));
  return to;
}

static float *add_words(const Traits *traits, double words, float *to) {
  for (int kind = 1; kind <= KINDS; kind++) *to++ = (float)logarithm(traits->counts[kind]);
  for (int kind = 1; kind <= KINDS; kind++) *to++ = (float)(traits->counts[kind] / words);
  for (int place = 0; place < PRESENT; place++) *to++ = traits->present >> place & 1;
  return to;
}

static uint32_t sum_of(const uint32_t *counts, int first, int last) {
  uint32_t sum = 0;
  for (int kind = first; kind <= last; kind++) sum += counts[kind];
  return sum;
}

/* Whether a text without answer options is a word problem; `foreign` is its share of such letters. */
static int is_told(const Traits *traits, const Counts *all, double foreign, uint32_t numbers) {
  if (traits->words < 16 || all->lines > 3 || foreign > 0.1 || numbers < 2 || all->latex) return 0;
  if (traits->counts[OPERATOR] || traits->counts[KEYWORD] > 2) return 0;
  return traits->present >> ASKS_HOW_MANY & 1 || sum_of(traits->cues, 1, CUES);
}

/* The features of a word problem: zeros for any other text. */
static void add_problem(
    const Text *text, const Traits *traits, const Counts *all, const Options *options, float *to) {
  double foreign = (double)(text->size - all->ascii) / (text->size ? (double)text->size : 1);
  uint32_t numbers = sum_of(traits->counts, DIGIT, LONG_NUMBER);
  memset(to, 0, PROBLEM * sizeof *to);
  if (options->count || !is_told(traits, all, foreign, numbers)) return;
  *to++ = 1;
  *to++ = (float)logarithm(text->size);
  *to++ = (float)logarithm(traits->words);
  *to++ = (float)logarithm(numbers);
  for (int cue = 1; cue <= CUES; cue++) *to++ = (float)logarithm(traits->cues[cue]);
}

/* HAND numbers, in the order of HAND_FEATURES. */
void hand_features(const Text *text, const Around *around, const Traits *traits, float *features) {
  Counts all = count_all(text);
  Options options = all.lines ? find_options(text) : (Options){0};
  double words = traits->words ? traits->words : 1, size = text->size ? (double)text->size : 1;
  double chosen = options.count ? (double)options.count : 1;
  Py_ssize_t stem = text->size - options.letters - 4 * options.count;
  double sentences = (double)(all.stops + all.asked + all.lines + 1);
  double first[] = {
      logarithm(around->chars), logarithm(traits->words), logarithm(all.lines),
      log1p((double)text->size / words), traits->distinct / words,
      (double)all.upper / size, (double)(text->size - all.ascii) / size,
      (double)all.han / size, (double)all.arabic / size,
      logarithm(options.count), log1p((double)options.letters / chosen),
      (double)options.numeric / chosen, logarithm(stem > 0 ? stem : 0),
      all.fenced, logarithm(all.blanks),
      logarithm(all.listed), logarithm(all.numbered), logarithm(all.indented),
      log1p(traits->words / sentences), traits->longs / words,
      logarithm(options.most - options.least), logarithm(all.stops),
  };
  float *to = features;
  for (size_t k = 0; k < sizeof first / sizeof *first; k++) *to++ = (float)first[k];
  to = add_edges(text, to);
  *to++ = (float)logarithm(around->system);
  *to++ = (float)logarithm(around->turns);
  *to++ = (float)logarithm(around->tools);
  *to++ = around->chars > text->size;
  to = add_words(traits, words, to);
  add_problem(text, traits, &all, &options, to);
}
