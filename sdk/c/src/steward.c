#include "steward.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void steward_panic(const char *message) {
  steward_log(STEWARD_LOG_LOG_LEVEL_ERROR, (steward_string){(uint8_t *)message, strlen(message)}, 0, NULL);
  __builtin_trap();
}

void *steward_allocate(size_t bytes) {
  /* Never null for zero bytes either. */
  void *memory = malloc(bytes == 0 ? 1 : bytes);
  if (memory == NULL) steward_panic("panic: out of memory");
  return memory;
}

steward_string steward_format(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  if (length < 0) steward_panic("panic: a format that cannot be written");
  char *text = steward_allocate((size_t)length + 1);
  va_start(arguments, format);
  vsnprintf(text, (size_t)length + 1, format, arguments);
  va_end(arguments);
  return (steward_string){(uint8_t *)text, (size_t)length};
}

steward_string steward_text(const char *text) {
  size_t length = strlen(text);
  uint8_t *copy = steward_allocate(length);
  memcpy(copy, text, length);
  return (steward_string){copy, length};
}

bool steward_equal(steward_string one, steward_string other) {
  return one.len == other.len && (one.len == 0 || memcmp(one.ptr, other.ptr, one.len) == 0);
}

void steward_log(steward_log_log_level_t level, steward_string message, size_t count, const steward_field *fields) {
  steward_log_log_field_t written[16];
  if (count > 16) count = 16; /* the host keeps no more */
  for (size_t i = 0; i < count; i++) {
    written[i].key = (steward_string){(uint8_t *)fields[i].key, strlen(fields[i].key)};
    written[i].value = fields[i].value;
  }
  steward_log_log_list_field_t list = {written, count};
  steward_log_log_write(level, &message, &list);
}

static steward_failure failure(steward_string why) { return (steward_failure){true, why}; }

steward_failure steward_config_text(const char *key, steward_string *value) {
  steward_string name = {(uint8_t *)key, strlen(key)};
  guest_option_string_t found = {0};
  steward_config_config_error_t error;
  if (!steward_config_config_get(&name, &found, &error)) {
    if (error.tag == STEWARD_CONFIG_CONFIG_ERROR_UNDECLARED)
      return failure(steward_format("`%s`: steward.toml does not declare it; add `[config.%s]`", key, key));
    return failure(error.val.other);
  }
  *value = found.is_some ? found.val : (steward_string){NULL, 0};
  return (steward_failure){false, {NULL, 0}};
}

static steward_failure wrong(const char *key, steward_string value, const char *kind) {
  return failure(steward_format("`%s = %.*s`: not %s", key, (int)value.len, (const char *)value.ptr, kind));
}

steward_failure steward_config_number(const char *key, uint32_t *value) {
  steward_string text;
  steward_failure failed = steward_config_text(key, &text);
  if (failed.failed || text.ptr == NULL) return failed;
  steward_string digits = steward_trim(text);
  uint64_t number = 0;
  for (size_t i = 0; i < digits.len; i++) {
    if (digits.ptr[i] < '0' || digits.ptr[i] > '9') return wrong(key, text, "a whole number");
    number = number * 10 + (digits.ptr[i] - '0');
    if (number > UINT32_MAX) return wrong(key, text, "a number below 4294967296");
  }
  if (digits.len == 0) return wrong(key, text, "a whole number");
  *value = (uint32_t)number;
  return failed;
}

steward_failure steward_config_flag(const char *key, bool *value) {
  steward_string text;
  steward_failure failed = steward_config_text(key, &text);
  if (failed.failed || text.ptr == NULL) return failed;
  steward_string word = steward_trim(text);
  if (word.len == 4 && memcmp(word.ptr, "true", 4) == 0)
    *value = true;
  else if (word.len == 5 && memcmp(word.ptr, "false", 5) == 0)
    *value = false;
  else
    return wrong(key, text, "`true` or `false`");
  return failed;
}

uint32_t steward_next(const uint8_t **at, const uint8_t *end) {
  const uint8_t *byte = *at;
  uint32_t point = *byte++;
  int more = point < 0x80 ? 0 : point < 0xe0 ? 1 : point < 0xf0 ? 2 : 3;
  if (more > 0) point &= 0x3f >> more;
  /* A text that ends within a character ends there. */
  while (more-- > 0 && byte < end) point = point << 6 | (*byte++ & 0x3f);
  *at = byte;
  return point;
}

size_t steward_encode(uint32_t point, uint8_t *out) {
  if (point < 0x80) {
    out[0] = (uint8_t)point;
    return 1;
  }
  size_t bytes = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  for (size_t i = bytes; i-- > 1; point >>= 6) out[i] = 0x80 | (point & 0x3f);
  out[0] = (uint8_t)(0xf00 >> bytes | point);
  return bytes;
}

uint32_t steward_length(steward_string text) {
  uint32_t count = 0;
  for (size_t i = 0; i < text.len; i++) count += (text.ptr[i] & 0xc0) != 0x80;
  return count;
}

bool steward_is_white_space(uint32_t point) {
  return (point >= 9 && point <= 13) || point == 0x20 || point == 0x85 || point == 0xa0 || point == 0x1680 ||
         (point >= 0x2000 && point <= 0x200a) || point == 0x2028 || point == 0x2029 || point == 0x202f ||
         point == 0x205f || point == 0x3000;
}

steward_string steward_trim(steward_string text) {
  const uint8_t *at = text.ptr, *end = text.ptr + text.len;
  const uint8_t *first = end, *last = end;
  while (at < end) {
    const uint8_t *start = at;
    if (steward_is_white_space(steward_next(&at, end))) continue;
    if (first == end) first = start;
    last = at;
  }
  return (steward_string){(uint8_t *)first, (size_t)(last - first)};
}
