;; Needs 2 GiB of memory to start.
;;; module
(memory $huge 32768)
