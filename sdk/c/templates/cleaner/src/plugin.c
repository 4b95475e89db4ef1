/* Cleans batches of texts: white space is collapsed, what is too short or said twice is dropped.
 *
 * Every text gets an outcome, and every change or drop says which rule made it. */
#include <wctype.h>

#include "steward_cleaner.h"

typedef struct {
  uint32_t min_chars;
  bool drop_duplicates;
} settings;

/* Runs in every call. A value that does not parse fails the call with `invalid-config`. */
static bool read_settings(settings *settings, steward_error *error) {
  settings->min_chars = 2;
  settings->drop_duplicates = true;
  steward_failure failed = steward_config_number("min_chars", &settings->min_chars);
  if (!failed.failed) failed = steward_config_flag("drop_duplicates", &settings->drop_duplicates);
  if (failed.failed) *error = steward_invalid_config(failed);
  return !failed.failed;
}

/* Every run of white space becomes one space, none stays at the ends. Answers in how many places that changed the text. */
static uint32_t collapse_white_space(steward_string given, steward_string *collapsed) {
  uint8_t *out = steward_allocate(given.len);
  size_t size = 0;
  uint32_t places = 0;
  const uint8_t *at = given.ptr, *end = given.ptr + given.len;
  while (at < end) {
    const uint8_t *start = at;
    uint32_t point = steward_next(&at, end);
    if (!steward_is_white_space(point)) {
      for (; start < at; start++) out[size++] = *start;
      continue;
    }
    uint32_t run = 1;
    const uint8_t *behind = at;
    while (behind < end && steward_is_white_space(steward_next(&behind, end))) {
      at = behind;
      run++;
    }
    bool inside = size > 0 && at < end;
    if (inside) out[size++] = ' ';
    if (!inside || run > 1 || point != ' ') places++;
  }
  *collapsed = (steward_string){out, size};
  return places;
}

/* What two texts have in common that are the same to this plugin: their small letters. */
static steward_string key(steward_string text) {
  /* A small letter may have one byte more than its capital. */
  uint8_t *out = steward_allocate(text.len * 2);
  size_t size = 0;
  const uint8_t *at = text.ptr, *end = text.ptr + text.len;
  while (at < end) size += steward_encode(towlower((wint_t)steward_next(&at, end)), out + size);
  return (steward_string){out, size};
}

/* The 128-bit hash FNV-1a (RFC 9923). */
static unsigned __int128 fnv1a_128(steward_string text) {
  const unsigned __int128 prime = (unsigned __int128)1 << 88 | 0x13b;
  unsigned __int128 hash = (unsigned __int128)0x6c62272e07bb0142 << 64 | 0x62b821756295c58d;
  for (size_t i = 0; i < text.len; i++) hash = (hash ^ text.ptr[i]) * prime;
  return hash;
}

/* What was seen in this batch: a table of places, twice as many as there are documents. */
typedef struct {
  steward_string key;
  steward_string id; /* of the document that said it first */
} entry;

static entry *find(entry *seen, size_t room, steward_string key) {
  size_t at = (size_t)fnv1a_128(key) % room;
  while (seen[at].key.ptr != NULL && !steward_equal(seen[at].key, key)) at = (at + 1) % room;
  return &seen[at];
}

bool steward_clean(steward_batch *batch, steward_outcomes *answer, steward_error *error) {
  settings settings;
  if (!read_settings(&settings, error)) return false;
  size_t room = batch->len * 2 + 1;
  entry *seen = steward_allocate(room * sizeof *seen);
  for (size_t i = 0; i < room; i++) seen[i] = (entry){{NULL, 0}, {NULL, 0}};

  steward_outcome *outcomes = steward_allocate(batch->len * sizeof *outcomes);
  size_t dropped = 0;
  for (size_t i = 0; i < batch->len; i++) {
    steward_string text;
    uint32_t places = collapse_white_space(batch->ptr[i].text, &text);
    uint32_t chars = steward_length(text);
    if (chars < settings.min_chars) {
      outcomes[i] = steward_dropped("too-short", steward_format("%u < %u characters", chars, settings.min_chars));
      dropped++;
      continue;
    }
    entry *first = find(seen, room, key(text));
    if (first->key.ptr != NULL && settings.drop_duplicates) {
      steward_string id = first->id;
      outcomes[i] = steward_dropped("duplicate", steward_format("same as %.*s", (int)id.len, (const char *)id.ptr));
      dropped++;
      continue;
    }
    *first = (entry){key(text), batch->ptr[i].id};
    outcomes[i] = places == 0 ? steward_kept() : steward_changed(text, "whitespace", places);
  }
  /* `steward function logs` shows it. Never log the texts themselves. */
  steward_field fields[] = {{"documents", steward_format("%zu", batch->len)}, {"dropped", steward_format("%zu", dropped)}};
  steward_log(STEWARD_LOG_LOG_LEVEL_INFO, steward_text("cleaned a batch"), 2, fields);
  *answer = (steward_outcomes){outcomes, batch->len};
  return true;
}

/* Lets the host find the same text in different batches. */
bool steward_fingerprint(steward_batch *batch, steward_signatures *answer, steward_error *error) {
  settings settings;
  if (!read_settings(&settings, error)) return false;
  steward_signature *signatures = steward_allocate(batch->len * sizeof *signatures);
  for (size_t i = 0; i < batch->len; i++) {
    steward_string text;
    collapse_white_space(batch->ptr[i].text, &text);
    unsigned __int128 hash = fnv1a_128(key(text));
    unsigned long long high = (unsigned long long)(hash >> 64), low = (unsigned long long)hash;
    signatures[i] = (steward_signature){steward_format("%016llx%016llx", high, low), {NULL, 0}};
  }
  *answer = (steward_signatures){signatures, batch->len};
  return true;
}
