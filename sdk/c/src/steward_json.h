/* A small reader and writer of JSON (RFC 8259). */
#ifndef STEWARD_JSON_H
#define STEWARD_JSON_H

#include "steward.h"

typedef enum { STEWARD_NULL, STEWARD_FALSE, STEWARD_TRUE, STEWARD_NUMBER, STEWARD_TEXT, STEWARD_ARRAY, STEWARD_OBJECT } steward_kind;

typedef struct steward_json {
  steward_kind kind;
  double number;              /* of STEWARD_NUMBER */
  steward_string text;        /* of STEWARD_TEXT */
  steward_string key;         /* in an object */
  struct steward_json *first; /* of STEWARD_ARRAY and STEWARD_OBJECT; null where empty */
  struct steward_json *next;  /* in an array or object */
} steward_json;

/* Reads a value in UTF-8; null where it is none, with the reason in `why`. At most 64 levels are read. */
steward_json *steward_json_read(steward_string text, const char **why);

/* The member of an object; null where there is none. */
const steward_json *steward_json_get(const steward_json *object, const char *key);

/* A text as JSON, in quotation marks. */
steward_string steward_json_quoted(steward_string text);

#endif
