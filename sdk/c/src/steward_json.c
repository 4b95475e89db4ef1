#include "steward_json.h"

#include <stdlib.h>
#include <string.h>

#define MOST_LEVELS 64

typedef struct {
  const uint8_t *at, *end;
  const char *why;
} reader;

static void skip(reader *r) {
  while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r')) r->at++;
}

static bool fail(reader *r, const char *why) {
  if (r->why == NULL) r->why = why;
  return false;
}

static bool word(reader *r, const char *text) {
  size_t length = strlen(text);
  if ((size_t)(r->end - r->at) < length || memcmp(r->at, text, length) != 0) return fail(r, "unknown word");
  r->at += length;
  return true;
}

/* A character outside ASCII, checked as RFC 3629 demands: shortest form, no surrogates, at most U+10FFFF. */
static bool character(reader *r, uint8_t **out) {
  uint8_t lead = *r->at;
  size_t bytes = lead >= 0xc2 && lead <= 0xdf ? 2 : (lead & 0xf0) == 0xe0 ? 3 : lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
  if (bytes == 0 || (size_t)(r->end - r->at) < bytes) return fail(r, "not UTF-8");
  for (size_t i = 1; i < bytes; i++)
    if ((r->at[i] & 0xc0) != 0x80) return fail(r, "not UTF-8");
  uint8_t second = r->at[1];
  if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) || (lead == 0xf0 && second < 0x90) ||
      (lead == 0xf4 && second > 0x8f))
    return fail(r, "not UTF-8");
  memcpy(*out, r->at, bytes);
  *out += bytes;
  r->at += bytes;
  return true;
}

static bool hexadecimal(reader *r, uint32_t *unit) {
  if (r->end - r->at < 4) return fail(r, "an escape that ends too early");
  *unit = 0;
  for (int i = 0; i < 4; i++) {
    uint8_t c = *r->at++;
    uint32_t digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : 16;
    if (digit == 16) return fail(r, "an escape that is not hexadecimal");
    *unit = *unit << 4 | digit;
  }
  return true;
}

static bool escape(reader *r, uint8_t **out) {
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  if (++r->at >= r->end) return fail(r, "a text without an end");
  uint8_t c = *r->at++;
  if (c != 'u') {
    const char *found = c == 0 ? NULL : strchr(from, c);
    if (found == NULL) return fail(r, "an unknown escape");
    *(*out)++ = (uint8_t)to[found - from];
    return true;
  }
  uint32_t unit, low;
  if (!hexadecimal(r, &unit)) return false;
  if (unit >= 0xdc00 && unit <= 0xdfff) return fail(r, "half of a character");
  if (unit >= 0xd800 && unit <= 0xdbff) {
    if (r->end - r->at < 2 || r->at[0] != '\\' || r->at[1] != 'u') return fail(r, "half of a character");
    r->at += 2;
    if (!hexadecimal(r, &low)) return false;
    if (low < 0xdc00 || low > 0xdfff) return fail(r, "half of a character");
    unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
  }
  *out += steward_encode(unit, *out);
  return true;
}

static bool text(reader *r, steward_string *value) {
  if (r->at >= r->end || *r->at != '"') return fail(r, "a text was expected");
  r->at++;
  /* What is read is never longer than how it is written. */
  uint8_t *out = steward_allocate((size_t)(r->end - r->at));
  value->ptr = out;
  while (r->at < r->end && *r->at != '"') {
    if (*r->at == '\\') {
      if (!escape(r, &out)) return false;
    } else if (*r->at < 0x20) {
      return fail(r, "a control character in a text");
    } else if (*r->at < 0x80) {
      *out++ = *r->at++;
    } else if (!character(r, &out)) {
      return false;
    }
  }
  if (r->at >= r->end) return fail(r, "a text without an end");
  r->at++;
  value->len = (size_t)(out - value->ptr);
  return true;
}

static bool digits(reader *r) {
  const uint8_t *start = r->at;
  while (r->at < r->end && *r->at >= '0' && *r->at <= '9') r->at++;
  return r->at > start || fail(r, "a digit was expected");
}

static bool number(reader *r, double *value) {
  const uint8_t *start = r->at;
  if (r->at < r->end && *r->at == '-') r->at++;
  if (r->at < r->end && *r->at == '0')
    r->at++;
  else if (!digits(r))
    return false;
  if (r->at < r->end && *r->at == '.') {
    r->at++;
    if (!digits(r)) return false;
  }
  if (r->at < r->end && (*r->at | 0x20) == 'e') {
    r->at++;
    if (r->at < r->end && (*r->at == '+' || *r->at == '-')) r->at++;
    if (!digits(r)) return false;
  }
  size_t length = (size_t)(r->at - start);
  char *copy = steward_allocate(length + 1);
  memcpy(copy, start, length);
  copy[length] = 0;
  *value = strtod(copy, NULL);
  free(copy);
  return true;
}

static bool value(reader *r, steward_json *into, int level);

/* What stands between brackets: values, in an object each behind its key. */
static bool members(reader *r, steward_json *into, int level, uint8_t close) {
  if (level == 0) return fail(r, "too many levels");
  steward_json **last = &into->first;
  r->at++;
  skip(r);
  if (r->at < r->end && *r->at == close) {
    r->at++;
    return true;
  }
  for (;;) {
    steward_json *member = steward_allocate(sizeof *member);
    memset(member, 0, sizeof *member);
    skip(r);
    if (close == '}') {
      if (!text(r, &member->key)) return false;
      skip(r);
      if (!word(r, ":")) return fail(r, "`:` was expected");
    }
    if (!value(r, member, level - 1)) return false;
    *last = member;
    last = &member->next;
    skip(r);
    if (r->at < r->end && *r->at == ',') {
      r->at++;
      continue;
    }
    if (r->at < r->end && *r->at == close) {
      r->at++;
      return true;
    }
    return fail(r, "an array or object without an end");
  }
}

static bool value(reader *r, steward_json *into, int level) {
  skip(r);
  if (r->at >= r->end) return fail(r, "a value was expected");
  switch (*r->at) {
    case '{': into->kind = STEWARD_OBJECT; return members(r, into, level, '}');
    case '[': into->kind = STEWARD_ARRAY; return members(r, into, level, ']');
    case '"': into->kind = STEWARD_TEXT; return text(r, &into->text);
    case 't': into->kind = STEWARD_TRUE; return word(r, "true");
    case 'f': into->kind = STEWARD_FALSE; return word(r, "false");
    case 'n': into->kind = STEWARD_NULL; return word(r, "null");
    default: into->kind = STEWARD_NUMBER; return number(r, &into->number);
  }
}

steward_json *steward_json_read(steward_string given, const char **why) {
  reader r = {given.ptr, given.ptr + given.len, NULL};
  steward_json *read = steward_allocate(sizeof *read);
  memset(read, 0, sizeof *read);
  bool good = value(&r, read, MOST_LEVELS);
  skip(&r);
  if (good && r.at < r.end) good = fail(&r, "something follows the value");
  *why = r.why;
  return good ? read : NULL;
}

const steward_json *steward_json_get(const steward_json *object, const char *key) {
  steward_string name = {(uint8_t *)key, strlen(key)};
  for (const steward_json *member = object->first; member != NULL; member = member->next)
    if (steward_equal(member->key, name)) return member;
  return NULL;
}

steward_string steward_json_quoted(steward_string given) {
  static const char hex[] = "0123456789abcdef";
  uint8_t *out = steward_allocate(given.len * 6 + 2), *at = out;
  *at++ = '"';
  for (size_t i = 0; i < given.len; i++) {
    uint8_t c = given.ptr[i];
    if (c == '"' || c == '\\') {
      *at++ = '\\';
      *at++ = c;
    } else if (c < 0x20) {
      memcpy(at, "\\u00", 4);
      at[4] = (uint8_t)hex[c >> 4];
      at[5] = (uint8_t)hex[c & 15];
      at += 6;
    } else {
      *at++ = c;
    }
  }
  *at++ = '"';
  return (steward_string){out, (size_t)(at - out)};
}
