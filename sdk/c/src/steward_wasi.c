/* What the C library asks of a system, answered here: output becomes log lines, there is no file, no variable and no way
 * to end but the end of the call. So a component imports the contract alone. */
#include <stdint.h>
#include <string.h>

#include "steward.h"

#define DONE 0
#define BAD_DESCRIPTOR 8
#define NOT_SUPPORTED 52

/* These names are what the libraries of wasi-libc import. */
#define SYSTEM(name) __imported_wasi_snapshot_preview1_##name

typedef struct {
  uint8_t *bytes;
  uint32_t length;
} part;

int32_t SYSTEM(fd_write)(int32_t descriptor, int32_t parts, int32_t count, int32_t written) {
  if (descriptor != 1 && descriptor != 2) return BAD_DESCRIPTOR;
  const part *given = (const part *)parts;
  uint32_t size = 0;
  for (int32_t i = 0; i < count; i++) size += given[i].length;
  uint8_t *text = steward_allocate(size), *at = text;
  for (int32_t i = 0; i < count; at += given[i++].length)
    if (given[i].length > 0) memcpy(at, given[i].bytes, given[i].length);
  steward_string line = {text, size > 0 && text[size - 1] == '\n' ? size - 1 : size};
  if (line.len > 0) steward_log(descriptor == 1 ? STEWARD_LOG_LOG_LEVEL_INFO : STEWARD_LOG_LOG_LEVEL_WARN, line, 0, NULL);
  *(uint32_t *)written = size;
  return DONE;
}

int32_t SYSTEM(fd_close)(int32_t descriptor) { return (void)descriptor, BAD_DESCRIPTOR; }

int32_t SYSTEM(fd_seek)(int32_t descriptor, int64_t offset, int32_t whence, int32_t result) {
  return (void)descriptor, (void)offset, (void)whence, (void)result, NOT_SUPPORTED;
}

int32_t SYSTEM(fd_read)(int32_t descriptor, int32_t parts, int32_t count, int32_t read) {
  return (void)descriptor, (void)parts, (void)count, (void)read, BAD_DESCRIPTOR;
}

int32_t SYSTEM(fd_fdstat_get)(int32_t descriptor, int32_t result) { return (void)descriptor, (void)result, BAD_DESCRIPTOR; }

int32_t SYSTEM(environ_sizes_get)(int32_t count, int32_t bytes) {
  *(uint32_t *)count = *(uint32_t *)bytes = 0;
  return DONE;
}

int32_t SYSTEM(environ_get)(int32_t names, int32_t bytes) { return (void)names, (void)bytes, DONE; }

_Noreturn void SYSTEM(proc_exit)(int32_t status) {
  (void)status;
  steward_panic("panic: the plugin ended the process");
}
