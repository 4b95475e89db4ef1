/* An HTTP function (`wasi:http` 0.2): `POST /` takes a customer message and answers a normalised record,
 * `GET /limits` says what is asked of a message. */
#include <string.h>
#include <wctype.h>

#include "steward_http.h"
#include "steward_json.h"

/* The largest body that is read, in bytes. The host has a limit of its own. */
#define MAX_BODY_BYTES (1024 * 1024)

static steward_response refuse(uint16_t status, steward_string detail) {
  steward_field fields[] = {{"status", steward_format("%u", status)}};
  steward_log(STEWARD_LOG_LOG_LEVEL_WARN, detail, 1, fields);
  steward_string quoted = steward_json_quoted(detail);
  /* Problem details (RFC 9457). */
  steward_string body = steward_format("{\"status\":%u,\"detail\":%.*s}", status, (int)quoted.len, (const char *)quoted.ptr);
  return (steward_response){status, "application/problem+json", body};
}

/* The script most letters belong to. */
static const char *script(steward_string text) {
  uint32_t han = 0, other = 0;
  const uint8_t *at = text.ptr, *end = text.ptr + text.len;
  while (at < end) {
    uint32_t point = steward_next(&at, end);
    if ((point >= 0x3400 && point <= 0x9fff) || (point >= 0x20000 && point <= 0x323af))
      han++;
    else if (iswalpha((wint_t)point))
      other++;
  }
  if (han == 0 && other == 0) return "none";
  /* A Chinese character says about as much as three Latin letters. */
  return han * 3 >= other ? "han" : "other";
}

/* Reads a message in JSON and makes a record of it. */
static steward_response check(steward_string body, uint32_t max_characters) {
  const char *why;
  const steward_json *message = steward_json_read(body, &why);
  if (message == NULL) return refuse(422, steward_format("not JSON in UTF-8: %s", why));
  if (message->kind != STEWARD_OBJECT) return refuse(422, steward_text("a message is an object with `id` and `text`"));
  const steward_json *id = steward_json_get(message, "id"), *text = steward_json_get(message, "text");
  if (id == NULL || id->kind != STEWARD_TEXT) return refuse(422, steward_text("`id` must be a text"));
  if (text == NULL || text->kind != STEWARD_TEXT) return refuse(422, steward_text("`text` must be a text"));
  for (const steward_json *member = message->first; member != NULL; member = member->next)
    if (member != id && member != text)
      return refuse(422, steward_format("unknown field `%.*s`", (int)member->key.len, (const char *)member->key.ptr));

  steward_string trimmed = steward_trim(text->text);
  uint32_t characters = steward_length(trimmed);
  if (characters == 0) return refuse(422, steward_text("the message is empty"));
  if (characters > max_characters)
    return refuse(422, steward_format("%u characters; at most %u are taken", characters, max_characters));

  /* `steward function logs` shows it. Never log the text itself. */
  steward_field fields[] = {{"characters", steward_format("%u", characters)}, {"script", steward_text(script(trimmed))}};
  steward_log(STEWARD_LOG_LOG_LEVEL_INFO, steward_text("took a message"), 2, fields);
  steward_string quoted_id = steward_json_quoted(id->text), quoted = steward_json_quoted(trimmed);
  steward_string record = steward_format("{\"id\":%.*s,\"text\":%.*s,\"characters\":%u,\"script\":\"%s\"}", (int)quoted_id.len,
                                         (const char *)quoted_id.ptr, (int)quoted.len, (const char *)quoted.ptr, characters,
                                         script(trimmed));
  return (steward_response){200, "application/json", record};
}

steward_response steward_answer(const steward_request *request) {
  bool messages = steward_is(request->path, "/"), limits = steward_is(request->path, "/limits");
  if (!messages && !limits)
    return refuse(404, steward_format("there is nothing at %.*s", (int)request->path.len, (const char *)request->path.ptr));
  if (messages && !steward_is(request->method, "POST")) return refuse(405, steward_text("POST a message"));
  if (limits && !steward_is(request->method, "GET")) return refuse(405, steward_text("GET the limits"));

  uint32_t max_characters = 2000;
  steward_failure failed = steward_config_number("max_characters", &max_characters);
  /* A configuration that is wrong is not the client's fault. */
  if (failed.failed) return refuse(500, failed.why);
  if (limits)
    return (steward_response){200, "application/json", steward_format("{\"max_characters\":%u}", max_characters)};

  steward_string body;
  if (!steward_body(request, MAX_BODY_BYTES, &body))
    return refuse(413, steward_format("at most %d bytes are taken", MAX_BODY_BYTES));
  return check(body, max_characters);
}
