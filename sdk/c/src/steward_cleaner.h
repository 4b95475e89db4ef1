/* Plugins of the world `cleaner`: short names for what they export. */
#ifndef STEWARD_CLEANER_H
#define STEWARD_CLEANER_H

#include "steward.h"

typedef exports_steward_cleaning_cleaner_list_document_t steward_batch;
typedef exports_steward_cleaning_cleaner_outcome_t steward_outcome;
typedef exports_steward_cleaning_cleaner_list_outcome_t steward_outcomes;
typedef exports_steward_cleaning_cleaner_signature_t steward_signature;
typedef exports_steward_cleaning_cleaner_list_signature_t steward_signatures;
typedef exports_steward_cleaning_cleaner_error_t steward_error;

/* A plugin defines both. They answer true with one entry per document, in order, or false with why the batch as a whole
 * cannot be treated: a single bad text is an outcome. */
#define steward_clean exports_steward_cleaning_cleaner_clean
#define steward_fingerprint exports_steward_cleaning_cleaner_fingerprint

/* The outcome of a text that nothing happens to. */
static inline steward_outcome steward_kept(void) {
  return (steward_outcome){.tag = EXPORTS_STEWARD_CLEANING_CLEANER_OUTCOME_KEPT};
}

/* The outcome of a text that one rule changed in so many places. */
static inline steward_outcome steward_changed(steward_string text, const char *rule, uint32_t count) {
  exports_steward_cleaning_cleaner_change_t *change = steward_allocate(sizeof *change);
  *change = (exports_steward_cleaning_cleaner_change_t){steward_text(rule), count};
  steward_outcome outcome = {.tag = EXPORTS_STEWARD_CLEANING_CLEANER_OUTCOME_CHANGED};
  outcome.val.changed = (exports_steward_cleaning_cleaner_cleaned_t){text, {change, 1}};
  return outcome;
}

/* The outcome of a text that a rule dropped. */
static inline steward_outcome steward_dropped(const char *rule, steward_string detail) {
  steward_outcome outcome = {.tag = EXPORTS_STEWARD_CLEANING_CLEANER_OUTCOME_DROPPED};
  outcome.val.dropped = (exports_steward_cleaning_cleaner_reason_t){steward_text(rule), detail};
  return outcome;
}

/* The error of a configuration that is wrong. */
static inline steward_error steward_invalid_config(steward_failure failed) {
  steward_error error = {.tag = STEWARD_TYPES_TYPES_ERROR_INVALID_CONFIG};
  error.val.invalid_config = failed.why;
  return error;
}

#endif
