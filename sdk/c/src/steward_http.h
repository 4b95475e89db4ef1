/* HTTP functions: a plugin defines `steward_answer`. */
#ifndef STEWARD_HTTP_H
#define STEWARD_HTTP_H

#include "steward.h"

typedef struct {
  steward_string method; /* `GET`, `POST`, … */
  steward_string path;   /* relative to the function: /f/{tenant}/{function}/ is / here */
  steward_string query;  /* what follows the question mark */
  wasi_http_types_own_incoming_request_t incoming;
} steward_request;

typedef struct {
  uint16_t status;
  const char *content_type;
  steward_string body;
} steward_response;

/* The plugin. */
steward_response steward_answer(const steward_request *request);

/* The first value of a header; false where there is none. */
bool steward_header(const steward_request *request, const char *name, steward_string *value);

/* The whole body, once; false where it has more bytes than `most` or the client gave up. */
bool steward_body(const steward_request *request, size_t most, steward_string *body);

/* Whether a string is this C string. */
bool steward_is(steward_string one, const char *other);

#endif
