/* Measures that no row of the table can express: of the final text, as coded_measures.py defines them. */
#include "reader.h"

const char *const CODED_NAMES[CODED] = {
    "options", "option_chars", "numeric_options", "longest_option", "shortest_option",
    "numbered_lines", "formulas", "ends_with_question", "ends_with_colon", "starts_lower",
};

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

/* Read the answer option that a line begins with. Return where it ends; `at` if there is none. */
static Py_ssize_t read_option(const Text *text, Py_ssize_t at, Py_ssize_t *values) {
  Py_ssize_t index = at;
  while (index < text->size && !is(text, index, '\n') && Py_UNICODE_ISSPACE(char_at(text, index)))
    index++;
  if (is_one_of(text, index, "[(")) index++;
  if (index >= text->size || char_at(text, index) - 'A' >= 10u) return at;
  if (!is_one_of(text, ++index, ".):]")) return at;
  for (index++; index < text->size && Py_UNICODE_ISSPACE(char_at(text, index)); index++);
  Py_ssize_t end = index;
  while (end < text->size && !is(text, end, '\n')) end++;
  Py_ssize_t size = end - index, first = !values[OPTIONS]++;
  values[OPTION_CHARS] += size;
  values[NUMERIC_OPTIONS] += is_digit(text, index, end) || is_digit(text, index + 1, end);
  if (first || size > values[LONGEST_OPTION]) values[LONGEST_OPTION] = size;
  if (first || size < values[SHORTEST_OPTION]) values[SHORTEST_OPTION] = size;
  return end;
}

/* Whether a line begins with a number: "1. " or "1) ". */
static int is_numbered(const Text *text, Py_ssize_t at) {
  Py_ssize_t end = at;
  while (end < text->size && Py_UNICODE_ISDECIMAL(char_at(text, end))) end++;
  return end > at && is_one_of(text, end, ".)") && is(text, end + 1, ' ');
}

/* Whether a number follows a dollar sign: then it is money, otherwise LaTeX. */
static int is_amount(const Text *text, Py_ssize_t index) {
  return is_one_of(text, index + is(text, index, '.'), "0123456789");
}

/* Count numbered lines and note signs of LaTeX. Return whether there are several lines. */
static int read_signs(const Text *text, Py_ssize_t *values) {
  int several = 0;
  for (Py_ssize_t k = 0; k < text->size; k++) {
    Py_UCS4 c = char_at(text, k);
    if (c == '\n') {
      several = 1;
      values[NUMBERED_LINES] += is_numbered(text, k + 1);
    } else if (c == '\\' || (c == '$' && !is_amount(text, k + 1)))
      values[FORMULAS] = 1;
  }
  return several;
}

static void read_options(const Text *text, Py_ssize_t *values) {
  for (Py_ssize_t at = 0; at <= text->size; at++) { /* each line, or what follows its option */
    at = read_option(text, at, values);
    while (at < text->size && !is(text, at, '\n')) at++;
  }
}

/* Compute the CODED measures, in the order of CODED_NAMES. */
void coded_measures(const Text *text, Py_ssize_t *values) {
  memset(values, 0, CODED * sizeof *values);
  if (read_signs(text, values)) read_options(text, values);
  Py_ssize_t end = text->size, least = end > 8 ? end - 8 : 0;
  while (end > least && Py_UNICODE_ISSPACE(char_at(text, end - 1))) end--;
  Py_UCS4 last = end > least ? char_at(text, end - 1) : 0;
  values[ENDS_WITH_QUESTION] = last == '?';
  values[ENDS_WITH_COLON] = last == ':';
  values[STARTS_LOWER] = text->size && Py_UNICODE_ISLOWER(char_at(text, 0));
}
