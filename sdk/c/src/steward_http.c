#include "steward_http.h"

#include <stdlib.h>
#include <string.h>

/* As many bytes as `blocking-write-and-flush` takes at once. */
#define WRITE_BYTES 4096
#define READ_BYTES (64 * 1024)

bool steward_is(steward_string one, const char *other) {
  return one.len == strlen(other) && memcmp(one.ptr, other, one.len) == 0;
}

static steward_string method_of(const wasi_http_types_method_t *method) {
  static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};
  if (method->tag < sizeof names / sizeof *names) return steward_text(names[method->tag]);
  return method->val.other;
}

bool steward_header(const steward_request *request, const char *name, steward_string *value) {
  wasi_http_types_own_headers_t headers =
      wasi_http_types_method_incoming_request_headers(wasi_http_types_borrow_incoming_request(request->incoming));
  wasi_http_types_list_field_value_t values;
  steward_string key = {(uint8_t *)name, strlen(name)};
  wasi_http_types_method_fields_get(wasi_http_types_borrow_fields(headers), &key, &values);
  wasi_http_types_fields_drop_own(headers);
  if (values.len == 0) return false;
  *value = (steward_string){values.ptr[0].ptr, values.ptr[0].len};
  return true;
}

bool steward_body(const steward_request *request, size_t most, steward_string *body) {
  wasi_http_types_own_incoming_body_t incoming;
  wasi_http_types_own_input_stream_t stream;
  if (!wasi_http_types_method_incoming_request_consume(wasi_http_types_borrow_incoming_request(request->incoming), &incoming))
    return false;
  if (!wasi_http_types_method_incoming_body_stream(wasi_http_types_borrow_incoming_body(incoming), &stream)) return false;
  size_t size = 0, room = 4096;
  uint8_t *bytes = steward_allocate(room);
  bool whole = true;
  for (;;) {
    guest_list_u8_t part;
    wasi_io_streams_stream_error_t error;
    if (!wasi_io_streams_method_input_stream_blocking_read(wasi_io_streams_borrow_input_stream(stream), READ_BYTES, &part, &error)) {
      whole = error.tag == WASI_IO_STREAMS_STREAM_ERROR_CLOSED;
      break;
    }
    if (part.len > most - size) {
      whole = false;
      break;
    }
    if (part.len > room - size) {
      while (part.len > room - size) room *= 2;
      bytes = realloc(bytes, room);
      if (bytes == NULL) steward_panic("panic: out of memory");
    }
    if (part.len > 0) memcpy(bytes + size, part.ptr, part.len);
    size += part.len;
    guest_list_u8_free(&part);
  }
  wasi_io_streams_input_stream_drop_own(stream);
  wasi_http_types_incoming_body_drop_own(incoming);
  *body = (steward_string){bytes, size};
  return whole;
}

static void send(steward_response response, wasi_http_types_own_response_outparam_t out) {
  wasi_http_types_own_fields_t headers = wasi_http_types_constructor_fields();
  steward_string name = steward_text("content-type");
  wasi_http_types_field_value_t value = {(uint8_t *)response.content_type, strlen(response.content_type)};
  wasi_http_types_header_error_t refused;
  if (!wasi_http_types_method_fields_append(wasi_http_types_borrow_fields(headers), &name, &value, &refused))
    steward_panic("panic: the content type is no header");
  wasi_http_types_own_outgoing_response_t outgoing = wasi_http_types_constructor_outgoing_response(headers);
  if (!wasi_http_types_method_outgoing_response_set_status_code(wasi_http_types_borrow_outgoing_response(outgoing), response.status))
    steward_panic("panic: the status is none of HTTP");
  wasi_http_types_own_outgoing_body_t body;
  if (!wasi_http_types_method_outgoing_response_body(wasi_http_types_borrow_outgoing_response(outgoing), &body))
    steward_panic("panic: the answer has no body");
  wasi_http_types_result_own_outgoing_response_error_code_t result = {.is_err = false, .val.ok = outgoing};
  wasi_http_types_static_response_outparam_set(out, &result);

  wasi_http_types_own_output_stream_t stream;
  if (!wasi_http_types_method_outgoing_body_write(wasi_http_types_borrow_outgoing_body(body), &stream))
    steward_panic("panic: the body of the answer cannot be written");
  for (size_t start = 0; start < response.body.len; start += WRITE_BYTES) {
    size_t rest = response.body.len - start;
    guest_list_u8_t part = {response.body.ptr + start, rest < WRITE_BYTES ? rest : WRITE_BYTES};
    wasi_io_streams_stream_error_t error;
    /* A client that went away is no failure of the plugin. */
    if (!wasi_io_streams_method_output_stream_blocking_write_and_flush(wasi_io_streams_borrow_output_stream(stream), &part, &error))
      break;
  }
  wasi_io_streams_output_stream_drop_own(stream);
  wasi_http_types_error_code_t error;
  wasi_http_types_static_outgoing_body_finish(body, NULL, &error);
}

void exports_wasi_http_incoming_handler_handle(exports_wasi_http_incoming_handler_own_incoming_request_t incoming,
                                               exports_wasi_http_incoming_handler_own_response_outparam_t out) {
  steward_request request = {.incoming = incoming};
  wasi_http_types_method_t method;
  wasi_http_types_method_incoming_request_method(wasi_http_types_borrow_incoming_request(incoming), &method);
  request.method = method_of(&method);
  steward_string path = {NULL, 0};
  if (!wasi_http_types_method_incoming_request_path_with_query(wasi_http_types_borrow_incoming_request(incoming), &path))
    path = steward_text("/");
  const uint8_t *mark = path.len > 0 ? memchr(path.ptr, '?', path.len) : NULL;
  size_t length = mark == NULL ? path.len : (size_t)(mark - path.ptr);
  request.path = (steward_string){path.ptr, length};
  if (mark != NULL) request.query = (steward_string){path.ptr + length + 1, path.len - length - 1};
  send(steward_answer(&request), out);
  wasi_http_types_incoming_request_drop_own(incoming);
}
