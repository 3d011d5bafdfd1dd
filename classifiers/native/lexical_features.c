/* Lexical features of the final text, computed from the table with the same result as python_reader.py.
 *
 * It divides and takes logarithms in double, as Python does, and rounds to float once at the end, as
 * struct does.
 */
#include <math.h>

#include "reader.h"

/* Count characters in ranges, and phrases, in one pass over the text. */
static void count_text(const Table *table, const Text *text, Py_ssize_t *values) {
  Py_ssize_t seen[128] = {0}, next[MOST_PHRASES] = {0}; /* from where a phrase may occur again */
  for (Py_ssize_t k = 0; k < text->size; k++) {
    Py_UCS4 c = char_at(text, k);
    if (c >= 128) {
      for (const Range *range = table->range; range < table->range + table->ranges; range++)
        values[range->target] += c >= range->low && c <= range->high;
      continue;
    }
    seen[c]++;
    for (int p = table->first_phrase[c]; p < table->first_phrase[c + 1]; p++) {
      const Phrase *phrase = &table->phrase[p];
      if (k < next[p] || !starts_with(text, k, phrase->text)) continue;
      values[phrase->target]++;
      next[p] = k + phrase->size;
    }
  }
  for (const Range *range = table->range; range < table->range + table->ranges; range++)
    for (Py_UCS4 c = range->low; c < 128 && c <= range->high; c++) values[range->target] += seen[c];
}

static void add_sums(const Table *table, Py_ssize_t *values) {
  for (const Term *term = table->term; term < table->term + table->terms; term++)
    values[term->target] += values[term->measure] * term->factor;
  for (const Term *term = table->term; term < table->term + table->terms; term++)
    if (values[term->target] < 0) values[term->target] = 0;
}

static double share(const Py_ssize_t *values, int measure, int per) {
  return (double)values[measure] / (values[per] ? (double)values[per] : 1);
}

static void check_conditions(const Table *table, Py_ssize_t *values) {
  const Bound *end = table->bound + table->bounds;
  for (const Bound *bound = table->bound; bound < end; bound++) values[bound->target] = 1;
  for (const Bound *bound = table->bound; bound < end; bound++) {
    double value = share(values, bound->measure, bound->per);
    if (!(bound->least <= value && value <= bound->most)) values[bound->target] = 0;
  }
}

/* Compute the features of a text. `values` holds the given measures and the counts of words already. */
void lexical_features(
    const Table *table, const Text *text, Py_ssize_t *values, float *features) {
  Py_ssize_t coded[CODED];
  coded_measures(text, coded);
  for (int k = 0; k < CODED; k++)
    if (table->coded[k] >= 0) values[table->coded[k]] = coded[k];
  count_text(table, text, values);
  add_sums(table, values);
  check_conditions(table, values);
  for (Py_ssize_t k = 0; k < table->features; k++) {
    const Feature *feature = &table->feature[k];
    double value = values[feature->when] ? share(values, feature->measure, feature->per) : 0;
    features[k] = (float)(feature->scale == LOG ? log1p(value)
                          : feature->scale == FLAG ? value > 0 : value);
  }
}
