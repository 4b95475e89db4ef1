;; Tells the host to put the batch at an odd address.
;;; realloc
(i32.const 70001)
