;; Computes for ever when the host asks it where to put the batch.
;;; realloc
(loop $ever (br $ever))
unreachable
