;; Tells the host to put the batch where it has no memory.
;;; realloc
(i32.const -65536)
