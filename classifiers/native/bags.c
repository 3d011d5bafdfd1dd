/* Bags: the distinct words and pairs of each prompt with their weights, as bag.py defines them. */
#include "reader.h"

enum { DIGIT_BITS = 9 }; /* sorted by one pass: two passes cover the 17 bits of a number */

/* Sort at most MAX_WORDS keys by number. */
static void sort_keys(uint32_t *keys, Py_ssize_t size) {
  uint32_t spare[MAX_WORDS];
  for (int shift = WEIGHT_BITS; shift < WEIGHT_BITS + 2 * DIGIT_BITS; shift += DIGIT_BITS) {
    uint16_t starts[(1 << DIGIT_BITS) + 1] = {0};
    uint32_t mask = (1u << DIGIT_BITS) - 1;
    for (Py_ssize_t k = 0; k < size; k++) starts[(keys[k] >> shift & mask) + 1]++;
    for (uint32_t digit = 0; digit < mask; digit++) starts[digit + 1] += starts[digit];
    for (Py_ssize_t k = 0; k < size; k++) spare[starts[keys[k] >> shift & mask]++] = keys[k];
    memcpy(keys, spare, (size_t)size * sizeof *keys);
  }
}

/* Sort keys and add the next row to the bag: each number once, with its weights summed. */
void add_row(const Reader *self, Bag *bag, Py_ssize_t row, uint32_t *keys, Py_ssize_t size) {
  sort_keys(keys, size);
  Py_ssize_t end = row ? bag->ends[row - 1] : 0, first = end;
  for (Py_ssize_t k = 0; k < size;) {
    uint32_t number = keys[k] >> WEIGHT_BITS, total = 0;
    while (k < size && keys[k] >> WEIGHT_BITS == number)
      total += keys[k++] & ((1u << WEIGHT_BITS) - 1);
    bag->numbers[end] = (int32_t)number;
    bag->weights[end++] = self->weight_of[total];
  }
  bag->ends[row] = end;
  if (end - first > bag->widest) bag->widest = end - first;
}

int make_bag(Bag *bag, Py_ssize_t rows) {
  size_t most = (size_t)rows * MAX_WORDS;
  bag->numbers = PyMem_Malloc(most * sizeof *bag->numbers + 1);
  bag->weights = PyMem_Malloc(most * sizeof *bag->weights + 1);
  bag->ends = PyMem_Malloc((size_t)rows * sizeof *bag->ends + 1);
  bag->widest = 1;
  return bag->numbers && bag->weights && bag->ends ? 0 : -1;
}

void free_bag(Bag *bag) {
  PyMem_Free(bag->numbers);
  PyMem_Free(bag->weights);
  PyMem_Free(bag->ends);
}

/* Return (width, numbers, weights): rows of equal width, padded with zeros. */
PyObject *padded(const Bag *bag, Py_ssize_t rows) {
  Py_ssize_t size = rows * bag->widest * 4;
  PyObject *numbers = PyBytes_FromStringAndSize(NULL, size);
  PyObject *weights = PyBytes_FromStringAndSize(NULL, size);
  if (!numbers || !weights) {
    Py_XDECREF(numbers);
    Py_XDECREF(weights);
    return NULL;
  }
  char *to_numbers = PyBytes_AS_STRING(numbers), *to_weights = PyBytes_AS_STRING(weights);
  memset(to_numbers, 0, (size_t)size);
  memset(to_weights, 0, (size_t)size);
  Py_ssize_t start = 0;
  for (Py_ssize_t row = 0; row < rows; start = bag->ends[row++]) {
    size_t bytes = (size_t)(bag->ends[row] - start) * 4;
    memcpy(to_numbers + row * bag->widest * 4, bag->numbers + start, bytes);
    memcpy(to_weights + row * bag->widest * 4, bag->weights + start, bytes);
  }
  return Py_BuildValue("nNN", bag->widest, numbers, weights);
}
