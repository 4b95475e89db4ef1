/* What Steward plugins in C are written with, in every world.
 *
 * `guest.h` is what wit-bindgen makes of the contract (`steward plugin build` writes it to target/bindings). A call gets
 * a fresh instance: what it allocates goes with it, so that nothing here needs to be freed. */
#ifndef STEWARD_H
#define STEWARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest.h"

/* UTF-8, `ptr` and `len` in bytes; not ended by a zero. */
typedef guest_string_t steward_string;

/* Memory that is never null: a call without memory ends as a crash. */
void *steward_allocate(size_t bytes);

/* Ends the call as a crash, after a line in the log. */
_Noreturn void steward_panic(const char *message);

/* A string like printf's. */
steward_string steward_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A copy of a C string. */
steward_string steward_text(const char *text);

bool steward_equal(steward_string one, steward_string other);

/* --- log: `steward function logs` shows it. Never log the text of a document. ------------------- */

typedef struct {
  const char *key;
  steward_string value;
} steward_field;

/* Writes one line: steward_log(STEWARD_LOG_LOG_LEVEL_INFO, message, 1, (steward_field[]){{"key", value}}) */
void steward_log(steward_log_log_level_t level, steward_string message, size_t count, const steward_field *fields);

/* --- configuration: a key must be declared in steward.toml ---------------------------------------- */

/* Why a value cannot be used, for people. */
typedef struct {
  bool failed;
  steward_string why;
} steward_failure;

/* What the deployment sets, else the default of the manifest; `value->ptr` is null where there is none. */
steward_failure steward_config_text(const char *key, steward_string *value);

/* As above, as a number not below zero; `value` stays as it is where there is none. */
steward_failure steward_config_number(const char *key, uint32_t *value);

/* As above, as `true` or `false`. */
steward_failure steward_config_flag(const char *key, bool *value);

/* --- text: C counts bytes, the contract counts Unicode code points -------------------------------- */

/* The code point at `*at`, which moves behind it. The host sends well-formed UTF-8; at `end`, call no more. */
uint32_t steward_next(const uint8_t **at, const uint8_t *end);

/* Writes a code point as UTF-8 and answers how many bytes it has (at most 4). */
size_t steward_encode(uint32_t point, uint8_t *out);

/* How many code points a text has. */
uint32_t steward_length(steward_string text);

/* Whether a code point is white space by Unicode's property White_Space. */
bool steward_is_white_space(uint32_t point);

/* A text without white space at its ends; part of the same bytes. */
steward_string steward_trim(steward_string text);

#endif
