;; Needs a second memory of 512 MiB to start.
;;; module
(memory $large 8192)
