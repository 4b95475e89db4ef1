;; Computes for ever before it can be called.
;;; module
(func $start (loop $ever (br $ever)))
(start $start)
