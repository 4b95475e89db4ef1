;; Has a second memory, which no compiler of a guest makes.
;;; module
(memory $second 1)
